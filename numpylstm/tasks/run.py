"""A run folder: what a training leaves behind, the same for every task.

config.json        what was asked for and what the figures are
metrics.jsonl      one line an epoch
model.safetensors  the network, for `numpylstm.load`
*.png              figures
"""

import json
import math
from os import PathLike
from pathlib import Path
from typing import Any

from ..files import write_json, write_text
from ..layers import Layer
from ..training import History

MODEL = "model.safetensors"


def open_run(out: str | PathLike[str]) -> Path:
    """The run folder, made if it does not exist; asked for before the work, not after it.

    Raises:
        ValueError: there is a file of this name.
    """
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"expected a folder to write the run to, got the file {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_run(
    folder: Path, net: Layer, history: History, config: dict[str, Any], figures: dict[str, Any]
) -> None:
    """Write everything but the pictures; each file whole or not at all."""
    net.save(folder / MODEL)
    write_text(folder / "metrics.jsonl", "".join(json.dumps(finite(row)) + "\n" for row in history.rows()))
    write_json(
        folder / "config.json", finite({"config": config, "figures": figures, "network": net.config()})
    )


def find_model(path: str | PathLike[str]) -> Path:
    """A model argument is a run folder or a model file.

    Raises:
        ValueError: a folder without a model in it.
    """
    path = Path(path)
    if not path.is_dir():
        return path
    if not (path / MODEL).exists():
        raise ValueError(f"expected a run folder with {MODEL} in it, got {path}")
    return path / MODEL


def finite(value: Any) -> Any:
    """The same value with None in place of NaN and infinities, which JSON does not have."""
    if isinstance(value, dict):
        return {key: finite(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [finite(member) for member in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
