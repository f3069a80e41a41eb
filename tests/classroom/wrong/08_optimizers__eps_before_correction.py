# Looks like: eps is added to sqrt(v), before the bias correction, and should be to sqrt(v_hat).

import numpy as np


def average(old, new, keep):
    return old + (1 - keep) * (new - old)


def momentum_step(theta, grad, v, lr, momentum):
    return theta - lr * momentum * v - lr * grad, momentum * v + grad


def rmsprop_step(theta, grad, v, lr, alpha, eps):
    v = average(v, grad**2, alpha)
    return theta - lr * grad / (eps + v**0.5), v


def adam_step(theta, grad, m, v, t, lr, beta1, beta2, eps):
    m, v, t = average(m, grad, beta1), average(v, grad**2, beta2), t + 1
    # Both corrections are numbers: they can be had before the vectors.
    root = (1 - beta2**t) ** 0.5
    rate = lr * root / (1 - beta1**t)
    return theta - rate * m / (v**0.5 + eps), m, v, t


def clip_norm(grad, limit):
    norm = np.sqrt(np.sum(grad**2))
    return grad * min(1.0, limit / (norm + 1e-6)), norm
