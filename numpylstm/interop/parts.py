"""A network taken apart into what plug-in files hold, and put together again.

The formats differ in names, in the order of the gates and in which way round a matrix lies. In between stands
one form, that of PyTorch, from which each of them is one step away:

    Cell     W_x (nH, D), W_h (nH, H) with row blocks i, f, g, o of an LSTM or r, z, n of a GRU;
             b (1, 4H) of an LSTM, b (2, 3H) of a GRU: b_x and b_h
    Readout  W (O, D), b (O,) and the activation of a Dense layer

All arrays are float32, as plug-ins compute. Weights of a float64 network are rounded to it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..layers import (
    GRU,
    LSTM,
    Activation,
    Dense,
    Dropout,
    GaussianNoise,
    InitialState,
    Layer,
    Residual,
    Sequential,
    pack_state,
)

GATES = {"lstm": "ifgo", "gru": "rzn"}
"""The order of the row blocks in a Cell."""

CELLS: dict[str, Any] = {"lstm": LSTM, "gru": GRU}

SCALE = 2.0**-12
"""What the candidate of a carrying unit multiplies x by."""

SHUT = -40.0
"""Its gate's pre-activation: sigmoid(-40) is 4e-18, and exp(40) still no large number in float32."""


class PluginFileError(ValueError):
    """A plug-in file that cannot be read, or a network that it cannot hold, in one sentence."""


@dataclass
class Cell:
    """A recurrent layer, with its initial state; see the module's text for the arrays."""

    kind: str  # "lstm" or "gru"
    W_x: np.ndarray
    W_h: np.ndarray
    b: np.ndarray
    state: np.ndarray | None = None  # (2, H) h_0 and c_0 of an LSTM, (1, H) h_0 of a GRU; None for zeros

    @property
    def input_size(self) -> int:
        return self.W_x.shape[1]

    @property
    def output_size(self) -> int:
        return self.W_h.shape[1]


@dataclass
class Readout:
    """A Dense layer."""

    W: np.ndarray
    b: np.ndarray
    activation: str | None = None

    @property
    def input_size(self) -> int:
        return self.W.shape[1]

    @property
    def output_size(self) -> int:
        return self.W.shape[0]


@dataclass
class Parts:
    """The layers of a network in their order, and whether its input is added to its output."""

    layers: list[Cell | Readout]
    residual: bool = False

    @property
    def cells(self) -> list[Cell]:
        return [layer for layer in self.layers if isinstance(layer, Cell)]

    @property
    def has_state(self) -> bool:
        return any(cell.state is not None for cell in self.cells)


def reorder(array: np.ndarray, order: Any, wanted: Any) -> np.ndarray:
    """The blocks along the first axis, one a gate, from one order of the gates into another."""
    blocks = dict(zip(order, np.split(array, len(order)), strict=True))
    return np.concatenate([blocks[gate] for gate in wanted])


# ------------------------------------------------------------------------------------- taking apart


def take_apart(net: Layer) -> Parts:
    """The parts of a network from one sample to one sample: LSTM, GRU and Dense, one after the other.

    Residual may stand around the whole of it. Dropout and GaussianNoise do nothing in prediction, so they
    are left out; nothing else ever is.

    Raises:
        PluginFileError: no network, any other layer or option, not one channel in and out, weights that are
            complex, not finite, or too large for float32.
    """
    if not isinstance(net, Layer):
        raise PluginFileError(f"expected a network, got {type(net).__name__}")
    if net.dtype.kind != "f":
        raise PluginFileError(f"expected a network of real numbers, got {net.dtype}")
    residual, state = False, None
    while (
        type(net) is InitialState
        or (type(net) is Residual and not residual)
        or (type(net) is Sequential and len(net.layers) == 1)
    ):
        if type(net) is InitialState and state is None:
            state = net.initial_state(1)
        residual |= type(net) is Residual
        state = None if state is None else state[0]
        net = net.layers[0]
    stack: list[Layer] = []
    states: dict[int, Any] = {}
    _flatten(net, state, stack, states)
    layers: list[Cell | Readout] = []
    for index, layer in enumerate(stack):
        if type(layer) is LSTM or type(layer) is GRU:
            layers.append(_cell(layer, states.get(index)))
        elif type(layer) is Dense:
            activation = None if layer.activation == "identity" else layer.activation
            layers.append(Readout(_single(layer.params["W"]), _bias(layer, "b"), activation))
        elif type(layer) in (Dropout, GaussianNoise) or (
            type(layer) is Activation and layer.name == "identity"
        ):
            continue  # they change nothing
        elif type(layer) is Activation and layers and isinstance(layers[-1], Readout):
            if layers[-1].activation is not None:
                raise PluginFileError("expected one activation after a Dense layer, got two")
            layers[-1].activation = layer.name
        else:
            raise PluginFileError(f"expected layers LSTM, GRU and Dense, got {_described(layer)}")
    parts = Parts(layers, residual)
    if not parts.cells:
        raise PluginFileError(f"expected an LSTM or GRU in the network, got {_described(net)}")
    channels = layers[0].input_size, layers[-1].output_size
    if channels != (1, 1):
        raise PluginFileError(
            "expected a network from one channel to one channel, "
            f"got one from {channels[0]} to {channels[1]}: a plug-in file needs a Dense(..., 1) at the end"
        )
    return parts


