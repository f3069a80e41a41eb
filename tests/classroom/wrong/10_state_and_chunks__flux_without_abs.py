"""10.5: without absolute values: ups and downs cancel."""

import numpy as np


def run_in_chunks(forward, x, state, sizes):
    ys = []
    for piece in np.split(x, np.cumsum(sizes)[:-1]):
        y, state, _ = forward(piece, state)
        ys.extend(y)
    return np.array(ys), state


def truncated_gradient(forward, backward, x, target, state, size):
    borders = np.arange(size, len(x), size)
    caches = []
    for piece, wanted in zip(np.split(x, borders), np.split(target, borders), strict=True):
        y, state, cache = forward(piece, state)
        caches.append((y - wanted, cache))
    return np.sum([backward(dy, cache)[0] for dy, cache in caches], axis=0), state


def mask_flux(mask):
    return np.mean(np.diff(mask, axis=0), axis=-1)


def seam_ratio(mask, block):
    flux = mask_flux(mask)
    border = np.arange(1, len(mask)) % block == 0
    return flux[border].mean() / flux[~border].mean()
