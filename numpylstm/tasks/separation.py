"""Separate a singing voice from its accompaniment: train, measure as the papers do, take recordings apart.

Mixtures are made as they are trained on: any voice over any accompaniment, each from a random place on
(a circular shift), at a random level. The network hears magnitudes and shares them out, masks inside, and its
loss is that of both sources at once. How it is applied: `separator`; which networks there are: `recipes`.
"""

import csv
import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.resources import files as package_files
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import checkpoint, losses
from ..audio import wav
from ..audio.bss_eval import ClipMeasures, global_measures, measure
from ..audio.masks import flux, flux_ratio, ratio_mask
from ..audio.stft import istft, sine_window, stft
from ..datasets import Clip, Mixtures, Stems, SyntheticSingers, load_stems
from ..history import History
from ..layers import Compress, Layer, Standardize
from ..optimizers import Adam, Cosine, lbfgs
from ..training import evaluate as loss_of
from ..training import fit, objective
from .recipes import Recipe
from .run import find_model, progress_bar
from .separator import (
    BINS,
    FRAME,
    HOP,
    NORM,
    RATE,
    STREAMED_LEVEL,
    Frames,
    OnlineSeparator,
    voice_in_pieces,
)

Array = NDArray[Any]

SHIPPED = {False: "singing_voice.safetensors", True: "singing_voice_streaming.safetensors"}
"""Weights that come with the package, in numpylstm/weights: with lookahead, and for streaming."""

LOSSES = {"mse": losses.mse, "kl": losses.generalised_kl}
EPOCH = 100
"""Updates that make an entry of the learning curve."""

LISTS = ("train", "dev", "test")
"""MIR-1K's, as published."""

LOWEST = 60.0
"""Hz from which on octaves are counted."""

CLIP = 0.3
"""The norm beyond which a gradient is cut."""

STEPS, LARGE = 10, 8
"""Iterations of L-BFGS on the same batch, and minibatches in it."""

BLOCK = 65536
"""Samples of a recording that are read at once."""

SEAM = 32
"""Frames of the blocks whose borders the seam ratio looks at: those of the plain stack (`blocks`)."""

HELD_OUT = 12
"""Synthetic clips of singers never trained on, by which a training is judged where nothing else is given."""


@dataclass
class SeparationResult:
    """A trained network and what was measured.

    Attributes:
        figures: by the names that `--json` prints.
        measured: clips held out.
        evaluation: of these.
    """

    net: Layer
    history: History
    figures: dict[str, Any]
    measured: Sequence[Clip]
    evaluation: "Evaluation"