def _flatten(layer: Layer, state: Any, stack: list[Layer], states: dict[int, Any]) -> None:
    """All layers of nested Sequentials in a row, and by their place the initial states that are not zero."""
    if type(layer) is InitialState:
        state = layer.initial_state(1) if state is None else state
        _flatten(layer.layers[0], state[0], stack, states)
    elif type(layer) is Sequential:
        for index, inside in enumerate(layer.layers):
            _flatten(inside, None if state is None else state[index], stack, states)
    else:
        if state is not None and np.any(pack_state(state) if state else 0):
            states[len(stack)] = state
        stack.append(layer)


def _cell(layer: Any, state: Any) -> Cell:
    kind = "lstm" if type(layer) is LSTM else "gru"
    if getattr(layer, "peepholes", False):
        raise PluginFileError("expected an LSTM without peepholes, got one with: no plug-in has them")
    if not getattr(layer, "reset_after", True):
        raise PluginFileError(
            "expected a GRU with reset_after=True, as every plug-in has it, got one with reset_after=False"
        )
    W_x, W_h = (reorder(_single(layer.params[name]), layer.gates, GATES[kind]) for name in ("W_x", "W_h"))
    names = ["b"] if kind == "lstm" else ["b_x", "b_h"]
    rows = len(layer.gates) * layer.hidden_size
    b = [reorder(_bias(layer, name, rows), layer.gates, GATES[kind]) for name in names]
    start = None if state is None else _single(np.concatenate(state))
    return Cell(kind, W_x, W_h, np.stack(b), start)


def _bias(layer: Any, name: str, size: int = 0) -> np.ndarray:
    """A bias as float32, zeros for a layer without one."""
    return _single(layer.params[name]) if layer.bias else np.zeros(size or layer.output_size, np.float32)


