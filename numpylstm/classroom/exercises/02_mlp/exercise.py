"""A network of two layers, and the loss of a classifier. NumPy alone.

B examples, D inputs, H hidden units, C classes. x (B, D), W1 (H, D), b1 (H,), W2 (C, H), b2 (C,).
"""

import numpy as np


def softmax_cross_entropy(scores, labels):
    """Mean over the batch of -log p[label], in nats, with p = softmax(scores).

    Args:
        scores: (B, C), any size: 1000 and -1000 are no problem.
        labels: (B,) whole numbers from 0 to C - 1.

    Returns:
        loss, a number, and dscores (B, C), the gradient of the loss by the scores.
    """
    raise NotImplementedError("write this part")


def mlp_forward(x, W1, b1, W2, b2):
    """a = W1 x + b1,  h = max(a, 0),  scores = W2 h + b2, for every example.

    Returns:
        scores (B, C), and a cache: whatever your mlp_backward will need.
    """
    raise NotImplementedError("write this part")


def mlp_backward(dscores, cache):
    """The gradients of a loss, from dscores (B, C), its gradient by the scores.

    Returns:
        dx, dW1, db1, dW2, db2, each of the shape of x, W1, b1, W2, b2.
    """
    raise NotImplementedError("write this part")
