"""Gradients of cell 0 without a backward pass: complex steps through the forward pass, and a slow forward."""

import numpy as np


def squash(a):
    return a / np.sqrt(1 + a * a)


def cell_forward(x, state, params):
    h, c = state
    hs = []
    for x_t in x:
        u = squash(x_t @ params["W_ux"].T + (x_t @ params["V_ux"].T) * (h @ params["W_uh"].T) + params["b_u"])
        a = x_t @ params["W_vx"].T + h @ params["W_vh"].T + params["p_v"] * u * u + params["b_v"]
        v = 1 / (1 + np.exp(-a))
        c = v * c + (1 - v) * (u - v * h)
        h = 0.8 * h + 0.2 * u * squash(c)
        hs.append(h)
    return np.array(hs), (h, c), (x, state, params)


def cell_backward(dh, dfinal, cache):
    x, (h0, c0), params = cache
    point = {"x": x, "h0": h0, "c0": c0, **params}

    def loss(point):
        h, final, _ = cell_forward(point["x"], (point["h0"], point["c0"]), point)
        return (dh * h).sum() + (dfinal[0] * final[0]).sum() + (dfinal[1] * final[1]).sum()

    grads = {}
    for name, array in point.items():
        grads["d" + name] = np.zeros(array.shape)
        for index in np.ndindex(array.shape):
            moved = array.astype(complex)
            moved[index] += 1e-30j
            grads["d" + name][index] = loss(point | {name: moved}).imag / 1e-30
    return grads
