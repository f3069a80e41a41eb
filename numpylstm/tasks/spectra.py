"""Go on with a piece of sound, frame by frame of its spectrum.

What is predicted is magnitudes: which of some hundred spectra comes next. They are the corpus's own, gathered
into clusters by k-means over compressed magnitudes, and the network says with which odds each of them
follows. A network that predicted the magnitudes themselves by their squared error would answer with the mean
of all that may come: it smears, and fed with its own means it fades. Odds can be drawn from, so a note that
may come either comes or does not.

Phases are predicted too, as increments (see `audio.phase`), by a second part of the read-out with the loss
`losses.phase`, sin^2 of half the error. They belong to the frame that has just been heard, not to the next
one, of which it is not known yet what it will be. Griffin-Lim goes on from them, block by block, with what
has been written held, so that sound of any length is made in the memory of a block.
"""

import math
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from os import PathLike, fspath
from typing import Any

import numpy as np

from .. import checkpoint, losses
from ..audio import wav
from ..audio.phase import griffin_lim, increments, integrate
from ..audio.stft import hann_window, istft, stft
from ..history import History
from ..layers import Layer
from ..losses import Loss
from .run import find_model, progress_bar
from .tokens import DEV, MOST_DEV, SHORTEST, build_network, draw, fit_lanes, lanes

FRAME, OVERLAP = 0.064, 4
"""Seconds in a frame, about, and how many frames see each sample."""

COMPRESSION = 0.3
"""Clusters are of magnitudes to this power, so that a soft partial counts beside a loud one."""

FRAMES_EACH = 40
"""Frames that a cluster has at least, on average: of what occurs but once, nothing can be learnt."""

MOST_CLUSTERED = 20_000
"""Frames that the clusters are made from, at most."""

PRIMED = 128
"""Frames, the corpus's first, that a sample is begun with; they are heard by the network alone."""

BLOCK = 64
"""Frames whose phases are found at once: a second at 16 kHz."""


@dataclass
class Model:
    """What it takes to go on.

    Attributes:
        net: classes -> logits of the next class and phase increments of this one, side by side.
        codebook: (K, bins) magnitudes of the classes.
        rate: Hz.
        n, hop: samples in a frame, and from one frame to the next.
        start: classes to begin with.
    """

    net: Layer
    codebook: np.ndarray
    rate: int
    n: int
    hop: int
    start: list[int]


@dataclass
class SpectraResult:
    """A trained network and what was measured; figures by the names that `--json` prints."""

    model: Model
    history: History
    figures: dict[str, Any]

    @property
    def net(self) -> Layer:
        return self.model.net


def load_corpus(paths: Sequence[str | PathLike[str]]) -> tuple[np.ndarray, int]:
    """Audio files of one rate, one after the other: (samples,) and the rate in Hz. Channels are averaged.

    Raises:
        AudioError: an unreadable, empty or silent file.
        ValueError: no files, or different rates.
    """
    signals, rates = [], []
    for path in paths:
        audio = wav.read(path)
        signals.append(wav.mono(audio.samples))
        wav.check_usable(signals[-1], path)
        rates.append(audio.rate)
        if audio.rate != rates[0]:
            raise ValueError(
                f"expected recordings of the same rate, got {paths[0]} at {rates[0]} Hz and "
                f"{path} at {audio.rate} Hz"
            )
    if not signals:
        raise ValueError("expected at least one recording, got none")
    return np.concatenate(signals), rates[0]


# ------------------------------------------------------------------------------------ the training


