"""Is it alive? Whether generated sound goes on like the sound it was learnt from, measured in seven ways.

What a network that runs free falls into is silence, noise, or one note for ever. Each part of the report
meets at least one of them, and each is judged against held-out sound of the corpus, never against a number
that a corpus could fail by its nature.

level       of every second, as a ratio to the corpus: the nearest level among its seconds, leaving out the
            quietest and the loudest tenth; and of the whole, to the corpus's whole
flux        how much the spectrum grows from one frame to the next, summed over frequencies, as a share of
            the spectrum; of the last third, as a ratio to the corpus
spectrum    distance of the two long-term spectra in dB, the root of the mean square over frequencies
notes       how many different notes are held
variety     how unlike each other the frames' spectra are, whatever their levels
constant    longest stretch, in seconds, in which the signal stands still
repetition  whether the last half repeats itself: the largest correlation with itself at any later time

A fixed point is silence (level, constant), a limit cycle is one note for ever (repetition, flux, notes), and
a loop of many notes is seen by repetition alone. Noise that has the corpus's very spectrum, all its notes at
once and for ever, is seen by variety alone. What no part hears is whether a melody makes sense: the corpus
cut into notes and shuffled is alive.

Signals are (n,), full scale 1, at a common rate in Hz.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FRAME, HOP = 0.064, 0.016  # seconds of the spectra that flux and spectrum are measured in
PITCH_FRAME = 0.08  # seconds: four periods of the lowest note
LOWEST, HIGHEST = 50.0, 1500.0  # Hz of notes
FINER = 4  # lags tried between two samples: the period of a high note is only a few
HELD = 4  # frames a note has to be held for
CLEAR = 0.6  # autocorrelation from which a frame has a pitch
FLOOR_DB = 50.0  # how far below its peak a long-term spectrum is looked at
QUIET = 1e-2  # of the corpus's level: below it there is no note, and what moves less stands still

LEVEL_LIMITS, FLUX_LIMITS, SPECTRUM_LIMIT, REPETITION_LIMIT = (0.7, 1.4), (0.5, 1.5), 15.0, 0.95
CONSTANT_LIMIT = 0.1  # seconds
STEADY = 1e-6  # flux below which a reference is one sound for ever
NOISE_VARIETY = 0.21  # of noise, whatever its spectrum: its magnitudes are Rayleigh distributed
VARIETY_SHARE = 0.25  # of the way from there to the corpus's variety that has to be gone
SHORTEST = 2.0  # seconds

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """One measure: its value, between which limits it passes, and both in words.

    Attributes:
        value: the measured number; for "level" the one furthest off.
        low, high: limits, None where there is none on this side.
        unit: "", "dB", "s".
    """

    name: str
    value: float
    low: float | None
    high: float | None
    unit: str = ""

    @property
    def passed(self) -> bool:
        return (self.low is None or self.value >= self.low) and (self.high is None or self.value <= self.high)

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        low = "" if self.low is None else f"at least {self.low:.3g}{unit}"
        high = "" if self.high is None else f"at most {self.high:.3g}{unit}"
        wanted = " and ".join(limit for limit in (low, high) if limit)
        verdict = "passed" if self.passed else "FAILED"
        return f"{self.name:<10} {self.value:8.3g}{unit:<3} {verdict:<6}  {wanted}"


@dataclass(frozen=True)
class AliveReport:
    """All parts together; alive is what passes every one."""

    parts: tuple[Part, ...]

    @property
    def alive(self) -> bool:
        return all(part.passed for part in self.parts)

    @property
    def failed(self) -> tuple[str, ...]:
        """The names of the parts that did not pass."""
        return tuple(part.name for part in self.parts if not part.passed)

    def __getitem__(self, name: str) -> Part:
        return next(part for part in self.parts if part.name == name)

    def as_dict(self) -> dict[str, Any]:
        """What JSON prints: `alive`, and each part by its name with value, limits and passed."""
        parts = {
            part.name: {"value": part.value, "low": part.low, "high": part.high, "passed": part.passed}
            for part in self.parts
        }
        return {"alive": self.alive} | parts

    def __str__(self) -> str:
        verdict = "alive" if self.alive else f"not alive: {', '.join(self.failed)}"
        return "\n".join([verdict, *map(str, self.parts)])


def alive(sample: ArrayLike, reference: ArrayLike, rate: int) -> AliveReport:
    """Judge a generated sample (n,) by a reference (m,), sound that was held out from training.

    The two need not be of the same length: what grows with length is measured in stretches of the reference
    as long as the sample.

    Raises:
        ValueError: another shape, samples that are not finite, less than 2 s of either, a silent
            reference, or a rate below 2,000 Hz.
    """
    x, r = _checked("sample", sample, rate), check_reference(reference, rate)
    quiet = QUIET * _rms(r)
    stretches = list(_stretches(r, len(x)))
    wanted_notes = math.ceil(np.median([count_notes(s, rate, quiet) for s in stretches]) / 2)
    still = max(longest_constant(s, rate, quiet) for s in stretches)
    repeated = max(repetition(s, rate) for s in stretches)
    varied = min(variety(s, rate, quiet) for s in stretches)
    least_variety = NOISE_VARIETY + VARIETY_SHARE * max(varied - NOISE_VARIETY, 0)
    return AliveReport(
        (
            Part("level", level_ratio(x, r, rate), *LEVEL_LIMITS),
            Part(
                "flux",
                flux(x[-(len(x) // 3) :], rate, quiet) / max(flux(r, rate, quiet), STEADY),
                *FLUX_LIMITS,
            ),
            Part("spectrum", spectral_distance(x, r, rate), None, SPECTRUM_LIMIT, "dB"),
            Part("notes", count_notes(x, rate, quiet), wanted_notes, None),
            Part("variety", variety(x, rate, quiet), least_variety if varied > NOISE_VARIETY else 0, None),
            Part("constant", longest_constant(x, rate, quiet), None, max(CONSTANT_LIMIT, 2 * still), "s"),
            Part("repetition", repetition(x, rate), None, max(REPETITION_LIMIT, repeated)),
        )
    )


def check_reference(reference: ArrayLike, rate: int) -> Array:
    """The reference in float64; raises as `alive` if nothing can be judged by it."""
    r = _checked("reference", reference, rate)
    if not np.ptp(r):
        raise ValueError(f"expected a reference with sound in it, got {'a constant' if r[0] else 'silence'}")
    return r


def level_ratio(x: Array, reference: Array, rate: int) -> float:
    """Of the levels of all seconds and of the whole, to those of the reference, the ratio furthest from 1."""
    there = _levels(reference, rate)
    low, high = np.quantile(there, [0.1, 0.9])
    levels = _levels(x, rate)
    nearest = np.clip(levels, low, high)
    ratios = np.divide(levels, nearest, out=np.ones_like(levels), where=nearest > 0)
    ratios = np.append(ratios, _rms(x) / _rms(reference))
    off = np.abs(np.log(np.maximum(ratios, 1e-6)))
    return float(ratios[np.argmax(off)])


def flux(x: Array, rate: int, quiet: float) -> float:
    """Growth of the magnitude spectrum from frame to frame, as a share of the spectrum, 0 to 1.

    Frames below the level `quiet` count as silent.
    """
    spectra = _spectra(x, rate)
    growth = np.maximum(np.diff(spectra, axis=0), 0).sum()
    floor = quiet * spectra.shape[1] * len(spectra)
    return float(growth / max(spectra[1:].sum(), floor))


def spectral_distance(x: Array, reference: Array, rate: int) -> float:
    """Root mean square difference of the two long-term power spectra in dB, each from its mean level.

    Both are looked at from their highest value down to 50 dB below it.
    """
    powers = [np.square(_spectra(signal, rate)).mean(axis=0) for signal in (x, reference)]
    floor = powers[1].max() * 10 ** (-FLOOR_DB / 10)
    a, b = (10 * np.log10(np.maximum(power, floor)) for power in powers)
    return float(np.sqrt(np.mean(np.square(a - b))))


def variety(x: Array, rate: int, quiet: float) -> float:
    """How far the spectra of frames lie from their mean, 0 to 1; frames below `quiet` are left out.

    Each frame is divided by its sum, so that its level does not matter, and the distance is half the sum of
    differences (total variation). One sound for ever has 0, frames with nothing in common have 1. A frame of
    noise has the noise's spectrum, but each magnitude by chance more or less, Rayleigh distributed with the
    mean m: half of E|R - m| / m is 0.21, whatever the spectrum.
    """
    loud = np.sqrt(np.square(_frames(x, rate, FRAME, HOP)).mean(axis=1)) > quiet
    if not loud.any():
        return 0.0
    spectra = _spectra(x, rate)[loud]
    shares = spectra / spectra.sum(axis=1, keepdims=True)
    return float(np.abs(shares - shares.mean(axis=0)).sum(axis=1).mean() / 2)


def count_notes(x: Array, rate: int, quiet: float) -> int:
    """How many different semitones are held for at least 4 frames in a row, each half over the last."""
    pitches = pitch(x, rate, quiet)
    semitones = np.rint(12 * np.log2(np.where(pitches > 0, pitches, 1) / 440))
    semitones = np.where(pitches > 0, semitones, np.nan)
    starts = np.flatnonzero(np.append(True, semitones[1:] != semitones[:-1]))
    lengths = np.diff(np.append(starts, len(semitones)))
    held = semitones[starts[lengths >= HELD]]
    return len(set(held[np.isfinite(held)].tolist()))


def pitch(x: Array, rate: int, quiet: float) -> Array:
    """Frequency in Hz of each frame of 80 ms, 0 where there is none, from the autocorrelation.

    The autocorrelation is divided by that of the window, as in P. Boersma, "Accurate short-term analysis of
    the fundamental frequency and the harmonics-to-noise ratio of a sampled sound", IFA Proceedings 17, 1993.
    Of the peaks nearly as high as the highest the first is taken: the others are its multiples.
    """
    frames = _frames(x, rate, PITCH_FRAME, PITCH_FRAME / 4)
    # Some frames at a time: between the lags tried they take a hundred times the memory of the sound.
    return np.concatenate([_pitch(frames[k : k + 128], rate, quiet) for k in range(0, len(frames), 128)])


def _pitch(frames: Array, rate: int, quiet: float) -> Array:
    loud = np.sqrt(np.square(frames).mean(axis=1)) > quiet
    frames = frames - frames.mean(axis=1, keepdims=True)
    window = _window(rate, PITCH_FRAME)
    size, fine = 2 * len(window), FINER * rate  # a spectrum padded with zeros gives lags between samples
    own = np.fft.irfft(np.square(np.abs(np.fft.rfft(window, size))), FINER * size)
    r = np.fft.irfft(np.square(np.abs(np.fft.rfft(frames * window, size, axis=1))), FINER * size, axis=1)
    shortest, longest = math.ceil(fine / HIGHEST), int(fine / LOWEST)
    r = r[:, : longest + 2] / own[: longest + 2]
    r = r / np.maximum(r[:, :1], 1e-30)
    before, here, after = r[:, shortest - 1 : longest], r[:, shortest : longest + 1], r[:, shortest + 1 :]
    peaks = np.where((here > before) & (here >= after), here, 0)
    highest = peaks.max(axis=1, keepdims=True)
    first = np.argmax(peaks > 0.9 * highest, axis=1)
    rows = np.arange(len(first))
    left, top, right = before[rows, first], here[rows, first], after[rows, first]
    curvature = np.minimum(left - 2 * top + right, -1e-12)
    lag = first + shortest + 0.5 * (left - right) / curvature  # the top of the parabola through the three
    return np.where(loud & (highest[:, 0] > CLEAR), fine / lag, 0.0)


def longest_constant(x: Array, rate: int, quiet: float) -> float:
    """Seconds of the longest stretch in which no two neighbours differ by more than `quiet`."""
    moving = np.flatnonzero(np.abs(np.diff(x)) > quiet)
    edges = np.concatenate([[-1], moving, [len(x) - 1]])
    return float((np.diff(edges).max()) / rate)


def repetition(x: Array, rate: int) -> float:
    """How like itself the last half is at any later time, -1 to 1, 1 for what stands still.

    The correlation of tail[lag:] with tail[:-lag], for lags from where the tail is first unlike itself up to
    half of it. A decay does not hide a repetition: both are taken by their own level.
    """
    tail = x[len(x) // 2 :]
    tail = tail - tail.mean()
    n = len(tail)
    if _rms(tail) < 1e-9:
        return 1.0
    size = 1 << (2 * n - 1).bit_length()
    products = np.fft.irfft(np.square(np.abs(np.fft.rfft(tail, size))), size)[: n // 2]
    energy = np.concatenate([[0], np.cumsum(np.square(tail))])
    lags = np.arange(n // 2)
    both = np.sqrt(np.maximum(energy[n - lags] * (energy[n] - energy[lags]), 1e-300))
    correlation = products / both
    unlike = np.flatnonzero(correlation < 0.5)
    if not len(unlike):
        return 1.0
    return float(np.clip(correlation[unlike[0] :].max(), -1, 1))


def _levels(x: Array, rate: int) -> Array:
    """Level (root mean square) of every whole second, or of all where there is not even one."""
    seconds = len(x) // rate
    if not seconds:
        return np.array([_rms(x)])
    return np.sqrt(np.square(x[: seconds * rate]).reshape(seconds, rate).mean(axis=1))


def _rms(x: Array) -> float:
    return math.sqrt(float(np.mean(np.square(x))))


def _frames(x: Array, rate: int, length: float, hop: float) -> Array:
    """Frames (count, length) one hop apart; times in seconds."""
    size, step = round(length * rate), round(hop * rate)
    return np.lib.stride_tricks.sliding_window_view(x, size)[::step]


def _spectra(x: Array, rate: int) -> Array:
    """Magnitudes of the spectra of all frames, (count, frequencies)."""
    return np.abs(np.fft.rfft(_frames(x, rate, FRAME, HOP) * _window(rate, FRAME), axis=1))


def _window(rate: int, length: float) -> Array:
    return np.hanning(round(length * rate))


def _stretches(reference: Array, length: int) -> Iterator[Array]:
    """The reference in stretches of `length` samples, half over each other; all of it where it is shorter."""
    for start in range(0, max(len(reference) - length, 0) + 1, max(length // 2, 1)):
        yield reference[start : start + length]


def _checked(name: str, x: ArrayLike, rate: int) -> Array:
    if rate < 2000:
        raise ValueError(f"expected a rate of at least 2000 Hz, got {rate}")
    x = np.asarray(x)
    if x.ndim != 1 or x.dtype.kind != "f":
        raise ValueError(f"expected a {name} of shape (n,) in floats, got {x.dtype} {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError(f"expected a {name} of finite samples")
    if len(x) < SHORTEST * rate:
        raise ValueError(f"expected a {name} of at least {SHORTEST} s, got {len(x) / rate:.3g} s")
    return x.astype(np.float64)
