"""Separate a singing voice from its accompaniment: mixtures to train on, and the training.

Mixtures are made as they are trained on: any voice over any accompaniment, each from a random place on
(a circular shift), at a random level. The network hears magnitudes and shares them out, masks inside, and its
loss is that of both sources at once. Which networks there are: `recipes`; how sound goes through one:
`separator`; how well it does: `measuring`; files: `taking_apart`.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from .. import losses
from ..audio import wav
from ..datasets import Clip, Mixtures, Stems, SyntheticSingers, load_stems
from ..history import History
from ..layers import Compress, Layer, Mean, Standardize
from ..optimizers import Adam, Cosine, lbfgs
from ..training import evaluate as loss_of
from ..training import fit, objective
from .measuring import SEAM as SEAM
from .measuring import Evaluation as Evaluation
from .measuring import evaluate as evaluate
from .measuring import mask_of as mask_of
from .measuring import oracle as oracle
from .measuring import worth_hearing as worth_hearing
from .recipes import LOSSES as LOSSES
from .recipes import Recipe as Recipe
from .run import progress_bar
from .separator import BINS as BINS
from .separator import BLOCK as BLOCK
from .separator import FRAME as FRAME
from .separator import HOP as HOP
from .separator import NORM as NORM
from .separator import RATE as RATE
from .separator import STREAMED_LEVEL as STREAMED_LEVEL
from .separator import Frames as Frames
from .separator import OnlineSeparator as OnlineSeparator
from .separator import root_mean_square as root_mean_square
from .separator import separate as separate
from .separator import voice_blocks as voice_blocks
from .separator import voice_in_pieces as voice_in_pieces
from .separator import voice_of as voice_of
from .taking_apart import BUILT_IN as BUILT_IN
from .taking_apart import WEIGHTS as WEIGHTS
from .taking_apart import apply as apply
from .taking_apart import join as join
from .taking_apart import load as load
from .taking_apart import origin as origin
from .taking_apart import shipped as shipped

Array = NDArray[Any]

EPOCH = 100
"""Updates that make an entry of the learning curve."""

LISTS = ("train", "dev", "test")
"""MIR-1K's, as published."""

LOWEST = 60.0
"""Hz from which on octaves are counted."""

CLIP = 0.3
"""The norm beyond which a gradient is cut."""

STEPS, MINIBATCHES = 10, 8
"""Iterations of L-BFGS on the same batch, and minibatches in it."""

SLOW, MOST, FLOOR = 26, 2.0, 1e-3
"""Moving formants: samples of the cepstrum (1.6 ms) that are the envelope, the largest change of a bin (a
power of e), and what is taken for silence, as a share of the loudest bin."""

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
    evaluation: Evaluation


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
    if names in LISTS and not Path(names).is_file():  # a folder of that name is no list
        return load_stems(folder, rate=RATE).mir1k(names)
    return load_stems(folder, rate=RATE, names=names)


def train(
    clips: Sequence[Clip],
    recipe: Recipe,
    *,
    held_out: Sequence[Clip] | None = None,
    start: Layer | None = None,
    seed: int = 0,
    quick: bool = False,
    progress: bool = True,
) -> SeparationResult:
    """Train on clips, or on synthetic singers.

    Args:
        clips: recorded ones, at RATE Hz; `recipe.clips` synthetic ones are made in addition.
        held_out: clips that are measured in the end; None: synthetic singers of the split "test".
        start: a trained network to go on from, which is changed; None: a new one.
        quick: a short form that only shows that everything runs.

    Raises:
        ValueError: a recipe out of its range, nothing to train on, or what `evaluate` raises.
    """
    recipe.check()
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    if quick:
        recipe = replace(recipe, updates=3, clips=min(recipe.clips, 2), batch=2, frames=16)
    first = (len(clips), recipe.share) if len(clips) else None
    # First, for what cannot be built is to be known before the work.
    net = recipe.build(rng) if start is None else start
    mixtures = Mixtures(pairs(clips, recipe, progress), doubled=recipe.doubled, first=first)
    if held_out is None:
        held_out = synthetic_held_out(quick)
    batches = Batches(mixtures, recipe)
    if start is None:
        standardize(net, [batches.draw(rng)[0] for _ in range(8)])
    else:
        soften(net, 1 / recipe.softness)
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
    soften(net, recipe.softness)
    evaluation = evaluate(net, held_out, progress=progress)
    figures = evaluation.figures() | {"parameters": net.theta.size, "training_clips": len(mixtures)}
    figures |= {"training_seconds": history.seconds[-1] if history.seconds else 0.0}
    figures |= {"seconds": time.perf_counter() - started, "seed": seed}
    return SeparationResult(net, history, figures, held_out, evaluation)


