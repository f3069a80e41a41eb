"""RTNeural's JSON, plain, and as AIDA-X extends it.

RTNeural (Chowdhury 2021, arXiv:2106.03037; model_loader.h) reads Keras' weights:

    in_shape                 [null, null, D]
    layers[].type            "lstm", "gru", "dense" or "time-distributed-dense"
    layers[].shape           [null, null, H]
    layers[].activation      of a dense layer: "", "tanh", "relu", "sigmoid" or "softmax"
    layers[].weights         lstm:  W_x^T (D, 4H), W_h^T (H, 4H), b (4H,), gates i, f, g, o
                             gru:   W_x^T (D, 3H), W_h^T (H, 3H), b (2, 3H), gates z, r, n; b_x above b_h
                             dense: W^T (D, O), b (O,)

It always starts from zeros and has no place for the sample rate or for adding the input; a Residual is folded
into the layers (`parts.with_carrying_unit`).

AIDA-X (aidadsp-plugin.cpp; aidadsp-lv2, rt-neural-generic.cpp) holds one LSTM or GRU of the sizes in SIZES
and one Dense without activation, and reads besides

    in_skip                  1 adds the input to the output
    in_gain, out_gain        in dB: y = (x' [+ x'] of the network) * out_gain, with x' = x * in_gain
    metadata.samplerate      in Hz, a number; 48000 if there is none. Files exist that have it as text
    input_batch, output_batch   a known answer: what the network, from zeros, makes of an input. The
                                LV2 plug-in plays it when it loads the file and logs samples off by over 1e-5

Of a file with knobs, the known answer is with all knobs at 0.
"""

from typing import Any

import numpy as np

from ..layers import Dense, Layer, Sequential
from .document import array, described, member, number, rate_of, size
from .guitarml import one_cell_and_readout, refuse_state
from .parts import GATES, Cell, Parts, PluginFileError, Readout, put_together, reorder, with_carrying_unit

KERAS_GATES = {"lstm": "ifgo", "gru": "zrn"}

ACTIVATIONS = (None, "tanh", "relu", "sigmoid", "softmax")

SIZES = (8, 12, 16, 20, 24, 32, 40, 64, 80)
"""Hidden sizes that AIDA-X is compiled for (model_variant.hpp); it refuses others."""

MOST_INPUTS = 3

LOUDEST = 120.0
"""A gain in dB beyond which a file is taken to be broken."""

THRESHOLD = 1e-5
"""How far a sample may be from the known answer: TEST_MODEL_THR of aidadsp-lv2, full scale 1."""

AIDAX_KEYS = ("in_skip", "in_gain", "out_gain", "input_batch", "output_batch", "metadata", "samplerate")
"""One of them makes a file AIDA-X's."""


# ---------------------------------------------------------------------------------- RTNeural


def write(parts: Parts) -> tuple[dict[str, Any], list[str]]:
    """The document of a network, and what its user should know.

    Raises:
        PluginFileError: an initial state, or a Residual around another end than one Dense without activation.
    """
    refuse_state(parts, "rtneural")
    remarks = []
    if parts.residual:
        *cells, readout = parts.layers
        carried = cells and all(isinstance(layer, Cell) for layer in cells)
        if not carried or not isinstance(readout, Readout) or readout.activation:
            raise PluginFileError(
                "expected recurrent layers and one Dense without activation after them inside a Residual for "
                "format 'rtneural', which cannot add the input itself, got other layers"
            )
        parts = with_carrying_unit(parts)
        remarks.append(
            "the input that the network adds to its output is carried by one more unit in each layer"
        )
    return _write_layers(parts), remarks


def _write_layers(parts: Parts) -> dict[str, Any]:
    return {
        "in_shape": [None, None, parts.layers[0].input_size],
        "layers": [_write_layer(layer) for layer in parts.layers],
    }


def _write_layer(layer: Cell | Readout) -> dict[str, Any]:
    if isinstance(layer, Readout):
        kind, weights = "dense", [layer.W.T, layer.b]
    else:
        kind = layer.kind
        order = GATES[kind], KERAS_GATES[kind]
        W_x, W_h = (reorder(W, *order).T for W in (layer.W_x, layer.W_h))
        b = reorder(layer.b.T, *order).T
        weights = [W_x, W_h, b[0] if kind == "lstm" else b]
    return {
        "type": kind,
        "activation": (getattr(layer, "activation", None) or ""),
        "shape": [None, None, layer.output_size],
        "weights": [weight.tolist() for weight in weights],
    }


