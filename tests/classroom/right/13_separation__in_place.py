"""Few arrays, written over; the cache is one array."""

import numpy as np


def mask_forward(x, a1, a2, eps):
    m = a1 * a1
    m += eps * eps
    m **= 0.5
    rest = a2 * a2
    rest += eps * eps
    rest **= 0.5
    m = m / (m + rest)
    y2 = x * (1 - m)
    y1 = x * m
    cache = np.stack(np.broadcast_arrays(x, a1, a2, m, np.array(eps)))
    return y1, y2, cache


def mask_backward(dy1, dy2, cache):
    x, a1, a2, m, eps = (part.copy() for part in cache)
    dm = dy1 - dy2
    dx = dm * m
    dx += dy2
    dm *= x
    dm *= m
    dm *= 1 - m
    # m (1 - m) is what both have in common, for a ratio as for a softmax of logarithms
    a1 /= a1**2 + eps**2
    a2 /= a2**2 + eps**2
    a1 *= dm
    a2 *= -dm
    return dx, a1, a2


def discriminative_loss(y1, y2, s1, s2, gamma):
    N = y1.size
    dy1 = ((1 - gamma) * y1 - s1 + gamma * s2) / N
    dy2 = ((1 - gamma) * y2 - s2 + gamma * s1) / N
    right = np.vdot(y1 - s1, y1 - s1) + np.vdot(y2 - s2, y2 - s2)
    wrong = np.vdot(y1 - s2, y1 - s2) + np.vdot(y2 - s1, y2 - s1)
    return float(right - gamma * wrong) / (2 * N), dy1, dy2
