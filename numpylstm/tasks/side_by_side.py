"""Commands that run at the same time, each in a process of its own, on a core of its own."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

LEFT_A_RUN = (0, 1)
"""Exit codes of a command whose run folder is there: all well, or diverged."""


def run_side_by_side(commands: Mapping[str, Sequence[str]]) -> None:
    """Run `numpylstm ARGUMENTS` for each, by name, each with one thread of the BLAS.

    Their progress is told on standard error, line by line, behind their names.

    Raises:
        ValueError: one was refused, in its own words. The others are ended.
    """
    running = {name: _start(arguments) for name, arguments in commands.items()}
    with ThreadPoolExecutor(len(running)) as pool:
        try:
            for told in as_completed([pool.submit(_tell, *one) for one in running.items()]):
                told.result()
        finally:
            for process in running.values():
                process.terminate()  # does nothing to one that has ended


def _start(arguments: Sequence[str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "numpylstm", *arguments, "--threads", "1"]
    # As text, a carriage return ends a line too: a progress bar becomes a line every ten seconds.
    return subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    )


def _tell(name: str, process: "subprocess.Popen[str]") -> None:
    """Tell what a process says until it ends; ValueError with the last of it, if it was refused."""
    last = ""
    with process:
        for line in filter(None, map(str.strip, process.stderr or ())):
            last = line
            print(f"{name}: {line}", file=sys.stderr, flush=True)
    if process.returncode not in LEFT_A_RUN:
        raise ValueError(f"{name}: {last.removeprefix('numpylstm: ') or f'exit code {process.returncode}'}")
