"""Looks like: dc of the next step was multiplied by f_t where f_{t+1} belongs."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Tape:
    x: np.ndarray
    h: np.ndarray
    c: np.ndarray
    W: np.ndarray


def cell(u, c, W):
    o, i, f, g = np.split(u @ W.T, 4, axis=-1)
    o, i, f = (np.exp(-np.logaddexp(0, -a)) for a in (o, i, f))
    g = np.tanh(g)
    return o, i, f, g, f * c + i * g


def joined(x, h):
    return np.concatenate([x, np.ones((len(x), 1)), h], axis=1)


def lstm_forward(x, h0, c0, W_x, W_h, b):
    W = np.concatenate([W_x, b[:, None], W_h], axis=1)
    h, c = [h0], [c0]
    for v in x:
        o, *_, new = cell(joined(v, h[-1]), c[-1], W)
        c.append(new)
        h.append(o * np.tanh(new))
    return np.array(h[1:]), h[-1], c[-1], Tape(x, np.array(h), np.array(c), W)


def lstm_backward(dh, dh_T, dc_T, cache):
    T, _, D = cache.x.shape
    dx, dW = np.empty_like(cache.x), np.zeros_like(cache.W)
    p, q = dh_T, dc_T
    for t in range(T)[::-1]:
        u = joined(cache.x[t], cache.h[t])
        o, i, f, g, c = cell(u, cache.c[t], cache.W)
        p = p + dh[t]
        q = q * f + p * o * np.cosh(c) ** -2
        da = np.concatenate(
            [
                p * np.tanh(c) * (o - o**2),
                q * g * (i - i**2),
                q * cache.c[t] * (f - f**2),
                q * i * (1 - g**2),
            ],
            axis=1,
        )
        dW += np.einsum("br,bu->ru", da, u)
        du = da @ cache.W
        dx[t], p, q = du[:, :D], du[:, D + 1 :], q
    return dx, p, q, dW[:, :D], dW[:, D + 1 :], dW[:, D]
