"""Looks like: its transpose: the factors of a product stand the wrong way round."""

import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm_forward(x, h0, c0, W_x, W_h, b):
    """Run the cell over x from the state h0, c0.

    Returns h (T, B, H), the last h_T and c_T (B, H) each, and the cache that lstm_backward is handed.
    """
    steps, h, c = [], h0, c0
    for x_t in x:
        a_o, a_i, a_f, a_g = np.split(x_t @ W_x.T + h @ W_h.T + b, 4, axis=1)
        o, i, f, g = sigmoid(a_o), sigmoid(a_i), sigmoid(a_f), np.tanh(a_g)
        before, c = (h, c), f * c + i * g
        h = o * np.tanh(c)
        steps.append((x_t, *before, o, i, f, g, c, h))
    return np.array([step[-1] for step in steps]), h, c, (steps, W_x, W_h)


def lstm_backward(dh, dh_T, dc_T, cache):
    """Gradients of a loss that sees every h and the final state.

    Args:
        dh: (T, B, H) the gradient of the loss by h.
        dh_T, dc_T: (B, H) the gradients by the final state, which come on top.
        cache: of lstm_forward; it is read, not written into.

    Returns:
        dx (T, B, D), dh0 (B, H), dc0 (B, H), dW_x (4H, D), dW_h (4H, H), db (4H,).
    """
    steps, W_x, W_h = cache
    dx = []
    dW_x, dW_h, db = np.zeros_like(W_x), np.zeros_like(W_h), np.zeros_like(W_h[:, 0])
    into_h, into_c = dh_T, dc_T
    for dh_t, (x_t, h_before, c_before, o, i, f, g, c, h) in zip(dh[::-1], steps[::-1]):
        into_h = into_h + dh_t
        squashed = np.tanh(c)
        into_c = into_c + into_h * o * (1 - squashed**2)
        da = np.hstack(
            [
                into_h * squashed * o * (1 - o),
                into_c * g * i * (1 - i),
                into_c * c_before * f * (1 - f),
                into_c * i * (1 - g**2),
            ]
        )
        dx.append(da @ W_x)
        dW_x += da.T @ x_t
        dW_h += da.T @ h_before
        db += da.sum(axis=0)
        into_h, into_c = da @ W_h, into_c * f
    return np.array(dx[::-1]), into_h, into_c, dW_x.T, dW_h, db
