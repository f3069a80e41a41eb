"""Phases for magnitudes: Griffin-Lim, and phase increments.

A magnitude says how much of a frequency there is in a frame, a phase where its wave stands. Frames overlap,
so not every pair of magnitudes and phases is the spectrum of a signal: most are not consistent.

Griffin-Lim goes back and forth between two sets: the spectra that belong to a signal (nearest one:
stft(istft(c))) and those with the wanted magnitudes (nearest one: keep the phase, put the magnitude right).
The distance between the two never grows (D. W. Griffin and J. S. Lim, "Signal estimation from modified
short-time Fourier transform", IEEE Trans. ASSP 32(2), 1984), but may stop above 0. With momentum each step is
followed by a share of the change since the last one, which gets lower sooner and may go up on the way
(N. Perraudin, P. Balazs and P. L. Søndergaard, "A fast Griffin-Lim algorithm", WASPAA 2013).

A phase increment is how much further a bin's phase went in one hop than the middle of the bin would have:

    delta_t = phase_t - phase_{t-1} - 2π hop k / n        as principal value, in [-π, π]

For a steady partial it does not change with time: 2π hop / rate times its distance from the middle of the
bin in Hz. So it can be predicted where a phase itself cannot. (It is what a phase vocoder reads: J. L.
Flanagan and R. M. Golden, "Phase vocoder", Bell System Technical Journal 45, 1966.)
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .stft import Array, istft, longest, stft


def griffin_lim(
    magnitudes: ArrayLike,
    window: ArrayLike,
    hop: int,
    *,
    phases: ArrayLike | None = None,
    seed: int | np.random.Generator | None = None,
    iterations: int = 32,
    momentum: float = 0.0,
    held: int = 0,
) -> tuple[Array, list[float]]:
    """Find phases with which magnitudes (T, ..., bins) come near to the spectrum of a signal.

    Args:
        magnitudes: at least 0.
        phases: of the magnitudes' shape, in radians, to start from.
        seed: whole number or Generator that draws them instead; with neither they are 0.
        momentum: 0 is Griffin and Lim's own; 0.99 is fast.
        held: so many first frames keep the phases they start with: what has been heard already.

    Returns:
        The spectrum (T, ..., bins) with these magnitudes and the phases found, and the spectral
        convergence before each iteration and after the last: the error of the magnitudes of the nearest
        signal, sqrt(sum (|stft| - magnitude)^2 / sum magnitude^2), a ratio of amplitudes; 0 is perfect.

    Raises:
        ValueError: negative or complex magnitudes, phases of another shape, phases together with a seed,
            iterations below 0, a momentum below 0.
    """
    magnitudes = np.asarray(magnitudes)
    if magnitudes.dtype.kind != "f" or not (magnitudes >= 0).all():
        raise ValueError("expected magnitudes of at least 0 in real floating numbers")
    if iterations < 0 or momentum < 0:
        raise ValueError(f"expected iterations and momentum of at least 0, got {iterations} and {momentum}")
    if phases is not None and (seed is not None or np.shape(phases) != magnitudes.shape):
        raise ValueError(
            f"expected either a seed or phases of shape {magnitudes.shape}, got {np.shape(phases)}"
        )
    if phases is None:
        shape = magnitudes.shape
        phases = (
            np.zeros(shape) if seed is None else np.random.default_rng(seed).uniform(-np.pi, np.pi, shape)
        )
    length = longest(len(magnitudes), window, hop)
    spectrum = magnitudes * np.exp(1j * np.asarray(phases))
    spectrum = spectrum.astype(np.result_type(magnitudes, np.complex64), copy=False)
    heard = spectrum[:held].copy()
    energy = np.linalg.norm(magnitudes) or 1.0
    before: Any = None
    convergence = []
    for iteration in range(iterations + 1):
        nearest = stft(istft(spectrum, window, hop, length), window, hop)
        convergence.append(float(np.linalg.norm(abs(nearest) - magnitudes) / energy))
        if iteration == iterations:
            break
        further = nearest if before is None else nearest + momentum * (nearest - before)
        before = nearest
        spectrum = magnitudes * np.exp(1j * np.angle(further))
        spectrum[:held] = heard
    return spectrum, convergence


def increments(spectrum: ArrayLike, n: int, hop: int) -> Array:
    """The phase increments delta (T, ..., bins) of a spectrum of n-sample frames, in [-π, π].

    That of the first frame is its phase, so that `integrate` gives all phases back.
    """
    phases = np.angle(np.asarray(spectrum))
    delta = phases.copy()
    delta[1:] -= phases[:-1]
    delta[1:] -= advance(n, hop, phases.shape[-1])
    return principal(delta)


def integrate(delta: ArrayLike, n: int, hop: int, phases: ArrayLike | None = None) -> Array:
    """The phases (T, ..., bins) in [-π, π] that increments delta (T, ..., bins) sum up to.

    Args:
        phases: (..., bins) of the frame before; without them the first increment is the first phase.
    """
    delta = np.asarray(delta)
    steps = delta + advance(n, hop, delta.shape[-1])
    steps[:1] = delta[:1] if phases is None else steps[:1] + np.asarray(phases)
    return principal(np.cumsum(steps, axis=0))


def advance(n: int, hop: int, bins: int) -> Array:
    """How far the middle of each bin turns in one hop, 2π hop k / n, (bins,), as principal value."""
    # In whole numbers first: hop k / n loses nothing by its whole turns.
    return principal(2 * np.pi * (hop * np.arange(bins) % n) / n)


def principal(angle: ArrayLike) -> Array:
    """The same angle in [-π, π]."""
    angle = np.asarray(angle)
    return angle - 2 * np.pi * np.round(angle / (2 * np.pi))