def read(document: dict[str, Any]) -> tuple[Parts, list[str]]:
    """The parts of a document, and what its user should know."""
    width = size(_last(member(document, "in_shape", list, "in_shape, a list")), "the last of in_shape")
    parts = Parts([])
    for index, description in enumerate(member(document, "layers", list, "layers, a list")):
        layer = _read_layer(description, width, f"layer {index}")
        width = layer.output_size
        parts.layers.append(layer)
    if not parts.layers:
        raise PluginFileError("expected at least one layer, got none")
    return parts, []


def _read_layer(description: Any, D: int, name: str) -> Cell | Readout:
    kind = member(description, "type", str, f"a type of {name}")
    if kind not in ("lstm", "gru", "dense", "time-distributed-dense"):
        raise PluginFileError(f"expected {name} to be lstm, gru or dense, got {described(kind)}")
    H = size(_last(member(description, "shape", list, f"a shape of {name}")), f"the size of {name}")
    weights = member(description, "weights", list, f"weights of {name}")
    cell = kind in KERAS_GATES
    if len(weights) != (3 if cell else 2):
        raise PluginFileError(f"expected {3 if cell else 2} arrays of weights of {name}, got {len(weights)}")
    if not cell:
        activation = description.get("activation") or None
        if activation not in ACTIVATIONS:
            raise PluginFileError(
                f"expected {name} to have activation tanh, relu, sigmoid, softmax or none, "
                f"got {described(activation)}"
            )
        W = array(weights[0], (D, H), f"the weights of {name}")
        return Readout(W.T, array(weights[1], (H,), f"the bias of {name}"), activation)
    rows = H * len(KERAS_GATES[kind])
    order = KERAS_GATES[kind], GATES[kind]
    W_x = array(weights[0], (D, rows), f"the input weights of {name}")
    W_h = array(weights[1], (H, rows), f"the recurrent weights of {name}")
    b = array(weights[2], (rows,) if kind == "lstm" else (2, rows), f"the bias of {name}")
    b = np.atleast_2d(b)
    return Cell(kind, reorder(W_x.T, *order), reorder(W_h.T, *order), reorder(b.T, *order).T)


def _last(shape: list[Any]) -> Any:
    return shape[-1] if shape else None


# ---------------------------------------------------------------------------------- AIDA-X


def write_aidax(parts: Parts, rate: int | float | None) -> tuple[dict[str, Any], list[str]]:
    """The document of a network, with the known answer if float32 comes near it, and what to know about it.

    Args:
        rate: in Hz.

    Raises:
        PluginFileError: more than one recurrent layer, another end than one Dense without activation, an
            initial state, a size that AIDA-X is not compiled for.
    """
    cell, _ = one_cell_and_readout(parts, "aidax")
    if cell.output_size not in SIZES:
        raise PluginFileError(
            f"expected {', '.join(map(str, SIZES[:-1]))} or {SIZES[-1]} units for format 'aidax', "
            f"got {cell.output_size}: AIDA-X is compiled for no others"
        )
    document = _write_layers(parts) | {"in_skip": int(parts.residual)}
    remarks = []
    x = known_input()
    net = put_together(parts)
    # In float64, so that the plug-in finds its own rounding alone between itself and the answer.
    with np.errstate(all="ignore"):  # what is not finite is off
        answer = net.astype(float).predict(x[:, None, None])[:, 0, 0]
        off = np.abs(net.predict(x[:, None, None])[:, 0, 0] - answer).max()
    if off <= THRESHOLD:
        document |= {"input_batch": x.tolist(), "output_batch": answer.astype(np.float32).tolist()}
    else:
        remarks.append(
            f"no known answer is written: float32 alone moves this network by {off:.0e}, "
            f"and more than {THRESHOLD:.0e} counts as an error"
        )
    if rate is None:
        return document, [
            *remarks,
            "no sample rate is known: AIDA-X takes a file without one to be at 48000 Hz",
        ]
    return document | {"metadata": {"samplerate": rate}}, remarks


