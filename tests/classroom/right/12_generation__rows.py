"""Row by row, with the generator's own choice; tables for the mu-law."""

import numpy as np


def softmax(logits, temperature=1.0):
    if logits.ndim == 1:
        e = np.exp((logits - max(logits)) / temperature)
        return e / e.sum()
    return np.stack([softmax(row, temperature) for row in logits])


def sample(logits, temperature, rng):
    return [int(rng.choice(len(row), p=softmax(row, temperature))) for row in logits]


def mu_law_decode(numbers, classes=256):
    table = []
    for k in range(classes):
        f = 2 * k / (classes - 1) - 1
        size = (classes ** abs(f) - 1) / (classes - 1)
        table.append(size if f > 0 else -size)
    return np.array(table)[numbers]


def mu_law_encode(x, classes=256):
    # A class begins half-way between two on the bent scale.
    edges = (np.arange(classes - 1) + 0.5) * 2 / (classes - 1) - 1
    edges = np.sign(edges) * (classes ** np.abs(edges) - 1) / (classes - 1)
    return np.searchsorted(edges, x)


def cross_entropy(logits, target):
    loss, gradient = 0.0, np.zeros_like(logits)
    T, B, _ = logits.shape
    for t in range(T):
        for k in range(B):
            p, n = softmax(logits[t, k]), int(np.argmax(target[t, k]))
            top = logits[t, k].max()
            loss += top + np.log(np.exp(logits[t, k] - top).sum()) - logits[t, k, n]
            gradient[t, k] = p
            gradient[t, k, n] -= 1
    return loss / (T * B), gradient / (T * B)
