# Looks like: the signs are lost: the gradient is scaled, and its magnitudes were.

import numpy as np


def momentum_step(theta, grad, v, lr, momentum):
    v = momentum * v + grad
    theta = theta - lr * v
    return theta, v


def rmsprop_step(theta, grad, v, lr, alpha, eps):
    v = alpha * v + (1 - alpha) * grad**2
    theta = theta - lr * grad / (np.sqrt(v) + eps)
    return theta, v


def adam_step(theta, grad, m, v, t, lr, beta1, beta2, eps):
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    mh = m / (1 - beta1**t)
    vh = v / (1 - beta2**t)
    theta = theta - lr * mh / (np.sqrt(vh) + eps)
    return theta, m, v, t


def clip_norm(grad, limit):
    norm = np.sqrt(np.sum(grad**2))
    out = grad
    if norm > limit:
        out = np.abs(grad) * (limit / norm)
    return out, norm
