"""BSS-EVAL for sources, version 3: how well a separated voice is separated, in three figures.

An estimate x of source j is taken apart into three signals that sum to it, by projection onto what filters of
`filter_length` taps can make of the references, that is onto their copies delayed by 0, 1, ... samples:

    target        t = P_j x                 what filters make of reference j
    interference  e = P_all x - P_j x       what filters make of the others on top of that
    artifacts     a = x - P_all x           what no filters make of any reference

    SDR = 10 log10  |t|^2 / |e + a|^2       source-to-distortion ratio
    SIR = 10 log10  |t|^2 / |e|^2           source-to-interference ratio
    SAR = 10 log10  |t + e|^2 / |a|^2       source-to-artifacts ratio

All in dB, higher is better, and deaf to gain and to short filters. From E. Vincent, R. Gribonval and
C. Févotte, "Performance measurement in blind audio source separation", IEEE Trans. Audio, Speech and
Language Processing 14(4), 2006; 512 taps, and copies that may ring on after the end, as their
toolbox has it.

    NSDR = SDR of the estimate - SDR of the mixture taken as the estimate     what the separation has gained

GNSDR, GSIR and GSAR are the means over clips, weighted by length: C.-L. Hsu and J.-S. R. Jang, "On the
improvement of singing voice separation for monaural recordings using the MIR-1K dataset", IEEE Trans. Audio,
Speech and Language Processing 18(2), 2010; P.-S. Huang et al., "Singing-voice separation from monaural
recordings using deep recurrent neural networks", ISMIR 2014.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]

FILTER_LENGTH = 512
"""Taps, as in the toolbox and in every published table."""

SINGULAR = 1e-13
"""A delayed copy of which the others leave less than this share of its energy is rounding and no more."""


class BSSEval(NamedTuple):
    """The figures of each source in dB, (sources,), and how many references were silent."""

    sdr: Array
    sir: Array
    sar: Array
    silent: int


class Measures(NamedTuple):
    """The figures of one source of one clip, in dB."""

    sdr: float
    sir: float
    sar: float
    nsdr: float


class ClipMeasures(NamedTuple):
    """The figures of a clip, its length, and how many of its two references were silent."""

    voice: Measures
    accompaniment: Measures
    samples: int
    silent: int


class GlobalMeasures(NamedTuple):
    """Means in dB over `clips` clips, weighted by length; `left_out` more had no figures."""

    gnsdr: float
    gsir: float
    gsar: float
    clips: int
    left_out: int


def bss_eval(references: ArrayLike, estimates: ArrayLike, filter_length: int = FILTER_LENGTH) -> BSSEval:
    """SDR, SIR and SAR of estimates (sources, samples), of which row j is the one of reference j.

    Silent is a signal whose samples are all 0. A silent reference takes no part: its own figures are NaN, the
    others are measured as if it were not there. A silent estimate has NaN too: there is nothing to measure.
    With one reference the SIR is infinite, as nothing can interfere. The figures of a perfect estimate are
    what rounding leaves, 200 dB and more.

    References of which one is a filtered copy of another, or that lack some frequencies, are no obstacle:
    what filters can make of them is known all the same. But where filters can make one reference of another,
    an SIR says little; and where all lack the same frequencies by 120 dB and more, SIR and SAR of a few
    seconds are known to some tenths of a dB only.

    Raises:
        ValueError: the shapes differ, values are not finite real numbers, or there are fewer samples than the
            filters have taps in all: then they could make nearly anything.
    """
    references, estimates = _signals("references", references), _signals("estimates", estimates)
    if references.shape != estimates.shape:
        raise ValueError(
            f"expected estimates of shape {references.shape} like the references, got {estimates.shape}"
        )
    _check_length(references, filter_length)
    sounding = np.flatnonzero(references.any(axis=1))
    figures = np.full((len(references), 3), np.nan)
    if len(sounding):
        known = _References(references[sounding], filter_length)
        figures[sounding] = known.figures(estimates[sounding], np.arange(len(sounding)))
    # Each a copy: of columns of one array, a change in one might be a change in another.
    sdr, sir, sar = (figures[:, column].copy() for column in range(3))
    return BSSEval(sdr, sir, sar, len(references) - len(sounding))


def nsdr(
    references: ArrayLike, estimates: ArrayLike, mixture: ArrayLike, filter_length: int = FILTER_LENGTH
) -> Array:
    """SDR of estimates (sources, samples) less that of the mixture (samples,), in dB, (sources,).

    NaN and errors as in `bss_eval`.
    """
    references, mixture = _signals("references", references), np.asarray(mixture)
    if mixture.shape != references.shape[1:]:
        raise ValueError(f"expected a mixture of shape {references.shape[1:]}, got {mixture.shape}")
    before = bss_eval(references, np.broadcast_to(mixture, references.shape), filter_length)
    return bss_eval(references, estimates, filter_length).sdr - before.sdr


def measure(
    voice: ArrayLike,
    accompaniment: ArrayLike,
    voice_estimate: ArrayLike,
    accompaniment_estimate: ArrayLike,
    filter_length: int = FILTER_LENGTH,
) -> ClipMeasures:
    """All figures of one clip, whose mixture is voice + accompaniment; signals (samples,).

    A clip with a silent reference is no mixture: all its figures are NaN. A silent estimate has NaN.
    Raises ValueError as `bss_eval` does.
    """
    names = ("voice", "accompaniment", "voice_estimate", "accompaniment_estimate")
    signals = [
        np.asarray(signal) for signal in (voice, accompaniment, voice_estimate, accompaniment_estimate)
    ]
    for name, signal in zip(names, signals, strict=True):
        if signal.ndim != 1 or signal.shape != signals[0].shape:
            wanted = "(samples,)" if signals[0].ndim != 1 else f"{signals[0].shape} like the voice"
            raise ValueError(f"expected {name} of shape {wanted}, got {signal.shape}")
    references, estimates = _signals("references", signals[:2]), _signals("estimates", signals[2:])
    _check_length(references, filter_length)
    silent = int(np.count_nonzero(~references.any(axis=1)))
    figures = np.full((4, 3), np.nan)
    if not silent:
        mixture = references.sum(axis=0)
        rows = np.stack([*estimates, mixture, mixture])
        figures = _References(references, filter_length).figures(rows, np.array([0, 1, 0, 1]))
    of_voice, of_accompaniment = (
        Measures(sdr, sir, sar, sdr - before)
        for (sdr, sir, sar), (before, _, _) in zip(figures[:2].tolist(), figures[2:].tolist(), strict=True)
    )
    return ClipMeasures(of_voice, of_accompaniment, references.shape[1], silent)


def global_measures(
    clips: Sequence[ClipMeasures], source: Literal["voice", "accompaniment"] = "voice"
) -> GlobalMeasures:
    """GNSDR, GSIR and GSAR of one source. Clips with NaN are left out, and counted; NaN if none is left."""
    rows = [(*getattr(clip, source), clip.samples) for clip in clips]
    measured = np.array([row for row in rows if not np.isnan(row).any()]).reshape(-1, 5)
    _, sir, sar, gain, samples = measured.T
    if not len(measured):
        return GlobalMeasures(np.nan, np.nan, np.nan, 0, len(rows))
    gnsdr, gsir, gsar = (float(np.average(figure, weights=samples)) for figure in (gain, sir, sar))
    return GlobalMeasures(gnsdr, gsir, gsar, len(measured), len(rows) - len(measured))


class _References:
    """References that all sound, (sources, samples), ready for estimates to be measured against."""

    def __init__(self, references: Array, filter_length: int) -> None:
        from scipy import fft, linalg

        self.fft, self.taps = fft, filter_length
        # So long that no delayed copy comes round from the end to the beginning.
        self.size = fft.next_fast_len(references.shape[1] + filter_length - 1, real=True)
        self.spectra = np.stack([self.spectrum(reference) for reference in references])
        # [i, a, j, b]: the inner product of reference i delayed by a and reference j delayed by b
        self.gram = np.empty((len(references), filter_length) * 2)
        for i in range(len(references)):
            for j in range(i + 1):
                lags = fft.irfft(self.spectra[i].conj() * self.spectra[j], self.size)  # by a - b
                block = linalg.toeplitz(lags[:filter_length], lags[-np.arange(filter_length)])
                self.gram[i, :, j], self.gram[j, :, i] = block, block.T

    def figures(self, estimates: Array, sources: Array) -> Array:
        """SDR, SIR and SAR, (estimates, 3), of estimates (estimates, samples) of the sources (estimates,).

        In spectra from end to end: their energies are those of the signals (Parseval). Energies as
        differences of inner products would be cheaper, and at 80 dB mere rounding. NaN for silence.
        """
        result = np.full((len(estimates), 3), np.nan)
        sounding = np.flatnonzero(estimates.any(axis=1))
        if not len(sounding):
            return result
        sources = sources[sounding]
        spectra = [self.spectrum(estimate) for estimate in estimates[sounding]]
        # (estimates, sources, taps): of an estimate and a reference delayed by each number of samples
        products = np.stack(
            [self.fft.irfft(self.spectra.conj() * x, self.size)[:, : self.taps] for x in spectra]
        )
        n = len(self.spectra) * self.taps
        filters = _solve(self.gram.reshape(n, n), products.reshape(-1, n)).reshape(products.shape)
        alone = np.empty_like(products[:, 0])
        for source in set(sources):
            its = sources == source
            alone[its] = _solve(self.gram[source, :, source], products[its, source])
        for row, x, all_filters, filter, source in zip(
            sounding, spectra, filters, alone, sources, strict=True
        ):
            target = self.filtered(filter[None], self.spectra[source : source + 1])
            of_all = self.filtered(all_filters, self.spectra)
            result[row] = (
                decibels(self.energy(target), self.energy(x - target)),
                decibels(self.energy(target), self.energy(of_all - target)),
                decibels(self.energy(of_all), self.energy(x - of_all)),
            )
        return result

    def spectrum(self, signal: Array) -> Array:
        """Of a signal scaled to a peak of 1: so no square can vanish, and no matrix be badly scaled."""
        return self.fft.rfft(signal / abs(signal).max(), self.size)

    def filtered(self, filters: Array, spectra: Array) -> Array:
        """The sum of spectra (sources, bins), each through its filter of filters (sources, taps)."""
        return (self.fft.rfft(filters, self.size) * spectra).sum(axis=0)

    def energy(self, spectrum: Array) -> float:
        """The energy of a signal, times `size`, from the half of its spectrum that there is."""
        once = spectrum[[0, -1]] if self.size % 2 == 0 else spectrum[:1]
        return float(2 * np.vdot(spectrum, spectrum).real - np.vdot(once, once).real)


def _solve(gram: Array, products: Array) -> Array:
    """Filters (estimates, n) of least squares: gram (n, n) times filters gives products (estimates, n)."""
    from scipy.linalg import solve_triangular

    # The factor is NumPy's, not SciPy's: `set_threads` reaches it, and on a busy machine SciPy's second
    # thread can cost seconds. Rows that do not lie a power of two apart make it twice as fast.
    n = len(gram)
    padded = np.eye(n + 8)
    padded[:n, :n] = gram
    try:
        factor = np.linalg.cholesky(padded)[:n, :n]
        left = np.diag(factor) ** 2  # of each copy's energy, by the copies before it
        if left.min() > SINGULAR * left.max():
            halfway = [solve_triangular(factor, row, lower=True, check_finite=False) for row in products]
            return np.stack(
                [solve_triangular(factor, row, lower=True, trans=1, check_finite=False) for row in halfway]
            )
    except np.linalg.LinAlgError:
        pass
    # Copies are linearly dependent, to rounding: what they leave open is left at 0.
    values, vectors = np.linalg.eigh(gram)
    known = values > n * np.finfo(float).eps * values[-1]
    return (products @ vectors[:, known] / values[known]) @ vectors[:, known].T


def decibels(signal: float, error: float) -> float:
    """10 log10 of a ratio of energies; infinite without error, -infinite without signal, NaN with neither."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(10 * np.log10(np.float64(signal) / np.float64(error)))


def _signals(name: str, signals: Any) -> Array:
    signals = np.asarray(signals)
    if signals.ndim != 2 or 0 in signals.shape or signals.dtype.kind not in "fiu":
        raise ValueError(
            f"expected {name} of shape (sources, samples) in real numbers, "
            f"got {signals.dtype} {signals.shape}"
        )
    if not np.isfinite(signals).all():
        raise ValueError(f"expected {name} that are finite numbers, got NaN or infinity")
    return signals.astype(float, copy=False)


def _check_length(references: Array, filter_length: int) -> None:
    sources, samples = references.shape
    if filter_length < 1:
        raise ValueError(f"expected a filter_length of at least 1, got {filter_length}")
    if samples < sources * filter_length:
        raise ValueError(
            f"expected at least {sources * filter_length} samples for {sources} sources and filters of "
            f"{filter_length} taps, got {samples}"
        )
