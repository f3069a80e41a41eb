"""Material to train on: windows of a signal, MNIST digits, plucked strings, melodies, singers and stems."""

from .melodies import plucked_melodies
from .mnist import Digits, load_mnist, read_idx
from .pairing import Mixtures
from .plucked import plucked_string
from .singers import SyntheticSingers, synthetic_singer
from .stems import Clip, Stems, load_stems, singer
from .windows import random_batch, shifted, shifted_batch, split, split_examples, windows

__all__ = [
    "Clip",
    "Digits",
    "Mixtures",
    "Stems",
    "SyntheticSingers",
    "load_mnist",
    "load_stems",
    "plucked_melodies",
    "plucked_string",
    "random_batch",
    "read_idx",
    "shifted",
    "shifted_batch",
    "singer",
    "split",
    "split_examples",
    "synthetic_singer",
    "windows",
]
