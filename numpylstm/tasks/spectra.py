"""Go on with a piece of sound, frame by frame of its spectrum.

What is predicted is magnitudes: which of some hundred spectra comes next. They are the corpus's own, gathered
into clusters by k-means over compressed magnitudes, and the network says with which odds each of them
follows. A network that predicted the magnitudes themselves by their squared error would answer with the mean
of all that may come: it smears, and fed with its own means it fades. Odds can be drawn from, so a note that
may come either comes or does not.

Phases are predicted too, as increments (see `audio.phase`), by a second part of the read-out with the loss
`losses.phase`, sin^2 of half the error. They belong to the frame that has just been heard, not to the next
one, of which it is not known yet what it will be. How both become sound again: `play_spectra`.
"""

import math
import time
import warnings
from typing import Any

import numpy as np

from .. import losses
from ..audio.alive import SHORTEST as SHORTEST_RUN
from ..audio.phase import increments
from ..audio.stft import hann_window, stft
from ..losses import Loss
from .corpus import Corpus
from .network import build_network, check_network
from .play import JUDGED, SoundResult, run_and_judge
from .play_spectra import Model
from .tokens import MOST_DEV, SHORTEST, fit_lanes, lanes

RATE = 16_000
"""Working rate in Hz unless another is asked for."""

FRAME, OVERLAP = 0.064, 4
"""Seconds in a frame, about, and how many frames see each sample."""

COMPRESSION = 0.3
"""Clusters are of magnitudes to this power, so that a soft partial counts beside a loud one."""

FRAMES_EACH = 40
"""Frames that a cluster has at least, on average: of what occurs but once, nothing can be learnt."""

MOST_CLUSTERED = 20_000
"""Frames that the clusters are made from, at most."""

PRIMED = 128
"""Frames, the first that were held out, that a run is begun with; they are heard by the network alone."""


def check_options(cell: str, layers: int, hidden_size: int, codewords: int, updates: int) -> None:
    """Refuse, before the work, what `train` cannot be asked for.

    Raises:
        ValueError: an unknown cell, or a number out of its range.
    """
    check_network(cell, layers, hidden_size)
    for name, number, least in (("codewords", codewords, 2), ("updates", updates, 1)):
        if number < least:
            raise ValueError(f"expected {name} of at least {least}, got {number}")


