"""Exercise 03: derivatives from values alone. The formulas stand in README.md."""

from collections.abc import Callable
from typing import Any

import numpy as np

Function = Callable[[np.ndarray], Any]

TOLERANCE = 1e-9
"""Largest distance from the gradient that a right one may have, relative to the larger norm of the two."""


def forward_difference(f: Function, x: np.ndarray, h: float) -> np.ndarray:
    """(f(x + h e_k) - f(x)) / h for every k, as an array (n,)."""
    # SOLUTION BEGINS
    here = f(x)
    slopes = np.zeros(x.size)
    for k in range(x.size):
        moved = x.copy()
        moved[k] += h
        slopes[k] = (f(moved) - here) / h
    return slopes
    # SOLUTION ENDS


def central_difference(f: Function, x: np.ndarray, h: float) -> np.ndarray:
    """(f(x + h e_k) - f(x - h e_k)) / (2 h) for every k, as an array (n,)."""
    # SOLUTION BEGINS
    slopes = np.zeros(x.size)
    for k in range(x.size):
        later, sooner = x.copy(), x.copy()
        later[k] += h
        sooner[k] -= h
        slopes[k] = (f(later) - f(sooner)) / (h + h)
    return slopes
    # SOLUTION ENDS


def richardson(f: Function, x: np.ndarray, h: float) -> np.ndarray:
    """(4 C(h/2) - C(h)) / 3 with the central differences C, as an array (n,)."""
    # SOLUTION BEGINS
    coarse, fine = central_difference(f, x, h), central_difference(f, x, h / 2)
    return fine + (fine - coarse) / 3
    # SOLUTION ENDS


def complex_step(f: Function, x: np.ndarray, h: float = 1e-20) -> np.ndarray:
    """imag(f(x + i h e_k)) / h for every k, as an array (n,) of real numbers."""
    # SOLUTION BEGINS
    slopes = np.zeros(x.size)
    for k in range(x.size):
        aside = x.astype(complex)
        aside[k] += 1j * h
        slopes[k] = f(aside).imag / h
    return slopes
    # SOLUTION ENDS


def check_gradient(f: Function, x: np.ndarray, gradients: tuple[np.ndarray, ...]) -> list[bool]:
    """Which of the arrays (n,) in `gradients` are the gradient of f at x, to TOLERANCE."""
    # SOLUTION BEGINS
    true = complex_step(f, x)
    verdicts = []
    for gradient in gradients:
        longest = max(np.linalg.norm(gradient), np.linalg.norm(true))
        verdicts.append(bool(np.linalg.norm(gradient - true) <= TOLERANCE * longest))
    return verdicts
    # SOLUTION ENDS
