"""Windows cut from a signal, batches of them, and the split into training, validation and test.

Time comes first everywhere. A signal is (n,) or (n, D): n samples of D features. A set of N windows of
`length` samples is (length, N, D), the (T, B, D) that the layers take. Lengths and steps are in samples.

Window k begins at sample k * step. Where the windows do not come out even, the remaining samples at the
signal's end are left out: there are floor((n - length) / step) + 1 windows.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def windows(signal: ArrayLike, length: int, step: int = 1) -> Array:
    """All windows of a signal (n,) or (n, D), as (length, N, D); [t, k] is sample k * step + t.

    The result is a view on the signal: it costs no memory, however much the windows overlap, and it is
    read-only, because one sample of the signal appears in many windows. Copy it to change it.
    Raises ValueError if the signal has another shape, or is shorter than one window, or if length or step
    is below 1.
    """
    signal = _as_signal(signal)
    _check_sizes(length=length, step=step)
    if length > len(signal):
        raise ValueError(f"a window of {length} samples does not fit into a signal of {len(signal)}")
    every_start = sliding_window_view(signal, length, axis=0)  # (n - length + 1, D, length)
    return every_start[::step].transpose(2, 0, 1)


def shifted(signal: ArrayLike, length: int, step: int = 1, ahead: int = 1) -> tuple[Array, Array]:
    """All windows x, and for each the target that lies `ahead` samples later; both (length, N, D).

    x[t, k] is sample k * step + t, and target[t, k] is sample k * step + t + ahead. With ahead=1 the target
    of every step is the very next sample, which the network has not yet seen:

        x       s0 s1 s2 s3
        target  s1 s2 s3 s4

    The last target thus needs `ahead` samples beyond the last window. The classic slip is ahead=2, a start
    index that is one too large: the network trains, and predicts a signal that is one sample late. (ahead=0
    gives x itself as the target.)

    Both are read-only views, as from `windows`. Raises ValueError as `windows` does, also if window and
    target do not fit into the signal, or if ahead is below 0.
    """
    signal = _as_signal(signal)
    _check_sizes(length=length, step=step)
    _check_ahead(ahead)
    if length + ahead > len(signal):
        raise ValueError(
            f"a window of {length} samples and its target {ahead} ahead "
            f"do not fit into a signal of {len(signal)}"
        )
    return windows(signal[: len(signal) - ahead], length, step), windows(signal[ahead:], length, step)


def shifted_batch(
    signal: ArrayLike, length: int, batch: int, rng: np.random.Generator, step: int = 1, ahead: int = 1
) -> tuple[Array, Array]:
    """A batch of neighbours: one start is drawn at random, each further window begins `step` samples later.

    The whole batch sees one passage of the signal; compare `random_batch`. Returns x and target, both
    (length, batch, D) and as in `shifted`, in memory of their own. Raises ValueError as `shifted` does, also
    if batch is below 1 or if the signal is too short for so many windows.
    """
    signal = _as_signal(signal)
    _check_sizes(length=length, batch=batch, step=step)
    _check_ahead(ahead)
    span = (batch - 1) * step + length + ahead
    if span > len(signal):
        raise ValueError(
            f"{batch} windows of {length} samples, {step} apart, with targets {ahead} ahead, "
            f"need {span} samples; the signal has {len(signal)}"
        )
    start = rng.integers(len(signal) - span + 1)
    x, target = shifted(signal[start : start + span], length, step, ahead)
    return x.copy(), target.copy()


def random_batch(
    signal: ArrayLike, length: int, batch: int, rng: np.random.Generator, ahead: int = 1
) -> tuple[Array, Array]:
    """A batch of windows from all over the signal: every start is drawn at random, and may come up twice.

    Returns x and target, both (length, batch, D) and as in `shifted`, in memory of their own. Raises
    ValueError as `shifted` does, also if batch is below 1.
    """
    _check_sizes(batch=batch)
    x, target = shifted(signal, length, ahead=ahead)  # every start there is, without copying
    starts = rng.integers(x.shape[1], size=batch)
    return np.ascontiguousarray(x[:, starts]), np.ascontiguousarray(target[:, starts])


def split(signal: ArrayLike, fractions: Sequence[float] = (0.6, 0.2, 0.2)) -> tuple[Array, ...]:
    """Cut a signal (n, ...) into contiguous pieces along time, one a fraction: training, validation, test.

    Split first, cut windows afterwards: windows from different pieces then never share a sample, whereas
    overlapping windows that are shuffled and then split leak the test set into the training set.

    A piece ends at sample floor(n * (sum of the fractions up to it)), so that the pieces' sizes are off by
    less than one sample and fractions that sum to 1 use the whole signal. Where they sum to less, the end of
    the signal is left out. The pieces are views. Raises ValueError if a fraction is not above 0, if they sum
    to more than 1, or if a piece would be empty.
    """
    signal = np.asarray(signal)
    if signal.ndim == 0:
        raise ValueError("expected a signal of shape (n, ...), got a single number")
    return tuple(signal[start:end] for start, end in _bounds(len(signal), fractions))


def split_examples(n: int, fractions: Sequence[float], rng: np.random.Generator) -> tuple[Array, ...]:
    """Deal the indices of n examples at random into disjoint int64 arrays, one a fraction.

    For examples that are independent of each other, such as images; a signal in time is for `split`. Sizes
    and errors are those of `split`.
    """
    order = rng.permutation(n)
    return tuple(order[start:end] for start, end in _bounds(n, fractions))


def _bounds(n: int, fractions: Sequence[float]) -> list[tuple[int, int]]:
    if len(fractions) == 0 or not all(fraction > 0 for fraction in fractions):
        raise ValueError(f"expected fractions above 0, got {_listed(fractions)}")
    # As floats 0.7 + 0.2 + 0.1 is just below 1, and its floor would lose the last example.
    rounding = 1e-12
    if math.fsum(fractions) > 1 + rounding:
        raise ValueError(f"the fractions {_listed(fractions)} sum to more than 1")
    ends = [math.floor(n * (math.fsum(fractions[: k + 1]) + rounding)) for k in range(len(fractions))]
    bounds = list(zip([0, *ends[:-1]], ends, strict=True))
    for fraction, (start, end) in zip(fractions, bounds, strict=True):
        if start == end:
            raise ValueError(f"the fraction {fraction:g} of {n} is an empty piece")
    return bounds


def _listed(fractions: Sequence[float]) -> str:
    return "(" + ", ".join(f"{fraction:g}" for fraction in fractions) + ")"


def _as_signal(signal: ArrayLike) -> Array:
    """The signal as (n, D)."""
    signal = np.asarray(signal)
    if signal.ndim == 1:
        return signal[:, np.newaxis]
    if signal.ndim != 2:
        raise ValueError(f"expected a signal of shape (n,) or (n, D), got {signal.shape}")
    return signal


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"expected {name} of at least 1, got {size}")


def _check_ahead(ahead: int) -> None:
    if ahead < 0:
        raise ValueError(f"expected ahead of at least 0, got {ahead}")
