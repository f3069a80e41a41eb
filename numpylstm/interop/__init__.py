"""Plug-in files, both ways: what was trained here, played by guitar plug-ins, and what they ship, run here.

    model = nl.interop.read("amp.json")     network, format, sample rate, and what to know about it
    net = nl.interop.load("amp.nam")        the network alone
    remarks = nl.interop.save(net, "amp.nam", format="nam", rate=48_000)

Formats: "nam" (Neural Amp Modeler), "rtneural" (RTNeural), "aidax" (AIDA-X), "guitarml" (Proteus, NeuralPi).
Each has its file here, with the reading next to the writing and the engine's own reading described on top.
What a format cannot hold is refused in one sentence, never left out, but for Dropout and GaussianNoise, which
do nothing in prediction. An input that is added where the format cannot say so, or that plug-ins add unasked,
is carried by one more unit. See docs/plugin_files.md.
"""

from dataclasses import dataclass, field
from os import PathLike, fspath

from ..files import write_json
from ..layers import Layer
from . import guitarml, nam, rtneural
from .document import described, rate_of, read_json
from .parts import PluginFileError, put_together, take_apart

FORMATS = ("nam", "rtneural", "aidax", "guitarml")


@dataclass
class PluginModel:
    """What a plug-in file holds.

    Attributes:
        net: in float32.
        format: one of FORMATS.
        rate: sample rate in Hz, None where the file does not say.
        remarks: sentences that its user should see.
        channels: how many go in and come out; with knobs there are 2 or 3 inputs, the sound first.
        answer_error: the largest distance from the known answer of an AIDA-X file, full scale 1; None where
            a file has none.
    """

    net: Layer
    format: str
    rate: int | float | None = None
    remarks: list[str] = field(default_factory=list)
    channels: tuple[int, int] = (1, 1)
    answer_error: float | None = None


def read(path: str | PathLike[str]) -> PluginModel:
    """Read a plug-in file. Its format is told by what is in it, whatever its name.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: the file cannot be opened.
        PluginFileError: it is malformed, holds what no layer here does, or its network does not give the
            known answer that the file comes with.
    """
    document = read_json(path)
    rate, error, remarks = None, None, list[str]()
    try:
        format = _format_of(document)
        if format == "aidax":
            parts, net, rate, error = rtneural.read_aidax(document)
        else:
            if format == "nam":
                parts, rate, remarks = nam.read(document)
            else:
                parts, remarks = (guitarml if format == "guitarml" else rtneural).read(document)
            net = put_together(parts)
        channels = parts.layers[0].input_size, parts.layers[-1].output_size
        return PluginModel(net, format, rate, remarks, channels, error)
    except PluginFileError as refused:
        raise PluginFileError(f"{refused}, in {fspath(path)}") from None


def load(path: str | PathLike[str]) -> Layer:
    """The network of a plug-in file, in float32; see `read`, which tells more and raises the same."""
    return read(path).net


def save(net: Layer, path: str | PathLike[str], *, format: str, rate: int | float | None = None) -> list[str]:
    """Write a network from one channel to one channel as a plug-in file, whole or not at all.

    Weights are written as float32, every digit of it. A float64 network is rounded to that: for trained
    networks of 20 to 40 units its output moves by some 1e-7 of full scale.

    Args:
        format: "nam", "rtneural", "aidax" or "guitarml".
        rate: the sample rate in Hz that the network was trained at.

    Returns:
        Sentences that the user of the file should see: a sample rate that the format has no place for, a unit
        that was added, sizes that some plug-ins cannot play.

    Raises:
        PluginFileError: the network has something that the format, or the plug-in, cannot hold.
        OSError: the file cannot be written; as `files.atomic_write`.
    """
    if format not in FORMATS:
        raise PluginFileError(f"expected format {', '.join(map(repr, FORMATS))}, got {format!r}")
    known = rate_of(rate)
    if rate is not None and known is None:
        raise PluginFileError(f"expected a sample rate in Hz, got {rate!r}")
    parts = take_apart(net)
    if format == "aidax":
        document, remarks = rtneural.write_aidax(parts, known)
    elif format == "nam":
        document, remarks = nam.write(parts, known)
    else:
        document, remarks = (guitarml if format == "guitarml" else rtneural).write(parts)
        if known is not None:
            remarks += [f"the format has no place for the sample rate: remember that it is {known} Hz"]
    write_json(path, document)
    return remarks


def _format_of(document: dict[str, object]) -> str:
    if "state_dict" in document or "model_data" in document:
        return "guitarml"
    if "architecture" in document or "config" in document:
        return "nam"
    if "in_shape" in document or "layers" in document:
        return "aidax" if any(key in document for key in rtneural.AIDAX_KEYS) else "rtneural"
    raise PluginFileError(f"expected a plug-in file of {', '.join(FORMATS)}, got {described(document)}")


__all__ = ["FORMATS", "PluginFileError", "PluginModel", "load", "read", "save"]
