"""Looks like: the first step is missing in dW_x, a sum over all steps."""

import numpy as np
from collections import namedtuple

Tape = namedtuple("Tape", "inputs before after Wx Wh")


def rnn_forward(x, h0, W_x, W_h, b):
    state, before, after = h0, [], []
    for frame in x:
        before.append(state)
        state = np.tanh(np.einsum("bd,hd->bh", frame, W_x) + np.einsum("bk,hk->bh", state, W_h) + b)
        after.append(state)
    return np.stack(after), state, Tape(x, np.stack(before), np.stack(after), W_x, W_h)


def rnn_backward(dh, dh_T, cache):
    k = cache
    slope = 1 - np.square(k.after)
    delta = np.empty(dh.shape)
    carry = dh_T
    for t in range(len(dh) - 1, -1, -1):
        delta[t] = (dh[t] + carry) * slope[t]
        carry = np.einsum("bh,hk->bk", delta[t], k.Wh)
    g_x = np.einsum("tbh,hd->tbd", delta, k.Wx)
    g_Wx = np.einsum("tbh,tbd->hd", delta[1:], k.inputs[1:])
    g_Wh = np.einsum("tbh,tbk->hk", delta, k.before)
    g_b = np.einsum("tbh->h", delta)
    return g_x, carry, g_Wx, g_Wh, g_b
