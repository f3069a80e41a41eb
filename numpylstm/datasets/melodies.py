"""Plucked notes in melodies: a minute of sound to learn from and go on with, made when it is needed.

A melody walks up and down a pentatonic scale, 4 or 2 notes a second, and each note is damped just before the
next one begins, as by the finger that comes to pluck. A note is the ideal string of N. Fletcher and
T. Rossing, "The Physics of Musical Instruments", 2nd edition, 1998, chapter 2: plucked at the fraction p of
its length, its k-th partial starts at a level

    a_k = sin(k pi p) / k^2

and dies away the faster, the higher it is. Here d_k = d (1 + k) / 2 a second, d = 1 / DECAY.
"""

import numpy as np
from numpy.typing import NDArray

SPACING = 0.25  # seconds from one note to the next, or to the one after a long note's first half
LONG = 0.25  # share of notes that last two spacings
DECAY = 0.4  # seconds in which the first partial falls to 1/e
DAMPED, DAMPING = 0.03, 0.008  # seconds before its end that a note is damped; in which it then falls to 1/e
PLUCKED_AT = 0.23  # of the string's length
PARTIALS = 5  # at most, and none above HIGHEST
HIGHEST = 1800.0  # Hz, so that 4,000 samples a second hold everything
PEAK = 0.7  # of the whole, -3 dBFS
SCALE = 220.0 * 2.0 ** (np.array([0, 3, 5, 7, 10, 12, 15]) / 12)  # Hz: A minor pentatonic, A3 to C5
STEPS = (-2, -1, 1, 2)  # along the scale, from one note to the next; it turns round at the ends


def plucked_melodies(seconds: float = 60.0, rate: int = 8000, seed: int = 0) -> NDArray[np.float64]:
    """Melodies of plucked notes, (n,) samples with n = round(seconds * rate) at `rate` Hz, full scale 1.

    No two notes in a row are the same, and the level of the plucks varies by 1 dB. The peak of the whole is
    0.7 (-3 dBFS). The same arguments give the same samples. Raises ValueError if the rate is below 4000 Hz
    or if there is not even one sample.
    """
    n = round(seconds * rate)
    if rate < 4000 or n < 1:
        raise ValueError(f"expected at least 4000 Hz and one sample, got {seconds} s at {rate} Hz")
    rng = np.random.default_rng(seed)
    sound = np.zeros(n)
    spacing = round(SPACING * rate)
    start, degree = 0, int(rng.integers(len(SCALE)))
    while start < n:
        length = spacing * (2 if rng.random() < LONG else 1)
        level = 10.0 ** (-1.0 * rng.random() / 20.0)
        note = level * _pluck(length, SCALE[degree], rate)[: n - start]
        sound[start : start + len(note)] += note
        start += length
        degree += int(rng.choice([step for step in STEPS if 0 <= degree + step < len(SCALE)]))
    return sound * (PEAK / np.abs(sound).max())


def _pluck(length: int, frequency: float, rate: int) -> NDArray[np.float64]:
    """One note, (length,) samples: the equation above, damped at its end."""
    seconds = np.arange(length) / rate
    k = np.arange(1, min(PARTIALS, int(HIGHEST / frequency)) + 1)[:, np.newaxis]
    levels = np.sin(k * np.pi * PLUCKED_AT) / k**2
    levels /= np.linalg.norm(levels)  # however many partials there are, all notes are as loud
    partials = levels * np.exp(-seconds * (1 + k) / (2 * DECAY)) * np.sin(2 * np.pi * k * frequency * seconds)
    damping = np.exp(-np.maximum(seconds - (length / rate - DAMPED), 0) / DAMPING)
    note: NDArray[np.float64] = partials.sum(axis=0) * damping
    return note
