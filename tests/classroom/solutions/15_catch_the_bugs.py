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
        shapes = ((T, B, D), (B, H), (B, H), (4 * H, D), (4 * H, H), (4 * H,))
        args = [scale * rng.normal(size=shape) for shape in shapes]
        return args, [scale * rng.normal(size=shape) for shape in ((T, B, H), (B, H), (B, H))]

    def untouched(call, args):
        before = [arg.copy() for arg in args]
        result = call(*args)
        return result, all(np.array_equal(arg, old) for arg, old in zip(args, before, strict=True))

    rng = np.random.default_rng(7)
    for T, B, D, H, scale in ((10, 2, 2, 3, 0.7), (1, 3, 1, 2, 1.0), (3, 1, 3, 1, 1.0), (3, 2, 2, 2, 5.0)):
        args, ds = problem(rng, T, B, D, H, scale)
        (*results, cache), clean = untouched(forward, args)
        others, other_ds = problem(rng, T, B, D, H, 1.0)
        other_cache = forward(*others)[3]
        backward(*other_ds, other_cache)
        grads, clean_too = untouched(lambda *ds, cache=cache: backward(*ds, cache), ds)
        if not (clean and clean_too):
            return True
        again = backward(*ds, cache)
        pairs = list(zip(results, by_the_book(*args), strict=True)) + list(zip(again, grads, strict=True))
        pairs += list(zip(forward(*args)[:3], results, strict=True))
        pairs += [(grad, 100 * small) for grad, small in zip(backward(*(100 * d for d in ds), cache), grads)]
        for k, grad in enumerate(grads):
            # One direction for each row, so that an error in a single row is not lost among the others.
            arg = args[k].reshape(len(args[k]), -1)
            got, expected = np.empty(len(arg)), np.empty(len(arg))
            for row in range(len(arg)):
                direction = np.zeros(arg.shape)
                direction[row] = rng.normal(size=arg.shape[1])
                moved = list(args)
                moved[k] = args[k] + 1e-20j * direction.reshape(args[k].shape)
                expected[row] = loss(moved, ds).imag / 1e-20
                got[row] = (direction * grad.reshape(arg.shape)).sum()
            pairs.append((got, expected))
        if not all(results_right(got, expected) for got, expected in pairs):
            return True
    return False
    # SOLUTION ENDS
