"""The command `numpylstm TASK VERB ...`.

Every command takes --seed, --threads, --out, --quick and --json. Figures go to standard output, in words or
as one line of JSON; progress and remarks go to standard error. Bad input ends with one plain line and exit
code 2.
"""

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Sequence
from typing import NoReturn

from .. import __version__
from ..tasks.run import finite
from . import exercise, filter, generate, grade, separate, single
from .common import remark


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code.

    0, 1 if a check failed or a training diverged, 2 for bad input, 130 if interrupted.
    """
    args = build_parser().parse_args(argv)
    started = time.perf_counter()
    try:
        from ..threads import set_threads

        if args.threads is not None and not set_threads(args.threads):
            remark("--threads has no effect: this NumPy uses no OpenBLAS of its own")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a training that diverges is told below
            figures, sentences = args.command(args)
        figures = {"seconds": time.perf_counter() - started, "seed": args.seed} | figures
        print(json.dumps(finite(figures), default=float) if args.json else sentences, flush=True)
    except KeyboardInterrupt:
        remark("interrupted")
        return 130
    except BrokenPipeError:
        # Whoever read the output has heard enough; nothing more may be written to it, not even at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, MemoryError) as error:
        remark(f"numpylstm: {one_line(error)}")
        return 2
    if figures.get("stopped"):
        remark(str(figures["stopped"]))
    return 1 if figures.get("diverged") or not figures.get("passed", True) else 0


def one_line(error: object) -> str:
    return " ".join(str(error).split()) or type(error).__name__


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the usage is in the help."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {one_line(message)}; see {self.prog} --help\n")


def build_parser() -> argparse.ArgumentParser:
    """All tasks and verbs with their options and help texts."""
    parser = Parser(
        prog="numpylstm",
        description="Recurrent networks in pure NumPy. `numpylstm sine` shows everything at work.",
    )
    parser.add_argument("--version", action="version", version=f"numpylstm {__version__}")
    tasks = parser.add_subparsers(title="tasks", metavar="TASK", required=True)
    single.add_parser(tasks)
    filter.add_parser(tasks)
    generate.add_parser(tasks)
    separate.add_parser(tasks)
    grade.add_parser(tasks)
    single.add_report(tasks)
    exercise.add_parser(tasks)
    single.add_doctor(tasks)
    return parser
