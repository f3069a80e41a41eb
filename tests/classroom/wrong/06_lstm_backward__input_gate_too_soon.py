"""Looks like: da_i was made before dh o (1 - tanh(c)^2) was added to dc."""

import numpy as np


def sg(z):
    return 1 / (1 + np.exp(-z))


def lstm_forward(x, h0, c0, W_x, W_h, b):
    n, m, _ = x.shape
    H = h0.shape[1]
    hs = np.zeros((n + 1, m, H))
    cs = np.zeros((n + 1, m, H))
    acts = np.zeros((n, m, 4 * H))
    hs[0] = h0
    cs[0] = c0
    for t in range(n):
        a = x[t] @ W_x.T + hs[t] @ W_h.T + b
        acts[t, :, : 3 * H] = sg(a[:, : 3 * H])
        acts[t, :, 3 * H :] = np.tanh(a[:, 3 * H :])
        o, i, f, g = np.split(acts[t], 4, axis=1)
        cs[t + 1] = f * cs[t] + i * g
        hs[t + 1] = o * np.tanh(cs[t + 1])
    return hs[1:].copy(), hs[n].copy(), cs[n].copy(), (x, hs, cs, acts, W_x, W_h)


def lstm_backward(dh, dh_T, dc_T, cache):
    x, hs, cs, acts, W_x, W_h = cache
    n, m, D = x.shape
    H = hs.shape[2]
    dx = np.zeros_like(x)
    dWx = np.zeros_like(W_x)
    dWh = np.zeros_like(W_h)
    db = np.zeros(4 * H)
    dhn = dh_T.copy()
    dcn = dc_T.copy()
    for t in reversed(range(n)):
        o, i, f, g = np.split(acts[t], 4, axis=1)
        tc = np.tanh(cs[t + 1])
        dht = dh[t] + dhn
        do = dht * tc
        dct = dcn + dht * o * (1 - tc**2)
        di = dcn * g
        df = dct * cs[t]
        dg = dct * i
        dcn = dct * f
        da = np.concatenate([do * o * (1 - o), di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2)], axis=1)
        dWx += da.T @ x[t]
        dWh += da.T @ hs[t]
        db += da.sum(axis=0)
        dx[t] = da @ W_x
        dhn = da @ W_h
    return dx, dhn, dcn, dWx, dWh, db
