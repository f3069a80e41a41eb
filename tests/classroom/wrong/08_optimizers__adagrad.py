# Looks like: v is not multiplied by alpha: it adds up, as in Adagrad.

import math

import numpy as np


def momentum_step(theta, grad, v, lr, momentum):
    new_theta, new_v = np.zeros(len(theta)), np.zeros(len(theta))
    for k in range(len(theta)):
        new_v[k] = momentum * v[k] + grad[k]
        new_theta[k] = theta[k] - lr * new_v[k]
    return new_theta, new_v


def rmsprop_step(theta, grad, v, lr, alpha, eps):
    new_theta, new_v = np.zeros(len(theta)), np.zeros(len(theta))
    for k in range(len(theta)):
        new_v[k] = v[k] + (1 - alpha) * grad[k] ** 2
        new_theta[k] = theta[k] - lr * grad[k] / (math.sqrt(new_v[k]) + eps)
    return new_theta, new_v


def adam_step(theta, grad, m, v, t, lr, beta1, beta2, eps):
    t += 1
    new_theta, new_m, new_v = np.zeros(len(theta)), np.zeros(len(theta)), np.zeros(len(theta))
    for k in range(len(theta)):
        new_m[k] = beta1 * m[k] + (1 - beta1) * grad[k]
        new_v[k] = beta2 * v[k] + (1 - beta2) * grad[k] ** 2
        m_hat = new_m[k] / (1 - math.pow(beta1, t))
        v_hat = new_v[k] / (1 - math.pow(beta2, t))
        new_theta[k] = theta[k] - lr * m_hat / (math.sqrt(v_hat) + eps)
    return new_theta, new_m, new_v, t


def clip_norm(grad, limit):
    total = 0.0
    for g in grad:
        total += g * g
    norm = math.sqrt(total)
    if norm <= limit:
        return grad, norm
    return np.array([g * limit / norm for g in grad]), norm
