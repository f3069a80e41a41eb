import numpy as np


def sigma(z):
    return (1 + np.tanh(z / 2)) / 2


class Gate:
    def __init__(self, U, V, bias, squash):
        self.U, self.V, self.bias, self.squash = U, V, bias, squash

    def __call__(self, x, h):
        return self.squash(x @ self.U.T + h @ self.V.T + self.bias)


def build(W_x, W_h, b):
    n = len(b) // 4
    squashes = [sigma, sigma, sigma, np.tanh]
    return [
        Gate(W_x[k * n : (k + 1) * n], W_h[k * n : (k + 1) * n], b[k * n : (k + 1) * n], squash)
        for k, squash in enumerate(squashes)
    ]


def lstm_step(x, h, c, W_x, W_h, b):
    out, write, forget, propose = build(W_x, W_h, b)
    cell = forget(x, h) * c + write(x, h) * propose(x, h)
    return out(x, h) * np.tanh(cell), cell


def lstm_forward(x, h0, c0, W_x, W_h, b, lengths=None):
    y = np.zeros(x.shape[:2] + h0.shape[1:])
    h, c = h0.copy(), c0.copy()
    for t in range(len(x)):
        alive = np.arange(x.shape[1]) if lengths is None else np.flatnonzero(lengths > t)
        if len(alive):
            h[alive], c[alive] = lstm_step(x[t, alive], h[alive], c[alive], W_x, W_h, b)
            y[t, alive] = h[alive]
    return y, h, c
