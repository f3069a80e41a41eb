# Looks like: right to 5 digits: float32 on the way, a little added, or differences for a derivative.  # noqa: E501
import numpy as np


def softmax_cross_entropy(scores, labels):
    B, C = scores.shape
    shifted = scores - scores.max(axis=1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    hot = np.eye(C)[labels]
    logp = np.log(np.exp(logp) + 1e-9)
    loss = -(hot * logp).sum() / B
    return loss, (np.exp(logp) - hot) / B


def mlp_forward(x, W1, b1, W2, b2):
    a = x @ W1.T + b1
    h = np.maximum(a, 0)
    return h @ W2.T + b2, (x, a, h, W1, W2)


def mlp_backward(dscores, cache):
    x, a, h, W1, W2 = cache
    dW2 = dscores.T @ h
    db2 = dscores.sum(axis=0)
    dh = dscores @ W2
    da = dh * (a > 0)
    dW1 = da.T @ x
    db1 = da.sum(axis=0)
    dx = da @ W1
    return dx, dW1, db1, dW2, db2
