# Looks like: t counts one too few in the bias correction: it is raised before it is used.

import numpy as np


def momentum_step(theta, grad, v, lr, momentum):
    v = np.array([momentum, 1.0]) @ np.stack([v, grad])
    return np.array([1.0, -lr]) @ np.stack([theta, v]), v


def rmsprop_step(theta, grad, v, lr, alpha, eps):
    v = np.array([alpha, 1 - alpha]) @ np.stack([v, grad * grad])
    return theta - lr * np.divide(grad, np.sqrt(v) + eps), v


def adam_step(theta, grad, m, v, t, lr, beta1, beta2, eps):
    betas = np.array([[beta1], [beta2]])
    moments = betas * np.stack([m, v]) + (1 - betas) * np.stack([grad, np.square(grad)])
    m_hat, v_hat = moments / (1 - betas**t)
    return theta - lr * m_hat / (np.sqrt(v_hat) + eps), moments[0], moments[1], t + 1


def clip_norm(grad, limit):
    norm = np.sqrt(np.einsum("i,i", grad, grad))
    factor = np.where(norm > limit, limit / np.maximum(norm, limit), 1.0)
    return factor * grad, norm
