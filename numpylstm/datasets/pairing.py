"""Mixtures to train on: any voice over any accompaniment, made on the fly.

A voice is shifted against its own accompaniment by starting it elsewhere (the circular shift of Huang et al.,
IEEE/ACM TASLP 23(12), 2015), or put over another's; both may be played faster or slower, and one
accompaniment over another. None of this costs memory, and no mixture comes twice.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]

SPEEDS = (5 / 6, 10 / 11, 1.0, 11 / 10, 6 / 5)
"""A voice played faster or slower has another pitch and another tract: a new singer."""

STEPS = 32767  # of 16 bits
SILENT = STEPS / 300  # an RMS 50 dB below the peak of a clip


class Mixtures:
    """Segments of voices over segments of accompaniments.

        mixtures = Mixtures([(voice, accompaniment), ...])
        voice, accompaniment = mixtures.draw(samples=32768, batch=32, rng=rng)      # (samples, batch) each

    Each clip is kept as 16 bit samples at its own peak: an hour of pairs at 16 kHz takes 230 MB.
    `len(mixtures)` is the number of pairs.

    Args:
        pairs: (voice, accompaniment), (n,) floats or 16 bit samples; n may differ from pair to pair. They are
            taken one after the other, so a generator need not hold them all.
        repair: put any voice over any accompaniment; False: over its own.
        shift: start voice and accompaniment each at a place of its own; False: at the same.
        speeds: play each sound at one of these speeds, drawn anew each time; (1.0,): as it is.
        doubled: how likely two accompaniments are played at once.
        first: (n, share): the first n pairs are drawn from in this share of cases; None: all pairs alike.

    Raises:
        ValueError: there are no pairs, or one is not of two sounds of one length with finite samples.
    """

    def __init__(
        self,
        pairs: Iterable[tuple[ArrayLike, ArrayLike]],
        *,
        repair: bool = True,
        shift: bool = True,
        speeds: Sequence[float] = SPEEDS,
        doubled: float = 0.0,
        first: tuple[int, float] | None = None,
    ) -> None:
        if not len(speeds) or min(speeds) <= 0 or not 0 <= doubled <= 1:
            raise ValueError(f"expected speeds above 0 and doubled from 0 to 1, got {speeds} and {doubled}")
        self.repair, self.shift, self.speeds, self.doubled = repair, shift, tuple(speeds), doubled
        self.voices: list[Array] = []
        self.accompaniments: list[Array] = []
        for voice, accompaniment in pairs:
            if np.shape(voice) != np.shape(accompaniment) or np.ndim(voice) != 1 or not np.size(voice):
                raise ValueError(
                    f"expected voice and accompaniment (n,) of one length, got {np.shape(voice)} and "
                    f"{np.shape(accompaniment)}"
                )
            for kept, sound in ((self.voices, voice), (self.accompaniments, accompaniment)):
                kept.append(_as_steps(np.asarray(sound, np.float32)))
        if not self.voices:
            raise ValueError("expected at least one pair of voice and accompaniment, got none")
        self.first, self.share = first or (0, 0.0)
        if not 0 <= self.first <= len(self) or not 0 <= self.share <= 1:
            raise ValueError(f"expected first (0 to {len(self)}, 0 to 1), got {first}")

    def __len__(self) -> int:
        return len(self.voices)

    def draw(
        self, samples: int, batch: int, rng: np.random.Generator, gain_db: float = 5.0
    ) -> tuple[Array, Array]:
        """Voices and accompaniments (samples, batch) in float32; a mixture is their sum.

        Each segment begins anywhere in its clip and goes round at the clip's end, so a clip may be shorter
        than it. It has an RMS of 1, the voice then a gain of up to `gain_db` dB above or below; but what is
        50 dB below its clip's peak and more is noise between two phrases, and not made louder than -50 dB is.

        Raises:
            ValueError: samples or batch below 1, gain_db below 0.
        """
        if samples < 1 or batch < 1 or not gain_db >= 0:
            raise ValueError(
                f"expected at least 1 sample, a batch of 1 and 0 dB, got {samples}, {batch} and {gain_db}"
            )
        # Lane after lane: filled as rows they are written, and read by an FFT over time, in one go.
        voices, accompaniments = np.empty((2, batch, samples), np.float32)
        for voice, accompaniment in zip(voices, accompaniments, strict=True):
            first = self._choose(rng)
            second = self._choose(rng) if self.repair else first
            gain = 10.0 ** (rng.uniform(-gain_db, gain_db) / 20)
            sung, played = self.voices[first], self.accompaniments[second]
            start, speed = int(rng.integers(len(sung))), rng.choice(self.speeds)
            _fill(voice, sung, start, speed, gain)
            if self.shift:
                start, speed = int(rng.integers(len(played))), rng.choice(self.speeds)
            _fill(accompaniment, played, start % len(played), speed)
            if rng.random() < self.doubled:
                another = np.empty_like(accompaniment)
                played = self.accompaniments[self._choose(rng)]
                _fill(another, played, int(rng.integers(len(played))), rng.choice(self.speeds))
                accompaniment += another
                accompaniment *= np.float32(np.sqrt(0.5))  # an RMS of 1 again, about
        return voices.T, accompaniments.T

    def _choose(self, rng: np.random.Generator) -> int:
        if 0 < self.first < len(self):
            low, high = (0, self.first) if rng.random() < self.share else (self.first, len(self))
            return int(rng.integers(low, high))
        return int(rng.integers(len(self)))


def _fill(segment: Array, sound: Array, start: int, speed: float, gain: float = 1.0) -> None:
    """Write `sound` into `segment` (n,) from sample `start` on, round and round, at an RMS of `gain`."""
    n = len(segment)
    heard = segment if speed == 1 else np.empty(int(np.ceil((n - 1) * speed)) + 1, np.float32)
    done = 0
    while done < len(heard):
        piece = sound[start : start + len(heard) - done]
        heard[done : done + len(piece)] = piece
        done, start = done + len(piece), 0
    if speed != 1:
        # Straight lines between neighbours: what that adds lies above the notes, and it costs almost nothing.
        segment[:] = np.interp(np.arange(n) * speed, np.arange(len(heard)), heard)
    rms = float(np.sqrt(np.dot(segment, segment) / n))
    segment *= gain / max(rms, SILENT)


def _as_steps(sound: Array) -> Array:
    """As 16 bit samples at full scale, which is half of the memory."""
    peak = float(np.abs(sound).max())
    if not np.isfinite(peak):
        raise ValueError("expected finite samples, got NaN or infinity")
    return np.rint(sound * (STEPS / peak if peak > 0 else 0.0)).astype(np.int16)
