"""Looks like: dh[t+1] was used where dh[t] belongs."""

import numpy as np


def rnn_forward(x, h0, W_x, W_h, b):
    T = x.shape[0]
    hs = np.zeros((T + 1,) + h0.shape)
    hs[0] = h0
    for t in range(T):
        hs[t + 1] = np.tanh(x[t] @ W_x.T + hs[t] @ W_h.T + b)
    return hs[1:].copy(), hs[T].copy(), (x, hs, W_x, W_h)


def rnn_backward(dh, dh_T, cache):
    x, hs, W_x, W_h = cache
    T, m = x.shape[:2]
    dx = np.zeros_like(x)
    dWx = np.zeros_like(W_x)
    dWh = np.zeros_like(W_h)
    db = np.zeros(len(W_h))
    dhn = dh_T.copy()
    for t in reversed(range(T)):
        dht = dhn + (dh[t + 1] if t + 1 < T else 0)
        da = dht * (1 - hs[t + 1] ** 2)
        dx[t] = da @ W_x
        dWx += da.T @ x[t]
        dWh += da.T @ hs[t]
        db += da.sum(0)
        dhn = da @ W_h
    return dx, dhn, dWx, dWh, db
