"""Unknown."""

import numpy as np


def rnn_forward(x, h0, W_x, W_h, b):
    out = np.zeros((x.shape[0], *h0.shape))
    stacks = []
    for n in range(x.shape[1]):
        h, stack = h0[n], []
        for t, v in enumerate(x[:, n]):
            new = np.tanh(np.dot(W_x, v) + np.dot(W_h, h) + b)
            stack.append((v, h, new))
            out[t, n] = h = new
        stacks.append(stack)
    return out, out[-1].copy(), (stacks, W_x, W_h)


def rnn_backward(dh, dh_T, cache):
    stacks, W_x, W_h = cache
    T, B, H = dh.shape
    dx, dh0 = np.zeros((T, B, W_x.shape[1])), np.zeros((B, H))
    dW_x, dW_h, db = np.zeros(W_x.shape), np.zeros(W_h.shape), np.zeros(H)
    for n, stack in enumerate(stacks):
        flow = dh_T[n]
        while stack:
            v, old, new = stack.pop()
            flow = flow + dh[len(stack), n]
            da = flow - flow * new * new
            dW_x += np.outer(da, v)
            dW_h += np.outer(da, old)
            db += da
            dx[len(stack), n] = da @ W_x
        dh0[n] = flow
    return dx, dh0, dW_x, dW_h, db
