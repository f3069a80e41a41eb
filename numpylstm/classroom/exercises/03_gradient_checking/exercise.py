"""Exercise 03: derivatives from values alone. The formulas stand in README.md."""

from collections.abc import Callable
from typing import Any

import numpy as np

Function = Callable[[np.ndarray], Any]

TOLERANCE = 1e-9
"""Largest distance from the gradient that a right one may have, relative to the larger norm of the two."""


def forward_difference(f: Function, x: np.ndarray, h: float) -> np.ndarray:
    """(f(x + h e_k) - f(x)) / h for every k, as an array (n,)."""
    raise NotImplementedError("write this part")


def central_difference(f: Function, x: np.ndarray, h: float) -> np.ndarray:
    """(f(x + h e_k) - f(x - h e_k)) / (2 h) for every k, as an array (n,)."""
    raise NotImplementedError("write this part")


def richardson(f: Function, x: np.ndarray, h: float) -> np.ndarray:
    """(4 C(h/2) - C(h)) / 3 with the central differences C, as an array (n,)."""
    raise NotImplementedError("write this part")


def complex_step(f: Function, x: np.ndarray, h: float = 1e-20) -> np.ndarray:
    """imag(f(x + i h e_k)) / h for every k, as an array (n,) of real numbers."""
    raise NotImplementedError("write this part")


def check_gradient(f: Function, x: np.ndarray, gradients: tuple[np.ndarray, ...]) -> list[bool]:
    """Which of the arrays (n,) in `gradients` are the gradient of f at x, to TOLERANCE."""
    raise NotImplementedError("write this part")
