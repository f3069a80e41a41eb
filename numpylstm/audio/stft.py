"""The short-time Fourier transform, its exact inverse, and the windows for them.

A signal is cut into frames of n samples, `hop` samples apart, each is multiplied by a window and transformed.
Time comes first everywhere: a signal (samples, ...) becomes a spectrum (T, ..., bins) of complex numbers,
bins = n // 2 + 1. Bin k is the frequency k rate / n. Every frame that touches the signal is there, also those
that begin before it or end after it: so every sample is in all the frames that it can be in, and the
inverse is exact from the first sample to the last.

The inverse is the signal whose transform is nearest to the spectrum, in the squared error: D. W. Griffin
and J. S. Lim, "Signal estimation from modified short-time Fourier transform", IEEE Trans. ASSP 32(2), 1984,
eq. 6. The work is done by `scipy.signal.ShortTimeFFT`.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def sine_window(n: int) -> NDArray[np.float64]:
    """sin(π (i + 1/2) / n), (n,): with hop n / 2 the squares of two overlapping windows sum to 1."""
    return np.sin(np.pi * (np.arange(_at_least_one("n", n)) + 0.5) / n)


def hann_window(n: int) -> NDArray[np.float64]:
    """sin(π i / n)^2, (n,), periodic: with hop n / 2 two overlapping windows sum to 1."""
    return np.sin(np.pi * np.arange(_at_least_one("n", n)) / n) ** 2


def stft(signal: ArrayLike, window: ArrayLike, hop: int) -> Array:
    """The spectrum (T, ..., bins) of a signal (samples, ...), of at least one sample.

    Axes between the first and the last, channels or a batch, stay as they are. The phase of a frame is
    counted from its middle. float32 gives complex64, everything else complex128.

    Raises ValueError for an empty or complex signal, a window that is not (n,), a hop not from 1 to n.
    """
    signal = np.asarray(signal)
    if signal.ndim == 0 or len(signal) == 0 or signal.dtype.kind not in "fiu":
        raise ValueError(f"expected a real signal of shape (samples, ...), got {signal.dtype} {signal.shape}")
    transform = _transform(window, hop)
    missing = _padded(len(signal), transform) - len(signal)
    if missing:
        signal = np.concatenate([signal, np.zeros((missing, *signal.shape[1:]), signal.dtype)])
    spectrum = np.moveaxis(transform.stft(signal, axis=0), (0, -1), (-1, 0))
    return np.ascontiguousarray(spectrum, np.complex64 if signal.dtype == np.float32 else complex)


def istft(spectrum: ArrayLike, window: ArrayLike, hop: int, length: int) -> Array:
    """The first `length` samples (length, ...) of the signal of a spectrum (T, ..., bins).

    `istft(stft(signal, window, hop), window, hop, len(signal))` is the signal, to rounding.

    Raises ValueError for a spectrum with another number of bins than the window has, or of frames than
    `length` samples have, and for a window and hop that leave out some samples.
    """
    spectrum = np.asarray(spectrum)
    transform = _transform(window, hop)
    if not transform.invertible:
        raise ValueError(f"expected a window that sees every sample at a hop of {hop}: some are left out")
    shape = (frames(length, window, hop), transform.m_num // 2 + 1)
    if spectrum.ndim < 2 or (spectrum.shape[0], spectrum.shape[-1]) != shape:
        raise ValueError(
            f"expected a spectrum of shape ({shape[0]}, ..., {shape[1]}) for {length} samples, "
            f"got {spectrum.shape}"
        )
    signal = transform.istft(spectrum, k1=_padded(length, transform), f_axis=-1, t_axis=0)[:length]
    return signal.astype(spectrum.real.dtype, copy=False)


def frames(length: int, window: ArrayLike, hop: int) -> int:
    """How many frames T a signal of so many samples has."""
    transform = _transform(window, hop)
    return int(transform.p_num(_padded(_at_least_one("length", length), transform)))


def longest(frames: int, window: ArrayLike, hop: int) -> int:
    """The most samples that a signal of so many frames can have: the last is the last before a next frame.

    Raises ValueError for fewer frames than the shortest signal has.
    """
    transform = _transform(window, hop)
    length = (transform.p_min + frames) * hop - transform.m_num_mid
    if length < _padded(1, transform):
        fewest = transform.p_num(_padded(1, transform))
        raise ValueError(f"expected at least {fewest} frames, got {frames}")
    return int(length)


def _padded(length: int, transform: Any) -> int:
    """A signal shorter than half a window is taken as one that goes on silently: SciPy wants it so."""
    return max(length, -(-transform.m_num // 2))


def _transform(window: ArrayLike, hop: int) -> Any:
    window = np.asarray(window)
    if window.ndim != 1 or len(window) == 0 or window.dtype.kind not in "fiu":
        raise ValueError(f"expected a window of shape (n,), got {window.dtype} {window.shape}")
    if int(hop) != hop or not 1 <= hop <= len(window):
        raise ValueError(f"expected a hop of 1 to {len(window)} samples, the window's length, got {hop}")
    return _transform_of(window.astype(float).tobytes(), int(hop))


# Made once: some versions of SciPy (1.12 is one) keep in memory for ever what any transform has computed.
@lru_cache(maxsize=16)
def _transform_of(window: bytes, hop: int) -> Any:
    from scipy.signal import ShortTimeFFT  # here, because importing it takes longer than most transforms

    return ShortTimeFFT(np.frombuffer(window), hop, fs=1)


def _at_least_one(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"expected {name} of at least 1, got {value}")
    return value
