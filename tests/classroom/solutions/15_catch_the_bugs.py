"""15 Catch the bugs: tests for somebody else's LSTM. What it promises stands in README.md."""

from collections.abc import Callable

import numpy as np


def results_right(got: np.ndarray, expected: np.ndarray) -> bool:
    """Whether two arrays agree as well as correct code does."""
    # SOLUTION BEGINS
    if got.shape != expected.shape or not np.isfinite(got).all():
        return False
    return bool(np.linalg.norm(got - expected) <= 1e-9 * (np.linalg.norm(expected) + 1e-6))
    # SOLUTION ENDS


def catches(forward: Callable, backward: Callable) -> bool:
    """True if the LSTM has a bug, False if it keeps all its promises."""
    # SOLUTION BEGINS
    rng = np.random.default_rng(7)

    def sigma(a):
        return 0.5 + 0.5 * np.tanh(a / 2)

    def by_the_book(x, h, c, W_x, W_h, b):
        hs = []
        for x_t in x:
            o, i, f, g = np.split(x_t @ W_x.T + h @ W_h.T + b, 4, axis=1)
            c = sigma(f) * c + sigma(i) * np.tanh(g)
            h = sigma(o) * np.tanh(c)
            hs.append(h)
        return np.array(hs), h, c

    def loss(args, ds):
        return sum((d * y).sum() for d, y in zip(ds, forward(*args)[:3], strict=True))

    def problem(rng, T, B, D, H, scale):
        shapes = [(T, B, D), (B, H), (B, H), (4 * H, D), (4 * H, H), (4 * H,)]
        args = [scale * rng.normal(size=shape) for shape in shapes]
        return args, [scale * rng.normal(size=shape) for shape in ((T, B, H), (B, H), (B, H))]

    def untouched(call, args):
        before = [arg.copy() for arg in args]
        result = call(*args)
        return result, all(np.array_equal(arg, old) for arg, old in zip(args, before, strict=True))

    for T, B, D, H, scale in ((8, 2, 2, 2, 0.7), (1, 3, 1, 2, 4.0), (3, 2, 3, 1, 5.0), (3, 2, 2, 2, 1.0)):
        args, ds = problem(rng, T, B, D, H, scale)
        (*results, cache), clean = untouched(forward, args)
        others, other_ds = problem(rng, T, B, D, H, 1.0)
        backward(*other_ds, forward(*others)[3])
        grads, clean_too = untouched(lambda *ds, cache=cache: backward(*ds, cache), ds)
        if not (clean and clean_too):
            return True
        pairs = list(zip(results, by_the_book(*args), strict=True))
        pairs += zip(forward(*args)[:3], results, strict=True)
        pairs += zip(backward(*ds, cache), grads, strict=True)
        pairs += zip(backward(*(100 * d for d in ds), cache), (100 * grad for grad in grads), strict=True)
        for k, grad in enumerate(grads):
            # Row by row in the last problem, so that an error in a single row is not lost among the others.
            rows = [[row] for row in range(len(grad))] if scale == 1 and T == 3 else [range(len(grad))]
            got, expected = np.empty(len(rows)), np.empty(len(rows))
            for n, chosen in enumerate(rows):
                direction = np.zeros(grad.shape)
                direction[chosen] = rng.normal(size=direction[chosen].shape)
                moved = list(args)
                moved[k] = args[k] + 1e-20j * direction
                expected[n] = loss(moved, ds).imag / 1e-20
                got[n] = (direction * grad).sum()
            pairs.append((got, expected))
        if not all(results_right(got, expected) for got, expected in pairs):
            return True
    return False
    # SOLUTION ENDS
