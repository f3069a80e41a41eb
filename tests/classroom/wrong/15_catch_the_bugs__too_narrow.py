"""Expects its own forward pass to the last digit."""

import numpy as np


def sigmoid(a):
    return 0.5 * (1 + np.tanh(0.5 * a))


def catches(forward, backward):
    rng = np.random.default_rng(0)
    x, h, c = rng.normal(size=(4, 2, 3)), rng.normal(size=(2, 2)), rng.normal(size=(2, 2))
    W_x, W_h, b = rng.normal(size=(8, 3)), rng.normal(size=(8, 2)), rng.normal(size=8)
    got = forward(x, h, c, W_x, W_h, b)[0]
    for t in range(4):
        o, i, f, g = np.split(x[t] @ W_x.T + h @ W_h.T + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        if abs(h - got[t]).max() > 1e-14:
            return True
    return False
