"""Looks like: the loop ends one step early: the first step, t = 0, was left out."""

import numpy as np


def rnn_forward(x, h0, W_x, W_h, b):
    xs = x.transpose(0, 2, 1)
    h = np.empty((len(x) + 1, W_h.shape[0], x.shape[1]))
    h[0] = h0.T
    for t in range(len(x)):
        np.matmul(W_h, h[t], out=h[t + 1])
        h[t + 1] += W_x @ xs[t]
        h[t + 1] += b[:, None]
        np.tanh(h[t + 1], out=h[t + 1])
    return h[1:].transpose(0, 2, 1), h[-1].T, [xs, h, W_x, W_h]


def rnn_backward(dh, dh_T, cache):
    xs, h, W_x, W_h = cache
    g = np.array(dh_T.T)
    da = np.empty(h[1:].shape)
    da[0] = 0
    for t in range(len(xs) - 1, 0, -1):
        g += dh[t].T
        np.square(h[t + 1], out=da[t])
        np.subtract(1, da[t], out=da[t])
        da[t] *= g
        np.matmul(W_h.T, da[t], out=g)
    dW_x = sum(d @ v.T for d, v in zip(da, xs, strict=True))
    dW_h = sum(d @ v.T for d, v in zip(da, h[:-1], strict=True))
    return (W_x.T @ da).transpose(0, 2, 1), g.T, dW_x, dW_h, da.sum(axis=(0, 2))
