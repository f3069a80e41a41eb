"""A GRU, forward and backward through time, in both variants of its reset gate. NumPy alone.

T steps, B sequences, D inputs, H units. x (T, B, D), h0 (B, H), W_x (3H, D), W_h (3H, H), b_x (3H,),
b_h (3H,); their row blocks are those of r, z, n, in this order: W_x[:H] belongs to r.

    r = sigmoid(W_xr x_t + b_xr + W_hr h_{t-1} + b_hr)              reset gate
    z = sigmoid(W_xz x_t + b_xz + W_hz h_{t-1} + b_hz)              update gate
    n = tanh(W_xn x_t + b_xn + r (W_hn h_{t-1} + b_hn))             candidate, reset_after=True
    n = tanh(W_xn x_t + b_xn + W_hn (r h_{t-1}) + b_hn)             candidate, reset_after=False
    h_t = (1 - z) n + z h_{t-1}
"""

import numpy as np


def gru_forward(x, h0, W_x, W_h, b_x, b_h, reset_after):
    """Run the equations above over all steps.

    Returns:
        h (T, B, H), the hidden state after every step, and a cache: whatever your gru_backward will need.
    """
    raise NotImplementedError("write this part")


def gru_backward(dh, dh_T, cache):
    """The gradients of a loss.

    Args:
        dh: (T, B, H), the gradient of the loss by every h_t, as the layers above hand it down.
        dh_T: (B, H), one more gradient by the last h, as a later part of the sequence hands it back.

    Returns:
        dx, dh0, dW_x, dW_h, db_x, db_h, each of the shape of what it is the gradient by.
    """
    raise NotImplementedError("write this part")
