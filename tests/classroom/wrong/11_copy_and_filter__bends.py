"""11.2: the tanh bends: at a thousandth of the level this would be right. Take a smaller eps."""

import numpy as np


def one_pole(x: np.ndarray, a: float, y0: float) -> np.ndarray:
    """x (T,) -> y (T,) with y_t = a y_{t-1} + (1 - a) x_t; y0 is the y before the first step."""
    smooth, last = np.zeros(len(x)), y0
    for t, sample in enumerate(x):
        last += (1 - a) * (sample - last)
        smooth[t] = last
    return smooth


def one_pole_lstm(a: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """W_x (4, 1), W_h (4, 1), b (4,), rows o, i, f, g, and w, with which w h_t is the filter's y_t."""
    small = 1.0
    from_x, from_h = np.zeros((4, 1)), np.zeros((4, 1))
    from_x[3] = small
    at_rest = np.array([40.0, np.log((1 - a) / a), np.log(a / (1 - a)), 0.0])
    return from_x, from_h, at_rest, 1 / small


def esr_db(output: np.ndarray, target: np.ndarray) -> float:
    """Energy of the error over the energy of the target, both (n,), in dB."""
    miss = output - target
    return 10 * np.log10(miss.dot(miss) / target.dot(target))


def delay(before: np.ndarray, after: np.ndarray) -> int:
    """By how many samples `after` (n,) is later than `before` (n,); negative if it is earlier."""
    n = len(before)
    sums = np.correlate(after, before, mode="full")
    return int(sums.argmax()) - (n - 1)
