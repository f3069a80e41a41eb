"""Commands that run at the same time, each in a process of its own, on a core of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""What the libraries behind NumPy's matrix products look at."""

REFUSED = 2
"""Exit code of a command that has said what is wrong in its last line."""


def run_side_by_side(commands: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
    """Run `numpylstm ARGUMENTS` for each, by name; returns the figures of each.

    Their progress is told on standard error, line by line, behind their names.

    Raises:
        ValueError: one was refused, in its own words, or broke off. The others are ended.
    """
    running: dict[str, subprocess.Popen[str]] = {}
    with ThreadPoolExecutor(len(commands)) as pool:
        try:
            for name, arguments in commands.items():
                running[name] = _start(arguments)
            following = {pool.submit(_follow, name, process): name for name, process in running.items()}
            figures = {following[one]: one.result() for one in as_completed(following)}
            return {name: figures[name] for name in commands}
        finally:
            for process in running.values():
                process.terminate()  # does nothing to one that has ended


def _start(arguments: Sequence[str]) -> "subprocess.Popen[str]":
    # A module is looked for in the current folder only if that is where this one was found.
    isolated = [] if sys.path[0] in ("", os.getcwd()) else ["-P"]
    command = [sys.executable, *isolated, "-m", "numpylstm", *arguments, "--threads", "1", "--json"]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,  # and so a carriage return ends a line too: of a progress bar comes one every ten seconds
        encoding="utf-8",
        errors="replace",
        env=os.environ | dict.fromkeys(THREADS, "1") | {"PYTHONIOENCODING": "utf-8"},
    )


def _follow(name: str, process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Tell what a process says until it ends; its figures."""
    last = ""
    with process:
        for line in filter(None, map(str.strip, process.stderr or ())):
            last = line
            if not line.startswith("numpylstm"):  # which says what is wrong, and is told in the end
                print(f"{name}: {line}", file=sys.stderr, flush=True)
        printed = process.stdout.read() if process.stdout else ""
    code = process.returncode
    if code == REFUSED:
        raise ValueError(f"{name}: {last.removeprefix('numpylstm: ')}")
    if code < 0 or not printed:
        how = f"was ended by signal {-code}" if code < 0 else f"broke off with exit code {code}: {last}"
        raise ValueError(f"{name} {how}")
    return dict(json.loads(printed))
