# Looks like: the candidate n goes through a sigmoid, and should through tanh.

import numpy as np


def one_forward(x, h, W_x, W_h, b_x, b_h, reset_after):
    H = h.size
    states, tape = [], []
    for row in x:
        wx = W_x @ row + b_x
        wh = W_h @ h + b_h
        r = 0.5 + 0.5 * np.tanh(0.5 * (wx[:H] + wh[:H]))
        z = 0.5 + 0.5 * np.tanh(0.5 * (wx[H : 2 * H] + wh[H : 2 * H]))
        inner = r * wh[2 * H :] if reset_after else W_h[2 * H :] @ (r * h) + b_h[2 * H :]
        n = 1 / (1 + np.exp(-wx[2 * H :] - inner))
        tape.append((row, h, r, z, n, wh[2 * H :]))
        h = n - z * n + z * h
        states.append(h)
    return states, tape


def one_backward(dh, g, tape, W_x, W_h, reset_after):
    H = g.size
    sums = [np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(3 * H), np.zeros(3 * H)]
    dx = []
    while tape:
        row, h, r, z, n, wh = tape[-1]
        g = g + dh[len(tape) - 1]
        tape = tape[:-1]
        a_z = g * z * (1 - z) * (h - n)
        a_n = g * (1 - z) * (1 + n) * (1 - n)
        if reset_after:
            a_r = a_n * wh * r * (1 - r)
            e_n, seen, rest = a_n * r, h, W_h[2 * H :].T @ (a_n * r)
        else:
            back = W_h[2 * H :].T @ a_n
            a_r = back * h * r * (1 - r)
            e_n, seen, rest = a_n, r * h, back * r
        da, de = np.concatenate([a_r, a_z, a_n]), np.concatenate([a_r, a_z, e_n])
        dx.insert(0, da @ W_x)
        g = g * z + rest + de[: 2 * H] @ W_h[: 2 * H]
        parts = (np.outer(da, row), np.vstack([np.outer(de[: 2 * H], h), np.outer(e_n, seen)]), da, de)
        sums = [total + part for total, part in zip(sums, parts)]
    return dx, g, sums


def gru_forward(x, h0, W_x, W_h, b_x, b_h, reset_after):
    runs = [one_forward(x[:, b], h0[b], W_x, W_h, b_x, b_h, reset_after) for b in range(len(h0))]
    return np.stack([np.array(states) for states, _ in runs], axis=1), (runs, W_x, W_h, reset_after)


def gru_backward(dh, dh_T, cache):
    runs, W_x, W_h, reset_after = cache
    ways = [one_backward(dh[:, b], dh_T[b], tape, W_x, W_h, reset_after) for b, (_, tape) in enumerate(runs)]
    dx = np.stack([np.array(way[0]) for way in ways], axis=1)
    dh0 = np.stack([way[1] for way in ways])
    return dx, dh0, *(np.sum([way[2][k] for way in ways], axis=0) for k in range(4))
