"""Take a recording apart by a network that shares out magnitudes: spectra, masks, sound again.

A network hears the magnitudes of frames of 64 ms, half of which overlap, F = 513 bins up to 8 kHz, and shares
each out to voice and accompaniment. A recording at another rate is not resampled: its frames last as long, so
its first 513 bins are the same frequencies; what lies above 8 kHz goes with the bins just below. The masks
are those of the mean of the channels, and every channel keeps its own phase. The accompaniment is what is
left: the two sum to the recording.

A network that looks ahead runs over pieces of 20 s that overlap by 4 s and are faded into each other. One
that does not (`causal`) runs from frame to frame with its state carried on, one frame behind the sound.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from ..audio import wav
from ..audio.stft import sine_window
from ..layers import Layer

Array = NDArray[Any]
Read = Callable[[int, int], Array]
"""`read(start, stop)` gives the samples (stop - start, channels) of a recording."""

RATE, FRAME, HOP, BINS = 16_000, 1024, 512, 513
"""Hz, samples of a frame, samples from one to the next, bins: what networks are trained on."""

TOP = 6000.0
"""What lies above the bins of the network is shared out as the bins from here on are, in Hz."""

PIECE, OVERLAP = 640, 128
"""Frames run at once by a network that looks ahead, and how many of them two pieces have in common."""

STREAMED_LEVEL = 0.1
"""RMS, -20 dBFS, that a network without lookahead takes every recording to have: it cannot know."""

BLOCK = 65536
"""Samples of a recording that are read at once."""

NORM = np.sqrt(FRAME / 2)
"""What the magnitudes of noise of RMS 1 are, about: the root of the window's energy."""


