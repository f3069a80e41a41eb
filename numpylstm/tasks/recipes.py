"""Networks that share a mixture out to voice and accompaniment, and how each is trained.

large       a dense layer over all bins, and what two layers of LSTMs in both directions add to it
bands       a spectrum as bands that share their weights, and LSTMs in both directions across the bands and
            along time, in turns
causal      as bands, without lookahead, for sound that comes block by block: along time LSTMs forwards alone
quick       a small one, for a minute of training
published   a deep recurrent network as in P.-S. Huang et al., "Singing-voice separation from monaural
            recordings using deep recurrent neural networks", ISMIR 2014, and "Joint optimization of masks and
            deep recurrent neural networks for monaural source separation", IEEE/ACM TASLP 23(12), 2015:
            three hidden layers of which any may be recurrent, masks |a1| / (|a1| + |a2|)
wvpnn       vector product layers over the previous, the current and the next frame
cvpnn       vector product layers over magnitudes coded as colours; both after Z.-C. Fan et al., "Music signal
            processing using vector product neural networks", 2017

All are one network: magnitudes (T, B, 513) -> voice and accompaniment (T, B, 1026). Some that
differ, trained side by side and joined, are better than each (JOINED):

best        large and bands, on synthetic singers: what the package ships
adapted     both from the shipped weights on, and bands from nothing, with recorded clips and synthetic ones
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np

from .. import losses
from ..layers import (
    GRU,
    LSTM,
    RNN,
    AcrossBands,
    Bidirectional,
    Colour,
    Compress,
    Context,
    Dense,
    EachBand,
    Layer,
    Mask,
    Pick,
    Residual,
    Sequential,
    Standardize,
    VectorProduct,
)
from .separator import BINS

LOUDEST = 10.0
"""The magnitude that is white as a colour: of noise with the level of the mixture it is 1."""

TARGETS, OPTIMIZERS = ("phase", "magnitude"), ("adam", "lbfgs")
LOSSES = {"mse": losses.mse, "kl": losses.generalised_kl}

CELLS: dict[str, Any] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
"""Of recurrent layers; what is not recurrent is Dense with relu."""


@dataclass(frozen=True)
class Recipe:
    """A network and its training.

    Attributes:
        build: the network, for a Generator.
        target: "phase": what of each source is in phase with the mixture, |s| cos(angle), H. Erdogan et al.,
            "Phase-sensitive and recognition-boosted speech separation", ICASSP 2015;
            "magnitude": |s|, as published.
        loss: "mse" or "kl", of both sources, on magnitudes of a mixture with RMS 1.
        gamma: of the discriminative loss.
        frames, batch: of a minibatch: so many frames of so many mixtures.
        updates, lr: of Adam, whose rate falls by a cosine.
        clips: synthetic clips to make, of 8 s, where there are to be any.
        presets: the share of each preset among these.
        gain_db: voice against accompaniment, at most.
        level_db: how far the level strays from what the network expects, at most.
        share: of clips of other people, where there are both these and synthetic ones.
        colour_db: how far the gain of each source wanders from octave to octave, as if another microphone had
            heard it.
        tract: how far the formants of a voice are moved, at most, as the logarithm of a factor: another
            singer with the same notes.
        doubled: how likely two accompaniments play at once.
        softness: what all scores are multiplied by in the end: below 1, masks are nearer to 1/2.
        optimizer: "adam", or "lbfgs": so many iterations of SciPy's L-BFGS, 10 on each of a sequence of large
            batches.
        start: the shipped weights to go on from, by the recipe that made them; "": from new ones.
    """

    build: Callable[[np.random.Generator], Layer]
    target: str = "phase"
    loss: str = "mse"
    gamma: float = 0.15
    frames: int = 128
    batch: int = 20
    updates: int = 6000
    lr: float = 2e-3
    clips: int = 1000
    presets: tuple[tuple[str, float], ...] = (("small", 0.2), ("full", 0.6), ("duet", 0.2))
    gain_db: float = 5.0
    level_db: float = 3.0
    share: float = 0.6
    colour_db: float = 4.0
    tract: float = 0.0
    doubled: float = 0.3
    softness: float = 1.0
    optimizer: str = "adam"
    start: str = ""

    def check(self) -> None:
        """Refuse, before the work, what cannot be trained.

        Raises:
            ValueError: an option out of its range.
        """
        for name, number, least in (
            ("updates", self.updates, 1),
            ("frames", self.frames, 4),
            ("batch", self.batch, 1),
            ("clips", self.clips, 0),
        ):
            if number < least:
                raise ValueError(f"expected {name} of at least {least}, got {number}")
        for name, choice, known in (
            ("target", self.target, TARGETS),
            ("loss", self.loss, LOSSES),
            ("optimizer", self.optimizer, OPTIMIZERS),
        ):
            if choice not in known:
                raise ValueError(f"expected {name} {' or '.join(map(repr, known))}, got {choice!r}")
        if not 0 <= self.gamma < 1:
            raise ValueError(f"expected gamma from 0 to less than 1, got {self.gamma}")
        if self.loss == "kl" and self.target != "magnitude":
            raise ValueError(
                "expected the target magnitude for the loss kl, got phase: it has negative values"
            )

    def synthetic(self) -> dict[str, int]:
        """How many clips to make of each preset: the first also has what rounding leaves."""
        (first, _), *rest = self.presets
        numbers = {preset: round(share * self.clips) for preset, share in rest}
        return {first: self.clips - sum(numbers.values())} | numbers

    def settings(self) -> dict[str, Any]:
        """All but the network, for the run's config."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "build"}


