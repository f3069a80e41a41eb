"""What the figures were measured on: `python -m speed_peers.machine` prints it as JSON."""

import ctypes
import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np

from numpylstm.threads import get_threads


def cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def openblas_says(function: str) -> str | None:
    """`get_config` or `get_corename` of NumPy's own OpenBLAS, None where there is no such function."""
    root = Path(np.__file__).parent
    folders = (root.parent / "numpy.libs", root / ".dylibs", root.parent / "numpy.dylibs")
    for path in sorted(path for folder in folders for path in folder.glob("*openblas*")):
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        for name in (f"{prefix}openblas_{function}{end}" for prefix in ("scipy_", "") for end in ("64_", "")):
            if hasattr(library, name):
                call = getattr(library, name)
                call.restype = ctypes.c_char_p
                return call().decode(errors="replace")
    return None


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe(peers: list[str]) -> dict[str, Any]:
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    versions = {"Python": platform.python_version()}
    for name in ("numpylstm", "numpy", *(peer for peer in peers if peer != "naive")):
        versions[name] = importlib.metadata.version(name)
    if "keras" in peers:
        versions["keras"] += f" on {os.environ['KERAS_BACKEND']}"
    return {
        "cpu": cpu_model(),
        "cores": cores(),
        "system": platform.platform(),
        "blas": {
            "name": blas.get("name"),
            "version": blas.get("version"),
            "architecture": openblas_says("get_corename"),
            "configuration": openblas_says("get_config"),
            "threads": get_threads(),
        },
        "versions": versions,
    }


if __name__ == "__main__":
    print(json.dumps(describe(sys.argv[1:])))
