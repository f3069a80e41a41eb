"""Every bin by itself."""

import cmath

import numpy as np


def size(a, eps):
    return cmath.sqrt(a * a + eps * eps)


def mask_forward(x, a1, a2, eps):
    kind = np.result_type(x, a1, a2)
    y1, y2 = np.zeros(x.shape, kind), np.zeros(x.shape, kind)
    for at in np.ndindex(x.shape):
        n1, n2 = size(a1[at], eps), size(a2[at], eps)
        m = n1 / (n1 + n2)
        value = m * x[at]
        y1[at] = value if np.issubdtype(kind, np.complexfloating) else value.real
        y2[at] = x[at] - y1[at]
    return y1, y2, {"x": x.copy(), "a1": a1.copy(), "a2": a2.copy(), "eps": eps}


def mask_backward(dy1, dy2, cache):
    x, a1, a2, eps = cache["x"], cache["a1"], cache["a2"], cache["eps"]
    dx, da1, da2 = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for at in np.ndindex(x.shape):
        n1, n2 = size(a1[at], eps).real, size(a2[at], eps).real
        m, dm = n1 / (n1 + n2), (dy1[at] - dy2[at]) * x[at]
        dx[at] = m * dy1[at] + (1 - m) * dy2[at]
        da1[at] = dm * n2 / (n1 + n2) ** 2 * a1[at] / n1
        da2[at] = -dm * n1 / (n1 + n2) ** 2 * a2[at] / n2
    return dx, da1, da2


def discriminative_loss(y1, y2, s1, s2, gamma):
    loss, count = 0.0, 2 * y1.size
    dy1, dy2 = np.zeros_like(y1), np.zeros_like(y2)
    for at in np.ndindex(y1.shape):
        for y, near, far, dy in ((y1, s1, s2, dy1), (y2, s2, s1, dy2)):
            loss += ((y[at] - near[at]) ** 2 - gamma * (y[at] - far[at]) ** 2) / count
            dy[at] = 2 * ((y[at] - near[at]) - gamma * (y[at] - far[at])) / count
    return loss, dy1, dy2
