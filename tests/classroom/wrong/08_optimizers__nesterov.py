# Looks like: this is Nesterov's step, lr (grad + momentum v); here it is lr v.

import numpy as np


class Rule:
    def __init__(self, **settings):
        for name, value in settings.items():
            setattr(self, name, value)


class Momentum(Rule):
    def new(self, theta, grad, v):
        velocity = np.add(np.multiply(self.momentum, v), grad)
        return np.subtract(theta, self.lr * (grad + self.momentum * velocity)), velocity


class RMS(Rule):
    def new(self, theta, grad, v):
        squares = self.alpha * v + grad * grad - self.alpha * grad * grad
        return theta - self.lr / (np.sqrt(squares) + self.eps) * grad, squares


class AdamRule(Rule):
    def new(self, theta, grad, m, v, t):
        t = int(t) + 1
        m = self.beta1 * m + grad - self.beta1 * grad
        v = self.beta2 * v + grad * grad - self.beta2 * grad * grad
        bias1, bias2 = -np.expm1(t * np.log(self.beta1)), -np.expm1(t * np.log(self.beta2))
        return theta - self.lr * (m / bias1) / (np.sqrt(v / bias2) + self.eps), m, v, t


def momentum_step(theta, grad, v, lr, momentum):
    return Momentum(lr=lr, momentum=momentum).new(theta, grad, v)


def rmsprop_step(theta, grad, v, lr, alpha, eps):
    return RMS(lr=lr, alpha=alpha, eps=eps).new(theta, grad, v)


def adam_step(theta, grad, m, v, t, lr, beta1, beta2, eps):
    return AdamRule(lr=lr, beta1=beta1, beta2=beta2, eps=eps).new(theta, grad, m, v, t)


def clip_norm(grad, limit):
    norm = float(np.hypot.reduce(grad))
    return (grad / norm * limit if norm > limit else grad), norm
