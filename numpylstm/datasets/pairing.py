"""Mixtures to train on: any voice over any accompaniment, made on the fly.

A voice is shifted against its own accompaniment by starting it elsewhere (circular shift of P.-S. Huang et al.,
IEEE/ACM TASLP 23(12), 2015, section III.C), or put over another's. Neither costs memory, and no mixture comes
twice.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

RESAMPLED = ((5, 6), (10, 11), (11, 10), (6, 5))
"""A voice played faster or slower has another pitch and another tract: a new singer."""

STEPS = 32767  # of 16 bits


class Mixtures:
    """Segments of voices over segments of accompaniments.

        mixtures = Mixtures([(voice, accompaniment), ...])
        voice, accompaniment = mixtures.draw(samples=65536, batch=32, rng=rng)      # (samples, batch) each

    Each clip is kept as 16 bit samples at its own peak, so an hour at 16 kHz takes 230 MB. Every segment has an
    RMS of 1 before its gain; one that is silent stays silent.

    Args:
        pairs: (voice, accompaniment), (n,) each; the lengths of different pairs may differ.
        repair: put any voice over any accompaniment; False: over its own, shifted.
        resample: keep each clip also at the speeds of RESAMPLED.

    Raises:
        ValueError: there are no pairs, or a voice and its accompaniment differ in length.
    """

    def __init__(
        self, pairs: Iterable[tuple[Array, Array]], *, repair: bool = True, resample: bool = False
    ) -> None:
        self.repair = repair
        self.voices: list[Array] = []
        self.accompaniments: list[Array] = []
        for voice, accompaniment in pairs:
            if voice.shape != accompaniment.shape or voice.ndim != 1 or not len(voice):
                raise ValueError(
                    f"expected voice and accompaniment (n,) of one length, got {voice.shape} and "
                    f"{accompaniment.shape}"
                )
            for kept, sound in ((self.voices, voice), (self.accompaniments, accompaniment)):
                kept.extend(_steps(version) for version in _speeds(sound, resample))
        if not self.voices:
            raise ValueError("expected at least one pair of voice and accompaniment, got none")

    def __len__(self) -> int:
        return len(self.voices)

    def draw(
        self, samples: int, batch: int, rng: np.random.Generator, gain_db: float = 5.0
    ) -> tuple[Array, Array]:
        """Voices and accompaniments (samples, batch) in float32, the voice at up to `gain_db` dB above or below."""
        voice, accompaniment = (np.empty((samples, batch), np.float32) for _ in range(2))
        for lane in range(batch):
            first = int(rng.integers(len(self)))
            second = int(rng.integers(len(self))) if self.repair else first
            gain = 10.0 ** (rng.uniform(-gain_db, gain_db) / 20)
            voice[:, lane] = gain * _segment(self.voices[first], samples, rng)
            accompaniment[:, lane] = _segment(self.accompaniments[second], samples, rng)
        return voice, accompaniment


def _segment(sound: Array, samples: int, rng: np.random.Generator) -> Array:
    """So many samples from a random place on, at RMS 1; what is too short begins again."""
    start = int(rng.integers(len(sound)))
    segment = np.take(sound, np.arange(start, start + samples), mode="wrap").astype(np.float32)
    # Softer than a hundredth of the clip's peak is the noise between two phrases: not to be made loud.
    segment /= max(float(np.sqrt(np.mean(np.square(segment)))), STEPS / 300)
    return segment


def _speeds(sound: Array, resample: bool) -> Iterator[Array]:
    yield sound
    if resample:
        from scipy.signal import resample_poly

        for up, down in RESAMPLED:
            yield resample_poly(sound, up, down)


def _steps(sound: Array) -> Array:
    """As 16 bit samples at full scale, which is a quarter of the memory."""
    peak = float(np.abs(sound).max())
    return np.rint(sound * (STEPS / peak if peak > 0 else 0.0)).astype(np.int16)
