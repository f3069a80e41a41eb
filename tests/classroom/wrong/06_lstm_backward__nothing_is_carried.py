"""Looks like: nothing is passed back"""

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


class Back:
    __slots__ = ("W_x", "W_h", "A", "U", "v", "eh", "ec")

    def __init__(self, W_x, W_h, eh, ec):
        self.W_x = W_x
        self.W_h = W_h
        self.A = 0
        self.U = 0
        self.v = 0
        self.eh = eh
        self.ec = ec

    def __call__(self, e, step):
        x, hp, cp, o, i, f, g, c, h = step
        e = e + self.eh
        s = self.ec + e * o * (1 - np.tanh(c)) * (1 + np.tanh(c))
        z = np.c_[e * h * (1 - o), s * g * i * (1 - i), s * cp * f * (1 - f), s * i * (1 - g) * (1 + g)]
        self.A = self.A + z.T @ x
        self.U = self.U + z.T @ hp
        self.v = self.v + z.sum(axis=0)
        self.eh = 0 * self.eh
        self.ec = 0 * s
        return z @ self.W_x


def lstm_backward(dh, dh_T, dc_T, cache):
    steps, W_x, W_h = cache
    b = Back(W_x, W_h, dh_T, dc_T)
    dx = [b(e, s) for e, s in zip(dh[::-1], steps[::-1])][::-1]
    return np.array(dx), b.eh, b.ec, b.A, b.U, b.v
