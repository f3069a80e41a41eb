"""Looks like: the derivative of tanh is missing: da = dh (1 - h^2)."""

from math import tanh

import numpy as np


def rnn_forward(x, h0, W_x, W_h, b):
    T, B, D = x.shape
    H = len(b)
    h = np.zeros((T, B, H))
    for t in range(T):
        for n in range(B):
            last = h0[n] if t == 0 else h[t - 1, n]
            for k in range(H):
                a = b[k]
                for d in range(D):
                    a += W_x[k, d] * x[t, n, d]
                for j in range(H):
                    a += W_h[k, j] * last[j]
                h[t, n, k] = tanh(a)
    return h, h[T - 1].copy(), (x, h0, W_x, W_h, h.copy())


def rnn_backward(dh, dh_T, cache):
    x, h0, W_x, W_h, h = cache
    T, B, D = x.shape
    H = h0.shape[1]
    dx, dh0 = np.zeros((T, B, D)), np.zeros((B, H))
    dW_x, dW_h, db = np.zeros((H, D)), np.zeros((H, H)), np.zeros(H)
    for n in range(B):
        g = [dh_T[n, k] for k in range(H)]
        for t in range(T - 1, -1, -1):
            last = h0[n] if t == 0 else h[t - 1, n]
            da = [g[k] + dh[t, n, k] for k in range(H)]
            g = [0.0] * H
            for k in range(H):
                for d in range(D):
                    dW_x[k, d] += da[k] * x[t, n, d]
                    dx[t, n, d] += da[k] * W_x[k, d]
                for j in range(H):
                    dW_h[k, j] += da[k] * last[j]
                    g[j] += da[k] * W_h[k, j]
                db[k] += da[k]
        dh0[n] = g
    return dx, dh0, dW_x, dW_h, db
