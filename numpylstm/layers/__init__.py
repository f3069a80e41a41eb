"""The layers: one file each, forward directly above its backward."""

from .base import LAYERS, Layer, Stream
from .containers import Bidirectional, ConcatHidden, InitialState, Residual
from .dense import MLP, Activation, Dense
from .dropout import Dropout, GaussianNoise
from .features import Colour, Compress, Context, ContextState, Grey, Standardize
from .gru import GRU, GRUState
from .lstm import LSTM, LSTMState
from .mask import Mask
from .rnn import RNN, RNNState
from .sequential import Sequential
from .state import pack_state, unpack_state
from .vector_product import VectorProduct

__all__ = [
    "GRU",
    "LAYERS",
    "LSTM",
    "MLP",
    "RNN",
    "Activation",
    "Bidirectional",
    "Colour",
    "Compress",
    "ConcatHidden",
    "Context",
    "ContextState",
    "Dense",
    "Dropout",
    "GRUState",
    "GaussianNoise",
    "Grey",
    "InitialState",
    "LSTMState",
    "Layer",
    "Mask",
    "RNNState",
    "Residual",
    "Sequential",
    "Standardize",
    "Stream",
    "VectorProduct",
    "pack_state",
    "unpack_state",
]
