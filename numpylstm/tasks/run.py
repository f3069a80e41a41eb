"""A run folder: what a training leaves behind, the same for every task.

config.json        what was asked for and what the figures are
metrics.jsonl      one line an epoch
model.safetensors  the network, for `numpylstm.load`
*.png              figures
"""

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from .. import checkpoint
from ..files import write_json, write_text
from ..history import History
from ..layers import Layer

MODEL = "model.safetensors"


@contextmanager
def open_run(out: str | PathLike[str]) -> Iterator[Path]:
    """The run folder, made before the work, so that what cannot be written is known before and not after.

    If the work fails, folders made here and still empty are taken away again.

    Raises:
        ValueError: there is a file of this name, or in the way to it.
    """
    folder = Path(out)
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ValueError(
            f"expected a folder to write the run to, got {folder}, where there is a file"
        ) from None
    if (folder / MODEL).is_dir():
        raise ValueError(f"expected to write the model to {folder / MODEL}, where there is a folder")
    write_text(folder / ".probe", "")  # raises now what would otherwise be known after the work
    (folder / ".probe").unlink()
    try:
        yield folder
    except BaseException:
        for path in missing:
            if any(path.iterdir()):
                break
            path.rmdir()
        raise


def write_run(
    folder: Path,
    net: Layer,
    history: History,
    config: dict[str, Any],
    figures: dict[str, Any],
    extra: Any = None,
    arrays: dict[str, np.ndarray] | None = None,
    *,
    half: bool = False,
) -> None:
    """Write everything but the pictures, each file whole or not at all.

    `extra`, values for JSON, and `arrays` by name go into the model file beside the network, whose parameters
    are in half precision if asked for.
    """
    checkpoint.save(net, folder / MODEL, arrays, extra, half=half)
    write_text(folder / "metrics.jsonl", "".join(json.dumps(finite(row)) + "\n" for row in history.rows()))
    write_json(
        folder / "config.json", finite({"config": config, "figures": figures, "network": net.config()})
    )


def progress_bar(total: int, unit: str, show: bool = True, title: str | None = None) -> Any:
    """A bar on standard error for work of more than two seconds: `update(n)` says that n more are done."""
    from tqdm import tqdm

    # A terminal is redrawn ten times a second; a log file gets a line's worth every ten seconds.
    every = 0.1 if sys.stderr.isatty() else 10
    options: dict[str, Any] = {"unit_scale": True, "delay": 2, "mininterval": every, "leave": False}
    return tqdm(total=total, unit=unit, disable=not show, desc=title, **options)


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
