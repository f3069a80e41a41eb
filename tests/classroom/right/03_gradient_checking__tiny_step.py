"""The complex step with a step of its own, 1e-100, and a class."""

import numpy as np

TOLERANCE = 1e-9


class Axes:
    def __init__(self, x):
        self.x, self.eye = x, np.diag(np.ones_like(x))

    def __iter__(self):
        return iter(self.eye)


def forward_difference(f, x, h):
    now = f(x)
    return np.fromiter(((f(x + h * e) - now) / h for e in Axes(x)), float)


def central_difference(f, x, h):
    return (forward_difference(f, x, h) + forward_difference(f, x, -h)) / 2


def richardson(f, x, h):
    pair = np.stack([central_difference(f, x, h / 2), central_difference(f, x, h)])
    return np.array([4, -1]) @ pair / 3


def complex_step(f, x, h=1e-20):
    return np.fromiter((complex(f(x + 1e-100j * e)).imag * 1e100 for e in Axes(x)), float)


def check_gradient(f, x, gradients):
    expected = complex_step(f, x)
    answers = [False] * len(gradients)
    for k, gradient in enumerate(gradients):
        error = np.sqrt(np.sum((gradient - expected) ** 2))
        scale = max(np.sqrt(np.sum(gradient**2)), np.sqrt(np.sum(expected**2)))
        answers[k] = error == 0 or bool(error / scale <= TOLERANCE)
    return answers
