"""What the commands share: options, remarks, and how figures are told."""

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..tasks.run import finite, open_run

Figures = dict[str, Any]


def remark(text: str) -> None:
    print(text, file=sys.stderr)


def write_figures(out: str | None, name: str, figures: Figures) -> None:
    """The figures of a command that trains nothing, in the folder asked for, if one was."""
    from ..files import write_json

    if out:
        with open_run(out) as folder:
            write_json(folder / f"{name}.json", finite(figures))


def signed(value: float, unit: str) -> str:
    if math.isnan(value):
        return "not measurable"
    return f"{value:+,.0f} {unit}" if abs(value) >= 100 else f"{value:+.3g} {unit}"


def closing(folder: Path, seconds: float) -> str:
    return f"{seconds:.1f} s; figures and model are in {folder}"


def ending(history: Any) -> Figures:
    """How a training ended, for those who only see the figures."""
    return {"stopped": history.stopped, "diverged": history.diverged} if history.stopped else {}


def add(
    group: Any,
    name: str,
    command: Callable[..., tuple[Figures, str]],
    text: str,
    runs: str | None = None,
    what: str = "figures and model",
) -> argparse.ArgumentParser:
    """A command with the options that all of them share."""
    parser: argparse.ArgumentParser = group.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + "."
    )
    parser.set_defaults(command=command)
    out = f"folder for {what} (default: {runs})" if runs else "folder for the figures (default: none)"
    parser.add_argument(
        "--seed", type=natural, default=0, metavar="N", help="of everything random (default: 0)"
    )
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="threads of the matrix products (default: as many as their size is worth)",
    )
    parser.add_argument("--out", metavar="DIR", help=out)
    parser.add_argument(
        "--quick", action="store_true", help="a short form that only shows that everything runs"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the figures as one line of JSON, nothing else"
    )
    return parser


def positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return value


def natural(text: str) -> int:
    value = int(text) if text.isdecimal() else -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text}")
    return value
