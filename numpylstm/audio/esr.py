"""The error-to-signal ratio (ESR): how much of the target's energy the error has.

    ESR = sum((target - y)^2) / sum(target^2)

It is the measure that guitar amplifier models are compared by: 0 is a perfect copy, 1 is what silence would
score. From A. Wright, E.-P. Damskägg and V. Välimäki, "Real-time black-box modelling with recurrent neural
networks", DAFx 2019. There both signals first pass a pre-emphasis filter; here they do not.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def esr(y: ArrayLike, target: ArrayLike) -> float:
    """The error-to-signal ratio of `y` to `target`, both of one shape, (n,) or (n, channels) or any other.

    All samples of all channels are summed, in float64. A ratio of energies, so without unit; 0 is best.
    Raises ValueError if the shapes differ or if the target is silent, where the ratio is undefined.
    """
    y, target = _float64(y), _float64(target)
    if y.shape != target.shape:
        raise ValueError(f"expected y and target of one shape, got {y.shape} and {target.shape}")
    energy = float(np.sum(target**2))
    if energy == 0.0:
        raise ValueError("the error-to-signal ratio needs a target that is not silent")
    return float(np.sum((target - y) ** 2)) / energy


def esr_db(y: ArrayLike, target: ArrayLike) -> float:
    """`esr` in decibels, 10 log10(ESR): -20 dB is an error of one hundredth of the energy.

    A perfect copy gives -inf. Shapes and errors as in `esr`.
    """
    ratio = esr(y, target)
    return 10.0 * math.log10(ratio) if ratio != 0.0 else -math.inf


def _float64(samples: ArrayLike) -> NDArray[Any]:
    return np.asarray(samples, dtype=np.float64)
