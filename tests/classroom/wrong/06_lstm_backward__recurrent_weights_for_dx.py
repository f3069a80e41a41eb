"""Looks like: W_h was used where W_x belongs, in dx = W_x^T da."""

import numpy as np


def lstm_forward(x, h0, c0, W_x, W_h, b):
    stack, out = [], []
    state = (h0, c0)
    H = h0.shape[-1]
    for t in range(x.shape[0]):
        a = x[t].dot(W_x.T) + state[0].dot(W_h.T) + b
        a[:, : 3 * H] = 1 / (1 + np.exp(-a[:, : 3 * H]))
        a[:, 3 * H :] = np.tanh(a[:, 3 * H :])
        o, i, f, g = [a[:, k * H : (k + 1) * H] for k in range(4)]
        c = f * state[1] + i * g
        stack.append((state, a, c))
        state = (o * np.tanh(c), c)
        out.append(state[0])
    return np.array(out), state[0].copy(), state[1].copy(), (stack, x, W_x, W_h)


def lstm_backward(dh, dh_T, dc_T, cache):
    stack, x, W_x, W_h = cache
    H, das, hs = W_h.shape[1], [], []

    def back(eh, ec):
        if not stack:
            return eh, ec
        (h, c_old), a, c = stack.pop()
        o, i, f, g = np.hsplit(a, 4)
        eh = eh + dh[len(stack)]
        th = np.tanh(c)
        ec = ec + eh * o * (1 - th**2)
        da = np.hstack((eh * th, ec * g, ec * c_old, ec * i))
        da = da * np.hstack((a[:, : 3 * H] * (1 - a[:, : 3 * H]), 1 - g**2))
        das.append(da)
        hs.append(h)
        return back(da.dot(W_h), ec * f)

    dh0, dc0 = back(dh_T, dc_T)
    da, h = np.array(das[::-1]), np.array(hs[::-1])
    return (
        da @ W_h,
        dh0,
        dc0,
        np.tensordot(da, x, ((0, 1), (0, 1))),
        np.tensordot(da, h, ((0, 1), (0, 1))),
        da.sum(axis=(0, 1)),
    )
