"""A copy that is moved and set back; plain Python numbers."""

import math

import numpy as np


def slopes(f, x, quotient, dtype=float):
    point, result = np.array(x, dtype), []
    for k in range(len(x)):
        kept = point[k]

        def at(step, k=k, kept=kept):
            point[k] = kept + step
            value = f(point)
            point[k] = kept
            return value

        result.append(float(quotient(at)))
    return np.array(result)


def forward_difference(f, x, h):
    return slopes(f, x, lambda at: (at(h) - at(0)) / h)


def central_difference(f, x, h):
    return slopes(f, x, lambda at: (at(h) - at(-h)) / 2 / h)


def richardson(f, x, h):
    half, whole = central_difference(f, x, h / 2), central_difference(f, x, h)
    return 4 / 3 * half - whole / 3


def complex_step(f, x, h=1e-20):
    return slopes(f, x, lambda at: at(h * 1j).imag / h, complex)


def check_gradient(f, x, gradients):
    expected = complex_step(f, x)
    length = math.sqrt(sum(e * e for e in expected))
    verdicts = []
    for gradient in gradients:
        if not np.all(np.isfinite(gradient)):
            verdicts.append(False)
            continue
        distance = math.dist(gradient, expected)
        verdicts.append(distance <= 1e-9 * max(length, math.hypot(*gradient)))
    return tuple(verdicts)
