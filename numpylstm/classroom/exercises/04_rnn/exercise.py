"""A plain recurrent network: h_t = tanh(W_x x_t + W_h h_{t-1} + b), and its gradients through time.

Shapes: x (T, B, D), h (B, H), W_x (H, D), W_h (H, H), b (H,).
"""

import numpy as np


def rnn_forward(x, h0, W_x, W_h, b):
    """Run the network over x from the state h0.

    Returns:
        h (T, B, H), every step's hidden state; h_T (B, H), the last; and a cache: whatever rnn_backward
        needs, in whatever form you like.
    """
    raise NotImplementedError("write this part")


def rnn_backward(dh, dh_T, cache):
    """Backpropagation through time, for a loss that sees every h and the final state.

    Args:
        dh: (T, B, H) the gradient of the loss by h.
        dh_T: (B, H) the gradient by the final state, which comes on top.
        cache: of rnn_forward; it is read, not written into.

    Returns:
        dx (T, B, D), dh0 (B, H), dW_x (H, D), dW_h (H, H), db (H,).
    """
    raise NotImplementedError("write this part")
