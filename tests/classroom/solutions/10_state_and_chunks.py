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
    # SOLUTION BEGINS
    outputs, done = [], 0
    for size in sizes:
        output, state, _ = forward(x[done : done + size], state)
        outputs.append(output)
        done += size
    return np.concatenate(outputs), state
    # SOLUTION ENDS


def truncated_gradient(
    forward: Forward, backward: Backward, x: np.ndarray, target: np.ndarray, state: State, size: int
) -> tuple[np.ndarray, State]:
    """Truncated BPTT in pieces of `size` steps -> the gradient (n,) summed over all, and the final state.

    x (T, B, D), target (T, B, H). The loss is half the sum of (y - target)².
    """
    # SOLUTION BEGINS
    total: Any = 0
    for start in range(0, len(x), size):
        piece = slice(start, start + size)
        output, state, memory = forward(x[piece], state)
        total = total + backward(output - target[piece], memory)[0]
    return total, state
    # SOLUTION ENDS


def mask_flux(mask: np.ndarray) -> np.ndarray:
    """mask (T, F) -> (T - 1,): [t - 1] is the mean over F of |mask[t] - mask[t - 1]|."""
    # SOLUTION BEGINS
    return np.abs(mask[1:] - mask[:-1]).mean(axis=1)
    # SOLUTION ENDS


def seam_ratio(mask: np.ndarray, block: int) -> float:
    """Mean flux at the frames that are a multiple of `block`, over that of all others after frame 0."""
    # SOLUTION BEGINS
    changes = mask_flux(mask)
    at_seams = changes[block - 1 :: block]
    elsewhere = (changes.sum() - at_seams.sum()) / (changes.size - at_seams.size)
    return at_seams.mean() / elsewhere
    # SOLUTION ENDS
