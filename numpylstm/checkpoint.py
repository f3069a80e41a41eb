"""Model files: one `.safetensors`, architecture in its metadata, nothing executed on loading.

    net.save("model.safetensors")          net = numpylstm.load("model.safetensors")

The file holds every parameter under its name (`0.W_h`), and one metadata entry `numpylstm` with the
architecture as JSON. A checkpoint of a training run is the same file with the training state added to it
(see `training.fit`), so it loads as a model as well.
"""

import json
import os
from math import prod
from os import PathLike, fspath
from typing import Any

import numpy as np

from .files import from_numpy, write_bytes
from .layers.base import LAYERS, Layer
from .layers.initialization import check_init

DTYPES = ("float32", "float64")
FORMAT = 1
"""Version of the metadata; raised when an older reader could no longer read it rightly."""


class ModelError(ValueError):
    """A model file that cannot be read or written, in one sentence."""


def build(config: Any, dtype: Any = None) -> Layer:
    """The layer or network that `layer.config()` described, with parameters all zero.

    Only classes of `LAYERS` are ever made, and only with the options that they list.

    Raises:
        ModelError: an unknown layer or option, or values that the layer refuses.
    """
    if not isinstance(config, dict) or not isinstance(config.get("layer"), str):
        raise ModelError(f"expected the description of a layer, got {_short(config)}")
    cls: Any = LAYERS.get(config["layer"])
    if cls is None:
        raise ModelError(
            f"expected the name of a layer of numpylstm.layers, got {_short(repr(config['layer']))}"
        )
    options = {name: value for name, value in config.items() if name not in ("layer", "layers")}
    unknown = set(options) - set(cls.options)
    if unknown:
        raise ModelError(f"{cls.__name__} has no option {_short(', '.join(sorted(unknown)))}")
    inside = config.get("layers", [])
    if not isinstance(inside, list):
        raise ModelError(f"expected a list of layers in {cls.__name__}, got {type(inside).__name__}")
    if dtype is not None:
        options["dtype"] = dtype
    layers = [build(layer) for layer in inside]
    try:
        if "init" in cls.options:
            # Starting values would be drawn only to be overwritten: zeros cost nothing.
            init = check_init(options.get("init", "default"))
            net = cls(*layers, **options | {"init": "zeros"})
            net.init = init
            return net
        return cls(*layers, **options)
    except (TypeError, ValueError, MemoryError, OverflowError) as error:
        raise ModelError(f"cannot build {cls.__name__}: {_short(error)}") from error


def save(
    net: Layer,
    path: str | PathLike[str],
    arrays: dict[str, np.ndarray] | None = None,
    extra: Any = None,
    *,
    half: bool = False,
) -> None:
    """Write a network, and optionally more arrays and JSON values beside it; see `Layer.save`.

    Args:
        half: keep the parameters in float16, half of float32's size and 11 bits each; they are loaded in the
            network's own precision.

    Raises:
        ModelError: a complex network, one with a layer class that no other program could know, or a parameter
            beyond the 65,504 that float16 can hold.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save as serialize

    for layer in _walk(net):
        if LAYERS.get(type(layer).__name__) is not type(layer):
            raise ModelError(
                f"{type(layer).__name__} is no layer of this package: a file could not bring it back"
            )
    if net.dtype.name not in DTYPES:
        raise ModelError(f"expected a network of {' or '.join(DTYPES)} to save, got {net.dtype}")
    params = {name: param for name, param, _ in net.named_params()}
    if half:
        largest = float(np.abs(net.theta).max(initial=0.0))
        if largest > float(np.finfo(np.float16).max):
            raise ModelError(f"expected parameters up to 65,504 to save in half precision, got {largest:g}")
        params = {name: param.astype(np.float16) for name, param in params.items()}
    tensors = params | (arrays or {})
    metadata = {"format": FORMAT, "dtype": net.dtype.name, "network": net.config(), "extra": extra}
    metadata |= {"stored": "float16"} if half else {}
    # The format's NumPy writer stores the memory of a transposed view under the view's shape.
    contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    described = {"numpylstm": json.dumps(metadata, default=from_numpy)}
    try:
        # Written here, for the format's own writer makes files that nobody else may read.
        write_bytes(path, serialize(contiguous, described))
    except SafetensorError as error:
        raise OSError(f"cannot write {fspath(path)}: {_short(error)}") from error


def load(path: str | PathLike[str]) -> Layer:
    """Read a network from a model file.

    Raises:
        FileNotFoundError: there is no such file.
        ModelError: it is no model file of this package, or its arrays do not fit its architecture.
    """
    return load_with_extra(path)[0]


def load_with_extra(path: str | PathLike[str]) -> tuple[Layer, dict[str, np.ndarray], Any]:
    """The network, the arrays that are none of its parameters, and the JSON values saved beside it."""
    from safetensors import SafetensorError, safe_open

    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no file {fspath(path)}")
    try:
        with safe_open(fspath(path), framework="np") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        # AttributeError: the file has numbers of a kind, such as 8 bit floats, that NumPy has not.
        raise ModelError(f"{fspath(path)} cannot be read as a model file: {_short(error)}") from error
    try:
        described = json.loads(metadata["numpylstm"])
        version, dtype, config = described["format"], described["dtype"], described["network"]
    except (KeyError, TypeError, ValueError, RecursionError):
        raise ModelError(f"{fspath(path)} is a safetensors file, but not of numpylstm") from None
    if version != FORMAT:
        raise ModelError(f"expected model format {FORMAT}, got {_short(version)}: made by another version")
    if dtype not in DTYPES:
        raise ModelError(f"expected a network of {' or '.join(DTYPES)}, got {_short(dtype)}")
    elements = sum(tensor.size for tensor in tensors.values())
    try:
        oversized = _oversized(config, max(elements, 1 << 20))
        if oversized:
            raise ModelError(
                f"{fspath(path)} describes a layer {oversized} larger than the {elements} numbers it holds"
            )
        net = build(config, dtype)
    except RecursionError:
        raise ModelError(f"{fspath(path)} describes layers within layers without end") from None
    for name, param, _ in net.named_params():
        if name not in tensors:
            raise ModelError(f"{fspath(path)} lacks the parameter {name}")
        tensor = tensors.pop(name)
        stored = np.dtype(np.float16) if described.get("stored") == "float16" else param.dtype
        if tensor.shape != param.shape or tensor.dtype != stored:
            raise ModelError(
                f"expected {name} of {stored} {param.shape}, got {tensor.dtype} {tensor.shape} "
                f"in {fspath(path)}"
            )
        param[...] = tensor
    return net, tensors, described.get("extra")


def _oversized(config: Any, limit: int) -> str | None:
    """The first layer described with a matrix of more than `limit` entries; nothing is allocated to tell."""
    if not isinstance(config, dict):
        return None
    sizes = [size for key, size in config.items() if key.endswith("_size") and isinstance(size, int)]
    hidden = config.get("hidden_size")
    if prod(sizes) > limit or (isinstance(hidden, int) and hidden * hidden > limit):
        return _short(config.get("layer"))
    inside = config.get("layers", [])
    found = (_oversized(layer, limit) for layer in (inside if isinstance(inside, list) else []))
    return next((name for name in found if name), None)


def _short(value: Any) -> str:
    """A value of somebody else's making in one short line."""
    text = " ".join(str(value).split())
    return text if len(text) <= 200 else f"{text[:200]} ..."


def _walk(layer: Layer) -> list[Layer]:
    return [layer, *(inside for child in layer.layers for inside in _walk(child))]