def train(
    samples: np.ndarray,
    rate: int,
    *,
    cell: str = "lstm",
    hidden_size: int = 128,
    layers: int = 1,
    codewords: int = 64,
    updates: int = 800,
    seed: int = 0,
    quick: bool = False,
    progress: bool = True,
) -> SpectraResult:
    """Train on the first nine tenths of a recording (n,); the last tenth says which epoch was the best.

    Args:
        cell: "lstm" or "gru".
        layers: 1 to 3 recurrent layers.
        codewords: K, how many spectra there are to choose from; fewer for a short recording.
        updates: about how many, whatever the length of the recording.
        quick: a short form that only shows that everything runs.

    Returns:
        Figures dev_cross_entropy, in nats a frame, dev_phase, the mean of sin^2 of half the phase's error by
        magnitude (no knowledge is 0.5), codebook_error, that of the codebook's magnitudes (a ratio of
        amplitudes), and frames, how many there are.

    Raises:
        ValueError: fewer than SHORTEST frames, or not even two that differ.
    """
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    n = 2 ** round(math.log2(FRAME * rate))
    hop = n // OVERLAP
    if len(samples) < SHORTEST * hop:
        raise ValueError(f"expected at least {SHORTEST * hop} samples, {SHORTEST} frames, got {len(samples)}")
    spectrum = stft(np.asarray(samples, np.float32), hann_window(n), hop)
    magnitudes, delta = abs(spectrum), increments(spectrum, n, hop)
    last = len(magnitudes) - 1
    learnt = last - min(int(DEV * last), MOST_DEV)
    codebook, codes = cluster(magnitudes, learnt, min(codewords, max(learnt // FRAMES_EACH, 2)), rng)
    if len(codebook) < 2:
        raise ValueError("expected a recording with spectra that differ, got the same throughout")
    net = build_network(cell, len(codebook), len(codebook) + len(codebook[0]), hidden_size, layers, rng)
    loss, loss_of_phase = both_losses(codes, delta, magnitudes)

    # The target is the number of the frame just heard: the losses look up what belongs to it.
    numbers = np.arange(last)
    learn = lanes(codes[:learnt]), lanes(numbers[:learnt])
    dev = codes[learnt:last, None], numbers[learnt:, None]
    history = fit_lanes(net, learn, dev, loss, 5 if quick else updates, rng, progress)

    y = net.predict(dev[0])
    dev_phase = float(loss_of_phase(y[..., len(codebook) :], dev[1])[0])
    figures = {"dev_cross_entropy": float(loss(y, dev[1])[0]) - dev_phase, "dev_phase": dev_phase}
    error = np.linalg.norm(codebook[codes] - magnitudes) / np.linalg.norm(magnitudes)
    figures |= {"codebook_error": float(error), "frames": len(codes)}
    figures |= {"seconds": time.perf_counter() - started, "seed": seed}
    return SpectraResult(Model(net, codebook, rate, n, hop, codes[:PRIMED].tolist()), history, figures)


def cluster(
    magnitudes: np.ndarray, learnt: int, codewords: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """At most so many clusters of magnitudes (T, bins): spectra (K, bins), and each frame's cluster (T,).

    K-means (Lloyd 1982) on compressed magnitudes of the first `learnt` frames; those after go to the nearest.
    A cluster's spectrum is the root of the mean square of its members', so that it has their level.
    """
    from scipy.cluster.vq import kmeans2, vq

    if codewords < 2:
        raise ValueError(f"expected at least 2 codewords, got {codewords}")
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


# ------------------------------------------------------------------------------------ the sampling


def generate_frames(
    model: Model, *, temperature: float = 1.0, seed: int | np.random.Generator = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Magnitudes and phase increments, each (bins,), of frames without end that go on after the start."""
    rng = np.random.default_rng(seed)
    classes = len(model.codebook)
    stream = model.net.stream()
    y = stream.process(np.array(model.start)[:, None])[-1, 0]
    while True:
        code = draw(y[:classes], temperature, rng)
        y = stream.process(np.array([[code]]))[0, 0]
        yield model.codebook[code], y[classes:]


def sound(
    frames: Iterator[tuple[np.ndarray, np.ndarray]], n: int, hop: int, iterations: int = 8
) -> Iterator[np.ndarray]:
    """The sound of frames (magnitudes, increments), in blocks of BLOCK hops.

    Each block's phases begin as the increments say and go through Griffin-Lim, with momentum. The frames
    before it are held, and it waits for the frames after it that reach into it; so the blocks join without
    a seam.
    """
    window, ahead = hann_window(n), -(-n // hop) - 1
    written = np.zeros((ahead, n // 2 + 1), np.complex64)  # the last frames of what is done: silence so far
    waiting: list[Any] = list(islice(frames, ahead))
    while True:
        waiting += islice(frames, BLOCK)
        magnitudes, delta = (np.array(part) for part in zip(*waiting, strict=True))
        phases = integrate(delta, n, hop, np.angle(written[-1]))
        spectrum, _ = griffin_lim(
            np.concatenate([abs(written), magnitudes]),
            window,
            hop,
            phases=np.concatenate([np.angle(written), phases]),
            iterations=iterations,
            momentum=0.99,
            held=ahead,
        )
        done = len(waiting) - ahead
        yield istft(spectrum[:-ahead], window, hop, done * hop)
        written, waiting = spectrum[done : done + ahead], waiting[done:]


def generate(
    model: Model,
    *,
    temperature: float = 1.0,
    iterations: int = 8,
    seed: int | np.random.Generator = 0,
) -> Iterator[np.ndarray]:
    """Sound without end in blocks (BLOCK * hop,), float32, full scale as in the corpus.

    Args:
        temperature: 1 draws by the odds the network gives, below 1 rather the likely, 0 the likeliest alone.
        iterations: of Griffin-Lim; with 0 the predicted phases are taken as they are.
    """
    return sound(generate_frames(model, temperature=temperature, seed=seed), model.n, model.hop, iterations)


def beside_the_model(result: SpectraResult) -> dict[str, Any]:
    """What a model file holds beside the network; the codebook goes there too, see `arrays_beside`."""
    model = result.model
    extra = {"task": "generate", "kind": "spectra", "rate": model.rate}
    return extra | {"n": model.n, "hop": model.hop, "start": model.start}


def arrays_beside(result: SpectraResult) -> dict[str, np.ndarray]:
    """The arrays that a model file holds beside those of the network."""
    return {"codebook": result.model.codebook}


def load(path: str | PathLike[str]) -> Model:
    """The model of a run folder or model file.

    Raises:
        ValueError: the network is not one for spectra.
    """
    net, arrays, extra = checkpoint.load_with_extra(find_model(path))
    try:
        rate, n, hop = (int(extra[name]) for name in ("rate", "n", "hop"))
        model = Model(net, arrays["codebook"], rate, n, hop, list(map(int, extra["start"])))
        classes, bins = model.codebook.shape
        y = net.predict(np.array(model.start)[:, None])
        fits = y.shape == (len(model.start), 1, classes + bins) and bins == n // 2 + 1
        fits = fits and extra["kind"] == "spectra" and 0 < hop <= n // 2 and n % hop == 0 and rate > 0
        fits = fits and len(y) > 0 and bool(np.isfinite(y).all())
    except (KeyError, TypeError, ValueError):
        fits = False
    if not fits:
        raise ValueError(f"expected a network for spectra, got another in {fspath(path)}")
    return model


def sample(
    model: str | PathLike[str],
    output: str | PathLike[str],
    *,
    seconds: float = 30.0,
    temperature: float = 1.0,
    iterations: int = 8,
    seed: int | np.random.Generator = 0,
    progress: bool = True,
) -> dict[str, Any]:
    """Write a sound file of so many seconds that goes on where the corpus's first frames end.

    Returns:
        Figures kind, samples, rate, and clipped, how many samples were beyond full scale.

    Raises:
        AudioError: a file that cannot be written.
        ValueError: not a model for spectra, or seconds that are not at least one sample.
    """
    loaded = load(model)
    if not 1 <= seconds * loaded.rate < math.inf:
        raise ValueError(f"expected seconds of at least one sample at {loaded.rate} Hz, got {seconds}")
    samples = round(seconds * loaded.rate)
    blocks = generate(loaded, temperature=temperature, iterations=iterations, seed=seed)
    with progress_bar(samples, "sample", progress) as bar:
        clipped = wav.write_blocks(output, cut(blocks, samples, bar), loaded.rate)
    return {"kind": "spectra", "samples": samples, "rate": loaded.rate, "clipped": clipped}


def cut(blocks: Iterator[np.ndarray], samples: int, bar: Any = None) -> Iterator[np.ndarray]:
    """The first so many samples of sound that comes in blocks without end, counted by a progress bar."""
    while samples > 0:
        block = next(blocks)[:samples]
        yield block
        samples -= len(block)
        if bar is not None:
            bar.update(len(block))