@dataclass(frozen=True)
class Frames:
    """How a recording at some rate is cut into frames of 64 ms, its bins brought to those of a network.

    Raises ValueError for a rate below 16 Hz, at which such a frame is not two samples.
    """

    rate: int

    def __post_init__(self) -> None:
        if self.hop < 1:
            raise ValueError(f"expected a rate of at least 16 Hz, got {self.rate}")

    @property
    def n(self) -> int:
        """Samples of a frame."""
        return 2 * round(FRAME / RATE * self.rate / 2)

    @property
    def hop(self) -> int:
        return self.n // 2

    def cut(self, sound: Array) -> Array:
        """Spectra (T, channels, n // 2 + 1) of the frames that lie wholly within a sound (m, channels)."""
        # In float32 and all at once: four times as fast as SciPy's ShortTimeFFT, frame by frame in float64.
        framed = sliding_window_view(sound.astype(np.float32, copy=False), self.n, axis=0)[:: self.hop]
        return np.asarray(rfft(framed * sine_window(self.n).astype(np.float32)))

    def join(self, spectra: Array) -> Array:
        """The sound ((T + 1) hop, channels) of spectra (T, channels, n // 2 + 1).

        Its first and last half frame are of one frame alone: they lack what another would add.
        """
        framed = irfft(spectra, self.n) * sine_window(self.n).astype(np.float32)
        halves = np.zeros((len(spectra) + 1, self.hop, spectra.shape[1]), framed.dtype)
        halves[:-1] = framed[:, :, : self.hop].swapaxes(1, 2)
        halves[1:] += framed[:, :, self.hop :].swapaxes(1, 2)
        return halves.reshape(-1, spectra.shape[1])

    def magnitudes(self, spectrum: Array, level: float) -> Array:
        """What is heard of a spectrum (T, channels, bins): (T, 1, BINS), 1 where noise has the level."""
        x = np.abs(spectrum.mean(axis=1, keepdims=True)) / (level * NORM * self.rate / RATE)
        x = x[:, :, :BINS]
        return np.pad(x, ((0, 0), (0, 0), (0, BINS - x.shape[2]))).astype(np.float32)

    def masks(self, x: Array, y: Array) -> Array:
        """How much of each bin is voice, (T, 1, n // 2 + 1), by what the network (T, 1, 2 BINS) made of x."""
        m = y[:, :, :BINS] / np.maximum(x, np.finfo(np.float32).tiny)
        above = self.n // 2 + 1 - BINS
        if above <= 0:
            return m[:, :, : self.n // 2 + 1]
        first = round(TOP / RATE * FRAME)
        top = y[:, :, first:BINS].sum(2) / np.maximum(x[:, :, first:].sum(2), np.finfo(np.float32).tiny)
        return np.concatenate([m, np.repeat(top[:, :, None], above, axis=2)], axis=2)


def voice_of(net: Layer, samples: Array, frames: Frames, level: float) -> Array:
    """The voice (n, channels) in samples (n, channels), all at once; `level` is the recording's RMS."""
    n, hop = len(samples), frames.hop
    spectra = frames.cut(np.pad(samples, ((hop, hop + -n % hop), (0, 0))))
    x = frames.magnitudes(spectra, level)
    return frames.join(spectra * frames.masks(x, net.predict(x)))[hop : hop + n]


def voice_in_pieces(net: Layer, read: Read, length: int, frames: Frames, level: float) -> Iterator[Array]:
    """The voice of a recording of any length in pieces: `read(start, stop)` gives samples (n, channels)."""
    piece, overlap = PIECE * frames.hop, OVERLAP * frames.hop
    # Where both pieces sound: the one fades out and the other in, once each has heard what is around it.
    fade = np.clip(np.linspace(-0.5, 1.5, overlap), 0, 1)[:, None]
    before: Any = None
    for start in range(0, max(length - overlap, 1), piece - overlap):
        stop = min(start + piece, length)
        voice = voice_of(net, read(start, stop), frames, level)
        if before is not None:
            voice[:overlap] = (1 - fade) * before + fade * voice[:overlap]
        if stop == length:
            yield voice
            return
        before = voice[-overlap:]
        yield voice[:-overlap]


class OnlineSeparator:
    """The voice block by block, `latency` samples after the sound, with a network that does not look ahead.

        separator = OnlineSeparator(net, rate=44100, channels=2)
        voice = separator.process(block)          # (n, channels) -> (n, channels), any n

    Any split into blocks gives the same result. The first `latency` samples that come out are of the time
    before the sound.

    Raises ValueError for a network that looks ahead, and for a block of another shape.
    """

    def __init__(self, net: Layer, rate: int, channels: int) -> None:
        if not net.causal:
            raise ValueError(
                "expected a network that does not look ahead, got one that needs the whole sequence"
            )
        self.frames, self.stream, self.channels = Frames(rate), net.stream(), channels
        # Heard and not yet in a frame, begun with the half frame of silence that the first one overlaps with.
        self.heard = np.zeros((self.frames.hop, channels))
        self.tail = np.zeros((self.frames.hop, channels))  # of the last frame, to be added to the next one
        self.ready = np.zeros((self.frames.hop, channels))

    @property
    def latency(self) -> int:
        """Samples: a whole frame."""
        return self.frames.n

    def process(self, block: Array) -> Array:
        """A block (n, channels) -> the voice (n, channels) of `latency` samples before."""
        if np.ndim(block) != 2 or block.shape[1] != self.channels:
            raise ValueError(f"expected a block of shape (n, {self.channels}), got {np.shape(block)}")
        hop = self.frames.hop
        self.heard = np.concatenate([self.heard, block])
        if len(self.heard) >= self.frames.n:
            spectra = self.frames.cut(self.heard)
            x = self.frames.magnitudes(spectra, STREAMED_LEVEL)
            voice = self.frames.join(spectra * self.frames.masks(x, self.stream.process(x)))
            voice[:hop] += self.tail
            self.tail = voice[-hop:]
            self.heard = self.heard[len(spectra) * hop :]
            self.ready = np.concatenate([self.ready, voice[:-hop]])
        done, self.ready = self.ready[: len(block)], self.ready[len(block) :]
        return done


def separate(net: Layer, samples: Array, rate: int) -> Array:
    """The voice (n, channels) in samples (n, channels) that are in memory; the rest is the accompaniment."""

    def read(start: int, stop: int) -> Array:
        return samples[start:stop]

    return np.concatenate(list(voice_blocks(net, read, len(samples), samples.shape[1], rate)))


def voice_blocks(net: Layer, read: Read, length: int, channels: int, rate: int) -> Iterator[Array]:
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


def root_mean_square(read: Read, length: int) -> float:
    """The RMS of the mean of the channels; at least -120 dBFS."""
    energy = 0.0
    for start in range(0, length, BLOCK):
        energy += float(np.square(read(start, min(start + BLOCK, length)).mean(axis=1)).sum())
    return max(float(np.sqrt(energy / length)), wav.SILENCE)
