"""A plucked string: a few notes of sound to copy, filter and continue, made when they are needed.

The string is that of K. Karplus and A. Strong, "Digital synthesis of plucked-string and drum timbres",
Computer Music Journal 7(2), 1983: a burst of noise x runs round and round in a delay line of N samples, and
every time round the mean of two neighbours is taken:

    y[n] = x[n] + g (y[n-N] + y[n-N-1]) / 2

The mean is a low-pass filter that delays by half a sample. So the string sounds at rate / (N + 1/2) Hz, and
its high partials die away before its low ones, as on a guitar. The gain g < 1 lets the rest die away too.
"""

import numpy as np
from numpy.typing import NDArray

SPACING = 0.5  # seconds from one pluck to the next
RING = 4.0  # seconds in which the gain g alone takes a note down by 60 dB
PEAK = 0.7  # of the whole recording, -3 dBFS
NOTES = 55.0 * 2.0 ** (np.array([0, 3, 5, 7, 10, 12, 15, 19, 24]) / 12)  # Hz: A minor pentatonic, A1 to A3


def plucked_string(seconds: float = 6.0, rate: int = 16000, seed: int = 0) -> NDArray[np.float64]:
    """A few plucked notes, (n,) samples with n = round(seconds * rate) at `rate` Hz, full scale 1.

    A note is plucked every 0.5 s, the first at once, at a level from -12 to 0 dB of the loudest possible;
    the notes ring on into each other, to the last sample. The peak of the whole is 0.7 (-3 dBFS). The same
    arguments give the same samples. Raises ValueError if the rate is below 2000 Hz or if there is not even
    one sample.
    """
    n = round(seconds * rate)
    if rate < 2000 or n < 1:
        raise ValueError(f"expected at least 2000 Hz and one sample, got {seconds} s at {rate} Hz")
    rng = np.random.default_rng(seed)
    sound = np.zeros(n)
    for start in range(0, n, round(SPACING * rate)):
        frequency = NOTES[int(len(NOTES) * rng.random())]
        level = 10.0 ** (-12.0 * rng.random() / 20.0)
        sound[start:] += level * _pluck(n - start, frequency, rate, rng)
    return sound * (PEAK / np.abs(sound).max())


def _pluck(n: int, frequency: float, rate: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """One note, (n,) samples: the equation above with its x and g."""
    from scipy.signal import lfilter  # here, because importing it takes longer than playing the string

    delay = round(rate / frequency - 0.5)  # N
    burst = rng.uniform(-1.0, 1.0, delay)
    burst -= burst.mean()  # the low-pass filter would keep a constant part for longest
    x = np.zeros(n)
    x[: min(n, delay)] = burst[:n]

    period = (delay + 0.5) / rate  # seconds
    g = 10.0 ** (-3.0 * period / RING)
    feedback = np.zeros(delay + 2)
    feedback[0] = 1.0
    feedback[delay:] = -g / 2
    return lfilter([1.0], feedback, x)
