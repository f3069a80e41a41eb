"""Central differences in random directions, and a plain forward pass to compare with; a class of checks."""

import numpy as np


class Suspicious(Exception):
    pass


def close(got, wanted, digits):
    for a, b in zip(got, wanted, strict=True):
        if np.abs(a - b).max() > 10.0**-digits * (1e-3 + np.abs(b).max()):
            raise Suspicious


def plain_forward(x, h, c, W_x, W_h, b):
    H = h.shape[1]
    hs = np.zeros((len(x), *h.shape))
    for t in range(len(x)):
        a = x[t] @ W_x.T + h @ W_h.T + b
        s = 1 / (1 + np.exp(-a))
        c = s[:, 2 * H : 3 * H] * c + s[:, H : 2 * H] * np.tanh(a[:, 3 * H :])
        h = s[:, :H] * np.tanh(c)
        hs[t] = h
    return hs, h, c


def examine(forward, backward, seed, sizes, big):
    T, B, D, H = sizes
    rng = np.random.default_rng(seed)
    draw = lambda *shapes: [rng.standard_normal(shape) for shape in shapes]  # noqa: E731
    args = draw((T, B, D), (B, H), (B, H), (4 * H, D), (4 * H, H), (4 * H,))
    args[2] *= big
    args[0] *= big
    ds = draw((T, B, H), (B, H), (B, H))
    saved = [a.copy() for a in args + ds]

    h, h_T, c_T, cache = forward(*args)
    close((h, h_T, c_T), plain_forward(*args), 10)
    gradients = backward(*ds, cache)
    other = forward(*[2 * a for a in args])
    backward(*[3 * d for d in ds], other[-1])
    close(backward(*ds, cache), gradients, 10)
    close(forward(*args)[:3], (h, h_T, c_T), 10)
    close([g / 50 for g in backward(*[50 * d for d in ds], cache)], gradients, 10)
    if any((a != s).any() for a, s in zip(args + ds, saved, strict=True)):
        raise Suspicious

    def value(position, change):
        moved = [a + change if k == position else a for k, a in enumerate(args)]
        return sum((d * out).sum() for d, out in zip(ds, plain_forward(*moved), strict=True))

    for k, gradient in enumerate(gradients):
        for _ in range(3):
            direction = rng.standard_normal(gradient.shape)
            # Fourth order, through one's own forward pass: it has just been found to be the same.
            slope = sum(w * value(k, s * 2e-4 * direction) for w, s in ((8, 1), (-8, -1), (-1, 2), (1, -2)))
            close([(gradient * direction).sum()], [slope / 24e-4], 7)


def catches(forward, backward):
    try:
        for seed, sizes in enumerate([(9, 3, 2, 2), (1, 2, 3, 1), (2, 1, 1, 2)]):
            for big in (0.5, 4.0):
                examine(forward, backward, seed, sizes, big)
    except Suspicious:
        return True
    return False
