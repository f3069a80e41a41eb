# Looks like: none of those known

import math

import numpy as np


def softmax_cross_entropy(scores, labels):
    B, C = scores.shape
    loss, dscores = 0.0, np.zeros((B, C))
    for b in range(B):
        biggest = max(scores[b])
        total = 0.0
        for c in range(C):
            total += math.exp(scores[b, c] - biggest)
        loss += math.log(total) + biggest - scores[b, labels[b]]
        for c in range(C):
            dscores[b, c] = math.exp(scores[b, c] - biggest) / total
            if c == labels[b]:
                dscores[b, c] -= 1
            dscores[b, c] /= B
    return loss / B, dscores


def mlp_forward(x, W1, b1, W2, b2):
    B, D = x.shape
    H, C = len(b1), len(b2)
    h, scores = np.zeros((B, H)), np.zeros((B, C))
    for b in range(B):
        for k in range(H):
            a = b1[k]
            for d in range(D):
                a += W1[k, d] * x[b, d]
            if a > 0:
                h[b, k] = a
        for c in range(C):
            scores[b, c] = b2[c]
            for k in range(H):
                scores[b, c] += W2[c, k] * h[b, k]
    return scores, {"x": x, "h": h, "W1": W1, "W2": W2}


def mlp_backward(dscores, cache):
    x, h, W1, W2 = cache["x"], cache["h"], cache["W1"], cache["W2"]
    dx, dW1, db1 = np.zeros(x.shape), np.zeros(W1.shape), np.zeros(len(W1))
    dW2, db2 = np.zeros(W2.shape), np.zeros(len(W2))
    for b in range(len(x)):
        for c in range(len(W2)):
            db2[c] += dscores[b, c] / len(x)
            for k in range(len(W1)):
                dW2[c, k] += dscores[b, c] * h[b, k]
        for k in range(len(W1)):
            da = 0.0
            for c in range(len(W2)):
                da += dscores[b, c] * W2[c, k]
            db1[k] += da
            for d in range(x.shape[1]):
                dW1[k, d] += da * x[b, d]
                dx[b, d] += da * W1[k, d]
    return dx, dW1, db1, dW2, db2
