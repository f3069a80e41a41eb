"""Separation of a singing voice: each figure beside its target, with the ceiling and the floor.

    python benchmarks/separation.py [--data DIR [--list NAMES] [--leave-out SINGER ...]] [--model MODEL]
                                    [--only shipped,quick,...] [--seed N] [--out DIR] [--quick]

    shipped      the networks that come with the package (or --model), on the clips of --data
    quick        the quick recipe, on synthetic singers never trained on, plain and hard
    left out     --data and synthetic singers, for each singer of --leave-out trained on the others
    apply        how many times faster than real time a song is taken apart
    bss_eval     speed and difference against mir_eval, if that is installed
    seams        the plain stack of three LSTM(385), run in blocks with its state reset and carried

Everything is trained and measured by the command itself, `numpylstm separate`. Rows that lack their data
say so and count as neither reached nor missed. The table is saved as separation.txt and .json.
`--quick` runs everything in a short form, to see that it runs; its figures mean nothing and are not judged.
"""

import argparse
import contextlib
import io
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from numpylstm import cli
from numpylstm.audio import wav
from numpylstm.audio.bss_eval import bss_eval
from numpylstm.audio.masks import seam_ratio
from numpylstm.datasets import SyntheticSingers
from numpylstm.files import write_json, write_text
from numpylstm.tasks import blocks, recipes, separation
from numpylstm.tasks.run import finite, open_run

SHIPPED = {"gnsdr_db": 8.6, "gsir_db": 13.0}
"""dB, on MIR-1K's 171 clips of its train list, by weights that never heard a real clip."""

QUICK = {"plain": 10.0, "hard": 5.0}
"""GNSDR in dB of the quick recipe, by preset of the test singers; and seconds to train it."""
QUICK_SECONDS = 60.0

NAMES = {"gnsdr_db": "GNSDR", "gsir_db": "GSIR", "gsar_db": "GSAR", "seam_ratio": "seam ratio"}


class Row(NamedTuple):
    """A figure, its target if it has one, the seconds it took, of at most so many; or why it is missing."""

    name: str
    value: float | None = None
    unit: str = ""
    target: float | None = None
    at_least: bool = True
    seconds: float | None = None
    limit: float = np.inf
    missing: str = ""

    @property
    def missed(self) -> bool:
        if self.value is None:
            return False
        late = self.seconds is not None and self.seconds > self.limit
        if self.target is None:
            return late
        return late or not (self.value >= self.target if self.at_least else self.value <= self.target)

    def line(self, judged: bool = True) -> str:
        """One line of the table."""
        if self.value is None:
            return f"{self.name:<68} {'-':>9}  {self.missing}"
        sign = ">=" if self.at_least else "<="
        target = "" if self.target is None else f"{sign}{self.target:.4g}"
        seconds = "" if self.seconds is None else f"{self.seconds:9.1f}"
        limit = f" ({self.limit:g})" if self.limit < np.inf else ""
        verdict = "  MISSED" if judged and self.missed else ""
        text = f"{self.name:<68} {self.value:>9.4g} {self.unit:<5} {target:>9} {seconds}{limit}{verdict}"
        return text.rstrip()


def command(*argv: Any) -> dict[str, Any]:
    """A command's figures, as its --json prints them; its progress stays on standard error.

    Raises ValueError if the command refuses; it has said why.
    """
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = cli.main([*map(str, argv), "--json"])
    if code:
        raise ValueError(f"numpylstm {' '.join(map(str, argv))} ended with exit code {code}")
    return dict(json.loads(out.getvalue()))


def rows_of(
    name: str, figures: dict[str, Any], targets: dict[str, float], limit: float = np.inf
) -> Iterator[Row]:
    """What was measured, the ceiling and the floor. The first row has the seconds."""
    seconds = figures["seconds"]
    for key, title in NAMES.items():
        unit = "dB" if key.endswith("_db") else ""
        value = np.nan if figures[key] is None else figures[key]
        yield Row(f"{name}: {title}", value, unit, targets.get(key), seconds=seconds, limit=limit)
        seconds, limit = None, np.inf
    for key in ("gnsdr_db", "gsir_db", "gsar_db"):
        value = np.nan if figures[f"oracle_{key}"] is None else figures[f"oracle_{key}"]
        yield Row(f"  oracle ratio mask: {NAMES[key]}", value, "dB")
    yield Row("  the mixture itself: GNSDR", 0.0, "dB")


