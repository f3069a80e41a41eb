"""Draws by the largest of scores with Gumbel noise; logarithms throughout."""

import numpy as np


def log_softmax(scores):
    return scores - np.logaddexp.reduce(scores, axis=-1, keepdims=True)


def softmax(logits, temperature=1.0):
    return np.exp(log_softmax(logits / temperature))


def sample(logits, temperature, rng):
    return np.argmax(logits / temperature + rng.gumbel(size=logits.shape), axis=-1)


def mu_law_encode(x, classes=256):
    x = np.clip(x, -1, 1)
    f = np.copysign(np.log1p((classes - 1) * np.abs(x)) / np.log(classes), x)
    return np.floor((f + 1) * (classes - 1) / 2 + 0.5).astype(np.int64)


def mu_law_decode(numbers, classes=256):
    f = 2 * (numbers / (classes - 1)) - 1
    return np.copysign(np.expm1(np.abs(f) * np.log(classes)) / (classes - 1), f)


def cross_entropy(logits, target):
    T, B, _ = logits.shape
    log_p = log_softmax(logits)
    loss = -np.einsum("tbc,tbc->", target, log_p) / (T * B)
    return loss, (np.exp(log_p) - target) / T / B
