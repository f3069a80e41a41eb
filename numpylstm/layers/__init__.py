"""The layers: one file each, forward directly above its backward."""

from .bands import AcrossBands, EachBand, Pick
from .base import LAYERS, Layer, Stream
from .containers import Bidirectional, ConcatHidden, InitialState, Mean, Residual
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
    "AcrossBands",
    "Activation",
    "Bidirectional",
    "Colour",
    "Compress",
    "ConcatHidden",
    "Context",
    "ContextState",
    "Dense",
    "Dropout",
    "EachBand",
    "GRUState",
    "GaussianNoise",
    "Grey",
    "InitialState",
    "LSTMState",
    "Layer",
    "Mask",
    "Mean",
    "Pick",
    "RNNState",
    "Residual",
    "Sequential",
    "Standardize",
    "Stream",
    "VectorProduct",
    "pack_state",
    "unpack_state",
]
