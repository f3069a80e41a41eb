"""Looks like: each gate's block of dW_h is transposed"""

import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm_forward(x, h0, c0, W_x, W_h, b):
    steps, h, c = [], h0, c0
    for x_t in x:
        a_o, a_i, a_f, a_g = np.split(x_t @ W_x.T + h @ W_h.T + b, 4, axis=1)
        o, i, f, g = sigmoid(a_o), sigmoid(a_i), sigmoid(a_f), np.tanh(a_g)
        before, c = (h, c), f * c + i * g
        h = o * np.tanh(c)
        steps.append((x_t, *before, o, i, f, g, c, h))
    return np.array([step[-1] for step in steps]), h, c, (steps, W_x, W_h)


def lstm_backward(dh, dh_T, dc_T, cache):
    steps, W_x, W_h = cache
    X, Hp, Cp, O, I, F, G, C, _ = (np.stack(q) for q in zip(*steps))
    T, B, H = dh.shape
    K = W_h.reshape(4, H, H)
    L = W_x.reshape(4, H, -1)
    Z = np.empty((T, B, 4, H))
    eh, ec = dh_T, dc_T
    for t in range(T - 1, -1, -1):
        e = eh + dh[t]
        q = np.tanh(C[t])
        s = ec + e * O[t] / np.cosh(C[t]) ** 2
        Z[t] = np.stack(
            [
                e * q * O[t] * (1 - O[t]),
                s * G[t] * I[t] * (1 - I[t]),
                s * Cp[t] * F[t] * (1 - F[t]),
                s * I[t] * (1 - G[t] ** 2),
            ],
            axis=1,
        )
        eh = np.einsum("bgk,gkj->bj", Z[t], K)
        ec = s * F[t]
    return (
        np.einsum("tbgk,gkd->tbd", Z, L),
        eh,
        ec,
        np.einsum("tbgk,tbd->gkd", Z, X).reshape(4 * H, -1),
        np.einsum("tbgk,tbj->gjk", Z, Hp).reshape(4 * H, H),
        np.einsum("tbgk->gk", Z).ravel(),
    )
