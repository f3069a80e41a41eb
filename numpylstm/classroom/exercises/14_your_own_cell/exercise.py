"""14 Your own cell: its forward pass, and its backward pass from one's own derivation.

The equations stand at the end of README.md.
"""

from typing import Any

import numpy as np


def cell_forward(
    x: np.ndarray, state: tuple[np.ndarray, ...], params: dict[str, np.ndarray]
) -> tuple[np.ndarray, tuple[np.ndarray, ...], Any]:
    """x (T, B, D), state a tuple of (B, H), params by name -> h (T, B, H), the final state, cache."""
    raise NotImplementedError("write this part")


def cell_backward(dh: np.ndarray, dfinal: tuple[np.ndarray, ...], cache: Any) -> dict[str, np.ndarray]:
    """dh (T, B, H), dfinal a tuple of (B, H) -> "dx" (T, B, D), "dh0" (B, H), ..., "dW_ux" (H, D), ..."""
    raise NotImplementedError("write this part")
