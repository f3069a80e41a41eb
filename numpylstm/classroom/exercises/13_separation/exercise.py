"""Exercise 13: a mask that shares a mixture out, a loss that keeps shares apart. Equations in README.md."""

from typing import Any

import numpy as np


def mask_forward(
    x: np.ndarray, a1: np.ndarray, a2: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray, Any]:
    """x, a1, a2 (T, B, F) -> y1 = m x and y2 = (1 - m) x, both (T, B, F), and the cache."""
    raise NotImplementedError("write this part")


def mask_backward(dy1: np.ndarray, dy2: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients dx, da1, da2 (T, B, F) from those by y1 and y2."""
    raise NotImplementedError("write this part")


def discriminative_loss(
    y1: np.ndarray, y2: np.ndarray, s1: np.ndarray, s2: np.ndarray, gamma: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """The loss of estimates y1, y2 of the sources s1, s2 (T, B, F), and its gradients dy1, dy2."""
    raise NotImplementedError("write this part")
