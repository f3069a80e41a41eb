"""Sounds with harmonics in closed form, and the filters that colour them.

Of a sound with harmonics at levels 1, q, q^2 ... there is no need to add the sines one by one: they are a
geometric series (J. A. Moorer, "The synthesis of complex audio spectra by means of discrete summation
formulas", J. AES 24(9), 1976),

    sum over k = 1 .. K of q^(k-1) sin(k φ)
        = (sin φ - q^K sin((K + 1) φ) + q^(K+1) sin(K φ)) / (1 - 2 q cos φ + q^2)

and q may change with time: a string that grows dull while it rings.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

FRAME, HOP = 512, 128
"""Samples of a frame in which a filter stands still, and from one to the next."""


def harmonics(frequency: Array, brightness: Array | float, rate: int, start: float = 0.0) -> Array:
    """The sum above, (n,), of a frequency (n,) in Hz that may change; no harmonic lies above half the rate.

    Args:
        brightness: q, from 0 to below 1, for all or (n,).
        start: phase in turns.
    """
    turns = start + np.cumsum(frequency) / rate
    q = np.asarray(brightness, np.float32)
    K = np.maximum(0.5 * rate / frequency, 1).astype(int)
    power = q**K
    above = power * (q * _sine(K * turns) - _sine((K + 1) * turns))
    return (_sine(turns) + above) / (1 - 2 * q * _sine(turns + 0.25) + q * q)


def _sine(turns: Array) -> Array:
    """sin(2 π turns) in float32, which is ten times as fast; the whole turns are taken off before."""
    return np.sin((2 * np.pi * (turns - np.floor(turns))).astype(np.float32))


def colour(sound: Array, envelope: Array) -> Array:
    """A sound (n,) through a filter that changes: gains (frames, FRAME // 2 + 1), one row every HOP samples.

    Overlapping frames with a root of a Hann window before and after: with gains of 1 the sound is unchanged,
    but for the first and last HOP samples, which fewer frames see.
    """
    n, count = len(sound), len(envelope)
    window = np.sin(np.pi * (np.arange(FRAME) + 0.5) / FRAME) * np.sqrt(2 * HOP / FRAME)
    padded = np.concatenate([np.zeros(FRAME), sound, np.zeros(FRAME + count * HOP)])
    begins = np.arange(count) * HOP + FRAME // 2
    frames = padded[begins[:, None] + np.arange(FRAME)] * window
    frames = np.fft.irfft(np.fft.rfft(frames) * envelope, FRAME) * window
    result = np.zeros(len(padded))
    for part in range(FRAME // HOP):  # frames that do not overlap are laid side by side
        chosen = frames[part :: FRAME // HOP]
        first = begins[part]
        result[first : first + chosen.size] += chosen.ravel()
    return result[FRAME : FRAME + n]


def frequencies(rate: int) -> Array:
    """In Hz, of the columns of a filter's gains."""
    return np.fft.rfftfreq(FRAME, 1 / rate)


def equalizer(rate: int, rng: np.random.Generator, spread: float = 4.0) -> Array:
    """Gains (1, FRAME // 2 + 1) that wander by some dB from octave to octave: a microphone, a body."""
    octaves = np.log2(np.maximum(frequencies(rate), 40.0) / 40.0)
    curve = np.interp(octaves, np.arange(10), rng.normal(0, spread, 10))
    return 10.0 ** (curve / 20)[None, :]


def static(sound: Array, gains: Array) -> Array:
    """A sound (n,) through a filter of linear phase that does not change: gains (1, FRAME // 2 + 1)."""
    from scipy.signal import oaconvolve

    kernel = np.fft.fftshift(np.fft.irfft(gains[0], FRAME)) * np.hanning(FRAME)
    return oaconvolve(sound, kernel, mode="same")


def reverberate(sound: Array, seconds: float, level: float, rate: int, rng: np.random.Generator) -> Array:
    """In a room: with noise that falls by 60 dB in so many seconds, at a level in parts of the sound's."""
    from scipy.signal import oaconvolve

    n = max(round(seconds * rate), 2)
    tail = rng.standard_normal(n) * 10.0 ** (-3 * np.arange(n) / n)
    tail[: round(0.008 * rate)] = 0
    tail = np.convolve(tail, (0.25, 0.5, 0.25))  # a room swallows the highest notes first
    tail *= level / np.sqrt(np.square(tail).sum())
    tail[0] = 1
    return oaconvolve(sound, tail)[: len(sound)]


def at_level(sound: Array, level: float) -> Array:
    """The sound at an RMS level; silence stays silence."""
    rms = np.sqrt(np.mean(np.square(sound)))
    return sound * (level / rms) if rms > 0 else sound
