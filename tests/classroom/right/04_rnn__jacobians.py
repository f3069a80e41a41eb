"""Every step's Jacobian by the one before, and each loss carried back on its own."""

import numpy as np


def rnn_forward(x, h0, W_x, W_h, b):
    W = np.hstack([W_x, W_h, b[:, None]])
    u, h = [], h0
    hs = []
    for v in x:
        u.append(np.hstack([v, h, np.ones((len(v), 1))]))
        h = np.tanh(u[-1] @ W.T)
        hs.append(h)
    return np.stack(hs), h, (np.stack(u), np.stack(hs), W, x.shape[2])


def rnn_backward(dh, dh_T, cache):
    u, hs, W, D = cache
    T, B, H = dh.shape
    seeds = np.array(dh)
    seeds[-1] += dh_T
    slopes = 1 - hs**2
    jacobians = slopes[..., None] * W[:, D : D + H]
    da, dh0 = np.zeros((T, B, H)), np.zeros((B, H))
    for s in range(T):
        flow = seeds[s]
        for t in range(s, -1, -1):
            da[t] += slopes[t] * flow
            flow = np.einsum("bh,bhj->bj", flow, jacobians[t])
        dh0 += flow
    dW = np.tensordot(da, u, axes=([0, 1], [0, 1]))
    return da @ W[:, :D], dh0, dW[:, :D], dW[:, D : D + H], dW[:, -1]
