"""GuitarML's JSON: `model_data` with the sizes, `state_dict` with a PyTorch network's tensors.

Trained by Alec Wright's Automated-GuitarAmpModelling (CoreAudioML, networks.py, SimpleRNN), played by Proteus
and NeuralPi (RTNeuralLSTM.cpp), which read

    model_data.input_size                      1, or 2 and 3 for one and two knobs
    state_dict["rec.weight_ih_l0"] (4H, D)     rows i, f, g, o; of a GRU (3H, D), rows r, z, n
              ["rec.weight_hh_l0"] (4H, H)
              ["rec.bias_ih_l0"], ["rec.bias_hh_l0"] (4H,)
              ["lin.weight"] (1, H), ["lin.bias"] (1,)

and add the input to what comes out, always: they never read `model_data.skip`. So every file is written with
`skip` 1, to be right where it is read and where it is not: a network without Residual is given one more unit,
which takes the input away again (`with_carrying_unit` of parts.py). A file whose `skip` is 0 is read as what
it was trained to be, without. The format has no place for the sample rate.
"""

from typing import Any

import numpy as np

from .document import array, described, member, size
from .parts import Cell, Parts, PluginFileError, Readout, with_carrying_unit

PLAYED = "Proteus plays an LSTM of 40 units, NeuralPi one of 20"


def write(parts: Parts) -> tuple[dict[str, Any], list[str]]:
    """The document of a network, and what its user should know.

    Raises:
        PluginFileError: more than one recurrent layer, another end than one Dense without activation, an
            initial state.
    """
    cell, readout = one_cell_and_readout(parts, "guitarml")
    remarks = []
    if not parts.residual:
        trained = cell.output_size
        cell, readout = one_cell_and_readout(with_carrying_unit(parts), "guitarml")
        remarks.append(
            "plug-ins add the input, which this network does not: one more unit takes it away again, "
            f"{trained} units become {cell.output_size}"
        )
    b_ih, b_hh = cell.b if cell.kind == "gru" else (cell.b[0], np.zeros_like(cell.b[0]))
    tensors = {"rec.weight_ih_l0": cell.W_x, "rec.weight_hh_l0": cell.W_h}
    tensors |= {"rec.bias_ih_l0": b_ih, "rec.bias_hh_l0": b_hh}
    tensors |= {"lin.weight": readout.W, "lin.bias": readout.b}
    model_data = {
        "model": "SimpleRNN",
        "input_size": 1,
        "skip": 1,
        "output_size": 1,
        "unit_type": cell.kind.upper(),
        "num_layers": 1,
        "hidden_size": cell.output_size,
        "bias_fl": True,
    }
    if cell.kind != "lstm" or cell.output_size not in (20, 40):
        remarks.append(f"{PLAYED}; other plug-ins for these files may play {_named(cell)}")
    return {"model_data": model_data, "state_dict": {k: v.tolist() for k, v in tensors.items()}}, remarks


def read(document: dict[str, Any]) -> tuple[Parts, list[str]]:
    """The parts of a document, and what its user should know."""
    data = member(document, "model_data", dict, "model_data, an object")
    tensors = member(document, "state_dict", dict, "state_dict, an object")
    if data.get("model", "SimpleRNN") != "SimpleRNN":
        raise PluginFileError(f"expected a model SimpleRNN, got {described(data['model'])}")
    kind = data.get("unit_type", "LSTM")
    if kind not in ("LSTM", "GRU"):
        raise PluginFileError(f"expected unit_type LSTM or GRU, got {described(kind)}")
    kind = kind.lower()
    D = size(data.get("input_size", 1), "input_size")
    O = size(data.get("output_size", 1), "output_size")
    H = size(data.get("hidden_size"), "hidden_size")
    skip = data.get("skip", 1)
    if isinstance(skip, bool) or skip not in (0, 1):
        raise PluginFileError(f"expected skip 0 or 1, got {described(skip)}")

    used = set()

    def tensor(name: str, *shape: int) -> np.ndarray:
        used.add(name)
        return array(member(tensors, name, list, f"a tensor {name}"), shape, name)

    layers: list[Cell | Readout] = []
    rows = H * (4 if kind == "lstm" else 3)
    for n in range(size(data.get("num_layers", 1), "num_layers")):
        W_x = tensor(f"rec.weight_ih_l{n}", rows, H if n else D)
        W_h = tensor(f"rec.weight_hh_l{n}", rows, H)
        b = np.stack([tensor(f"rec.bias_{which}_l{n}", rows) for which in ("ih", "hh")])
        if kind == "lstm":
            with np.errstate(over="ignore"):  # put_together refuses what is not finite
                b = b.sum(axis=0, keepdims=True)
        layers.append(Cell(kind, W_x, W_h, b))
    b = np.zeros(O, np.float32)
    if data.get("bias_fl", True) or "lin.bias" in tensors:
        b = tensor("lin.bias", O)
    layers.append(Readout(tensor("lin.weight", O, H), b))
    if set(tensors) - used:
        raise PluginFileError(f"expected no tensors but those of rec and lin, got {described(tensors)}")
    remarks = []
    if not skip:
        remarks.append("the file says skip 0, not to add the input; Proteus and NeuralPi add it all the same")
    return Parts(layers, residual=bool(skip)), remarks


def one_cell_and_readout(parts: Parts, format: str) -> tuple[Cell, Readout]:
    """What the engines of GuitarML and AIDA-X hold: one recurrent layer from zero, one Dense(H, 1)."""
    if len(parts.cells) > 1:
        raise PluginFileError(
            f"expected one recurrent layer for format {format!r}, whose plug-ins hold no more, "
            f"got {len(parts.cells)}"
        )
    cell, *rest = parts.layers
    if not isinstance(cell, Cell) or len(rest) != 1:
        raise PluginFileError(
            f"expected one LSTM or GRU and one Dense after it for format {format!r}, "
            f"got {len(parts.layers)} layers"
        )
    (readout,) = rest
    assert isinstance(readout, Readout)
    if readout.activation is not None:
        raise PluginFileError(
            f"expected a last Dense without activation for format {format!r}, got {readout.activation!r}"
        )
    refuse_state(parts, format)
    return cell, readout


def refuse_state(parts: Parts, format: str) -> None:
    if parts.has_state:
        raise PluginFileError(
            f"expected a network that starts from zeros for format {format!r}, got one with an InitialState"
        )


def _named(cell: Cell) -> str:
    return f"{'an LSTM' if cell.kind == 'lstm' else 'a GRU'} of {cell.output_size}"