@dataclass
class Evaluation:
    """What was measured of each clip.

    Attributes:
        names: of the clips.
        estimates: of what the network separated.
        oracle: of what the ratio mask of the true sources separates: the ceiling.
        fluxes: (T - 1,) of each clip, how much the mask changes from frame to frame.
    """

    names: list[str]
    estimates: list[ClipMeasures]
    oracle: list[ClipMeasures]
    fluxes: list[Array]

    def figures(self) -> dict[str, Any]:
        """Means over the clips, weighted by length, of voice and accompaniment, in dB.

        The seam ratio is NaN if no clip lasts for more than a block, which is a second.
        """
        voice, accompaniment = (
            global_measures(self.estimates),
            global_measures(self.estimates, "accompaniment"),
        )
        oracle = global_measures(self.oracle)
        known = any(len(changes) >= SEAM for changes in self.fluxes)
        return {
            "gnsdr_db": voice.gnsdr,
            "gsir_db": voice.gsir,
            "gsar_db": voice.gsar,
            "accompaniment_gnsdr_db": accompaniment.gnsdr,
            "oracle_gnsdr_db": oracle.gnsdr,
            "oracle_gsir_db": oracle.gsir,
            "oracle_gsar_db": oracle.gsar,
            "seam_ratio": flux_ratio(self.fluxes, SEAM) if known else np.nan,
            "clips": len(self.names),
            "clips_left_out": voice.left_out,
        }

    def csv(self) -> str:
        """One line a clip: figures of voice and accompaniment in dB, empty where a source was silent."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        names = ("sdr", "sir", "sar", "nsdr")
        header = [f"{source}_{name}_db" for source in ("voice", "accompaniment") for name in names]
        writer.writerow(["clip", "samples", *header, "oracle_voice_nsdr_db"])
        for name, clip, oracle in zip(self.names, self.estimates, self.oracle, strict=True):
            values = [*clip.voice, *clip.accompaniment, oracle.voice.nsdr]
            writer.writerow(
                [name, clip.samples, *("" if np.isnan(value) else f"{value:.4f}" for value in values)]
            )
        return text.getvalue()

    def table(self) -> str:
        """The means beside the ceiling and the floor."""
        rows = {
            "this network": global_measures(self.estimates),
            "oracle ratio mask": global_measures(self.oracle),
        }
        lines = [f"{'voice, means over clips by length, dB':38} {'GNSDR':>7} {'GSIR':>7} {'GSAR':>7}"]
        for name, row in rows.items():
            lines.append(f"{name:38} {row.gnsdr:7.2f} {row.gsir:7.2f} {row.gsar:7.2f}")
        lines.append(f"{'the mixture itself':38} {0:7.2f}")
        if rows["this network"].left_out:
            lines.append(f"{rows['this network'].left_out} clips with a silent source are left out")
        return "\n".join(lines)


def training_clips(
    data: Sequence[str], names: str | None = None, leave_out: str | None = None
) -> tuple[Sequence[Clip], Sequence[Clip] | None]:
    """The clips of folders to train on, and those of a singer left out, None if none is.

    "synthetic" among the folders is passed over: `train` makes those.

    Raises:
        ValueError: a folder without clips, or without that singer.
    """
    folders = [stems(folder, names) for folder in data if folder != "synthetic"]
    if leave_out is None:
        return _chain(folders), None
    known = [part for part in folders if leave_out in part.singers]
    if not known:
        singers = sorted({name for part in folders for name in part.singers})
        raise ValueError(f"expected a singer among {', '.join(singers[:10]) or 'none'}, got {leave_out!r}")
    others = [part.without(leave_out) if part in known else part for part in folders]
    return _chain(others), _chain([part.by(leave_out) for part in known])


def _chain(folders: Sequence[Stems]) -> Stems:
    """All clips of several folders as one sequence, none of which is read yet."""
    return Stems([track for part in folders for track in part.tracks], RATE)


def stems(folder: str, names: str | None = None) -> Stems:
    """The clips of a folder at RATE: all, those in a file of names, or MIR-1K's train, dev or test list."""
    if names in LISTS and not Path(names).exists():
        return load_stems(folder, rate=RATE).mir1k(names)
    return load_stems(folder, rate=RATE, names=names)


