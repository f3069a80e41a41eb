"""Exercise 12: from scores to sound and back. The equations stand in README.md."""

import numpy as np


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """(..., C) -> probabilities (..., C) along the last axis."""
    raise NotImplementedError("write this part")


def sample(logits: np.ndarray, temperature: float, rng: np.random.Generator) -> np.ndarray:
    """One class for each row of the logits (B, C) -> (B,), drawn with the softmax's probabilities."""
    raise NotImplementedError("write this part")


def mu_law_encode(x: np.ndarray, classes: int = 256) -> np.ndarray:
    """Samples (n,), full scale 1 -> classes (n,) from 0 to classes - 1, in whole numbers."""
    raise NotImplementedError("write this part")


def mu_law_decode(numbers: np.ndarray, classes: int = 256) -> np.ndarray:
    """Classes (n,) -> samples (n,)."""
    raise NotImplementedError("write this part")


def cross_entropy(logits: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    """Logits, one-hot target (T, B, C) -> the mean of -log p[class] in nats, and its gradient (T, B, C)."""
    raise NotImplementedError("write this part")
