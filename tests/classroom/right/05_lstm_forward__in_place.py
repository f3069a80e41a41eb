"""One matrix product a step on [x, h, 1], buffers made once and written over, features first inside."""

import numpy as np


def lstm_step(x, h, c, W_x, W_h, b):
    return lstm_forward(x[None], h, c, W_x, W_h, b)[1:]


def lstm_forward(x, h0, c0, W_x, W_h, b, lengths=None):
    T, B, D = x.shape
    H = h0.shape[1]
    W = np.hstack([W_x, W_h, b[:, None]])
    W[: 3 * H] *= 0.5
    s = np.ones((D + H + 1, B))
    a = np.empty((4 * H, B))
    c = np.array(c0.T)
    y = np.zeros((T, H, B))
    s[D : D + H] = h0.T
    for t in range(T):
        s[:D] = x[t].T
        np.matmul(W, s, out=a)
        np.tanh(a, out=a)
        a[: 3 * H] += 1
        a[: 3 * H] *= 0.5
        o, i, f, g = a[:H], a[H : 2 * H], a[2 * H : 3 * H], a[3 * H :]
        i *= g
        f *= c
        f += i
        go = slice(None) if lengths is None else lengths > t
        c[:, go] = f[:, go]
        np.tanh(f, out=f)
        f *= o
        s[D : D + H, go] = f[:, go]
        y[t][:, go] = f[:, go]
    return y.transpose(0, 2, 1), s[D : D + H].T, c.T
