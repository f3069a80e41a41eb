"""13.6: half of what it is: a factor of 2 is missing, that of the squares perhaps."""

from typing import Any

import numpy as np


def mask_forward(
    x: np.ndarray, a1: np.ndarray, a2: np.ndarray, eps: float
) -> tuple[np.ndarray, np.ndarray, Any]:
    """x, a1, a2 (T, B, F) -> y1 = m x and y2 = (1 - m) x, both (T, B, F), and the cache."""
    strength1 = np.sqrt(a1**2 + eps**2)
    strength2 = np.sqrt(a2**2 + eps**2)
    share = strength1 / (strength1 + strength2)
    return share * x, (1 - share) * x, (x, a1, a2, strength1, strength2, share)


def mask_backward(dy1: np.ndarray, dy2: np.ndarray, cache: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradients dx, da1, da2 (T, B, F) from those by y1 and y2."""
    x, a1, a2, strength1, strength2, share = cache
    by_share = x * (dy1 - dy2)
    both = strength1 + strength2
    by_strength1 = by_share * strength2 / both**2
    by_strength2 = -by_share * strength1 / both**2
    by_x = dy2 + share * (dy1 - dy2)
    return by_x, by_strength1 * a1 / strength1, by_strength2 * a2 / strength2


def discriminative_loss(
    y1: np.ndarray, y2: np.ndarray, s1: np.ndarray, s2: np.ndarray, gamma: float
) -> tuple[float, np.ndarray, np.ndarray]:
    """The loss of estimates y1, y2 of the sources s1, s2 (T, B, F), and its gradients dy1, dy2."""
    entries = y1.size + y2.size
    near1, near2, far1, far2 = y1 - s1, y2 - s2, y1 - s2, y2 - s1
    near = np.sum(near1**2) + np.sum(near2**2)
    far = np.sum(far1**2) + np.sum(far2**2)
    scale = 1 / entries
    return (near - gamma * far) / entries, scale * (near1 - gamma * far1), scale * (near2 - gamma * far2)
