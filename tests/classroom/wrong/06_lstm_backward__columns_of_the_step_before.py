"""Looks like: [x_{t-1}, h_{t-2}] was used where [x_t, h_{t-1}] belongs, in dW_x and dW_h."""

import numpy as np


def sg(z):
    return 1 / (1 + np.exp(-z))


def lstm_forward(x, h0, c0, W_x, W_h, b):
    W = np.hstack([W_x, W_h])
    H = h0.shape[1]
    h, c = h0, c0
    V, C, Q = [], [c0], []
    hs = []
    for t in range(x.shape[0]):
        v = np.hstack([x[t], h])
        p = np.einsum("bk,jk->bj", v, W) + b
        q = (sg(p[:, :H]), sg(p[:, H : 2 * H]), sg(p[:, 2 * H : 3 * H]), np.tanh(p[:, 3 * H :]))
        c = q[2] * c + q[1] * q[3]
        h = q[0] * np.tanh(c)
        V.append(v)
        C.append(c)
        Q.append(q)
        hs.append(h)
    return np.stack(hs), h, c, (W, V, C, Q)


def lstm_backward(dh, dh_T, dc_T, cache):
    W, V, C, Q = cache
    T, B, H = dh.shape
    D = W.shape[1] - H
    dP = np.empty((T, B, 4, H))
    dV = np.empty((T, B, D + H))
    back_h, back_c = dh_T, dc_T
    for k in range(1, T + 1):
        t = T - k
        o, i, f, g = Q[t]
        th = np.tanh(C[t + 1])
        delta = dh[t] + back_h
        gamma = back_c + delta * o * (1 - th * th)
        dP[t, :, 0] = delta * th * o * (1 - o)
        dP[t, :, 1] = gamma * g * i * (1 - i)
        dP[t, :, 2] = gamma * C[t] * f * (1 - f)
        dP[t, :, 3] = gamma * i * (1 - g * g)
        dV[t] = dP[t].reshape(B, 4 * H) @ W
        back_h = dV[t, :, D:]
        back_c = gamma * f
    flat = dP.reshape(T, B, 4 * H)
    dW = np.einsum("tbj,tbk->jk", flat, np.roll(np.stack(V), 1, axis=0))
    return dV[:, :, :D], back_h, back_c, dW[:, :D], dW[:, D:], flat.sum(axis=(0, 1))
