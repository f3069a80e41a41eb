"""Two recordings of the same sound, before and after a box: do they belong together, and are they whole?

Signals are (n,), full scale 1.
"""

import numpy as np
from scipy import signal as dsp
from scipy.linalg import solve_toeplitz, solve_triangular, toeplitz

SMALLEST_DELAY = 8
"""Samples of lateness that are left alone: as much may be the box's own doing."""

TAPS = 256
"""Length of the filters that find a delay."""

ONSET = 32
"""Samples within which the beginning of the filter must have shown itself."""

SHOWN = 0.05
"""Share of what the filter explains that must be lost without those samples."""

FLOOR = 1e-6
"""Share of the energy below which it does not matter who explains it, -60 dB."""


def delay(before: np.ndarray, after: np.ndarray, rate: int, longest: float = 0.5) -> int:
    """How many samples `after` is late, negative if it is early; 0 if the two are aligned or unrelated.

    The peak of the cross-correlation would not do: the peak of a low-pass filter's own response comes late
    too, and whoever takes that away asks the network to hear the future. So the best filters from `before` to
    `after` are compared, by least squares. First short ones at every lag, by their correlations, to know the
    neighbourhood; then a longer one around it, whose beginning is cut off as far as hardly anything is lost.
    What can be cut off is the delay, and the rest is the box.

    Args:
        rate: Hz.
        longest: seconds of delay looked for, either way.
    """
    n = min(len(before), len(after))
    taps, lags = min(TAPS, n // 64), min(int(longest * rate), n // 4)
    if taps < 4 or lags < 1 or not np.any(before[:n]) or not np.any(after[:n]):
        return 0
    before, after = whitened(before[:n], after[:n])
    auto = dsp.correlate(before, before, method="fft")[n - 1 :][:taps].copy()
    auto[0] *= 1 + 1e-7
    # cross[k] belongs to lag k - lags: the sum over t of after[t + lag] before[t]
    cross = dsp.correlate(after, before, method="fft")[n - 1 - lags : n + lags + taps]
    starts = np.arange(0, 2 * lags, taps // 4)
    columns = np.stack([cross[start : start + taps] for start in starts], axis=1)
    explained = np.einsum("ij,ij->j", columns, np.linalg.solve(toeplitz(auto), columns))
    near = int(starts[np.argmax(explained)]) - lags
    first, count = near - taps, 3 * taps
    # Row k of the gram matrix is `before` at lag first + count - 1 - k: the latest first, so that in the
    # Cholesky factor each row of the solution adds what one more coefficient at the beginning explains.
    start, stop = max(first + count - 1, 0), n + min(first, 0)
    past = before[start - first - count + 1 : stop - first]
    wanted = after[start:stop]
    product = dsp.correlate(past, wanted, "valid", "fft")
    energy = float(wanted @ wanted)
    gram = np.empty((count, count))
    gram[0] = gram[:, 0] = dsp.correlate(past, past[: len(wanted)], "valid", "fft")
    head, tail = past[: count - 1], past[len(wanted) :]
    for k in range(count - 1):  # one sample later, one product leaves each sum and one enters
        gram[k + 1, 1:] = gram[k, :-1] - head[k] * head + tail[k] * tail
    gram[np.diag_indices(count)] += 1e-7 * np.trace(gram) / count
    adds = solve_triangular(np.linalg.cholesky(gram), product, lower=True) ** 2
    # By filters that begin at lag first, first + 1, ...
    unexplained = 1 - np.cumsum(adds)[::-1] / max(energy, np.finfo(float).tiny)
    best = max(float(unexplained[0]), 0.0)
    if best > 0.9:
        return 0
    # Of a box that bends, a filter explains only a part: then the loss is measured by that part.
    onset = int(np.flatnonzero(unexplained <= best + min(best, 0.01 * (1 - best)) + FLOOR)[-1])
    # A delay ends all at once. What fades in is a box slower than the filter is long. And of a tone any two
    # coefficients explain everything, even the last, far from the neighbourhood; of noise, each a little.
    without = unexplained[min(onset + ONSET, count - 1)]
    if not taps // 16 <= onset < 2 * taps or without < best + SHOWN * (1 - best):
        return 0
    late = first + onset
    return late if late < 0 or late >= SMALLEST_DELAY else 0


def whitened(before: np.ndarray, after: np.ndarray, order: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Both through the one filter that makes `before` nearly white, by linear prediction.

    In music one sample foretells the next hundred, so that a delay could hide behind the prediction.
    """
    n = len(before)
    auto = dsp.correlate(before, before, method="fft")[n - 1 :][: order + 1].copy()
    auto[0] *= 1 + 1e-5
    prediction = np.concatenate([[1.0], -solve_toeplitz(auto[:-1], auto[1:])])
    return dsp.lfilter(prediction, 1, before), dsp.lfilter(prediction, 1, after)


def shifted(before: np.ndarray, after: np.ndarray, late: int) -> tuple[np.ndarray, np.ndarray]:
    """What both recordings share once `after` is moved `late` samples to the front."""
    if late >= 0:
        return before[: len(before) - late], after[late:]
    return before[-late:], after[: len(after) + late]


def clipped_samples(signal: np.ndarray) -> int:
    """Samples in runs of three or more at the signal's highest or lowest value, where that is above 1/2."""
    peak = max(signal.max(), -signal.min())
    if peak < 0.5:
        return 0
    return sum(int(length) for level in (peak, -peak) for _, length in runs(signal == level) if length >= 3)


def longest_silence(signal: np.ndarray, level: float = 10 ** (-90 / 20)) -> tuple[int, int]:
    """Start and length, in samples, of the longest stretch that stays below `level` (-90 dBFS)."""
    return max(runs(np.abs(signal) < level), key=lambda run: run[1], default=(0, 0))


def runs(true: np.ndarray) -> list[tuple[int, int]]:
    """(start, length) of every run of True in a boolean array (n,)."""
    edges = np.flatnonzero(np.diff(true.astype(np.int8), prepend=0, append=0))
    return [(int(start), int(end - start)) for start, end in edges.reshape(-1, 2)]