def shipped(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """The built-in networks, or the one asked for, on real clips."""
    models: dict[str, tuple[list[Any], dict[str, float]]] = {
        "built-in": ([], SHIPPED),
        "built-in, streaming": (["--streaming"], {}),
    }
    if args.model:
        models = {str(args.model): (["--model", args.model], SHIPPED)}
    else:
        size = sum(separation.shipped(name).stat().st_size for name in separation.WEIGHTS) / 1e6
        yield Row("size of the built-in networks", size, "MB", 5.0, at_least=False)
    for name, (options, targets) in models.items():
        if args.data is None:
            yield Row(name, missing="no --data to measure with")
        else:
            chosen = ["--data", args.data, *(["--list", args.list] if args.list else [])]
            options = [*options, *chosen, "--out", folder / "shipped", *["--quick"] * args.quick]
            figures = command("separate", "eval", *options)
            yield from rows_of(f"{name}, {figures['clips']} clips of {args.data.name}", figures, targets)


def quick(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """A minute of training, on synthetic singers never trained on."""
    run, short = folder / "quick", ["--quick"] * args.quick
    options = ["--recipe", "quick", "--seed", args.seed, "--out", run]
    seconds = command("separate", "train", *options, *short)["seconds"]
    for preset, target in QUICK.items():
        options = ["--data", "synthetic", "--preset", preset, "--model", run, "--out", folder / preset]
        figures = command("separate", "eval", *options, *short) | {"seconds": seconds}
        name = f"quick recipe, seed {args.seed}, {figures['clips']} {preset} singers"
        yield from rows_of(name, figures, {"gnsdr_db": target}, QUICK_SECONDS)


def left_out(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Trained on all singers but one, measured with that one."""
    if args.data is None or not args.leave_out:
        yield Row("real data, a singer left out", missing="no --data, or no --leave-out")
        return
    for singer in args.leave_out:
        options = ["--data", args.data, "synthetic", "--leave-out", singer, "--recipe", args.recipe]
        options += ["--list", args.list] if args.list else []
        options += ["--seed", args.seed, "--out", folder / f"without {singer}", *["--quick"] * args.quick]
        figures = command("separate", "train", *options)
        name = f"{args.recipe}, real and synthetic clips, {singer} left out"
        yield from rows_of(name, figures, {}, 3600.0 + 600.0)  # an hour, and the measuring


def apply(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """A song of synthetic singers at 44.1 kHz, in stereo."""
    seconds, rate = (2, 44_100) if args.quick else (60, 44_100)
    clips = SyntheticSingers(2 if args.quick else 8, split="test", rate=rate)
    sound = np.concatenate([clip.mixture for clip in clips])[: seconds * rate]
    sound = np.resize(sound, seconds * rate)
    song = folder / "song.wav"
    wav.write(song, 0.3 * np.stack([sound, np.roll(sound, 30)], axis=1), rate, "PCM_16")
    for streaming in (False, True):
        net = separation.load(streaming=streaming)
        started = time.perf_counter()
        figures = separation.apply(song, folder, net, progress=False)
        spent = time.perf_counter() - started
        name = f"apply, built-in{', streaming' * streaming}, {seconds} s of stereo at 44.1 kHz"
        yield Row(f"{name}: real time", figures["real_time_factor"], "x", 20.0, seconds=spent)
        if figures["latency_ms"] is not None:
            yield Row("  latency", figures["latency_ms"], "ms")
        voice, rest, whole = (
            wav.read(folder / f"{part}.wav").samples for part in ("voice", "accompaniment", "song")
        )
        error = float(abs(voice + rest - whole).max())
        yield Row("  largest difference of the sum to the song", error, "", 1e-6, at_least=False)


def against_mir_eval(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """Two sources of 10 s at 16 kHz, by both."""
    try:
        from mir_eval.separation import bss_eval_sources
    except ImportError:
        yield Row("BSS-EVAL against mir_eval", missing="mir_eval (below 0.9) is not installed")
        return
    rng = np.random.default_rng(args.seed)
    references = rng.standard_normal((2, 4000 if args.quick else 160_000))
    estimates = references + 0.2 * references[::-1] + 0.1 * rng.standard_normal(references.shape)

    def theirs() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # these measures leave it with version 0.9
            return bss_eval_sources(references, estimates, compute_permutation=False)[:3]

    fastest = []
    for function in (lambda: bss_eval(references, estimates)[:3], theirs):
        spent = []
        for _ in range(2 if args.quick else 4):
            started = time.process_time()
            result = function()
            spent.append(time.process_time() - started)
        fastest.append((min(spent[1:]), np.array(result)))
    (own, figures), (other, expected) = fastest
    yield Row("BSS-EVAL: times as fast as mir_eval", other / own, "x", 3.0, seconds=own)
    difference = float(abs(figures - expected).max())
    yield Row("  largest difference to mir_eval", difference, "dB", 1e-6, at_least=False)


def seams(args: argparse.Namespace, folder: Path) -> Iterator[Row]:
    """The plain stack as it was arranged, trained on blocks, run on singers never trained on."""
    clips, size, epochs = (2, 16, 1) if args.quick else (24, 385, 40)
    sounds = [
        [(clip.voice, clip.accompaniment) for clip in SyntheticSingers(count, split=split)]
        for split, count in (("train", clips), ("test", clips // 2))
    ]
    (x, target), (x_test, target_test) = (
        blocks.magnitudes_and_mask(*np.transpose(pairs, (1, 2, 0))) for pairs in sounds
    )
    started = time.perf_counter()
    net = blocks.build_network(hidden_size=size, seed=args.seed)
    blocks.train(net, x, target, epochs=epochs, seed=args.seed)
    spent = time.perf_counter() - started
    reset, carried = (blocks.predict_in_blocks(net, x_test, carry=carry) for carry in (False, True))

    def ratio(masks: np.ndarray) -> float:
        return seam_ratio(list(masks.swapaxes(0, 1)), blocks.BLOCK)

    name = f"plain stack, three LSTM({size})"
    yield Row(f"{name}, state reset: seam ratio", ratio(reset), "", 1.5, seconds=spent)
    yield Row(f"{name}, state carried: seam ratio", ratio(carried), "", 1.1, at_least=False)
    yield Row("  of the oracle ratio mask", ratio(target_test))
    difference = float(abs(carried - net.predict(x_test)).max())
    yield Row("  carried: largest difference to the whole at once", difference, "", 1e-5, at_least=False)
    error, mean = (
        np.mean((carried - target_test) ** 2),
        np.mean((target.mean(axis=(0, 1)) - target_test) ** 2),
    )
    # Seams are there long before the stack has learnt: near 1 it knows no more than the mean of the masks.
    yield Row("  carried: error of the mask, in parts of that of its mean", float(error / mean))


PARTS: dict[str, Callable[[argparse.Namespace, Path], Iterator[Row]]] = {
    "shipped": shipped,
    "quick": quick,
    "left out": left_out,
    "apply": apply,
    "bss_eval": against_mir_eval,
    "seams": seams,
}


def run(args: argparse.Namespace, folder: Path) -> list[Row]:
    """Print every row as it comes."""
    print(f"{'':<68} {'figure':>9}       {'target':>9}   seconds (at most)")
    rows = []
    for name, part in PARTS.items():
        if args.only and name not in args.only:
            continue
        for row in part(args, folder):
            rows.append(row)
            print(row.line(judged=not args.quick), flush=True)
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, metavar="DIR", help="clips of voice and accompaniment")
    parser.add_argument("--list", metavar="NAMES", help="a file of names, or MIR-1K's own train, dev or test")
    parser.add_argument(
        "--leave-out", nargs="+", metavar="SINGER", help="not to train on but to measure with"
    )
    parser.add_argument(
        "--recipe", default="adapted", choices=[*recipes.JOINED, *recipes.RECIPES], help="for --leave-out"
    )
    parser.add_argument("--model", type=Path, metavar="MODEL", help="in place of the built-in networks")
    parser.add_argument("--only", type=lambda text: text.split(","), metavar="PARTS", help=", ".join(PARTS))
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: runs/figures, with --quick nothing")
    parser.add_argument("--quick", action="store_true", help="a short form: only that everything runs")
    args = parser.parse_args(argv)
    if args.only and not set(args.only) <= set(PARTS):
        parser.error(f"expected parts among {', '.join(PARTS)}, got {', '.join(args.only)}")
    if args.out is None and not args.quick:
        args.out = Path("runs/figures")
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(open_run(args.out)) if args.out else None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        try:
            rows = run(args, folder)
        except (ValueError, OSError) as error:
            print(f"separation: {error}", file=sys.stderr)
            return 2
        if out:
            lines = [row.line(judged=not args.quick) for row in rows]
            write_text(out / "separation.txt", "\n".join(lines) + "\n")
            kept = [{key: value for key, value in row._asdict().items() if value != np.inf} for row in rows]
            write_json(out / "separation.json", finite(kept))
    return 1 if not args.quick and any(row.missed for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
