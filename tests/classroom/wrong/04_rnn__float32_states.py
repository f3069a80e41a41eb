"""Looks like: right to 5 digits"""

import numpy as np


def rnn_forward(x, h0, W_x, W_h, b):
    """Run the network over x from the state h0.

    Returns:
        h (T, B, H), every step's hidden state; h_T (B, H), the last; and a cache: whatever rnn_backward
        needs, in whatever form you like.
    """
    states = [h0]
    for x_t in x:
        states.append(np.tanh(x_t @ W_x.T + states[-1] @ W_h.T + b))
    states = np.array(states)
    return states[1:], states[-1].copy(), (x, states.astype("f4"), W_x, W_h)


def rnn_backward(dh, dh_T, cache):
    """Backpropagation through time, for a loss that sees every h and the final state.

    Args:
        dh: (T, B, H) the gradient of the loss by h.
        dh_T: (B, H) the gradient by the final state, which comes on top.
        cache: of rnn_forward; it is read, not written into.

    Returns:
        dx (T, B, D), dh0 (B, H), dW_x (H, D), dW_h (H, H), db (H,).
    """
    x, states, W_x, W_h = cache
    dx, dW_x, dW_h, db = np.zeros_like(x), np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_h))
    later = dh_T
    for t in range(len(x) - 1, -1, -1):
        da = (dh[t] + later) * (1 - states[t + 1] ** 2)
        dx[t] = da @ W_x
        dW_x += da.T @ x[t]
        dW_h += da.T @ states[t]
        db += da.sum(axis=0)
        later = da @ W_h
    return dx, later, dW_x, dW_h, db
