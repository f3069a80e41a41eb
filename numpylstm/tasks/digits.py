"""Recognise handwritten digits with an MLP: SGD, cross-entropy, early stopping.

MNIST from a folder of IDX files, or, with none at hand, the 1,797 small digits of scikit-learn.
"""

import time
from dataclasses import dataclass
from os import PathLike
from typing import Any

import numpy as np

from ..datasets.mnist import load_mnist
from ..history import History
from ..layers import MLP, Dropout, Layer, Sequential
from ..losses import softmax_cross_entropy
from ..optimizers import SGD, Cosine
from ..training import fit


@dataclass
class DigitData:
    """Pictures (n, pixels) from 0 to 1 and their digits (n,), for training and for the final figure."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    source: str


@dataclass
class DigitsResult:
    """A trained network and what was measured on the test digits."""

    net: Layer
    history: History
    figures: dict[str, Any]
    data: DigitData
    guesses: np.ndarray


def load_digits(directory: str | PathLike[str] | None, seed: int = 0) -> DigitData:
    """MNIST from a folder; without one, scikit-learn's digits, a fifth of them kept for the test.

    Raises:
        ValueError: no folder given and scikit-learn is not installed, or files that are no MNIST.
    """
    if directory is not None:
        mnist = load_mnist(directory)
        return DigitData(
            mnist.train_images, mnist.train_labels, mnist.test_images, mnist.test_labels, mnist.source
        )
    try:
        from sklearn.datasets import load_digits as load_bundled
    except ImportError:
        raise ValueError(
            "expected --data DIR with MNIST's IDX files, or scikit-learn for its bundled digits "
            "(pip install 'numpylstm[digits]'), got neither"
        ) from None
    bundled = load_bundled()
    images = (bundled.data / 16).astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(images))
    test, train = np.split(order, [len(order) // 5])
    labels = bundled.target.astype(np.int64)
    return DigitData(
        images[train],
        labels[train],
        images[test],
        labels[test],
        "scikit-learn's bundled digits, a fifth held out",
    )


def train(
    data: DigitData,
    *,
    hidden_size: int = 512,
    epochs: int = 18,
    seed: int = 0,
    quick: bool = False,
    progress: bool = True,
) -> DigitsResult:
    """Train on nine tenths of the training digits, stop by the last tenth, measure on the test digits."""
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    if quick:
        epochs = 1
    order = rng.permutation(len(data.train_images))
    dev, part = np.split(order, [len(order) // 10])
    if quick:
        part = part[:2000]
    mlp = MLP(data.train_images.shape[1], hidden_size, 10, activation="relu", dropout=0.4)
    net = Sequential(Dropout(0.1), mlp, dtype=np.float32, seed=rng)
    batch_size = 128
    updates = epochs * -(-len(part) // batch_size)
    history = fit(
        net,
        (data.train_images[part], data.train_labels[part]),
        (data.train_images[dev], data.train_labels[dev]),
        loss=softmax_cross_entropy,
        optimizer=SGD(0.1, momentum=0.9, schedule=Cosine(updates, final=0.0)),
        epochs=epochs,
        batch_size=batch_size,
        patience=5,
        seed=rng,
        progress=progress,
    )
    guesses = net.predict(data.test_images).argmax(axis=1)
    accuracy = float(np.mean(guesses == data.test_labels))
    figures = {"accuracy": accuracy, "seconds": time.perf_counter() - started, "seed": seed}
    return DigitsResult(net, history, figures, data, guesses)
