from itertools import pairwise

import numpy as np


def run_in_chunks(forward, x, state, sizes):
    y, state, _ = forward(x[: sizes[0]], state)
    if len(sizes) == 1:
        return y, state
    rest, state = run_in_chunks(forward, x[sizes[0] :], state, sizes[1:])
    return np.vstack([y, rest]), state


def truncated_gradient(forward, backward, x, target, state, size):
    y, after, cache = forward(x[:size], state)
    grad, _ = backward(y - target[:size], cache, None)
    if len(x) > size:
        more, after = truncated_gradient(forward, backward, x[size:], target[size:], after, size)
        grad = grad + more
    return grad, after


def mask_flux(mask):
    return np.array([np.sum(np.abs(b - a)) / len(a) for a, b in pairwise(mask)])


def seam_ratio(mask, block):
    seams, others = [], []
    for t, flux in enumerate(mask_flux(mask), 1):
        (others if t % block else seams).append(flux)
    return float(np.mean(seams) / np.mean(others))
