"""Every number by itself."""

import math


def logistic(a):
    return 1 / (1 + math.exp(-a)) if a >= 0 else math.exp(a) / (1 + math.exp(a))


def lstm_step(x, h, c, W_x, W_h, b):
    new_h, new_c = h.copy(), c.copy()
    B, D = x.shape
    H = h.shape[1]
    for n in range(B):
        for k in range(H):
            a = []
            for block in range(4):
                row = block * H + k
                total = b[row]
                for d in range(D):
                    total += W_x[row, d] * x[n, d]
                for j in range(H):
                    total += W_h[row, j] * h[n, j]
                a.append(total)
            new_c[n, k] = logistic(a[2]) * c[n, k] + logistic(a[1]) * math.tanh(a[3])
            new_h[n, k] = logistic(a[0]) * math.tanh(new_c[n, k])
    return new_h, new_c


def lstm_forward(x, h0, c0, W_x, W_h, b, lengths=None):
    T, B, _ = x.shape
    h, c = h0.copy(), c0.copy()
    y = [[[0.0] * h0.shape[1] for _ in range(B)] for _ in range(T)]
    for n in range(B):
        for t in range(T if lengths is None else int(lengths[n])):
            h_n, c_n = lstm_step(x[t, n : n + 1], h[n : n + 1], c[n : n + 1], W_x, W_h, b)
            h[n], c[n] = h_n[0], c_n[0]
            y[t][n] = list(h_n[0])
    import numpy as np

    return np.array(y), h, c
