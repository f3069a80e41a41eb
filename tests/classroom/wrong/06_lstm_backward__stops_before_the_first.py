"""Looks like: the loop ends one step early: the first step, t = 0, was left out."""

import math

import numpy as np


def lstm_forward(x, h0, c0, W_x, W_h, b):
    T, B, D = x.shape
    H = h0.shape[1]
    h, c, gate = np.zeros((T, B, H)), np.zeros((T, B, H)), np.zeros((T, B, 4 * H))
    for n in range(B):
        hp, cp = h0[n], c0[n]
        for t in range(T):
            for r in range(4 * H):
                a = b[r] + sum(W_x[r, d] * x[t, n, d] for d in range(D))
                a = a + sum(W_h[r, j] * hp[j] for j in range(H))
                gate[t, n, r] = math.tanh(a) if r >= 3 * H else 1 / (1 + math.exp(-a))
            for j in range(H):
                o, i, f, g = gate[t, n, j::H]
                c[t, n, j] = f * cp[j] + i * g
                h[t, n, j] = o * math.tanh(c[t, n, j])
            hp, cp = h[t, n], c[t, n]
    return h, h[-1].copy(), c[-1].copy(), [x, h0, c0, W_x, W_h, h.copy(), c, gate]


def lstm_backward(dh, dh_T, dc_T, cache):
    x, h0, c0, W_x, W_h, h, c, gate = cache
    T, B, D = x.shape
    H = h0.shape[1]
    dx, dh0, dc0 = np.zeros(x.shape), np.zeros(h0.shape), np.zeros(c0.shape)
    dW_x, dW_h, db = np.zeros(W_x.shape), np.zeros(W_h.shape), np.zeros(4 * H)
    for n in range(B):
        later_h, later_c = list(dh_T[n]), list(dc_T[n])
        for t in range(T - 1, 0, -1):
            h_prev = h[t - 1, n] if t > -1 else h0[n]
            c_prev = c[t - 1, n] if t > -1 else c0[n]
            da = [0.0] * (4 * H)
            for j in range(H):
                o, i, f, g = gate[t, n, j::H]
                e = later_h[j] + dh[t, n, j]
                tc = math.tanh(c[t, n, j])
                k = later_c[j] + e * o * (1 - tc * tc)
                da[j] = e * tc * o * (1 - o)
                da[H + j] = k * g * i * (1 - i)
                da[2 * H + j] = k * c_prev[j] * f * (1 - f)
                da[3 * H + j] = k * i * (1 - g * g)
                later_c[j] = k * f
            for r in range(4 * H):
                for d in range(D):
                    dW_x[r, d] += da[r] * x[t, n, d]
                    dx[t, n, d] += da[r] * W_x[r, d]
                for j in range(H):
                    dW_h[r, j] += da[r] * h_prev[j]
                db[r] += da[r]
            later_h = [sum(da[r] * W_h[r, j] for r in range(4 * H)) for j in range(H)]
        dh0[n], dc0[n] = later_h, later_c
    return dx, dh0, dc0, dW_x, dW_h, db
