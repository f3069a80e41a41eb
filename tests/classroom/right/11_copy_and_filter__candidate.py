"""The filter in the candidate, gates shut or open; sums one by one."""

import math

import numpy as np


def one_pole(x, a, y0):
    y = [y0]
    for t in range(len(x)):
        y.append(a * y[t] + (1 - a) * x[t])
    return np.array(y)[1:]


def one_pole_lstm(a):
    eps = 1e-6
    W_x, W_h = np.zeros((4, 1)), np.zeros((4, 1))
    W_x[3, 0], W_h[3, 0] = (1 - a) * eps, a
    return W_x, W_h, np.array([40.0, 40.0, -40.0, 0.0]), 1 / eps


def esr_db(output, target):
    error = sum((t - y) ** 2 for t, y in zip(target, output, strict=True))
    return 10 * math.log10(error) - 10 * math.log10(sum(t * t for t in target))


def delay(before, after):
    n, best, found = len(before), -math.inf, None
    for d in range(-n + 1, n):
        total = 0.0
        for t in range(max(0, -d), min(n, n - d)):
            total += after[t + d] * before[t]
        if total > best:
            best, found = total, d
    return found
