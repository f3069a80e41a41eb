import math

import numpy as np


def softmax(logits, temperature=1.0):
    p = np.array(logits, float)
    p -= p.max(axis=-1)[..., None]
    p /= temperature
    np.exp(p, out=p)
    p /= p.sum(axis=-1)[..., None]
    return p


def sample(logits, temperature, rng):
    p = softmax(logits, temperature)
    B, C = p.shape
    drawn = np.zeros(B, np.int32)
    left = rng.uniform(size=B)
    for k in range(C - 1):
        left -= p[:, k]
        drawn += left >= 0
    return drawn


def mu_law_encode(x, classes=256):
    out = np.empty(len(x), np.uint16)
    for n, value in enumerate(x):
        size = math.log1p((classes - 1) * min(abs(value), 1)) / math.log(classes)
        out[n] = round((math.copysign(size, value) + 1) * (classes - 1) / 2)
    return out


def mu_law_decode(numbers, classes=256):
    mu = classes - 1
    return np.array([math.copysign((classes ** abs(2 * k / mu - 1) - 1) / mu, 2 * k - mu) for k in numbers])


def cross_entropy(logits, target):
    n = target[..., 0].size
    log_p = logits - logits.max(-1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(-1, keepdims=True))
    loss = -np.vdot(target, log_p) / n
    np.exp(log_p, out=log_p)
    log_p -= target
    log_p /= n
    return float(loss), log_p