def synthetic_held_out(quick: bool = False) -> SyntheticSingers:
    """Singers never trained on, to measure with where no recorded ones are left out."""
    return SyntheticSingers(1 if quick else HELD_OUT, split="test")


def soften(net: Layer, softness: float) -> None:
    """Multiply all scores by a factor, in the read-out's weights: below 1, masks come nearer to 1/2.

    What a network has learnt from some singers it is too sure of with others (C. Guo et al., "On calibration
    of modern neural networks", ICML 2017, who divide by a temperature).
    """
    if isinstance(net, Mean):
        for part in net.layers:
            soften(part, softness)
        return
    readout = next(layer for layer in reversed(net.layers[0].layers) if layer.theta.size)
    readout.theta *= softness


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
        voice, accompaniment = (Frames(RATE).cut(source) for source in sources)
        if recipe.tract:
            voice = move_formants(voice, np.exp(rng.uniform(-recipe.tract, recipe.tract, recipe.batch)))
        if recipe.colour_db:
            voice, accompaniment = (source * curves(recipe, rng) for source in (voice, accompaniment))
        mixture = voice + accompaniment
        x = np.abs(mixture)
        if recipe.target == "magnitude":
            return x, np.concatenate([np.abs(voice), np.abs(accompaniment)], axis=2)
        # What of a source is in phase with the mixture. For both together that is the mixture.
        in_phase = (voice * mixture.conj()).real / np.maximum(x, wav.SILENCE)
        return x, np.concatenate([in_phase, x - in_phase], axis=2)


def curves(recipe: Recipe, rng: np.random.Generator) -> Array:
    """Gains (1, B, BINS) as of so many microphones: they wander by `colour_db` from octave to octave."""
    octaves = np.log2(np.maximum(np.arange(BINS) * RATE / FRAME, LOWEST) / LOWEST)
    decibels = rng.normal(0, recipe.colour_db, (recipe.batch, 9))
    lanes = [np.interp(octaves, 0.9 * np.arange(9), row) for row in decibels]
    return (10.0 ** (np.array(lanes) / 20)).astype(np.float32)[None]


def move_formants(spectra: Array, factors: Array) -> Array:
    """Spectra (T, B, BINS) of voices with formants `factors` (B,) as high: another throat, the same notes.

    The envelope of a spectrum is what varies slowly from bin to bin, the low part of its cepstrum (A. V.
    Oppenheim and R. W. Schafer, "Discrete-time signal processing", chapter on cepstra): it is moved, and what
    lies between it and the spectrum stays.
    """
    magnitudes = np.abs(spectra)
    level = np.log(magnitudes + FLOOR * magnitudes.max(axis=(0, 2), keepdims=True) + wav.SILENCE)
    cepstrum = irfft(level, FRAME)
    window = np.zeros(FRAME, np.float32)
    window[:SLOW] = 0.5 + 0.5 * np.cos(np.pi * np.arange(SLOW) / SLOW)
    window[1 - SLOW :] = window[SLOW - 1 : 0 : -1]
    envelope = rfft(cepstrum * window).real
    bins = np.arange(BINS)
    moved = np.empty_like(envelope)
    for lane, factor in enumerate(factors):
        place = np.clip(bins / factor, 0, BINS - 1)
        low = np.minimum(place.astype(int), BINS - 2)
        share = (place - low).astype(envelope.dtype)
        moved[:, lane] = (1 - share) * envelope[:, lane, low] + share * envelope[:, lane, low + 1]
    louder = spectra * np.exp(np.clip(moved - envelope, -MOST, MOST))
    # As loud as it was.
    energy, now = (np.square(np.abs(part)).sum(axis=(0, 2), keepdims=True) for part in (spectra, louder))
    return np.asarray(louder * np.sqrt(energy / np.maximum(now, wav.SILENCE)), spectra.dtype)


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

    L-BFGS wants a loss without noise, so a batch stays the same for STEPS iterations; MINIBATCHES side by
    side are enough for its minimum to be of use for others (Q. V. Le et al., "On optimization methods for
    deep learning", ICML 2011).
    """
    history, started, done = History(unit="iteration", every=STEPS), time.perf_counter(), 0
    with progress_bar(batches.recipe.updates, "iteration", progress, "L-BFGS") as bar:
        while done < batches.recipe.updates:
            drawn = [batches.draw(rng) for _ in range(MINIBATCHES)]
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


def material(real: int, folders: Sequence[str], synthetic: int) -> str:
    """What a network is trained on, in words: the more of it is real, the plainer."""
    names = " and ".join(Path(folder).resolve().name for folder in folders if folder != "synthetic")
    if not real:
        return f"{synthetic} synthetic clips alone"
    also = f" and {synthetic} synthetic ones" if synthetic else ", all of them real"
    return f"{real} real clips of {names}{also}"