def known_input() -> np.ndarray:
    """(2048,) float32: a sweep up to half the sample rate that swells to -6 dBFS and dies away, then silence.

    Loud enough that every unit is driven; the silence at the end lets the plug-in, which goes on from there,
    start without a click.
    """
    t = np.arange(1024) / 1024
    sweep = np.sin(2 * np.pi * 256 * t**2) * np.sin(np.pi * t) ** 2 / 2
    return np.concatenate([sweep, np.zeros(1024)]).astype(np.float32)


def read_aidax(document: dict[str, Any]) -> tuple[Parts, Layer, int | float | None, float | None]:
    """The parts; the network, gains included; the rate in Hz; how far off the known answer is. Or None each.

    Raises:
        PluginFileError: the document is malformed, or the network does not give the known answer.
    """
    parts, _ = read(document)
    if parts.layers[0].input_size > MOST_INPUTS:
        raise PluginFileError(
            f"expected at most {MOST_INPUTS} inputs, sound and two knobs, got {parts.layers[0].input_size}"
        )
    skip = document.get("in_skip")
    # As the plug-in: what is no number counts as 0.
    skip = skip if isinstance(skip, int | float) and not isinstance(skip, bool) else 0
    if skip not in (0, 1):
        raise PluginFileError(f"expected in_skip 0 or 1, got {described(skip)}")
    parts.residual = bool(skip)
    gains = tuple(from_db(number(document, key) or 0.0) for key in ("in_gain", "out_gain"))
    net = with_gains(parts, *gains)
    error = _check_answer(document, net, parts)
    metadata = document.get("metadata")
    rate = rate_of(metadata.get("samplerate")) if isinstance(metadata, dict) else None
    rate = rate_of(document.get("samplerate")) if rate is None else rate
    return parts, net, rate, error


def from_db(gain: float) -> float:
    """A gain as a factor; from -90 dB down it is 0, as in AIDA-X."""
    if gain > LOUDEST:
        raise PluginFileError(f"expected gains up to {LOUDEST:g} dB, got {gain:g} dB")
    return 10 ** (gain / 20) if gain > -90 else 0.0


def with_gains(parts: Parts, in_gain: float, out_gain: float) -> Layer:
    """The network of the parts between two gains, folded into its weights where it does not add the input."""
    if parts.residual:
        before = [_gain(in_gain)] if in_gain != 1 else []
        after = [_gain(out_gain)] if out_gain != 1 else []
        net = put_together(parts)
        return Sequential(*before, net, *after) if before or after else net
    if (in_gain, out_gain) == (1, 1):
        return put_together(parts)
    first, last = parts.layers[0], parts.layers[-1]
    if not (isinstance(first, Cell) and isinstance(last, Readout) and last.activation is None):
        raise PluginFileError("expected no gains but around one LSTM or GRU and a Dense, got another network")
    # Knobs are not scaled, the first input alone is the signal.
    with np.errstate(over="ignore"):  # put_together refuses what is not finite
        first.W_x[:, 0] *= in_gain
        last.W, last.b = last.W * np.float32(out_gain), last.b * np.float32(out_gain)
    return put_together(parts)


def _gain(factor: float) -> Layer:
    layer = Dense(1, 1, bias=False, dtype=np.float32, seed=0)
    layer.params["W"][...] = factor
    return layer


def _check_answer(document: dict[str, Any], net: Layer, parts: Parts) -> float | None:
    """The largest distance from the known answer, None if the document has none."""
    if document.get("input_batch") is None or document.get("output_batch") is None:
        return None
    batches = [member(document, key, list, f"{key}, a list") for key in ("input_batch", "output_batch")]
    if len(batches[0]) != len(batches[1]):
        raise PluginFileError(
            f"expected an output_batch as long as input_batch, got {len(batches[1])} and {len(batches[0])}"
        )
    x, answer = (array(batch, (len(batch),), "the known answer") for batch in batches)
    inputs = np.zeros((len(x), 1, parts.layers[0].input_size))
    inputs[:, 0, 0] = x
    with np.errstate(all="ignore"):
        y = net.astype(float).predict(inputs)
    if y.shape[2] != 1:
        raise PluginFileError(f"expected one output channel for the known answer, got {y.shape[2]}")
    distance = np.abs(y[:, 0, 0] - answer)
    error = float(distance.max(initial=0.0))
    if error > THRESHOLD:
        raise PluginFileError(
            f"expected the file's known answer, output_batch, to within {THRESHOLD:.0e}, "
            f"got it off by {error:.1e} at sample {int(np.argmax(distance))}"
        )
    return error
