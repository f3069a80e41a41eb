"""How many threads the matrix products of NumPy use.

NumPy's wheels bring their own OpenBLAS. Its thread count can be set while the program runs, through the
library's own function, under one of a few names.
"""

import ctypes
import os
import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

PREFIXES, SUFFIXES = ("scipy_openblas_", "openblas_"), ("64_", "")


@cache
def _openblas() -> tuple[Any, Any, int] | None:
    """(set, get, number at the start) of the threads of NumPy's OpenBLAS, None where there is none."""
    root = Path(np.__file__).parent
    folders = (root.parent / "numpy.libs", root / ".dylibs", root.parent / "numpy.dylibs")
    for path in sorted(path for folder in folders for path in folder.glob("*openblas*")):
        try:
            library = ctypes.CDLL(str(path))  # already loaded by NumPy: this only asks for its handle
        except OSError:
            continue
        for prefix in PREFIXES:
            for suffix in SUFFIXES:
                if hasattr(library, f"{prefix}set_num_threads{suffix}"):
                    get = getattr(library, f"{prefix}get_num_threads{suffix}")
                    return getattr(library, f"{prefix}set_num_threads{suffix}"), get, int(get())
    return None


def get_threads() -> int | None:
    """Number of threads of NumPy's OpenBLAS, None if NumPy uses another library."""
    functions = _openblas()
    return None if functions is None else int(functions[1]())


def set_threads(count: int | None) -> bool:
    """Let every product use this many threads; None: as many as its size is worth, which is the default.

    Returns False if NumPy uses a library that this module cannot speak to.

    Raises:
        ValueError: fewer than one, or more than there are processors.
    """
    most = os.cpu_count() or 1
    if count is not None and (type(count) is not int or not 1 <= count <= most):
        raise ValueError(f"expected 1 to {most} threads, as many as there are processors, got {count!r}")
    functions = _openblas()
    if functions is None:
        return False
    threads_for.chosen = count is not None
    functions[0](ctypes.c_int(count or functions[2]))
    return True


SMALL = 1 << 20
"""Multiplications in a product from which on a second thread saves more than waking it costs."""


class threads_for:
    """Within `with threads_for(work):` products of `work` multiplications run on as many threads as pay.

    That is one for small products and all there are for others, unless `set_threads` has been asked for a
    number. Afterwards all is as it was. The number belongs to the process: of two Python threads inside at
    once the last one out restores it.
    """

    chosen = False  # whether set_threads has been asked for a number
    _lock = threading.Lock()
    _inside = 0
    _before = 1

    def __init__(self, work: int) -> None:
        self.one = work < SMALL and not threads_for.chosen and _openblas() is not None

    def __enter__(self) -> None:
        if self.one:
            with self._lock:
                if threads_for._inside == 0:
                    threads_for._before = get_threads() or 1
                    self._set(1)
                threads_for._inside += 1

    def __exit__(self, *error: Any) -> None:
        if self.one:
            with self._lock:
                threads_for._inside -= 1
                if threads_for._inside == 0 and not threads_for.chosen:
                    self._set(threads_for._before)

    @staticmethod
    def _set(count: int) -> None:
        functions = _openblas()
        if functions is not None:
            functions[0](ctypes.c_int(count))
