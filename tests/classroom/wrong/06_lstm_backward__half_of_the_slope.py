"""Looks like: a factor 1 - s is missing"""

import numpy as np


def lstm_forward(x, h0, c0, W_x, W_h, b):
    W = np.hstack([W_x, W_h, b[:, None]])
    H = h0.shape[1]
    out = np.zeros((len(x),) + h0.shape)
    tape = []
    h, c = h0, c0
    for t in range(len(x)):
        v = np.hstack([x[t], h, np.ones((len(h), 1))])
        a = v.dot(W.T)
        s = 0.5 * (1 + np.tanh(a[:, : 3 * H] / 2))
        g = np.tanh(a[:, 3 * H :])
        c_new = s[:, 2 * H :] * c + s[:, H : 2 * H] * g
        h = s[:, :H] * np.tanh(c_new)
        tape.append((v, s, g, c, c_new))
        c = c_new
        out[t] = h
    return out, h.copy(), c.copy(), {"W": W, "tape": tape, "D": x.shape[2], "H": H}


def lstm_backward(dh, dh_T, dc_T, cache):
    W, tape, D, H = cache["W"], cache["tape"], cache["D"], cache["H"]
    G = np.zeros_like(W)
    dx = np.zeros((len(tape), len(dh_T), D))
    eh = dh_T
    ec = dc_T
    for t in reversed(range(len(tape))):
        v, s, g, c_old, c = tape[t]
        o, i, f = s[:, :H], s[:, H : 2 * H], s[:, 2 * H :]
        e = eh + dh[t]
        q = np.tanh(c)
        ec = ec + e * o * (1 - q * q)
        da = np.hstack([np.hstack([e * q, ec * g, ec * c_old]) * s, ec * i * (1 - g * g)])
        G += da.T.dot(v)
        dv = da.dot(W)
        dx[t] = dv[:, :D]
        eh = dv[:, D : D + H]
        ec = ec * f
    return dx, eh, ec, G[:, :D], G[:, D : D + H], G[:, -1]
