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
    # SOLUTION BEGINS
    rows = np.arange(len(labels))
    top = np.max(scores, axis=1)[:, np.newaxis]  # exp then sees nothing above 0
    log_p = scores - top - np.log(np.exp(scores - top).sum(axis=1)[:, np.newaxis])
    one_hot = np.zeros(scores.shape)
    one_hot[rows, labels] = 1
    return -np.mean(log_p[rows, labels]), (np.exp(log_p) - one_hot) / len(labels)
    # SOLUTION ENDS


def mlp_forward(x, W1, b1, W2, b2):
    """a = W1 x + b1,  h = max(a, 0),  scores = W2 h + b2, for every example.

    Returns:
        scores (B, C), and a cache: whatever your mlp_backward will need.
    """
    # SOLUTION BEGINS
    a = np.matmul(x, W1.T) + b1
    hidden = np.maximum(a, 0)
    scores = np.matmul(hidden, W2.T) + b2
    return scores, (x, hidden, W1, W2)
    # SOLUTION ENDS


def mlp_backward(dscores, cache):
    """The gradients of a loss, from dscores (B, C), its gradient by the scores.

    Returns:
        dx, dW1, db1, dW2, db2, each of the shape of x, W1, b1, W2, b2.
    """
    # SOLUTION BEGINS
    x, hidden, W1, W2 = cache
    dhidden = np.matmul(dscores, W2)
    da = np.where(hidden > 0, dhidden, 0.0)
    return np.matmul(da, W1), np.matmul(da.T, x), da.sum(0), np.matmul(dscores.T, hidden), dscores.sum(0)
    # SOLUTION ENDS
