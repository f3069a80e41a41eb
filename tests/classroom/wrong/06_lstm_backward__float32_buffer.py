"""Looks like: right to 5 digits"""

import numpy as np


def lstm_forward(x, h0, c0, W_x, W_h, b):
    T, B, D = x.shape
    H = h0.shape[1]
    U, R = W_x.reshape(4, H, D), W_h.reshape(4, H, H)
    h, c = np.zeros((T + 1, B, H)), np.zeros((T + 1, B, H))
    h[0], c[0] = h0, c0
    s = np.zeros((T, 4, B, H))
    for t in range(T):
        a = np.einsum("khd,bd->kbh", U, x[t]) + np.einsum("khj,bj->kbh", R, h[t]) + b.reshape(4, 1, H)
        s[t, :3] = 1 / (1 + np.exp(-a[:3]))
        s[t, 3] = np.tanh(a[3])
        c[t + 1] = s[t, 2] * c[t] + s[t, 1] * s[t, 3]
        h[t + 1] = s[t, 0] * np.tanh(c[t + 1])
    return h[1:].copy(), h[T].copy(), c[T].copy(), {"x": x, "h": h, "c": c, "s": s, "U": U, "R": R}


def lstm_backward(dh, dh_T, dc_T, cache):
    x, h, c, s, U, R = (cache[key] for key in "x h c s U R".split())
    T, _, B, H = s.shape
    delta = np.empty(s.shape, np.float32)
    gh, gc = dh_T.copy(), dc_T.copy()
    for t in reversed(range(T)):
        o, i, f, g = s[t]
        gh = gh + dh[t]
        gc = gc + gh * o / np.cosh(c[t + 1]) ** 2
        delta[t, 0] = gh * h[t + 1] * (1 - o)
        delta[t, 1] = gc * i * g * (1 - i)
        delta[t, 2] = gc * f * c[t] * (1 - f)
        delta[t, 3] = gc * i * (1 - g * g)
        gh = np.einsum("kbh,khj->bj", delta[t], R)
        gc = gc * f
    delta = delta.astype(float)
    dx = np.einsum("tkbh,khd->tbd", delta, U)
    dU = np.einsum("tkbh,tbd->khd", delta, x)
    dR = np.einsum("tkbh,tbj->khj", delta, h[:-1])
    db = np.einsum("tkbh->kh", delta)
    return dx, gh, gc, dU.reshape(4 * H, -1), dR.reshape(4 * H, H), db.reshape(4 * H)
