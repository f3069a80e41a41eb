"""Exercise 11: a filter, the LSTM that is one, and how to compare recordings. Equations in README.md."""

import numpy as np


def one_pole(x: np.ndarray, a: float, y0: float) -> np.ndarray:
    """x (T,) -> y (T,) with y_t = a y_{t-1} + (1 - a) x_t; y0 is the y before the first step."""
    raise NotImplementedError("write this part")


def one_pole_lstm(a: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """W_x (4, 1), W_h (4, 1), b (4,), rows o, i, f, g, and w, with which w h_t is the filter's y_t."""
    raise NotImplementedError("write this part")


def esr_db(output: np.ndarray, target: np.ndarray) -> float:
    """Energy of the error over the energy of the target, both (n,), in dB."""
    raise NotImplementedError("write this part")


def delay(before: np.ndarray, after: np.ndarray) -> int:
    """By how many samples `after` (n,) is later than `before` (n,); negative if it is earlier."""
    raise NotImplementedError("write this part")