def both_directions(rng: np.random.Generator, size: int = 256, hidden: int = 160) -> Layer:
    """Dense, and what two LSTMs in both directions add to it."""

    def pair() -> Layer:
        lstms = Bidirectional(LSTM(size, hidden), LSTM(size, hidden))
        return Residual(Sequential(lstms, Dense(2 * hidden, size)))

    dense = Dense(3 * BINS, size, activation="relu")
    return _network(Context(BINS, 1, 1), dense, pair(), pair(), Dense(size, 2 * BINS), rng=rng)


BAND, BESIDE, FINE = 8, 8, 256
"""Bins of a band, bins that it hears on each side, and bins (to 4 kHz) of which each one is heard; of those
above every fourth."""


def bands(
    rng: np.random.Generator, size: int = 56, hidden: int = 48, blocks: int = 2, ahead: bool = True
) -> Layer:
    """Bands that share all weights: what is learnt of a voice at one pitch is known at others.

    Each block adds what LSTMs tell: first those that go across the bands of a frame, up and down, then those
    along time in each band, in both directions or, not looking `ahead`, forwards alone.
    """
    heard = [*range(FINE), *range(FINE, BINS - 1, 4)]
    n = len(heard) // BAND
    places = np.arange(n)[:, None] * BAND + np.arange(-BESIDE, BAND + BESIDE)
    near = np.array(heard)[np.clip(places, 0, len(heard) - 1)]  # (n, bins): what a band hears of a frame
    frames = 3 if ahead else 2  # of the previous and the next too
    around = np.concatenate([frame * BINS + near for frame in range(frames)], axis=1)
    # A band gives BAND scores of the voice, then as many of the accompaniment; above, four bins share theirs.
    nearest = np.array([*range(FINE), *np.minimum(FINE + np.arange(BINS - FINE) // 4, len(heard) - 1)])
    voice = nearest // BAND * 2 * BAND + nearest % BAND

    def add(along: type[EachBand] | type[AcrossBands]) -> Layer:
        if along is EachBand and not ahead:
            return Residual(
                Sequential(EachBand(LSTM(size, 2 * hidden), n), EachBand(Dense(2 * hidden, size), n))
            )
        lstms = Bidirectional(LSTM(size, hidden), LSTM(size, hidden))
        return Residual(Sequential(along(lstms, n), EachBand(Dense(2 * hidden, size), n)))

    return _network(
        Context(BINS, 1, 1 if ahead else 0),
        Pick(frames * BINS, around.ravel().tolist()),
        EachBand(Dense(around.shape[1], size, activation="relu"), n),
        *(add(along) for _ in range(blocks) for along in (AcrossBands, EachBand)),
        EachBand(Dense(size, 2 * BAND), n),
        Pick(2 * BAND * n, [*voice.tolist(), *(voice + BAND).tolist()]),
        rng=rng,
    )


def published(
    rng: np.random.Generator,
    *,
    cell: str = "rnn",
    layers: int = 3,
    recurrent: tuple[int, ...] = (2,),
    hidden_size: int = 500,
    context: int = 1,
) -> Layer:
    """Hidden layers, counted from 1, of which `recurrent` are recurrent: DRNN-k for one, sRNN for all.

    Args:
        cell: "rnn" (with relu), "lstm" or "gru".
        context: frames on each side that are heard with each frame.

    Raises:
        ValueError: an unknown cell, or a recurrent layer that there is not.
    """
    if cell not in CELLS:
        raise ValueError(f"expected cell {', '.join(map(repr, CELLS))}, got {cell!r}")
    if not set(recurrent) <= set(range(1, layers + 1)):
        raise ValueError(
            f"expected recurrent layers among 1 to {layers}, got {', '.join(map(str, recurrent))}"
        )
    hidden: list[Layer] = []
    size = (2 * context + 1) * BINS
    for number in range(1, layers + 1):
        options: dict[str, Any] = {"activation": "relu"} if cell == "rnn" else {}
        if number in recurrent:
            hidden.append(CELLS[cell](size, hidden_size, **options))
        else:
            hidden.append(Dense(size, hidden_size, activation="relu"))
        size = hidden_size
    start = Context(BINS, context, context)
    return _network(start, *hidden, Dense(size, 2 * BINS), rng=rng, kind="ratio")


def vector_products(rng: np.random.Generator, coding: str, hidden_size: int = 256) -> Layer:
    """Three vector product layers whose components are three frames ("frames") or colours ("colour")."""
    if coding == "frames":
        heard: list[Layer] = [Compress(10.0), Standardize(BINS), Context(BINS, 1, 1)]
    else:
        heard = [Standardize(BINS, deviation=[LOUDEST] * BINS), Colour()]
    hidden = [VectorProduct(BINS, hidden_size, activation="relu")]
    hidden += [VectorProduct(hidden_size, hidden_size, activation="relu") for _ in range(2)]
    scores = Dense(3 * hidden_size, 2 * BINS)
    return Mask(Sequential(*heard, *hidden, scores), kind="ratio", dtype=np.float32, seed=rng)


def _network(*layers: Layer, rng: np.random.Generator, kind: str = "softmax") -> Layer:
    heard = (Compress(10.0), Standardize(BINS))
    return Mask(Sequential(*heard, *layers), kind=kind, dtype=np.float32, seed=rng)


PUBLISHED = Recipe(published, target="magnitude", gamma=0.05, lr=1e-3, colour_db=0.0, doubled=0.0)
"""As in the papers: sounds are shifted and paired anew, and nothing else."""

SOFTNESS = 0.3
"""What a network that knows synthetic singers alone makes of its scores for real ones. Of 0.2, 0.3, 0.5 and 1
on MIR-1K's four dev clips: 0.2 gained most (0.6 dB of GNSDR), 0.3 gained 0.4 and kept more of the GSIR."""

LARGE = Recipe(both_directions, softness=SOFTNESS)
BANDS = Recipe(bands, updates=3000, frames=96, batch=8, tract=0.17)

RECIPES: dict[str, Recipe] = {
    "large": LARGE,
    "bands": BANDS,
    "adapted-large": replace(LARGE, start="large", updates=1500, lr=5e-4, clips=300, gamma=0.1, tract=0.17),
    "adapted-bands": replace(BANDS, start="bands", updates=2000, lr=1e-3, clips=300, gamma=0.1),
    "fresh-bands": replace(BANDS, updates=2500, clips=300, gamma=0.1),
    "causal": replace(BANDS, build=partial(bands, size=40, hidden=32, ahead=False), level_db=10.0),
    "quick": Recipe(
        partial(both_directions, size=128, hidden=64),
        frames=64,
        updates=300,
        clips=60,
        presets=(("plain", 0.3), ("hard", 0.7)),
        gain_db=8.0,
        gamma=0.05,
        colour_db=0.0,
        doubled=0.0,
    ),
    "published": PUBLISHED,
    "wvpnn": replace(PUBLISHED, build=partial(vector_products, coding="frames")),
    "cvpnn": replace(PUBLISHED, build=partial(vector_products, coding="colour")),
}

JOINED = {"best": ("large", "bands"), "adapted": ("adapted-large", "adapted-bands", "fresh-bands")}
"""What is trained side by side, and joined in the end. Three on two cores share them."""
