"""Material to train on: windows of a signal, MNIST digits, plucked strings and melodies, sung mixtures."""

from .melodies import plucked_melodies
from .mnist import Digits, load_mnist, read_idx
from .pairing import Mixtures
from .plucked import plucked_string
from .windows import random_batch, shifted, shifted_batch, split, split_examples, windows

__all__ = [
    "Digits",
    "Mixtures",
    "load_mnist",
    "plucked_melodies",
    "plucked_string",
    "random_batch",
    "read_idx",
    "shifted",
    "shifted_batch",
    "split",
    "split_examples",
    "windows",
]
