# Looks like: dh_T is added at every step; it belongs to the last one alone.

import math

import numpy as np


def s(a):
    return 0.5 * (1 + math.tanh(a / 2))


def dot(row, vector):
    total = 0.0
    for k in range(len(row)):
        total += row[k] * vector[k]
    return total


def gru_forward(x, h0, W_x, W_h, b_x, b_h, reset_after):
    T, B, D = x.shape
    H = h0.shape[1]
    h, r, z, n, q = (np.zeros((T, B, H)) for _ in range(5))
    for b in range(B):
        for t in range(T):
            old = h0[b] if t == 0 else h[t - 1, b]
            for k in range(H):
                r[t, b, k] = s(dot(W_x[k], x[t, b]) + b_x[k] + dot(W_h[k], old) + b_h[k])
                z[t, b, k] = s(dot(W_x[H + k], x[t, b]) + b_x[H + k] + dot(W_h[H + k], old) + b_h[H + k])
            for k in range(H):
                a = dot(W_x[2 * H + k], x[t, b]) + b_x[2 * H + k]
                if reset_after:
                    q[t, b, k] = dot(W_h[2 * H + k], old) + b_h[2 * H + k]
                    a += r[t, b, k] * q[t, b, k]
                else:
                    a += dot(W_h[2 * H + k], r[t, b] * old) + b_h[2 * H + k]
                n[t, b, k] = math.tanh(a)
                h[t, b, k] = (1 - z[t, b, k]) * n[t, b, k] + z[t, b, k] * old[k]
    return h, (x, h0, W_x, W_h, h, r, z, n, q, reset_after)


def gru_backward(dh, dh_T, cache):
    x, h0, W_x, W_h, h, r, z, n, q, reset_after = cache
    T, B, D = x.shape
    H = h0.shape[1]
    dx, dh0 = np.zeros((T, B, D)), np.zeros((B, H))
    dW_x, dW_h, db_x, db_h = np.zeros((3 * H, D)), np.zeros((3 * H, H)), np.zeros(3 * H), np.zeros(3 * H)
    for b in range(B):
        back = [dh_T[b, k] for k in range(H)]
        for t in range(T - 1, -1, -1):
            old = h0[b] if t == 0 else h[t - 1, b]
            new = [0.0] * H
            da, de = np.zeros(3 * H), np.zeros(3 * H)
            for k in range(H):
                d = dh[t, b, k] + back[k]
                Z, N = z[t, b, k], n[t, b, k]
                new[k] += d * Z
                da[H + k] = de[H + k] = d * (old[k] - N) * Z * (1 - Z)
                da[2 * H + k] = d * (1 - Z) * (1 - N * N)
            for k in range(H):
                R = r[t, b, k]
                if reset_after:
                    da[k] = da[2 * H + k] * q[t, b, k] * R * (1 - R)
                    de[2 * H + k] = da[2 * H + k] * R
                else:
                    into = sum(da[2 * H + j] * W_h[2 * H + j, k] for j in range(H))
                    da[k] = into * old[k] * R * (1 - R)
                    de[2 * H + k] = da[2 * H + k]
                    new[k] += into * R
                de[k] = da[k]
            for j in range(3 * H):
                db_x[j] += da[j]
                db_h[j] += de[j]
                for d in range(D):
                    dW_x[j, d] += da[j] * x[t, b, d]
                    dx[t, b, d] += da[j] * W_x[j, d]
                for k in range(H):
                    if reset_after or j < 2 * H:
                        dW_h[j, k] += de[j] * old[k]
                        new[k] += de[j] * W_h[j, k]
                    else:
                        dW_h[j, k] += de[j] * old[k] * r[t, b, k]
            back = [new[k] + dh_T[b, k] for k in range(H)] if t else new
        dh0[b] = back
    return dx, dh0, dW_x, dW_h, db_x, db_h
