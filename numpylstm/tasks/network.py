"""The network that every kind of generation trains: recurrent layers and a read-out."""

import numpy as np

from ..layers import GRU, LSTM, MLP, ConcatHidden, Dense, Layer, Sequential

CELLS = {"lstm": LSTM, "gru": GRU}


def check_network(cell: str, layers: int, hidden_size: int) -> None:
    """Refuse, before the work, what `build_network` cannot be asked for.

    Raises:
        ValueError: an unknown cell, not 1 to 5 layers, less than one hidden unit.
    """
    if cell not in CELLS:
        raise ValueError(f"expected cell {' or '.join(map(repr, CELLS))}, got {cell!r}")
    if not 1 <= layers <= 5:
        raise ValueError(f"expected 1 to 5 layers, got {layers}")
    if hidden_size < 1:
        raise ValueError(f"expected hidden_size of at least 1, got {hidden_size}")


def build_network(
    inputs: int,
    outputs: int,
    *,
    cell: str,
    layers: int,
    hidden_size: int,
    concat: bool = False,
    deep_readout: bool = False,
    seed: int | np.random.Generator = 0,
) -> Sequential:
    """One to five recurrent layers and a linear read-out, float32.

    With `concat` the outputs of all layers stand side by side and an MLP of as many hidden units as one of
    them reads all levels at once; with `deep_readout` the last layer is read by such an MLP.

    Raises:
        ValueError: as `check_network`.
    """
    check_network(cell, layers, hidden_size)
    stack: list[Layer] = [CELLS[cell](hidden_size if k else inputs, hidden_size) for k in range(layers)]
    width = hidden_size * layers if concat else hidden_size
    readout = MLP(width, hidden_size, outputs) if concat or deep_readout else Dense(width, outputs)
    body = [ConcatHidden(*stack)] if concat else stack
    return Sequential(*body, readout, dtype=np.float32, seed=np.random.default_rng(seed))
