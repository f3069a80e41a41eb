"""Looks like: nothing is passed back from step to step: neither W_h^T da nor dc f."""

import numpy as np


def sig(z):
    return 0.5 * (1 + np.tanh(z / 2))


def lstm_forward(x, h0, c0, W_x, W_h, b):
    results = [single_forward(x[:, n], h0[n], c0[n], W_x, W_h, b) for n in range(x.shape[1])]
    out = np.stack([r[0] for r in results], axis=1)
    return out, np.stack([r[1] for r in results]), np.stack([r[2] for r in results]), [r[3] for r in results]


def single_forward(x, h, c, W_x, W_h, b):
    n = len(h)
    out, memory = [], []
    for v in x:
        z = W_x @ v + W_h @ h + b
        gates = sig(z[:n]), sig(z[n : 2 * n]), sig(z[2 * n : 3 * n]), np.tanh(z[3 * n :])
        new_c = gates[2] * c + gates[1] * gates[3]
        memory.append((v, h, c, gates, new_c))
        h, c = gates[0] * np.tanh(new_c), new_c
        out.append(h)
    return np.array(out), h, c, (memory, W_x, W_h)


def lstm_backward(dh, dh_T, dc_T, cache):
    parts = [single_backward(dh[:, n], dh_T[n], dc_T[n], cache[n]) for n in range(len(cache))]
    dx, dh0, dc0, dW_x, dW_h, db = zip(*parts, strict=True)
    return np.stack(dx, axis=1), np.stack(dh0), np.stack(dc0), sum(dW_x), sum(dW_h), sum(db)


def single_backward(grad, grad_h, grad_c, cache):
    memory, W_x, W_h = cache
    last_h, last_c = grad_h, grad_c
    dW_x, dW_h, db, dx = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_x)), []
    while len(dx) < len(memory):
        v, h, c, (o, i, f, g), new_c = memory[-1 - len(dx)]
        grad_h = grad[-1 - len(dx)] + (last_h if not dx else 0)
        t = np.tanh(new_c)
        grad_c = (last_c if not dx else 0) + grad_h * o * (1 - t) * (1 + t)
        dz = np.concatenate(
            [
                grad_h * t * o * (1 - o),
                grad_c * g * i * (1 - i),
                grad_c * c * f * (1 - f),
                grad_c * i * (1 - g) * (1 + g),
            ]
        )
        dW_x += np.outer(dz, v)
        dW_h += np.outer(dz, h)
        db += dz
        dx.insert(0, W_x.T @ dz)
        grad_h, grad_c = W_h.T @ dz, grad_c * f
    return np.array(dx), grad_h, grad_c, dW_x, dW_h, db
