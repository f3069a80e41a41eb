"""Exercise 09: windows with their targets, and the free run. The indices stand in README.md."""

from collections.abc import Callable
from typing import Any

import numpy as np

Step = Callable[[float, Any], tuple[float, Any]]


def windows(signal: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """signal (n,) -> x and target, both (length, n - length, 1).

    x[t, k, 0] is signal[k + t], and target[t, k, 0] is signal[k + t + 1].
    """
    raise NotImplementedError("write this part")


def free_run(step: Step, primed: np.ndarray, n: int) -> np.ndarray:
    """The samples of `primed` (P,), then n predictions, each of them what the network hears next: (P + n,).

    step(sample, state) -> (prediction of the next sample, state); the state is None at the beginning.
    """
    raise NotImplementedError("write this part")
