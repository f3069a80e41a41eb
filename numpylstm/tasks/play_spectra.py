"""A network that goes on with sound, frame by frame of its spectrum: its model file, and running it free.

The network says which spectrum comes next, and how far the phases of this one turned. Griffin-Lim goes on
from there, block by block, with what has been written held, so that sound of any length is made in the memory
of a block. See `spectra` for how it is trained.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from os import PathLike, fspath
from typing import Any

import numpy as np

from .. import checkpoint
from ..audio.alive import check_reference
from ..audio.phase import griffin_lim, integrate
from ..audio.stft import hann_window, istft
from ..layers import Layer
from .play import check_temperature, draw, in_16_bit
from .run import find_model

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
        start: classes to begin with: the first frames of what was held out.
        held_out: (m,) samples of the corpus, to judge by.
        temperature: the logits are divided by it before a class is drawn.
    """

    net: Layer
    codebook: np.ndarray
    rate: int
    n: int
    hop: int
    start: list[int]
    held_out: np.ndarray
    temperature: float = 1.0

    def blocks(self, temperature: float, seed: int | np.random.Generator) -> Iterator[np.ndarray]:
        """Sound without end that continues the seed, in blocks."""
        return generate(self, temperature=temperature, seed=seed)

    def seed(self) -> np.ndarray:
        """What a run continues, (n,) samples."""
        return self.held_out[: len(self.start) * self.hop]

    def extra(self) -> dict[str, Any]:
        """The JSON values beside the network in its file."""
        described = {"task": "generate", "kind": "spectra", "rate": self.rate}
        return described | {"n": self.n, "hop": self.hop, "start": self.start}

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays beside the network in its file; what was held out is in 16 bit."""
        return {"codebook": self.codebook, "held_out": in_16_bit(self.held_out)}


def generate_frames(
    model: Model, *, temperature: float = 1.0, seed: int | np.random.Generator = 0
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Magnitudes and phase increments, each (bins,), of frames without end that go on after the start."""
    check_temperature(temperature)
    rng = np.random.default_rng(seed)
    classes = len(model.codebook)
    stream = model.net.stream()
    y = stream.process(np.array(model.start)[:, None])[-1]
    while True:
        code = draw(y[:, :classes], temperature, rng.random(1))
        y = stream.process(code[None])[0]
        yield model.codebook[code[0]], y[0, classes:]


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


def load(path: str | PathLike[str]) -> Model:
    """The model of a run folder or model file.

    Raises:
        ValueError: the network is not one for spectra.
    """
    net, arrays, extra = checkpoint.load_with_extra(find_model(path))
    try:
        rate, n, hop = (int(extra[name]) for name in ("rate", "n", "hop"))
        start, held_out = list(map(int, extra["start"])), arrays["held_out"] / 2.0**15
        model = Model(net, arrays["codebook"], rate, n, hop, start, held_out)
        check_reference(held_out, rate)
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
