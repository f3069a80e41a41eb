"""A singer from equations: a source of harmonics and noise, and a vocal tract that filters it.

The source-filter model of G. Fant, "Acoustic Theory of Speech Production", 1960: what the folds or a narrow
place in the mouth send out is shaped by five resonances of the tract, the formants, which move from vowel to
vowel. The lowest three are, but for some Hz in i, the means of men in G. E. Peterson and H. L. Barney,
"Control methods used in a study of the vowels", J. Acoust. Soc. Am. 24, 1952; they measured none
above, which are about those of a tube. All are scaled by the length of the tract.

All controls are drawn every HOP samples (8 ms at 16 kHz) and the whole clip is made at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .score import Note, hertz
from .tones import HOP, colour, equalizer, frequencies, harmonics, reverberate, static

VOWELS = np.array(
    [  # F1 to F5 in Hz: a, e, i, o, u
        (730, 1090, 2440, 3400, 4300),
        (530, 1840, 2480, 3500, 4400),
        (280, 2250, 3000, 3600, 4500),
        (570, 840, 2410, 3300, 4200),
        (300, 870, 2240, 3300, 4200),
    ],
    float,
)
MALE_TRACT = 17.5
"""In cm: what these formants are of."""

NASAL = np.array((270, 1150, 2200, 3200, 4200), float)
GLIDES = np.array(
    [(290, 700, 2200, 3300, 4200), (280, 2250, 2900, 3500, 4500), (350, 1100, 2600, 3400, 4300)]
)
"""Where the formants come from in w, y and l."""

NOISES = (
    (5500, 2500, 1.0),
    (3200, 1500, 1.0),
    (4500, 4000, 0.25),
    (1800, 900, 0.7),
    (4000, 1500, 0.8),
    (900, 1200, 0.5),
)
"""Middle and width in Hz, and loudness, of the noise of s, sh, f and of the bursts of k, t, p."""

TRACTS = {"train": ((12.6, 14.0), (14.6, 16.0), (16.6, 18.2)), "test": ((14.0, 14.6), (16.0, 16.6))}
"""Lengths of the vocal tract in cm: those to test with are never trained on."""


@dataclass(frozen=True)
class Singer:
    """What stays the same through a clip.

    Attributes:
        tract: length in cm; 17.5 is a man's.
        low, high: range, in MIDI note numbers.
        tilt: what the source falls by, dB an octave, beyond the fall of the filter.
        breath: level of the noise in the source, against the harmonics.
        vibrato: rate in Hz, and depth in semitones.
        glide: seconds from one pitch to the next.
        unsteady: semitones by which the pitch strays.
        articulation: how likely a note begins with a consonant.
    """

    tract: float
    low: float
    high: float
    tilt: float
    breath: float
    vibrato: tuple[float, float]
    glide: float
    unsteady: float
    articulation: float

    @property
    def scale(self) -> float:
        """What the formants of a man's tract are multiplied by."""
        return MALE_TRACT / self.tract


def draw_singer(split: str, rng: np.random.Generator) -> Singer:
    """A singer of the split "train" or "test"."""
    tract = rng.uniform(*TRACTS[split][int(rng.integers(len(TRACTS[split])))])
    # A man's lowest note is about A2 (45), a woman's F3 (53) and a child's a little above.
    low = 45 + 2.4 * (MALE_TRACT - tract) + rng.normal(0, 2)
    return Singer(
        tract=tract,
        low=low,
        high=low + rng.uniform(14, 21),
        tilt=rng.uniform(-4.0, 4.0),
        breath=10.0 ** rng.uniform(-2.3, -1.2),
        vibrato=(rng.uniform(4.6, 6.6), rng.choice((0.0, 0.15, 0.3, 0.6)) * rng.uniform(0.5, 1.3)),
        glide=rng.uniform(0.02, 0.16),
        unsteady=rng.uniform(0.03, 0.3),
        articulation=rng.uniform(0.6, 1.0),
    )


REST = 0.15
"""Seconds without a note after which the next one begins afresh."""


@dataclass
class Controls:
    """What the voice does every HOP samples, (count,) each.

    Attributes:
        step: HOP samples, in seconds.
        pitch: in MIDI note numbers, NaN in silence.
        voiced, noisy: levels of the harmonics and of the noise of consonants.
        formants: (count, 5) in Hz.
        noise_gains: (count, bins), the filter of that noise.
    """

    step: float
    pitch: NDArray[np.float64]
    voiced: NDArray[np.float64]
    noisy: NDArray[np.float64]
    formants: NDArray[np.float64]
    noise_gains: NDArray[np.float64]

    @classmethod
    def silence(cls, count: int, rate: int) -> "Controls":
        formants = np.empty((count, 5))
        formants[:] = VOWELS[0]
        return cls(
            step=HOP / rate,
            pitch=np.full(count, np.nan),
            voiced=np.zeros(count),
            noisy=np.zeros(count),
            formants=formants,
            noise_gains=np.zeros((count, len(frequencies(rate)))),
        )


