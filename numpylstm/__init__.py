"""numpylstm: recurrent networks in pure NumPy that one can read, check, step through, and really use."""

from . import datasets, interop, losses
from .checkpoint import ModelError, load
from .gradcheck import GradcheckError, GradcheckReport, gradcheck
from .history import History
from .layers import (
    GRU,
    LSTM,
    MLP,
    RNN,
    Activation,
    Bidirectional,
    ConcatHidden,
    Dense,
    Dropout,
    GaussianNoise,
    GRUState,
    InitialState,
    Layer,
    LSTMState,
    Residual,
    RNNState,
    Sequential,
    Stream,
    pack_state,
    unpack_state,
)
from .optimizers import SGD, Adam, Constant, Cosine, Exponential, Plateau, RMSprop, clip_norm, lbfgs
from .training import evaluate, fit, objective, train_step

__version__ = "0.1.0"

__all__ = [
    "GRU",
    "LSTM",
    "MLP",
    "RNN",
    "SGD",
    "Activation",
    "Adam",
    "Bidirectional",
    "ConcatHidden",
    "Constant",
    "Cosine",
    "Dense",
    "Dropout",
    "Exponential",
    "GRUState",
    "GaussianNoise",
    "GradcheckError",
    "GradcheckReport",
    "History",
    "InitialState",
    "LSTMState",
    "Layer",
    "ModelError",
    "Plateau",
    "RMSprop",
    "RNNState",
    "Residual",
    "Sequential",
    "Stream",
    "clip_norm",
    "datasets",
    "evaluate",
    "fit",
    "gradcheck",
    "interop",
    "lbfgs",
    "load",
    "losses",
    "objective",
    "pack_state",
    "train_step",
    "unpack_state",
]
