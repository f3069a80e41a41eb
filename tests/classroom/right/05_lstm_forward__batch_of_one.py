"""A generator of states for one sequence; inputs projected for all steps at once."""

from functools import reduce

import numpy as np


def advance(state, projected, W_h):
    h, c = state
    o, i, f, g = np.split(projected + W_h @ h, 4)
    c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
    return np.tanh(c) / (1 + np.exp(-o)), c


def lstm_step(x, h, c, W_x, W_h, b):
    pairs = [advance(state, x_n @ W_x.T + b, W_h) for *state, x_n in zip(h, c, x, strict=True)]
    return tuple(np.array(part) for part in zip(*pairs, strict=True))


def one(x, h, c, W_x, W_h, b, length):
    states = reduce(lambda past, p: [*past, advance(past[-1], p, W_h)], (x[:length] @ W_x.T + b), [(h, c)])
    y = np.zeros((len(x), len(h)))
    for t, (h_t, _) in enumerate(states[1:]):
        y[t] = h_t
    return y, *states[-1]


def lstm_forward(x, h0, c0, W_x, W_h, b, lengths=None):
    T, B, _ = x.shape
    ends = [T] * B if lengths is None else lengths.tolist()
    runs = [one(x[:, n], h0[n], c0[n], W_x, W_h, b, ends[n]) for n in range(B)]
    y, h, c = zip(*runs, strict=True)
    return np.stack(y, axis=1), np.array(h), np.array(c)
