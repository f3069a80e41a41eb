"""Looks like: dx saw dh[t] alone"""

import numpy as np


def rnn_forward(x, h0, W_x, W_h, b):
    hs = [h0]
    for q in x:
        hs.append(np.tanh(q @ W_x.T + hs[-1] @ W_h.T + b))
    return np.array(hs[1:]), hs[-1], (x, hs, W_x, W_h)


def rnn_backward(dh, dh_T, cache):
    x, hs, W_x, W_h = cache
    T, B, H = dh.shape
    gx = np.zeros(x.shape)
    gWx = np.zeros_like(W_x)
    gWh = np.zeros_like(W_h)
    gb = np.zeros(H)
    carry = dh_T.copy()
    for k in range(1, T + 1):
        t = T - k
        total = dh[t] + carry
        now, old = hs[t + 1], hs[t]
        delta = total * (1 - now * now)
        gWx += delta.T @ x[t]
        gWh += delta.T @ old
        gb += delta.sum(0)
        gx[t] = (dh[t] * (1 - now * now)) @ W_x
        carry = delta @ W_h
    return gx, carry, gWx, gWh, gb
