"""Learned filters, exact filters, streaming and generated notes: each figure beside its target.

    python benchmarks/sound.py [--recording FILE] [--pedal INPUT TARGET] [--seeds 0 1] [--cells lstm gru]
                               [--only copy,low-pass,...] [--quick]

Every learned map is trained by the command itself, `numpylstm filter train INPUT TARGET --out DIR`, on files:
the recording at 11,025 Hz (built-in plucked melodies if none is given) and the same through the box. The
error is that on the last quarter, which the command keeps out of training. `--quick` runs everything in a
short form, to see that it runs; its figures mean nothing and are not judged.
"""

import argparse
import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from math import gcd
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.signal import butter, resample_poly, sosfilt

import numpylstm as nl
from numpylstm import cli
from numpylstm.audio import wav
from numpylstm.audio.esr import esr_db
from numpylstm.datasets.melodies import plucked_melodies
from numpylstm.tasks import filtering, live

RATE = 11_025
"""Hz, of the learned maps but for the pedal."""


class Row(NamedTuple):
    """A figure, its target and the seconds it took, of at most so many."""

    name: str
    value: float
    target: float
    unit: str
    seconds: float
    limit: float = np.inf
    at_least: bool = False

    @property
    def reached(self) -> bool:
        met = self.value >= self.target if self.at_least else self.value <= self.target
        return met and self.seconds <= self.limit


def low_pass(order: int, frequency: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: sosfilt(butter(order, frequency, fs=RATE, output="sos"), x)


def tube(x: np.ndarray) -> np.ndarray:
    return filtering.tube(x, RATE)


BOXES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float, float]] = {
    "copy": (lambda x: x, -60, 30),
    "low-pass, order 2, 1 kHz": (low_pass(2, 1000), -45, 120),
    "low-pass, order 4, 1 kHz": (low_pass(4, 1000), -45, 120),
    "low-pass, order 2, 200 Hz": (low_pass(2, 200), -35, 180),
    "tube-like clipping": (tube, -28, 180),
}
"""What the box does, the error in dB to reach, and the seconds for it."""


def command(*argv: Any) -> dict[str, Any]:
    """A command's figures, as its --json prints them."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        cli.main([*map(str, argv), "--json"])
    return dict(json.loads(out.getvalue()))


def material(args: argparse.Namespace) -> np.ndarray:
    """What goes into the boxes, (n,) at RATE."""
    if args.recording is None:
        return plucked_melodies(seconds=2 if args.quick else 20, rate=RATE)
    audio = wav.read(args.recording)
    common = gcd(audio.rate, RATE)
    return np.asarray(resample_poly(wav.mono(audio.samples), RATE // common, audio.rate // common))


def learned(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    sound = material(args)
    pairs = {}
    for name, (box, target, limit) in BOXES.items():
        if wanted(name, args):
            files = folder / "input.wav", folder / f"{name}.wav"
            wav.write(files[0], sound, RATE, "PCM_16")
            wav.write(files[1], box(wav.read(files[0]).samples[:, 0]), RATE, "PCM_16")
            pairs[name] = files, target, limit
    if args.pedal and wanted("pedal", args):
        pairs["pedal, 48 kHz"] = tuple(args.pedal), -17, 300
    for name, (files, target, limit) in pairs.items():
        for cell in args.cells:
            for seed in args.seeds:
                options = ["--cell", cell, "--seed", seed, "--out", folder / "run"]
                figures = command("filter", "train", *files, *options, *["--quick"] * args.quick)
                chosen = f"{'+x' if figures['residual'] else '  '} {figures['level']:g}"
                row = f"{name}, {cell}, seed {seed}, {chosen}"
                yield Row(row, figures["esr_db"], target, "dB", figures["seconds"], limit)


def exact(args: argparse.Namespace) -> Iterator[Row]:
    x = np.random.default_rng(0).uniform(-1, 1, 4000 if args.quick else 40_000)
    for order, frequency in ((2, 1000), (4, 1000), (2, 200)):
        sos = butter(order, frequency, fs=RATE, output="sos")
        for cell in filtering.CELLS:
            for dtype in (np.float32, np.float64):
                net = filtering.from_iir(sos, cell=cell, dtype=dtype)
                error = esr_db(net.predict(x[:, None, None])[:, 0, 0], sosfilt(sos, x))
                name = f"from_iir, order {order}, {frequency} Hz, {cell}, {np.dtype(dtype).name}"
                yield Row(name, error, -79, "dB", 0.0)


def streaming(args: argparse.Namespace) -> Iterator[Row]:
    net = nl.Sequential(nl.LSTM(1, 32), nl.Dense(32, 1), dtype=np.float32, seed=0)
    samples = plucked_melodies(seconds=1 if args.quick else 10, rate=44_100).astype(np.float32)
    whole = net.predict(samples[:, None, None])[:, 0, 0].clip(-1, 1)
    for block in (1, 7, 64, 480):
        output, meter = live.simulate(net, samples, 44_100, block)
        figures = meter.figures()
        name = f"streaming, LSTM 32, 44.1 kHz, blocks of {block}"
        spent = sum(meter.seconds)
        yield Row(f"{name}: real time", figures["real_time_factor"], 3, "x", spent, at_least=True)
        yield Row(f"{name}: 99th percentile", figures["p99_ms"], figures["block_ms"], "ms", spent)
        yield Row(f"{name}: difference to the whole", float(abs(output - whole).max()), 1e-6, "", spent)


def generated(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    for head, alive in (("softmax", 1.0), ("scalar", 0.0)):
        for seed in args.seeds:
            options = ["--head", head, "--seed", seed, "--out", folder / "notes"]
            figures = command("generate", "train", *options, *["--quick"] * args.quick)
            name = f"notes, {head}, seed {seed}: alive"
            value = float(figures["alive"])
            yield Row(name, value, alive, "", figures["seconds"], 180, at_least=bool(alive))


def wanted(name: str, args: argparse.Namespace) -> bool:
    return not args.only or any(part in name for part in args.only.split(","))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--recording", type=Path, metavar="FILE", help="what goes into the boxes")
    parser.add_argument("--pedal", type=Path, nargs=2, metavar=("INPUT", "TARGET"), help="a real box")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], metavar="N", help="default: 0 1")
    parser.add_argument("--cells", nargs="+", default=["lstm", "gru"], choices=("lstm", "gru"))
    parser.add_argument("--only", metavar="NAMES", help="parts of rows' names, separated by commas")
    parser.add_argument("--quick", action="store_true", help="a short form: only that everything runs")
    args = parser.parse_args()
    if args.quick:
        args.seeds = args.seeds[:1]
    print(f"{'':<64} {'figure':>10}   {'target':>8}      seconds (at most)")
    missed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, rows in (
            ("learned", learned(args, folder)),
            ("from_iir", exact(args)),
            ("streaming", streaming(args)),
            ("notes", generated(args, folder)),
        ):
            if part != "learned" and not wanted(part, args):
                continue
            for row in rows:
                verdict = "" if args.quick or row.reached else "  MISSED"
                missed += bool(verdict)
                limit = f" ({row.limit:g})" if row.limit < np.inf else ""
                print(
                    f"{row.name:<64} {row.value:>10.4g} {'>=' if row.at_least else '<='}{row.target:>8.4g} "
                    f"{row.unit:<3} {row.seconds:8.1f}{limit}{verdict}",
                    flush=True,
                )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
