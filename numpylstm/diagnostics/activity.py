"""What the gates do over a sequence, and how much of the time they stand at their stops."""

from typing import Any, NamedTuple

import numpy as np

from ..layers import GRU, LSTM, RNN, Layer
from ..layers.checks import check_array


class Saturation(NamedTuple):
    """For each unit (H,), the share of all steps and sequences where it is at its lower or upper stop."""

    low: np.ndarray
    high: np.ndarray


def gate_activations(layer: Any, x: np.ndarray, state: Any = None) -> dict[str, np.ndarray]:
    """Gates and states of every step by name, each (T, B, H), in the order of the equations.

    "i", "f", "g", "o", "c", "h" for an LSTM, "r", "z", "n", "h" for a GRU, "h" for an RNN.

    Args:
        layer: an LSTM, GRU or RNN.
        x: (T, B, D) or classes (T, B).
        state: initial state; zeros if None.

    Raises:
        ValueError: another layer, or input of the wrong shape.
    """
    check_cell(layer)
    y, _, cache = layer.forward(x, state)
    if isinstance(layer, RNN):
        return {"h": y}
    H = layer.hidden_size

    def rows(array: np.ndarray, block: int) -> np.ndarray:
        return array[:, block * H : (block + 1) * H].transpose(0, 2, 1).copy()

    if isinstance(layer, GRU):  # rows n, r, z
        return {"r": rows(cache.v, 1), "z": rows(cache.v, 2), "n": rows(cache.v, 0), "h": y}
    # Rows o, i, f, g, c_{t-1} of T + 1 steps: the cell that a step makes stands in the next one.
    now, after = cache.v[:-1], cache.v[1:]
    gates = {name: rows(now, block) for block, name in ((1, "i"), (2, "f"), (3, "g"), (0, "o"))}
    return gates | {"c": rows(after, 4), "h": y}


def gate_saturation(
    layer: Any, x: np.ndarray, state: Any = None, *, low: float = 0.1, high: float = 0.9
) -> dict[str, Saturation]:
    """How much of the time each unit's gates are closed or open; Karpathy et al. 2015, arXiv:1506.02078.

    A sigmoid gate is closed below `low` and open above `high`. A tanh (g, n, an RNN's h) is at its stops
    beyond ±`high`; a relu has one stop, 0. There the derivative is small (0.09 at most for the sigmoid,
    0.19 for the tanh) and the gate learns slowly. A forget gate that is open remembers, and is no fault.

    Args:
        layer, x, state: as for `gate_activations`.
        low, high: the thresholds, 0 < low < high < 1.

    Returns:
        By the gate's name, without the states c and h of a gated layer.

    Raises:
        ValueError: thresholds out of order, no step to count, and as `gate_activations`.
    """
    if not 0 < low < high < 1:
        raise ValueError(f"expected 0 < low < high < 1, got {low} and {high}")
    activations = gate_activations(layer, x, state)
    if not activations["h"].size:
        raise ValueError(f"expected x with at least one step of one sequence, got {np.shape(x)}")
    found = {}
    for name in layer.gates:
        value = activations[name]
        if name in "gnh":
            relu = isinstance(layer, RNN) and layer.activation == "relu"
            at_low, at_high = (value == 0, value == np.inf) if relu else (value < -high, value > high)
        else:
            at_low, at_high = value < low, value > high
        found[name] = Saturation(at_low.mean(axis=(0, 1)), at_high.mean(axis=(0, 1)))
    return {name: found[name] for name in activations if name in found}


def check_net(net: Any) -> None:
    if not isinstance(net, Layer):
        got = f"the class {net.__name__}" if isinstance(net, type) else type(net).__name__
        raise ValueError(f"expected a layer or network such as LSTM(1, 16), got {got}")


def check_real(x: Any) -> np.ndarray:
    x = check_array("x", x)
    if x.dtype.kind == "c":
        raise ValueError(f"expected x to be an array of real numbers, got dtype {x.dtype}")
    return x


def check_cell(layer: Any) -> None:
    if not isinstance(layer, LSTM | GRU | RNN):
        raise ValueError(f"expected an LSTM, GRU or RNN layer, got {type(layer).__name__}")
