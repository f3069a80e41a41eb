# Looks like: eps is missing: it is added to the root.

import numpy as np


def momentum_step(theta, grad, v, lr, momentum):
    theta, v = theta.copy(), v.copy()
    v *= momentum
    v += grad
    theta -= lr * v
    return theta, v


def rmsprop_step(theta, grad, v, lr, alpha, eps):
    theta, v = theta.copy(), v.copy()
    v *= alpha
    v += (1 - alpha) * grad * grad
    denominator = np.sqrt(v)
    theta -= lr * grad / denominator
    return theta, v


def adam_step(theta, grad, m, v, t, lr, beta1, beta2, eps):
    theta, m, v = theta.copy(), m.copy(), v.copy()
    m *= beta1
    m += (1 - beta1) * grad
    v *= beta2
    v += (1 - beta2) * grad * grad
    t += 1
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    np.sqrt(v_hat, out=v_hat)
    v_hat += eps
    m_hat /= v_hat
    m_hat *= lr
    theta -= m_hat
    return theta, m, v, t


def clip_norm(grad, limit):
    norm = np.linalg.norm(grad)
    clipped = grad.copy()
    if norm > limit:
        clipped *= limit
        clipped /= norm
    return clipped, norm
