"""Material to train on: windows cut from a signal, the MNIST digits, a plucked string, plucked melodies."""

from .melodies import plucked_melodies
from .mnist import Digits, load_mnist, read_idx
from .plucked import plucked_string
from .windows import random_batch, shifted, shifted_batch, split, split_examples, windows

__all__ = [
    "Digits",
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