def train(
    corpus: Corpus,
    *,
    cell: str = "lstm",
    hidden_size: int = 128,
    layers: int = 1,
    concat: bool = False,
    codewords: int = 64,
    updates: int = 800,
    seed: int = 0,
    quick: bool = False,
    progress: bool = True,
) -> SoundResult:
    """Train on a corpus, run free, and judge the run; what was held out says which epoch was the best.

    Args:
        cell, layers, hidden_size, concat: see `network.build_network`.
        codewords: K, how many spectra there are to choose from; fewer for a short corpus.
        updates: about how many, whatever the length of the corpus.
        quick: a short form that only shows that everything runs.

    Returns:
        Figures `alive` with its parts, dev_cross_entropy, in nats a frame, dev_phase, the mean of sin^2 of
        half the phase's error by magnitude (no knowledge is 0.5), codebook_error, that of the codebook's
        magnitudes (a ratio of amplitudes), frames, how many there are, and real_time_factor, the seconds of
        sound generated in a second.

    Raises:
        ValueError: fewer than SHORTEST frames to learn from, or not even two that differ.
    """
    check_options(cell, layers, hidden_size, codewords, updates)
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    n = 2 ** round(math.log2(FRAME * corpus.rate))
    hop = n // OVERLAP
    if len(corpus.train) < SHORTEST * hop:
        raise ValueError(
            f"expected at least {SHORTEST * hop} samples to learn from, {SHORTEST} frames, "
            f"got {len(corpus.train)}"
        )
    window = hann_window(n)
    learnt_part, dev_part = (
        stft(part.astype(np.float32), window, hop) for part in (corpus.train, corpus.held_out)
    )
    learnt = len(learnt_part)
    magnitudes = np.abs(np.concatenate([learnt_part, dev_part]))
    delta = np.concatenate([increments(part, n, hop) for part in (learnt_part, dev_part)])
    codebook, codes = cluster(magnitudes, learnt, min(codewords, max(learnt // FRAMES_EACH, 2)), rng)
    classes, bins = codebook.shape
    if classes < 2:
        raise ValueError("expected a recording with spectra that differ, got the same throughout")
    net = build_network(
        classes, classes + bins, cell=cell, layers=layers, hidden_size=hidden_size, concat=concat, seed=rng
    )
    loss, loss_of_phase = both_losses(codes, delta, magnitudes)

    # The target is the number of the frame just heard: the losses look up what belongs to it.
    numbers = np.arange(len(codes) - 1)
    learn = lanes(codes[: learnt - 1]), lanes(numbers[: learnt - 1])
    dev = codes[learnt:-1, None][:MOST_DEV], numbers[learnt:, None][:MOST_DEV]
    history = fit_lanes(net, learn, dev, loss, 5 if quick else updates, rng, progress)

    y = net.predict(dev[0])
    dev_phase = float(loss_of_phase(y[..., classes:], dev[1])[0])
    measured = {"dev_cross_entropy": float(loss(y, dev[1])[0]) - dev_phase, "dev_phase": dev_phase}
    error = np.linalg.norm(codebook[codes] - magnitudes) / np.linalg.norm(magnitudes)
    measured |= {"codebook_error": float(error), "frames": len(codes)}

    start = codes[learnt : learnt + PRIMED].tolist()
    model = Model(net, codebook, corpus.rate, n, hop, start, corpus.held_out)
    seconds = SHORTEST_RUN if quick else JUDGED
    continuation, report, figures = run_and_judge(
        model.blocks(model.temperature, rng), seconds, corpus.rate, corpus.held_out
    )
    figures |= measured | {"seconds": time.perf_counter() - started, "seed": seed}
    return SoundResult(model, history, figures, report, model.seed(), continuation, corpus.rate)


def cluster(
    magnitudes: np.ndarray, learnt: int, codewords: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """At most so many clusters of magnitudes (T, bins): spectra (K, bins), and each frame's cluster (T,).

    K-means (Lloyd 1982) on compressed magnitudes of the first `learnt` frames; those after go to the nearest.
    A cluster's spectrum is the root of the mean square of its members', so that it has their level.
    """
    from scipy.cluster.vq import kmeans2, vq

    points = magnitudes.astype(float) ** COMPRESSION
    some = points[rng.permutation(learnt)[:MOST_CLUSTERED]]
    # Equal frames, such as silence, once only: of two centres in one place one would stay empty.
    centres = rng.permutation(np.unique(some[: 2 * codewords], axis=0))[:codewords]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of clusters that run empty, which go below
        centres, _ = kmeans2(some, centres, minit="matrix", iter=20)
    centres = centres[np.unique(vq(points[:learnt], centres)[0])]
    codes, _ = vq(points, centres)
    power = np.zeros((len(centres), magnitudes.shape[1]))
    np.add.at(power, codes[:learnt], magnitudes[:learnt].astype(float) ** 2)
    return np.sqrt(power / np.bincount(codes[:learnt])[:, None]).astype(np.float32), codes


def both_losses(codes: np.ndarray, delta: np.ndarray, weights: np.ndarray) -> tuple[Loss, Loss]:
    """The loss of the whole read-out, and that of its phases alone.

    Args:
        codes: (T,) the class of each frame.
        delta, weights: (T, bins) its phase increments, and how much each counts.
    """

    def loss_of_phase(y: np.ndarray, frame: np.ndarray) -> tuple[Any, np.ndarray]:
        return losses.phase(y, delta[frame], weights=weights[frame])

    def loss(y: np.ndarray, frame: np.ndarray) -> tuple[Any, np.ndarray]:
        classes = y.shape[-1] - delta.shape[-1]
        value, dlogits = losses.softmax_cross_entropy(y[..., :classes], codes[frame + 1])
        phase_value, dphase = loss_of_phase(y[..., classes:], frame)
        return value + phase_value, np.concatenate([dlogits, dphase], axis=-1)

    return loss, loss_of_phase