def train(
    clips: Sequence[Clip],
    recipe: Recipe,
    *,
    held_out: Sequence[Clip] | None = None,
    seed: int = 0,
    quick: bool = False,
    progress: bool = True,
) -> SeparationResult:
    """Train on clips, or on synthetic singers.

    Args:
        clips: of other people, at RATE Hz; `recipe.clips` synthetic ones are made in addition.
        held_out: clips that are measured in the end; None: synthetic singers of the split "test".
        quick: a short form that only shows that everything runs.

    Raises:
        ValueError: nothing to train on.
    """
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    if quick:
        recipe = replace(recipe, updates=3, clips=min(recipe.clips, 2), batch=2, frames=16)
    first = (len(clips), recipe.share) if len(clips) else None
    net = recipe.build(rng)  # first, for what cannot be built is to be known before the work
    mixtures = Mixtures(pairs(clips, recipe, progress), doubled=recipe.doubled, first=first)
    if held_out is None:
        held_out = SyntheticSingers(1 if quick else HELD_OUT, split="test")
    batches = Batches(mixtures, recipe)
    standardize(net, [batches.draw(rng)[0] for _ in range(8)])
    dev = Batches(Mixtures((clip.voice, clip.accompaniment) for clip in held_out), recipe).draw(
        np.random.default_rng(0)
    )
    loss = partial(losses.discriminative, gamma=recipe.gamma, loss=LOSSES[recipe.loss])
    if recipe.optimizer == "lbfgs":
        history = fit_lbfgs(net, batches, dev, loss, rng, progress)
    else:
        schedule = Cosine(recipe.updates, final=0.01, warmup=min(50, recipe.updates // 10))
        optimizer = Adam(recipe.lr, schedule=schedule, clip_norm=CLIP)
        epochs = -(-recipe.updates // EPOCH)
        history = fit(
            net, batches, dev, loss=loss, optimizer=optimizer, epochs=epochs, seed=rng, progress=progress
        )
    evaluation = evaluate(net, held_out, progress=progress)
    figures = evaluation.figures() | {"parameters": net.theta.size, "training_clips": len(mixtures)}
    figures |= {"training_seconds": history.seconds[-1] if history.seconds else 0.0}
    figures |= {"seconds": time.perf_counter() - started, "seed": seed}
    return SeparationResult(net, history, figures, held_out, evaluation)


def pairs(clips: Sequence[Clip], recipe: Recipe, progress: bool) -> Iterator[tuple[Array, Array]]:
    """Voice and accompaniment of clips, one after the other, and then of the recipe's synthetic ones."""
    made = [SyntheticSingers(number, preset=preset) for preset, number in recipe.synthetic().items()]
    total = len(clips) + sum(map(len, made))
    with progress_bar(total, "clip", progress, "collecting clips") as bar:
        for clip in (clip for part in (clips, *made) for clip in part):
            bar.update(1)
            yield clip.voice, clip.accompaniment


@dataclass(frozen=True)
class Batches:
    """Minibatches of spectra, for `training.fit`: (T, B, BINS) magnitudes, (T, B, 2 BINS) of both sources."""

    mixtures: Mixtures
    recipe: Recipe

    def __len__(self) -> int:
        return min(EPOCH, self.recipe.updates)

    def __call__(self, rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
        for _ in range(len(self)):
            yield self.draw(rng)

    def draw(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """One minibatch: mixtures with an RMS of 1, give or take `level_db`."""
        recipe = self.recipe
        samples = (recipe.frames + 1) * HOP
        sources = np.stack(self.mixtures.draw(samples, recipe.batch, rng, recipe.gain_db))
        rms = np.sqrt(np.mean(np.square(sources.sum(0)), axis=0))
        level = 10.0 ** (rng.uniform(-recipe.level_db, recipe.level_db, recipe.batch) / 20)
        sources *= (level / np.maximum(rms, wav.SILENCE) / NORM).astype(np.float32)
        voice, accompaniment = (spectra(source) for source in sources)
        if recipe.colour_db:
            voice, accompaniment = (source * curves(recipe, rng) for source in (voice, accompaniment))
        mixture = voice + accompaniment
        x = np.abs(mixture)
        if recipe.target == "magnitude":
            return x, np.concatenate([np.abs(voice), np.abs(accompaniment)], axis=2)
        # What of a source is in phase with the mixture. For both together that is the mixture.
        in_phase = (voice * mixture.conj()).real / np.maximum(x, wav.SILENCE)
        return x, np.concatenate([in_phase, x - in_phase], axis=2)


def spectra(sound: Array) -> Array:
    """The frames (T, B, BINS) that lie wholly within a sound (samples, B), in float32 throughout."""
    from scipy.fft import rfft

    window = sine_window(FRAME).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(sound, FRAME, axis=0)[::HOP]
    return np.asarray(rfft(frames * window))


def curves(recipe: Recipe, rng: np.random.Generator) -> Array:
    """Gains (1, B, BINS) as of so many microphones: they wander by `colour_db` from octave to octave."""
    octaves = np.log2(np.maximum(np.arange(BINS) * RATE / FRAME, LOWEST) / LOWEST)
    decibels = rng.normal(0, recipe.colour_db, (recipe.batch, 9))
    lanes = [np.interp(octaves, 0.9 * np.arange(9), row) for row in decibels]
    return (10.0 ** (np.array(lanes) / 20)).astype(np.float32)[None]


def standardize(net: Layer, batches: Sequence[Array]) -> None:
    """Set the mean and deviation of each bin, as the network hears it compressed."""
    layers = net.layers[0].layers
    if isinstance(layers[0], Compress) and isinstance(layers[1], Standardize):
        layers[1].fit(layers[0].predict(np.concatenate(batches, axis=1)))


def fit_lbfgs(
    net: Layer,
    batches: Batches,
    dev: tuple[Array, Array],
    loss: losses.Loss,
    rng: np.random.Generator,
    progress: bool,
) -> History:
    """Train by SciPy's L-BFGS, a few iterations on each of a sequence of large batches.

    L-BFGS wants a loss without noise, so a batch stays the same for STEPS iterations; LARGE minibatches side
    by side are enough for its minimum to be of use for others (Q. V. Le et al., "On optimization methods for
    deep learning", ICML 2011).
    """
    history, started, done = History(unit="iteration", every=STEPS), time.perf_counter(), 0
    with progress_bar(batches.recipe.updates, "iteration", progress, "L-BFGS") as bar:
        while done < batches.recipe.updates:
            drawn = [batches.draw(rng) for _ in range(LARGE)]
            x, target = (np.concatenate(parts, axis=1) for parts in zip(*drawn, strict=True))
            steps = min(STEPS, batches.recipe.updates - done)
            result = lbfgs(objective(net, x, target, loss=loss), net.theta, max_iterations=steps)
            done += steps
            history.train_loss.append(float(result.fun))
            history.validation_loss.append(loss_of(net, dev, loss=loss))
            history.seconds.append(time.perf_counter() - started)
            history.updates = done
            bar.update(steps)
    history.best_epoch = int(np.argmin(history.validation_loss))
    return history


def evaluate(net: Layer, clips: Sequence[Clip], *, progress: bool = True) -> Evaluation:
    """Separate every clip and measure it with BSS-EVAL, and the ratio mask of its true sources beside it."""
    result = Evaluation([], [], [], [])
    with progress_bar(len(clips), "clip", progress, "measuring") as bar:
        for clip in clips:
            mixture = clip.voice + clip.accompaniment
            voice = separate(net, mixture[:, None], clip.rate)[:, 0]
            ideal = oracle(clip)
            result.names.append(clip.name)
            result.fluxes.append(flux(mask_of(net, mixture, clip.rate)[:, 0]))
            for rows, estimate in ((result.estimates, voice), (result.oracle, ideal)):
                rows.append(measure(clip.voice, clip.accompaniment, estimate, mixture - estimate))
            bar.update(1)
    return result


def mask_of(net: Layer, mixture: Array, rate: int) -> Array:
    """How much of each bin of a mixture (n,) is voice, (T, 1, bins), from all of it at once."""
    frames = Frames(rate)
    level = STREAMED_LEVEL if net.causal else max(float(np.sqrt(np.mean(np.square(mixture)))), wav.SILENCE)
    x = frames.magnitudes(frames.cut(mixture[:, None]), level)
    return frames.masks(x, net.predict(x))


def worth_hearing(evaluation: Evaluation, count: int) -> list[int]:
    """Which clips show what the network can do: the worst, the best, and some between, by what was gained."""
    gains = np.nan_to_num([clip.voice.nsdr for clip in evaluation.estimates], nan=-np.inf)
    ranks = np.unique(np.linspace(0, len(gains) - 1, min(len(gains), count)).round().astype(int))
    indices: list[int] = np.argsort(gains)[ranks].tolist()
    return indices


def separate(net: Layer, samples: Array, rate: int) -> Array:
    """The voice (n, channels) in samples (n, channels) that are in memory; the rest is the accompaniment."""

    def read(start: int, stop: int) -> Array:
        return samples[start:stop]

    return np.concatenate(list(voice_blocks(net, read, len(samples), samples.shape[1], rate)))


def voice_blocks(net: Layer, read: Any, length: int, channels: int, rate: int) -> Iterator[Array]:
    """The voice of a recording of any length, in blocks: `read(start, stop)` gives its samples."""
    frames = Frames(rate)
    if not net.causal:
        yield from voice_in_pieces(net, read, length, frames, root_mean_square(read, length))
        return
    online = OnlineSeparator(net, rate, channels)
    ahead = online.latency
    for start in range(0, length + ahead, BLOCK):
        block = read(min(start, length), min(start + BLOCK, length))
        missing = min(start + BLOCK, length + ahead) - start - len(block)
        voice = online.process(np.concatenate([block, np.zeros((missing, channels))]))
        late = min(max(ahead - start, 0), len(voice))
        if late < len(voice):
            yield voice[late:]


def root_mean_square(read: Any, length: int) -> float:
    """The RMS of the mean of the channels; at least -120 dBFS."""
    energy = 0.0
    for start in range(0, length, BLOCK):
        energy += float(np.square(read(start, min(start + BLOCK, length)).mean(axis=1)).sum())
    return max(float(np.sqrt(energy / length)), wav.SILENCE)


def oracle(clip: Clip) -> Array:
    """The voice (n,) that the ratio mask of the true sources separates: no such mask can do much better."""
    frames = Frames(clip.rate)
    voice, accompaniment = (
        stft(source, sine_window(frames.n), frames.hop) for source in (clip.voice, clip.accompaniment)
    )
    mask = ratio_mask(voice, accompaniment)
    return istft(mask * (voice + accompaniment), sine_window(frames.n), frames.hop, len(clip.voice))


def shipped(streaming: bool = False) -> Path:
    """The model file that comes with the package, with lookahead or for streaming."""
    return Path(str(package_files("numpylstm") / "weights" / SHIPPED[streaming]))


def load(path: str | PathLike[str] | None = None, streaming: bool = False) -> Layer:
    """The network of a run folder or model file; None: the one that comes with the package.

    Raises:
        ValueError: the network does not share magnitudes out, or `streaming` of one that looks ahead.
    """
    net = checkpoint.load(shipped(streaming) if path is None else find_model(path))
    try:
        y = net.predict(np.ones((2, 1, BINS), np.float32))
    except ValueError:
        y = np.empty(0)
    if y.shape != (2, 1, 2 * BINS):
        raise ValueError(
            f"expected a network from {BINS} magnitudes to {2 * BINS}, got another in {fspath(path or '')}"
        )
    if streaming and not net.causal:
        raise ValueError(
            "expected a network that does not look ahead for --streaming (recipe causal), "
            f"got {fspath(path or '')}"
        )
    return net


def origin(path: str | PathLike[str] | None = None, streaming: bool = False) -> str:
    """What the network of a model file was trained on, in words, as `train` left them there."""
    extra = checkpoint.load_with_extra(shipped(streaming) if path is None else find_model(path))[2]
    known = extra.get("trained_on") if isinstance(extra, dict) else None
    return known if isinstance(known, str) else "what is not said in its file"


def material(real: int, folders: Sequence[str], synthetic: int) -> str:
    """What a network is trained on, in words: the more of it is real, the plainer."""
    names = " and ".join(Path(folder).resolve().name for folder in folders if folder != "synthetic")
    if not real:
        return f"{synthetic} synthetic clips alone"
    also = f" and {synthetic} synthetic ones" if synthetic else ", all of them real"
    return f"{real} real clips of {names}{also}"


def apply(
    path: str | PathLike[str], folder: str | PathLike[str], net: Layer, *, progress: bool = True
) -> dict[str, Any]:
    """Take a recording apart: `voice.wav` and `accompaniment.wav` in a folder that is there.

    Any rate, any number of channels, any length: no more than some blocks are ever in memory. Both have the
    recording's length, rate and channels, and sum to it. They hold floats: a part can be louder than the
    whole.

    Returns:
        Figures samples, rate, channels, real_time_factor, latency_ms (of a network that does not look ahead).

    Raises:
        AudioError: a file that cannot be read or written.
        ValueError: a file would be written onto the recording.
    """
    started = time.perf_counter()
    with wav.Reader(path) as song:
        outputs = [Path(folder) / name for name in ("voice.wav", "accompaniment.wav")]
        for output in outputs:
            if output.exists() and output.samefile(path):
                raise ValueError(f"expected a folder other than the recording's own, got {folder}")
        with progress_bar(2 * song.length, "sample", progress) as bar:

            def shown(blocks: Iterator[Array]) -> Iterator[Array]:
                for block in blocks:
                    yield block
                    bar.update(len(block))

            def write(output: Path, blocks: Iterator[Array]) -> None:
                wav.write_blocks(output, shown(blocks), song.rate, "FLOAT", song.channels)

            write(outputs[0], voice_blocks(net, song.read, song.length, song.channels, song.rate))
            # What is left over after the voice as it was written: so the two files sum to the recording.
            with wav.Reader(outputs[0]) as voice:
                starts = range(0, song.length, BLOCK)
                spans = ((start, min(start + BLOCK, song.length)) for start in starts)
                write(outputs[1], (song.read(*span) - voice.read(*span) for span in spans))
    factor = song.length / song.rate / max(time.perf_counter() - started, 1e-9)
    figures = {
        "samples": song.length,
        "rate": song.rate,
        "channels": song.channels,
        "real_time_factor": factor,
    }
    return figures | {"latency_ms": 1000 * Frames(song.rate).n / song.rate if net.causal else None}
