"""Neural Amp Modeler's `.nam`: JSON with the sizes and one flat list of weights. Its LSTM only.

What NeuralAmpModelerCore reads (get_dsp.cpp, lstm.cpp; version 0.5.0 to 0.7.x):

    version, architecture "LSTM"
    config        num_layers, input_size 1, hidden_size
    weights       for each layer [W_x, W_h] (4H, D + H) row by row, gates i, f, g, o; b (4H,); h_0 (H,);
                  c_0 (H,); then the read-out's W (H,) and b
    sample_rate   in Hz, expected by the plug-in; optional
    metadata      may be null; loudness and levels in it are optional

**The state at the start.** The file holds h_0 and c_0, and trained files hold the state that the network
settles to in silence. It comes back as an InitialState, so that the first sample is already the engine's.
The engine then *prewarms*: when a file is loaded, and at every reset, it runs half a second of silence (at
`sample_rate`; one block without it) before any sound. So what is heard is what this network makes of a sound
after that silence; without it only the first moments differ, until the state has forgotten how it began.
A network written here keeps the state it starts from, zeros or its InitialState, and so agrees with an engine
that does not prewarm from the first sample, with one that does as soon as that silence is fed to both.

**The input added to the output.** The format has no place for it, so a Residual is folded into the layers as
one more unit in each, which carries x along: `with_carrying_unit` of parts.py. Read again, the unit stays a
unit.

**Fast tanh.** Plug-ins may turn on the engine's approximation of tanh (NeuralAmpModelerPlugin does). It is
off by some 1e-3 in every gate; where the argument is small it is 0.43 % too steep, so that the folded x comes
out 0.86 %, 0.07 dB, too loud for each layer it passes.
"""

import re
from typing import Any

import numpy as np

from .document import array, described, member, rate_of, size
from .parts import Cell, Parts, PluginFileError, Readout, with_carrying_unit

VERSION = "0.5.4"
"""What is written: the oldest engines take nothing newer, the newest ones nothing older than 0.5.0."""


def write(parts: Parts, rate: int | float | None) -> tuple[dict[str, Any], list[str]]:
    """The document of a network, and what its user should know.

    Args:
        rate: in Hz.

    Raises:
        PluginFileError: a GRU, layers of different sizes, another end than one Dense without activation.
    """
    *cells, readout = parts.layers
    kinds = [cell.kind for cell in parts.cells]
    if "gru" in kinds:
        raise PluginFileError("expected LSTM layers for format 'nam', which has no other, got a GRU")
    if len(cells) != len(kinds) or not isinstance(readout, Readout):
        raise PluginFileError(
            "expected LSTM layers and then one Dense for format 'nam', got them in another order"
        )
    if readout.activation is not None:
        raise PluginFileError(
            f"expected a last Dense without activation for format 'nam', got {readout.activation!r}"
        )
    sizes = sorted({cell.output_size for cell in parts.cells})
    if len(sizes) > 1:
        raise PluginFileError(
            f"expected layers of one size for format 'nam', got {' and '.join(map(str, sizes))} units"
        )
    remarks = []
    if parts.residual:
        parts = with_carrying_unit(parts)
        remarks.append(
            "the input that the network adds to its output is carried by one more unit in each layer; "
            f"where a plug-in turns on fast tanh, it comes out {0.074 * len(kinds):.2f} dB louder"
        )
    weights = [piece for cell in parts.cells for piece in _write_cell(cell)]
    weights += [parts.layers[-1].W.ravel(), parts.layers[-1].b]  # type: ignore[union-attr]
    document: dict[str, Any] = {
        "version": VERSION,
        "metadata": {},
        "architecture": "LSTM",
        "config": {"input_size": 1, "hidden_size": parts.cells[0].output_size, "num_layers": len(kinds)},
        "weights": np.concatenate(weights).tolist(),
    }
    if rate is None:
        return document, [*remarks, "no sample rate is known: the plug-in takes the file to fit any"]
    return document | {"sample_rate": rate}, remarks


def _write_cell(cell: Cell) -> list[np.ndarray]:
    W = np.concatenate([cell.W_x, cell.W_h], axis=1)
    state = np.zeros(2 * cell.output_size, np.float32) if cell.state is None else cell.state.ravel()
    return [W.ravel(), cell.b[0], state]


def read(document: dict[str, Any]) -> tuple[Parts, int | float | None, list[str]]:
    """The parts of a document, the rate in Hz or None, and what its user should know."""
    version = member(document, "version", str, "a version, text")
    if not re.fullmatch(r"0\.[567]\.[0-9]{1,9}", version):
        raise PluginFileError(f"expected version 0.5.0 to 0.7 of a .nam file, got {described(version)}")
    architecture = document.get("architecture")
    if architecture != "LSTM":
        raise PluginFileError(f"expected a .nam file of architecture LSTM, got {described(architecture)}")
    config = member(document, "config", dict, "config, an object")
    layers = size(config.get("num_layers"), "num_layers")
    H = size(config.get("hidden_size"), "hidden_size")
    for key in ("input_size", "in_channels", "out_channels"):
        if config.get(key, 1) != 1 or isinstance(config.get(key), bool):
            raise PluginFileError(f"expected {key} 1, got {described(config[key])}")
    listed = member(document, "weights", list, "weights, a list")
    first, later = (4 * H * (D + H) + 6 * H for D in (1, H))
    count = first + (layers - 1) * later + H + 1
    if len(listed) != count:
        raise PluginFileError(f"expected {count} weights for {layers} layers of {H} units, got {len(listed)}")
    weights = array(listed, (count,), "weights")
    taken = 0

    def take(*shape: int) -> np.ndarray:
        nonlocal taken
        start, taken = taken, taken + int(np.prod(shape))
        return weights[start:taken].reshape(shape)

    parts = Parts([])
    for n in range(layers):
        D = H if n else 1
        W, b, state = take(4 * H, D + H), take(1, 4 * H), take(2, H)
        parts.layers.append(Cell("lstm", W[:, :D], W[:, D:], b, state if state.any() else None))
    parts.layers.append(Readout(take(1, H), take(1)))
    remarks = []
    if parts.has_state:
        remarks.append("the file has an initial state: it is kept as the network's InitialState")
    return parts, rate_of(document.get("sample_rate")), remarks
