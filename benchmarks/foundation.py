"""The figures of the README, each beside its target.

    python benchmarks/foundation.py [--mnist DIR] [--recording FILE] [--seeds 0 1 2 3] [--quick]

Rows whose data is not given are left out. `--quick` runs everything in a short form, to see that it runs;
its figures mean nothing and are not judged.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from numpylstm.tasks import digits, filtering, gradients, sine


class Row(NamedTuple):
    name: str
    value: float
    target: float
    unit: str
    seconds: float
    at_least: bool = False

    @property
    def reached(self) -> bool:
        return self.value >= self.target if self.at_least else abs(self.value) <= self.target


class EsrRow(Row):
    """An error in dB: the lower the better, also below zero."""

    @property
    def reached(self) -> bool:
        return self.value <= self.target


def rows(args: argparse.Namespace) -> Iterator[Row]:
    started = time.perf_counter()
    worst = gradients.worst(gradients.check_all(quick=args.quick))
    yield Row("gradcheck, largest error", worst, 1e-11, "", time.perf_counter() - started)
    for seed in args.seeds:
        figures = sine.run("default", seed, args.quick, progress=False).figures
        name, seconds = f"sine, seed {seed}", figures["seconds"]
        yield Row(f"{name}: frequency", figures["frequency_error_ppm"], 1000, "ppm", seconds)
        yield Row(f"{name}: amplitude", figures["amplitude_error_percent"], 1, "%", seconds)
    for seed in args.seeds:
        figures = sine.run("reference", seed, args.quick, progress=False).figures
        name, seconds = f"sine reference, seed {seed}", figures["seconds"]
        yield Row(f"{name}: dev error", figures["dev_mse"], 4.35e-4, "", seconds)
        before = figures["dev_mse_before_refit"]
        print(f"{name}: dev error {before:.4g} before the read-out is refitted", file=sys.stderr)
        yield Row(f"{name}: one batch", figures["one_batch_sse"], 0.1, "", seconds)
    copies = [("copy, plucked string", filtering.built_in_recording())]
    if args.recording:
        copies.append(
            (f"copy, {args.recording.name}", filtering.load_recording(args.recording, args.recording))
        )
    for name, recording in copies:
        for cell in filtering.CELLS:
            # Without the residual a copy has to be learnt; short loud recordings are not there yet.
            for residual in (True,) if name == "copy, plucked string" else (True, False):
                options = {"cell": cell, "residual": residual, "quick": args.quick, "progress": False}
                figures = filtering.train(recording, **options).figures
                row = f"{name}, {cell}{'' if residual else ', no residual'}"
                yield EsrRow(row, figures["esr_db"], -60, "dB", figures["seconds"])
    if args.mnist:
        figures = digits.train(digits.load_digits(args.mnist), quick=args.quick, progress=False).figures
        yield Row("digits, MNIST", 100 * figures["accuracy"], 98.2, "%", figures["seconds"], at_least=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="The figures of the README, each beside its target.")
    parser.add_argument("--mnist", type=Path, metavar="DIR", help="folder with MNIST's IDX files")
    parser.add_argument("--recording", type=Path, metavar="FILE", help="recording to copy")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2, 3], metavar="N", help="default: 0 1 2 3"
    )
    parser.add_argument("--quick", action="store_true", help="a short form: only that everything runs")
    args = parser.parse_args()
    if args.quick:
        args.seeds = args.seeds[:1]
    print(f"{'':<44} {'figure':>10} {'target':>10}       seconds")
    missed = 0
    for row in rows(args):
        verdict = "" if args.quick or row.reached else "  MISSED"
        missed += bool(verdict)
        sign = ">=" if row.at_least else "<="
        print(
            f"{row.name:<44} {row.value:>10.4g} {sign}{row.target:>8.4g} {row.unit:<4} {row.seconds:8.1f}"
            f"{verdict}",
            flush=True,
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
