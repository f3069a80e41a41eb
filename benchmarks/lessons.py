"""The lessons in full, one after another: how long each takes, and the figures it claims.

    python benchmarks/lessons.py [--only 07,08] [--out DIR] [--quick]

Each runs in a process of its own, in a folder that is gone afterwards. What it claims it asserts itself, and
prints on lines that begin with `claim: `. A lesson fails if an assertion does, if its figure is missing or if
it takes over 60 s. `--quick` runs the quick form of three lessons, to see that it runs; their figures mean
nothing then.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpylstm
from numpylstm.files import write_json
from numpylstm.tasks.run import open_run

TUTORIALS = Path(__file__).resolve().parents[1] / "tutorials"

LIMIT = 60.0
"""Seconds that a lesson may take."""

PATIENCE = 600.0
"""Seconds after which a lesson is ended."""

QUICK = ("00", "07", "08")
"""What `--quick` runs."""

CLAIM = "claim: "


class Lesson(NamedTuple):
    """How a lesson went: its name, seconds, claims, and why it failed, if it did."""

    name: str
    seconds: float
    claims: list[str]
    failure: str = ""

    def lines(self, judged: bool = True) -> list[str]:
        late = judged and self.seconds > LIMIT
        verdict = f"  FAILED: {self.failure}" if self.failure else "  MISSED" if late else ""
        return [
            f"{self.name:<24} {self.seconds:6.1f} ({LIMIT:.0f}){verdict}",
            *(f"    {c}" for c in self.claims),
        ]


def scripts(folder: Path = TUTORIALS) -> list[Path]:
    """Every lesson in a folder, in order."""
    return sorted(folder.glob("[0-9][0-9]_*.py"))


def run_lesson(script: Path, folder: Path, quick: bool = False) -> Lesson:
    """Run a lesson in a folder, where it leaves `runs/NAME.png`."""
    command = [sys.executable, str(script), *(["--quick"] if quick else [])]
    # Whichever numpylstm this is run with, also a checkout that is not installed.
    environment = os.environ | {"PYTHONPATH": str(Path(numpylstm.__file__).resolve().parents[1])}
    started = time.perf_counter()
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return Lesson(script.stem, time.perf_counter() - started, [], f"no end within {PATIENCE:.0f} s")
    seconds = time.perf_counter() - started
    lines = done.stdout.splitlines()
    claims = [line.removeprefix(CLAIM) for line in lines if line.startswith(CLAIM)]
    failure = ""
    if done.returncode:
        where = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        failure = where[-1] if where else f"exit code {done.returncode}"
        place = [line for line in where if line.startswith(f'File "{script}"')]
        failure += f" ({place[-1].split(', ')[1]})" if place else ""
    elif not (folder / "runs" / f"{script.stem}.png").is_file():
        failure = f"it saved no runs/{script.stem}.png"
    return Lesson(script.stem, seconds, claims, failure)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", type=lambda text: text.split(","), metavar="NUMBERS", help="such as 07,08")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: runs/figures, with --quick nothing")
    parser.add_argument("--quick", action="store_true", help="a short form: only that it runs")
    args = parser.parse_args(argv)
    chosen = args.only or (QUICK if args.quick else None)
    found = [script for script in scripts(TUTORIALS) if chosen is None or script.name[:2] in chosen]
    unknown = set(args.only or ()) - {script.name[:2] for script in found}
    if unknown:
        parser.error(f"expected numbers of lessons such as 07, got {', '.join(sorted(unknown))}")
    if args.out is None and not args.quick:
        args.out = Path("runs/figures")
    lessons = []
    try:
        with contextlib.ExitStack() as stack:
            out = stack.enter_context(open_run(args.out)) if args.out else None
            print(f"{'':<24} seconds (at most), and what is claimed")
            for script in found:
                with tempfile.TemporaryDirectory() as folder:
                    lessons.append(run_lesson(script, Path(folder), args.quick))
                print("\n".join(lessons[-1].lines(judged=not args.quick)), flush=True)
            if out:
                write_json(out / "lessons.json", [lesson._asdict() for lesson in lessons])
    except (ValueError, OSError) as error:
        print(f"lessons: {error}", file=sys.stderr)
        return 2
    late = not args.quick and any(lesson.seconds > LIMIT for lesson in lessons)
    return 1 if late or any(lesson.failure for lesson in lessons) else 0


if __name__ == "__main__":
    sys.exit(main())
