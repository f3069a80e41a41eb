"""The layers, losses and activations against numbers PyTorch computed; see data/make_layer_vectors.py.

Every tensor is compared by itself, in norm: |ours - recorded| / |recorded| is at most 1e-12 in float64
and 1e-5 in float32, where the recorded numbers stay those of float64. Weights and inputs are exact in both.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

import numpylstm as nl
from numpylstm.activations import ACTIVATIONS
from numpylstm.losses import LOSSES

PATH = Path(__file__).parent / "data" / "layer_vectors.safetensors"
RECORDED = load_file(PATH)
with safe_open(PATH, "numpy") as file:
    CASES, LOSS_CASES = (json.loads(file.metadata()[key]) for key in ("cases", "losses"))

TOLERANCE = {np.float64: 1e-12, np.float32: 1e-5}
both_dtypes = pytest.mark.parametrize("dtype", TOLERANCE, ids=lambda dtype: dtype.__name__)

CELLS = {
    "lstm": nl.LSTM,
    "gru": nl.GRU,
    "rnn_tanh": lambda *sizes, **options: nl.RNN(*sizes, activation="tanh", **options),
    "rnn_relu": lambda *sizes, **options: nl.RNN(*sizes, activation="relu", **options),
    "lstm_peephole": lambda *sizes, **options: nl.LSTM(*sizes, peepholes=True, **options),
    "gru_reset_before": lambda *sizes, **options: nl.GRU(*sizes, reset_after=False, **options),
}
TORCH_GATES = {"lstm": "ifgo", "gru": "rzn", "rnn_tanh": "h", "rnn_relu": "h"}
PEEPHOLES = "ifo"


def tensors(prefix):
    """What is recorded under `prefix/`, by the rest of its name."""
    found = {
        name.removeprefix(f"{prefix}/"): t for name, t in RECORDED.items() if name.startswith(f"{prefix}/")
    }
    assert found
    return found


def assert_close(name, ours, recorded, dtype):
    recorded = np.asarray(recorded, float)
    assert ours.dtype == dtype, name
    assert ours.shape == recorded.shape, name
    norm = np.linalg.norm(recorded)
    assert norm > 0, f"{name}: a comparison with zeros alone would show nothing"
    error = np.linalg.norm(ours - recorded) / norm
    assert error <= TOLERANCE[dtype], f"{name}: relative error {error:.1e}"


# From PyTorch's names to ours


def by_gate(recorded, case, kind, layer, direction):
    """{(name, gate): array} of one cell; kind is "weight" or "grad", name W_x, W_h, b_x, b_h, b or p."""
    gates = TORCH_GATES.get(case["cell"])
    found = {}
    if gates is None:  # recorded as W_xi, W_hi, b_i, p_i ...
        for name, array in recorded.items():
            if name.startswith(f"{kind}/"):
                found[name.removeprefix(f"{kind}/")[:-1].removesuffix("_"), name[-1]] = array
        return found
    suffix = f"l{layer}" + ("_reverse" if direction else "")
    names = {"W_x": "weight_ih", "W_h": "weight_hh"} | (
        {"b_x": "bias_ih", "b_h": "bias_hh"} if case["bias"] else {}
    )
    for name, torch_name in names.items():
        blocks = np.split(recorded[f"{kind}/{torch_name}_{suffix}"], len(gates))
        found |= {(name, gate): block for gate, block in zip(gates, blocks, strict=True)}
    if "gru" not in case["cell"]:
        # PyTorch adds two biases where one does: ours is their sum, and its gradient that of either.
        for gate in gates if case["bias"] else ():
            b_x, b_h = found.pop(("b_x", gate)), found.pop(("b_h", gate))
            found["b", gate] = b_x + b_h.astype(float) if kind == "weight" else b_x
    return found


def recorded_params(recorded, case, kind, layer, direction, cell):
    """{our name: array} for one of our cells, row blocks in the order of its gates."""
    blocks = by_gate(recorded, case, kind, layer, direction)
    params = {}
    for name in sorted({name for name, _ in blocks}):
        if name == "p":
            params[name] = np.stack([blocks[name, gate] for gate in PEEPHOLES])
        else:
            params[name] = np.concatenate([blocks[name, gate] for gate in cell.gates])
    return params


def build(recorded, case, dtype):
    """Our network of a case with the recorded weights, and its cells in PyTorch's order of states.

    A single layer stands alone, more are a Sequential; two directions are a Bidirectional a layer.
    """
    hidden_size = recorded["state0"].shape[-1]
    input_size, cells, layers = recorded["x"].shape[-1], [], []
    for layer in range(case["layers"]):
        ways = []
        for direction in range(case["directions"]):
            cell = CELLS[case["cell"]](input_size, hidden_size, bias=case["bias"])
            params = recorded_params(recorded, case, "weight", layer, direction, cell)
            assert set(params) == set(cell.params)
            for name, array in params.items():
                cell.params[name][...] = array
            ways.append(cell)
        cells += ways
        layers.append(nl.Bidirectional(*ways) if len(ways) == 2 else ways[0])
        input_size = hidden_size * len(ways)
    net = nl.Sequential(*layers) if len(layers) > 1 else layers[0]
    net = net.astype(dtype)
    return net, list(innermost(net))


def innermost(layer):
    for inside in layer.layers:
        yield from innermost(inside)
    if not layer.layers:
        yield layer


def nested(states, case):
    """States (layers * directions, n, B, H) as our network takes them."""
    states = [tuple(state) for state in states]
    if case["directions"] == 2:
        states = list(zip(states[::2], states[1::2], strict=True))
    return tuple(states) if case["layers"] > 1 else states[0]


def arrays_in(state):
    """The arrays of a nested state, in order."""
    for member in state:
        if isinstance(member, tuple):
            yield from arrays_in(member)
        else:
            yield member


# The networks


@both_dtypes
@pytest.mark.parametrize("name", CASES)
def test_network_equals_recorded(name, dtype):
    recorded, case = tensors(name), CASES[name]
    net, cells = build(recorded, case, dtype)
    x, dy, state0, dstate = (recorded[key].astype(dtype) for key in ("x", "dy", "state0", "dstate"))

    y, state, cache = net.forward(x, nested(state0, case), case["lengths"])
    dx, dstate0 = net.backward(dy, cache, nested(dstate, case))

    assert_close("y", y, recorded["y"], dtype)
    assert_close("dx", dx, recorded["dx"], dtype)
    for key, ours in [("state", state), ("dstate0", dstate0)]:
        theirs = recorded[key].reshape(-1, *recorded[key].shape[2:])
        for index, (array, expected) in enumerate(zip(arrays_in(ours), theirs, strict=True)):
            assert_close(f"{key}, array {index}", array, expected, dtype)
    for index, cell in enumerate(cells):
        grads = recorded_params(recorded, case, "grad", *divmod(index, case["directions"]), cell)
        assert set(grads) == set(cell.grads)
        for key, expected in grads.items():
            assert_close(f"gradient by {key} of cell {index}", cell.grads[key], expected, dtype)

    if case["lengths"] is not None:
        padded = np.arange(len(x))[:, None] >= case["lengths"]
        # x and dy are not 0 there, so that these are not zeros handed through.
        assert x[padded].all() and dy[padded].all()
        assert not y[padded].any() and not dx[padded].any()


def test_the_recorded_networks_are_the_ones_meant():
    cases = CASES.values()
    deep = {
        (case["cell"], case["layers"], case["directions"])
        for case in cases
        if case["lengths"] and case["bias"]
    }
    assert deep >= {(cell, n, ways) for cell in TORCH_GATES for n in (1, 2, 3) for ways in (1, 2)}
    kinds = {
        (cell, ragged, bias) for cell in TORCH_GATES for ragged in (False, True) for bias in (False, True)
    }
    assert kinds <= {(case["cell"], case["lengths"] is not None, case["bias"]) for case in cases}
    assert {case["cell"] for case in cases} == set(CELLS)
    steps = len(RECORDED["lstm-1-one_way-ragged-bias/x"])
    for lengths in (case["lengths"] for case in cases if case["lengths"]):
        assert max(lengths) == steps and min(lengths) <= 1 and lengths != sorted(lengths, reverse=True)


# Losses and activations


@both_dtypes
@pytest.mark.parametrize("name", LOSS_CASES)
def test_loss_equals_recorded(name, dtype):
    recorded, lengths = tensors(f"loss/{name}"), LOSS_CASES[name]["lengths"]
    target = recorded["target"]
    if target.dtype.kind == "f":
        target = target.astype(dtype)
    value, dy = LOSSES[name.split("-")[0]](recorded["y"].astype(dtype), target, lengths)
    assert_close("value", np.reshape(value, 1), recorded["value"], dtype)
    assert_close("dy", dy, recorded["dy"], dtype)


@both_dtypes
@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"identity"}))
def test_activation_equals_recorded(name, dtype):
    recorded = tensors(f"activation/{name}")
    a, dy = (recorded[key].astype(dtype) for key in ("a", "dy"))
    layer = nl.Activation(name, dtype=dtype)
    y, _, cache = layer.forward(a)
    da, _ = layer.backward(dy, cache)
    assert_close("y", y, recorded["y"], dtype)
    assert_close("da", da, recorded["da"], dtype)