def _single(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        single = array.astype(np.float32)
    if not np.isfinite(single).all():
        raise PluginFileError("expected weights that are finite in float32, got some that are not")
    return single


def _described(layer: Layer) -> str:
    reasons = {
        "Bidirectional": "Bidirectional, which needs the whole sequence: a plug-in cannot look ahead",
        "Residual": "a Residual inside: it may stand around the whole network only",
        "RNN": "RNN, which no plug-in has",
    }
    return reasons.get(type(layer).__name__, type(layer).__name__)


# --------------------------------------------------------------------------------- carrying the input


def with_carrying_unit(parts: Parts) -> Parts:
    """The same network for an engine that never adds the input, or always does: `residual` is the opposite.

    One more unit in each layer carries x along, and the read-out adds it, or takes it away again. The unit
    remembers nothing: the forget gate of an LSTM, the update gate of a GRU, is held shut. Its candidate sees
    x * 2^-12, where tanh is linear, and its other gates nothing, so that they stand at exactly 1/2. h is that
    candidate in a GRU, a quarter of it in an LSTM, by i and o; the read-out scales it back. Each layer is off
    by 2.0e-8 |x|^3 (GRU) or 2.5e-8 |x|^3 (LSTM) and the rounding of float32; all factors are powers of two,
    and so exact.

    Args:
        parts: recurrent layers and then one Readout of one output, without activation.
    """
    layers: list[Cell | Readout] = []
    carries, factor = 0, SCALE  # where x comes in, at first as the input itself, and what to multiply it by
    for cell in parts.cells:
        H, D = cell.output_size, cell.input_size
        gates = GATES[cell.kind]
        n, wider = len(gates), D + bool(layers)  # the unit of the layer below is one more input
        W_x = np.zeros((n, H + 1, wider), np.float32)
        W_h = np.zeros((n, H + 1, H + 1), np.float32)
        b = np.zeros((len(cell.b), n, H + 1), np.float32)
        W_x[:, :H, :D] = cell.W_x.reshape(n, H, D)
        W_h[:, :H, :H] = cell.W_h.reshape(n, H, H)
        b[:, :, :H] = cell.b.reshape(-1, n, H)
        shut, candidate = (gates.index(gate) for gate in ("fg" if cell.kind == "lstm" else "zn"))
        W_x[candidate, H, carries] = factor
        b[0, shut, H] = SHUT
        state = None if cell.state is None else np.pad(cell.state, ((0, 0), (0, 1)))
        rows = n * (H + 1)
        arrays = W_x.reshape(rows, wider), W_h.reshape(rows, H + 1), b.reshape(-1, rows)
        layers.append(Cell(cell.kind, *arrays, state))
        carries, factor = H, 4.0 if cell.kind == "lstm" else 1.0
    (readout,) = (layer for layer in parts.layers if isinstance(layer, Readout))
    sign = 1 if parts.residual else -1
    W = np.append(readout.W, np.full((1, 1), sign * factor / SCALE, np.float32), axis=1)
    return Parts([*layers, Readout(W, readout.b)], not parts.residual)


# --------------------------------------------------------------------------------- putting together


def put_together(parts: Parts) -> Layer:
    """The network that computes what the parts say, in float32.

    Sequential(LSTM | GRU | Dense ...), inside an InitialState if any state is not zero, inside a Residual if
    the input is added.

    Raises:
        PluginFileError: layers that do not fit one another, or an input that cannot be added.
    """
    if not parts.cells:
        raise PluginFileError("expected an LSTM or GRU, got none")
    for before, after in zip(parts.layers, parts.layers[1:], strict=False):
        if before.output_size != after.input_size:
            raise PluginFileError(
                f"expected a layer of {before.output_size} inputs after one of {before.output_size} outputs, "
                f"got one for {after.input_size}"
            )
    first, last = parts.layers[0].input_size, parts.layers[-1].output_size
    if parts.residual and (first, last) != (1, 1):
        raise PluginFileError(
            f"expected one channel in and out where the input is added, got {first} in and {last} out: "
            "to add the first input alone is what no layer here does"
        )
    net: Layer = Sequential(*(_layer(part) for part in parts.layers), dtype=np.float32)
    if parts.has_state:
        net = InitialState(net)
        net.params["start"][...] = np.concatenate([_state(cell).ravel() for cell in parts.cells])
    return Residual(net) if parts.residual else net


def _layer(part: Cell | Readout) -> Layer:
    D, O = part.input_size, part.output_size
    layer: Any
    if isinstance(part, Readout):
        layer = Dense(D, O, activation=part.activation, dtype=np.float32, seed=0)
        arrays = {"W": part.W, "b": part.b}
    else:
        layer = CELLS[part.kind](D, O, dtype=np.float32, seed=0)
        biases = zip(["b"] if part.kind == "lstm" else ["b_x", "b_h"], part.b, strict=True)
        arrays = {"W_x": part.W_x, "W_h": part.W_h} | dict(biases)
        arrays = {name: reorder(array, GATES[part.kind], layer.gates) for name, array in arrays.items()}
    for name, array in arrays.items():
        layer.params[name][...] = array
    if not np.isfinite(layer.theta).all():
        raise PluginFileError("expected weights that are finite in float32, got some that are not")
    return layer


def _state(cell: Cell) -> np.ndarray:
    rows = 2 if cell.kind == "lstm" else 1
    return np.zeros((rows, cell.output_size), np.float32) if cell.state is None else cell.state
