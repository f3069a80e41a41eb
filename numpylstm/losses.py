"""Losses: each returns its value and its gradient together.

    loss, dy = mse(y, target)

`y` is (T, B, D) or (B, D), and `dy` has its shape. With `lengths (B,)` padded steps of a sequence count
neither in the value nor in the mean, and get no gradient. Every value is complex-safe in `y`, so that
the complex step can check every gradient.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from .activations import sigmoid

Loss = Callable[..., tuple[Any, np.ndarray]]


def mse(y: np.ndarray, target: np.ndarray, lengths: Any = None) -> tuple[Any, np.ndarray]:
    """Mean squared error: the mean of (y - target)^2 over all entries.

    Raises:
        ValueError: the shapes differ. Broadcasting is not done: it hides the classic (B,) against (B, 1).
    """
    error, count = _difference(y, target, lengths)
    value = (error * error).sum() / error.real.dtype.type(count)
    error *= 2 / count
    return value, error


def sse(y: np.ndarray, target: np.ndarray, lengths: Any = None) -> tuple[Any, np.ndarray]:
    """Summed squared error: the sum of (y - target)^2 over all entries."""
    error, _ = _difference(y, target, lengths)
    return (error * error).sum(), 2 * error


def esr(y: np.ndarray, target: np.ndarray, lengths: Any = None) -> tuple[Any, np.ndarray]:
    """Error-to-signal ratio: sum (y - target)^2 / sum target^2; Wright et al. 2019, eq. 12.

    Raises:
        ValueError: the shapes differ, or the target is silent.
    """
    error, _ = _difference(y, target, lengths)
    energy = (_masked(_floating(target), _real(y, lengths)) ** 2).sum(dtype=float)
    if energy == 0:
        raise ValueError(
            "expected a target with a signal in it, got silence: its error-to-signal ratio is undefined"
        )
    energy = error.real.dtype.type(energy)
    return (error * error).sum() / energy, error * (2 / energy)


def softmax_cross_entropy(
    logits: np.ndarray, target: np.ndarray, lengths: Any = None
) -> tuple[Any, np.ndarray]:
    """Mean of -log softmax(logits)[target], in nats; Bishop 2006, eq. 4.108.

    Args:
        logits: (..., C), scores before the softmax.
        target: (...) class numbers in whole numbers, or (..., C) probabilities.

    Raises:
        ValueError: shapes that do not fit, a class outside 0 to C - 1.
    """
    y = _floating(logits)
    classes = y.shape[-1]
    target = np.asarray(target)
    real = _real(y, lengths)
    numbers = target.dtype.kind in "iu" and target.shape == y.shape[:-1]
    if not numbers and target.shape != y.shape:
        raise ValueError(
            f"expected target of shape {y.shape[:-1]} in whole numbers or {y.shape} in probabilities, "
            f"got {target.dtype} {target.shape}"
        )
    if numbers:
        target = target[..., None]
    y, target = _masked(y, real), _masked(target, real)  # padding may hold any number
    if numbers and target.size and (target.min() < 0 or target.max() >= classes):
        raise ValueError(f"expected classes from 0 to {classes - 1}, got {target.min()} to {target.max()}")
    scale = y.real.dtype.type(_count(real, y) / classes)
    shifted = y - y.real.max(axis=-1, keepdims=True)
    p = np.exp(shifted)
    total = p.sum(axis=-1, keepdims=True)
    p /= total  # softmax(y)
    if numbers:
        missing = np.log(total) - np.take_along_axis(shifted, target, axis=-1)
        dy = p
        np.put_along_axis(dy, target, np.take_along_axis(p, target, axis=-1) - 1, axis=-1)
    else:
        target = target.astype(y.real.dtype, copy=False)
        missing = target * (np.log(total) - shifted)
        # A target that is a distribution sums to 1; written out, it holds for any weights.
        dy = target.sum(axis=-1, keepdims=True) * p - target
    if real is not None:
        missing, dy = np.where(real, missing, 0), np.where(real, dy, 0)
    dy /= scale
    return missing.sum() / scale, dy


def sigmoid_cross_entropy(
    logits: np.ndarray, target: np.ndarray, lengths: Any = None
) -> tuple[Any, np.ndarray]:
    """Mean of -t log s(y) - (1 - t) log(1 - s(y)) over all entries, in nats, for targets t in [0, 1]."""
    y, target, real, count = _pair(logits, target, lengths)
    # -t log s(y) - (1 - t) log(1 - s(y)) = log(1 + exp(y)) - t y, and log(1 + exp(y)) = max(y, 0) +
    # log(1 + exp(-|y|)): the exponential can only underflow.
    positive = y.real > 0
    softplus = np.where(positive, y, 0) + np.log1p(np.exp(np.where(positive, -y, y)))
    value = _masked(softplus - target * y, real).sum() / y.real.dtype.type(count)
    return value, _masked(sigmoid(y) - target, real) / y.real.dtype.type(count)


def generalised_kl(
    y: np.ndarray, target: np.ndarray, lengths: Any = None, eps: float = 1e-8
) -> tuple[Any, np.ndarray]:
    """Mean of t log(t / y) - t + y over all entries, for magnitudes; Lee & Seung 2001, eq. 3.

    Args:
        y, target: magnitudes of at least 0. `eps` is added to both, so that 0 is allowed.

    Raises:
        ValueError: shapes that differ, a negative magnitude.
    """
    y, target, real, count = _pair(y, target, lengths)
    for name, magnitude in (("y", y), ("target", target)):
        if magnitude.size and magnitude.real.min() < 0:
            raise ValueError(f"expected {name} of at least 0, got {magnitude.real.min()}")
    y, target = y + eps, target + eps
    value = _masked(target * np.log(target / y) - target + y, real).sum() / y.real.dtype.type(count)
    return value, _masked(1 - target / y, real) / y.real.dtype.type(count)


def phase(
    y: np.ndarray, target: np.ndarray, lengths: Any = None, weights: Any = None
) -> tuple[Any, np.ndarray]:
    """Mean of sin^2((y - target) / 2) over all entries, for angles in radians.

    It is |e^{i y} - e^{i target}|^2 / 4, a quarter of the squared chord between two points of the unit
    circle: 0 where the angles are the same, 1 where they are opposite. It has the period 2π in both, and
    does not change if both are turned by the same angle: so neither has to be unwrapped. Its gradient,
    sin(y - target) / 2, vanishes at the opposite point too.

    It is no metric, for the triangle inequality fails, as for any squared distance: from 0 to π/2 it is
    1/2, but by way of π/4 only 0.146 + 0.146. |sin((y - target) / 2)|, half the chord, would be one, but
    its gradient jumps where the angles are the same.

    Args:
        weights: of the shape of y, at least 0: how much each entry counts, such as its magnitude, for where
            there is no sound a phase means nothing. The mean is then divided by their sum.

    Raises:
        ValueError: shapes that differ, a negative weight.
    """
    y, target, real, count = _pair(y, target, lengths)
    half = _masked((y - target) / 2, real)
    share: Any = half.real.dtype.type(1 / count)
    if weights is not None:
        weights = np.asarray(weights, half.real.dtype)
        if weights.shape != half.shape:
            raise ValueError(f"expected weights of the shape of y {half.shape}, got {weights.shape}")
        weights = _masked(weights, real)
        if weights.size and not weights.min() >= 0:
            raise ValueError(f"expected weights of at least 0, got {weights.min()}")
        share = weights / (weights.sum() or 1)  # without any weight nothing counts
    sine = np.sin(half)
    return (share * sine * sine).sum(), share * sine * np.cos(half)


def discriminative(
    y: np.ndarray, target: np.ndarray, lengths: Any = None, gamma: float = 0.05, loss: Loss = mse
) -> tuple[Any, np.ndarray]:
    """loss(y, target) - gamma loss(y, the two sources of target swapped); Huang et al. 2014, 2015.

    What is like the one source has to be unlike the other: less leaks from each into the other, for a few
    more artifacts.

    Args:
        y, target: (..., 2F), both sources side by side, as a Mask gives them.
        gamma: at least 0 and below 1, where the squares would cancel and nothing hold the loss from below.
        loss: mse, sse, generalised_kl or any other `loss(y, target, lengths)`.

    Raises:
        ValueError: an odd number of features, and what `loss` raises.
    """
    if not 0 <= gamma < 1:
        raise ValueError(f"expected gamma from 0 to less than 1, got {gamma!r}")
    value, dy = loss(y, target, lengths)
    target = np.asarray(target)
    if target.ndim == 0 or target.shape[-1] % 2:
        raise ValueError(f"expected target (..., 2F) of two sources side by side, got {target.shape}")
    swapped = np.roll(target, target.shape[-1] // 2, axis=-1)
    value_swapped, dy_swapped = loss(y, swapped, lengths)
    return value - gamma * value_swapped, dy - gamma * dy_swapped


LOSSES: dict[str, Loss] = {
    "mse": mse,
    "sse": sse,
    "esr": esr,
    "softmax_cross_entropy": softmax_cross_entropy,
    "sigmoid_cross_entropy": sigmoid_cross_entropy,
    "generalised_kl": generalised_kl,
    "phase": phase,
    "discriminative": discriminative,
}


def _real(y: np.ndarray, lengths: Any) -> np.ndarray | None:
    """Which steps count, (T, B, 1); None for all."""
    if lengths is None:
        return None
    lengths = np.asarray(lengths)
    if np.ndim(y) != 3 or lengths.shape != np.shape(y)[1:2]:
        raise ValueError(f"expected y (T, B, D) and lengths (B,), got {np.shape(y)} and {lengths.shape}")
    if lengths.dtype.kind not in "iu" or (lengths.size and not 0 <= lengths.min() <= lengths.max() <= len(y)):
        raise ValueError(f"expected lengths in whole numbers from 0 to {len(y)}, got {lengths}")
    return (np.arange(len(y))[:, None] < lengths)[:, :, None]


def _masked(values: np.ndarray, real: np.ndarray | None) -> np.ndarray:
    """0 at steps that do not count."""
    return values if real is None else np.where(real, values, np.zeros_like(values))


def _count(real: np.ndarray | None, y: np.ndarray) -> int:
    """How many entries of y count: at least 1, so that an empty batch has loss 0 and not NaN."""
    return max(y.size if real is None else int(real.sum()) * y.shape[-1], 1)


def _floating(y: Any) -> np.ndarray:
    """y as floating or complex numbers: whole ones would cut off the fractions of a target cast to them."""
    y = np.asarray(y)
    return y if y.dtype.kind in "fc" else y.astype(float)


def _pair(y: Any, target: Any, lengths: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, int]:
    y, target = _floating(y), np.asarray(target)
    if y.shape != target.shape:
        raise ValueError(f"expected target of the shape of y {y.shape}, got {target.shape}")
    if not np.iscomplexobj(target):
        target = target.astype(y.real.dtype, copy=False)
    real = _real(y, lengths)
    return _masked(y, real), _masked(target, real), real, _count(real, y)


def _difference(y: Any, target: Any, lengths: Any) -> tuple[np.ndarray, int]:
    """y - target, 0 at padded steps, and the number of entries that count."""
    y, target, _, count = _pair(y, target, lengths)
    return y - target, count
