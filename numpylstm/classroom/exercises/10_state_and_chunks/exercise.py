"""Exercise 10: a long sequence in pieces, and what shows where it was cut. The words stand in README.md."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

State = tuple[np.ndarray, ...]
Forward = Callable[[np.ndarray, State], tuple[np.ndarray, State, Any]]
Backward = Callable[..., tuple[np.ndarray, State]]


def run_in_chunks(
    forward: Forward, x: np.ndarray, state: State, sizes: Sequence[int]
) -> tuple[np.ndarray, State]:
    """x (T, B, D) in pieces of so many steps, one call of forward each -> y (T, B, H) and the final state."""
    raise NotImplementedError("write this part")


def truncated_gradient(
    forward: Forward, backward: Backward, x: np.ndarray, target: np.ndarray, state: State, size: int
) -> tuple[np.ndarray, State]:
    """Truncated BPTT in pieces of `size` steps -> the gradient (n,) summed over all, and the final state.

    x (T, B, D), target (T, B, H). The loss is half the sum of (y - target)².
    """
    raise NotImplementedError("write this part")


def mask_flux(mask: np.ndarray) -> np.ndarray:
    """mask (T, F) -> (T - 1,): [t - 1] is the mean over F of |mask[t] - mask[t - 1]|."""
    raise NotImplementedError("write this part")


def seam_ratio(mask: np.ndarray, block: int) -> float:
    """Mean flux at the frames that are a multiple of `block`, over that of all others after frame 0."""
    raise NotImplementedError("write this part")