def sing(
    singer: Singer, notes: list[Note], n: int, rate: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The notes as sung, (n,) samples."""
    controls = Controls.silence(n // HOP + 2, rate)
    end = -np.inf
    for note in notes:
        if _write_note(controls, note, note.start - end > REST, singer, rate, rng):
            end = note.start + note.seconds
    if np.isnan(controls.pitch).all():
        return np.zeros(n)
    _even_out(controls, singer, rng)
    sound = _sound(controls, singer, n, rate, rng)
    sound = static(sound, equalizer(rate, rng, 3.0))
    if rng.random() < 0.7:
        sound = reverberate(sound, rng.uniform(0.1, 0.8), 10.0 ** rng.uniform(-1.6, -0.7), rate, rng)
    floor = np.sqrt(np.mean(sound**2)) * 10.0 ** rng.uniform(-3.5, -2.2)  # of the recording
    return sound + floor * static(rng.standard_normal(n), equalizer(rate, rng, 6.0))


def _write_note(
    controls: Controls, note: Note, fresh: bool, singer: Singer, rate: int, rng: np.random.Generator
) -> bool:
    """A syllable on a note, `fresh` if it comes after a rest; False if it is too short to be sung."""
    step, count = controls.step, len(controls.pitch)
    start = note.start + rng.normal(0, 0.02)
    first, last = (round(np.clip(t / step, 0, count)) for t in (start, note.start + note.seconds))
    if last - first < 3:
        return False
    vowel = _vowel(rng)
    level = 10.0 ** (rng.normal(0, 2.5) / 20)
    controls.formants[first:last] = vowel
    if rng.random() < 0.4:  # a diphthong
        middle = first + int((last - first) * rng.uniform(0.4, 0.8))
        controls.formants[middle:last] = _vowel(rng)
    controls.pitch[first:last] = note.pitch
    _bend(controls.pitch[first:last], fresh, step, rng)
    time = np.arange(last - first) * step
    shape = np.minimum(1, 0.5 + time / rng.uniform(0.05, 0.3)) * np.exp(-time * rng.uniform(0, 0.8))
    controls.voiced[first:last] = level * shape
    if rng.random() < singer.articulation:
        _consonant(controls, first, last, singer, rate, rng)
    if fresh and rng.random() < 0.4:  # breath before a phrase
        a, b = (max(first - int(s / step), 0) for s in (rng.uniform(0.15, 0.4), 0.04))
        controls.noisy[a:b] = rng.uniform(0.01, 0.05)
        controls.noise_gains[a:b] = _tract(VOWELS[1:2] * singer.scale, frequencies(rate), 4.0)
    if rng.random() < 0.6:  # let go a little before the next note
        gap = int(rng.uniform(0.01, 0.15) / step)
        controls.voiced[max(last - gap, first) : last] *= 0.05
    return True


def _even_out(controls: Controls, singer: Singer, rng: np.random.Generator) -> None:
    """Nothing in a throat jumps: glides from one note and vowel to the next, vibrato, and unsteadiness."""
    pitch, step, count = controls.pitch, controls.step, len(controls.pitch)
    # Silence keeps the pitch of what was sung last, for the glide to begin from.
    known = np.flatnonzero(~np.isnan(pitch))
    pitch = pitch[known][np.clip(np.searchsorted(known, np.arange(count), side="right") - 1, 0, None)]
    pitch = _smooth(pitch, singer.glide / step) + _vibrato(singer, controls.voiced > 0, step, rng)
    pitch += _smooth(rng.normal(0, 1, count), 0.08 / step) * singer.unsteady * np.sqrt(0.08 / step)
    controls.pitch = pitch + rng.normal(0, 0.03, count)
    controls.formants = _smooth(controls.formants, 0.05 / step) * singer.scale
    controls.formants *= 1 + _smooth(rng.normal(0, 1, (count, 5)), 0.06 / step) * 0.1
    controls.voiced = _smooth(controls.voiced, 0.025 / step)
    controls.noisy = _smooth(controls.noisy, 0.012 / step)


def _sound(
    controls: Controls, singer: Singer, n: int, rate: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Source and filter: harmonics and breath through the tract, and the noise of consonants."""
    f = frequencies(rate)
    samples = np.arange(n) / HOP
    frequency = hertz(np.interp(samples, np.arange(len(controls.pitch)), controls.pitch))
    source = harmonics(frequency, 0.995, rate)
    hiss = rng.standard_normal(n)
    source += singer.breath * hiss * (1 + np.maximum(source, 0))
    width = rng.uniform(0.7, 1.6)
    voiced = controls.voiced[:, None]
    # Who sings louder sings brighter: the fall of the source depends on the level.
    octaves = np.log2(np.maximum(f, 100) / 500)[None, :]
    fall = 10.0 ** ((singer.tilt - 6 + 5 * np.log10(np.maximum(voiced, 1e-3))) * octaves / 20)
    gains = _tract(controls.formants, f, width) * fall * voiced
    return colour(source, gains) + 3.0 * colour(hiss, controls.noise_gains * controls.noisy[:, None])


def _bend(pitch: NDArray[np.float64], fresh: bool, step: float, rng: np.random.Generator) -> None:
    """Semitones in place: a note begun from below or above, leaning up or down, let fall in the end."""
    count = len(pitch)
    if rng.random() < (0.7 if fresh else 0.35):
        scoop = min(int(rng.uniform(0.03, 0.15) / step), count)
        pitch[:scoop] += rng.choice((-3, -2, -1, -1, 1)) * np.linspace(1, 0, scoop)
    pitch += rng.normal(0, 0.35) * np.linspace(-0.5, 0.5, count)
    if rng.random() < 0.3:
        fall = min(int(rng.uniform(0.05, 0.2) / step), count)
        pitch[count - fall :] -= rng.uniform(0.5, 4) * np.linspace(0, 1, fall) ** 2


def _vowel(rng: np.random.Generator) -> NDArray[np.float64]:
    """Formants of a vowel, or of one between two; no two singers say it alike."""
    a, b = VOWELS[rng.integers(5)], VOWELS[rng.integers(5)]
    between = rng.choice((0.0, rng.random()))
    return (a ** (1 - between) * b**between) * rng.normal(1, 0.05, 5)


def _consonant(
    controls: Controls, first: int, last: int, singer: Singer, rate: int, rng: np.random.Generator
) -> None:
    """What a note begins with: a fricative, a plosive, a nasal or a glide."""
    step, voiced = controls.step, controls.voiced
    kind = rng.choice(("fricative", "plosive", "nasal", "glide"), p=(0.3, 0.3, 0.2, 0.2))
    if kind in ("nasal", "glide"):
        length = int(rng.uniform(0.04, 0.1) / step)
        part = slice(first, min(first + length, last))
        controls.formants[part] = NASAL if kind == "nasal" else GLIDES[rng.integers(len(GLIDES))]
        voiced[part] *= 0.35 if kind == "nasal" else 0.7
        return
    which = int(rng.integers(3)) + 3 * (kind == "plosive")
    middle, width, loudness = NOISES[which]
    if kind == "fricative":
        length, closed = int(rng.uniform(0.06, 0.16) / step), 0
    else:
        length, closed = max(int(rng.uniform(0.01, 0.03) / step), 1), int(rng.uniform(0.02, 0.07) / step)
    begin = max(first - length // 2 - closed, 0)
    voiced[begin : begin + closed + length] *= 0.02 if rng.random() < 0.7 else 0.4
    part = slice(begin + closed, begin + closed + length)
    controls.noisy[part] = loudness * 10.0 ** rng.uniform(-1.3, -0.2)
    controls.noise_gains[part] = np.exp(-(((frequencies(rate) - singer.scale**0.5 * middle) / width) ** 2))


def _tract(formants: NDArray[np.float64], f: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Gains (count, bins) of five resonances in a row: D. Klatt, J. Acoust. Soc. Am. 67, 1980."""
    gains = np.ones((len(formants), len(f)))
    for k, bandwidth in enumerate((70, 90, 130, 200, 280)):
        F = formants[:, k : k + 1]
        square = (1 - (f / F) ** 2) ** 2 + (f * width * bandwidth / F**2) ** 2
        gains /= np.sqrt(square)
    gains *= 10.0 ** (1.1 * (f / formants[:, 4:]) ** 2).clip(0, 1.5)  # the resonances above the fifth
    return np.minimum(gains, 100.0)


def _vibrato(
    singer: Singer, voiced: NDArray[np.bool_], step: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Semitones by which the pitch swings; it sets in where a note has been held for a while."""
    rate, depth = singer.vibrato
    count = len(voiced)
    swing = np.sin(2 * np.pi * (rng.random() + np.cumsum(rate * (1 + 0.1 * rng.normal(0, 1, count))) * step))
    growing = _smooth(rng.uniform(-0.5, 1.5, count // 40 + 2).clip(0, 1).repeat(40)[:count], 0.2 / step)
    return depth * swing * growing * voiced


def _smooth(values: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """Means along the first axis under a Hann window of so many rows."""
    from scipy.ndimage import convolve1d

    window = np.hanning(2 * max(round(length), 1) + 3)
    return convolve1d(values, window / window.sum(), axis=0, mode="nearest")
