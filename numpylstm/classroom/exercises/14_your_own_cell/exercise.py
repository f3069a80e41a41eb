"""14 Your own cell: its forward pass, and its backward pass from one's own derivation.

The equations stand at the end of README.md.
"""

import numpy as np


def cell_forward(x, state, params):
    """x (T, B, D), state a tuple of (B, H), params by name -> h (T, B, H), the final state, cache."""
    raise NotImplementedError("write this part")


def cell_backward(dh, dfinal, cache):
    """dh (T, B, H), dfinal a tuple of (B, H) -> {"dx": (T, B, D), "dh0": (B, H), ..., "dW_ux": (H, D), ...}"""
    raise NotImplementedError("write this part")
