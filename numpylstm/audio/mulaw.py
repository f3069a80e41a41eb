"""Mu-law: sound as a few hundred classes, fine where it is quiet and coarse where it is loud.

The curve is that of ITU-T G.711 and of A. van den Oord et al., "WaveNet: A generative model for raw audio",
2016, section 2.2, for any number of classes C, with mu = C - 1:

    f(x) = sign(x) ln(1 + mu |x|) / ln(1 + mu)               -1 <= x <= 1
    class = round((f(x) + 1) mu / 2)                         0 to mu
    x = sign(f) ((1 + mu)^|f| - 1) / mu                      with f = 2 class / mu - 1

G.711 itself bends the curve into straight pieces for its 8 bits; here it is the smooth one.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

CLASSES = 256


def encode(samples: ArrayLike, classes: int = CLASSES) -> NDArray[np.intp]:
    """Samples of any shape, full scale 1, as classes from 0 to classes - 1, the nearest on the curve.

    What is beyond full scale gets the outermost class. Raises ValueError for fewer than two classes, and for
    samples that are not finite real numbers.
    """
    mu = _mu(classes)
    x = np.asarray(samples)
    if x.dtype.kind not in "fiu" or not np.isfinite(x).all():
        raise ValueError("expected samples that are finite real numbers")
    x = np.clip(x, -1.0, 1.0)
    f = np.sign(x) * np.log1p(mu * np.abs(x)) / np.log1p(mu)
    return np.rint((f + 1) * (mu / 2)).astype(np.intp)


def decode(numbers: ArrayLike, classes: int = CLASSES) -> NDArray[np.float64]:
    """Classes of any shape as samples, full scale 1: the inverse of `encode` up to its rounding.

    Raises ValueError for fewer than two classes, and for what is not a class.
    """
    mu = _mu(classes)
    c = np.asarray(numbers)
    if c.dtype.kind not in "iu":
        raise ValueError(f"expected classes in whole numbers, got {c.dtype}")
    if c.size and (c.min() < 0 or c.max() > mu):
        raise ValueError(f"expected classes from 0 to {mu}, got {c.min()} to {c.max()}")
    f = 2 * c / mu - 1
    x: NDArray[Any] = np.sign(f) * np.expm1(np.abs(f) * np.log1p(mu)) / mu
    return x


def _mu(classes: int) -> int:
    if classes < 2:
        raise ValueError(f"expected at least 2 classes, got {classes}")
    return classes - 1
