"""Synthetic singers: pairs of a voice and its accompaniment from NumPy and SciPy alone, the same for a seed.

    clip = synthetic_singer(seed=0)          # clip.voice, clip.accompaniment, both (n,) at clip.rate Hz

The voice is a source and a filter (`voice`), the accompaniment a small band (`band`), and both play from the
same key, tempo and chords (`score`). Singers and songs of the split "test" have lengths of the vocal tract,
keys and tempi that those of "train" never have.
"""

from collections.abc import Sequence
from typing import overload

import numpy as np

from ..stems import Clip
from .band import BANDS, play
from .score import compose, melody
from .tones import at_level
from .voice import draw_singer, sing

LEVEL = 0.1
"""RMS of the accompaniment; that of the voice is the same, or 5 dB below where another sings too."""

PRESETS = ("small", "duet", "full", "plain", "hard")

SOFTER_DB = -5.0
BACKING_DB = {"duet": (-10.0, -5.0), "hard": (-14.0, -9.0)}
"""How loud the voice is where there is a second one, and that one, from and to, both against the band."""


def synthetic_singer(
    seed: int = 0, *, split: str = "train", preset: str = "plain", seconds: float = 8.0, rate: int = 16000
) -> Clip:
    """One clip: a singer, a song and a band, all drawn from the seed.

    Args:
        split: "train" or "test"; what one has of tracts, keys and tempi the other has not.
        preset: "plain": voice as loud as a small band that keeps in the background;
            "small": a small band whose chords are as loud as its bass, in a third of the clips with a lead;
            "full": a large band, mostly with a lead instrument;
            "duet": a large band with a lead instrument always, the voice 5 dB down, and another that is
            nearly as loud;
            "hard": the same, but the other is a backing voice, 4 dB below the singer's at most.

    Raises:
        ValueError: an unknown split or preset, less than a second, a rate below 8000 Hz.
    """
    if split not in ("train", "test") or preset not in PRESETS:
        raise ValueError(
            f"expected split 'train' or 'test' and preset {', '.join(map(repr, PRESETS))}, "
            f"got {split!r} and {preset!r}"
        )
    if seconds < 1 or rate < 8000:
        raise ValueError(f"expected at least 1 s at 8000 Hz, got {seconds} s at {rate} Hz")
    rng = np.random.default_rng((seed, ("train", "test").index(split), PRESETS.index(preset)))
    n = round(seconds * rate)
    score = compose(seconds, split, rng)
    singer = draw_singer(split, rng)
    voice = at_level(sing(singer, melody(score, singer.low, singer.high, rng), n, rate, rng), LEVEL)
    band = at_level(play(score, n, rate, rng, BANDS[preset]), LEVEL)
    if preset in BACKING_DB:
        other = draw_singer(split, rng)
        backing = sing(other, melody(score, other.low, other.high, rng), n, rate, rng)
        band = at_level(
            band + at_level(backing, LEVEL * 10.0 ** (rng.uniform(*BACKING_DB[preset]) / 20)), LEVEL
        )
        voice = voice * 10.0 ** (SOFTER_DB / 20)
    return Clip(f"{split}_{preset}_{seed}", voice, band, rate)


class SyntheticSingers(Sequence[Clip]):
    """So many clips, seeds 0, 1, ...: each is made when it is asked for, and not kept. Arguments as above."""

    def __init__(
        self,
        count: int,
        *,
        split: str = "train",
        preset: str = "plain",
        seconds: float = 8.0,
        rate: int = 16000,
    ) -> None:
        self._count = count
        self.options = {"split": split, "preset": preset, "seconds": seconds, "rate": rate}

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Clip]: ...
    def __getitem__(self, index: int | slice) -> Clip | Sequence[Clip]:
        if isinstance(index, slice):
            return [self[number] for number in range(self._count)[index]]
        return synthetic_singer(range(self._count)[index], **self.options)  # type: ignore[arg-type]
