"""Outputs written into one array, states as they come, gradients added in place."""

import numpy as np


def run_in_chunks(forward, x, state, sizes):
    y, begin = None, 0
    for size in sizes:
        part, state, _ = forward(x[begin : begin + size], state)
        if y is None:
            y = np.empty((len(x), *part.shape[1:]))
        y[begin : begin + size] = part
        begin += size
    return y, list(state)


def truncated_gradient(forward, backward, x, target, state, size):
    grad, t = None, 0
    while t < len(x):
        end = min(t + size, len(x))
        dy, state, cache = forward(x[t:end], state)
        dy -= target[t:end]
        step, _ = backward(dy, cache)
        if grad is None:
            grad = step
        else:
            grad += step
        t = end
    return grad, state


def mask_flux(mask):
    T, F = mask.shape
    flux = np.zeros(T - 1)
    for t in range(1, T):
        for k in range(F):
            flux[t - 1] += abs(mask[t, k] - mask[t - 1, k]) / F
    return flux


def seam_ratio(mask, block):
    flux = np.append(np.nan, mask_flux(mask))
    frames = np.arange(len(mask))
    seam = (frames % block == 0) & (frames > 0)
    rest = (frames % block != 0) & (frames > 0)
    return np.average(flux[seam]) / np.average(flux[rest])
