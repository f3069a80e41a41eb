"""Memory used again from call to call.

A forward pass writes megabytes that its cache keeps for the backward pass. Memory fresh from the operating
system comes page by page, each with a fault that costs more than the arithmetic done on it; memory used
before does not. So a layer keeps the arrays of its last calls and hands one out again once nobody else
refers to it: neither a cache, nor an output, nor a view of either. What somebody holds is never touched.
"""

import sys
import threading
from typing import Any

import numpy as np

KEPT_ARRAYS, KEPT_BYTES = 16, 1 << 26
"""How many arrays a layer keeps at most, and how many bytes in all."""


def references(arrays: list[np.ndarray], index: int) -> int:
    """How many references there are to an array in a list, the list's own among them."""
    return sys.getrefcount(arrays[index])


FREE = references([np.empty(0)], 0)
"""What `references` says of an array that nobody else holds; the number differs between Python versions."""


class Buffers:
    """The arrays of a layer's last calls. A copy of a layer starts with none."""

    def __init__(self) -> None:
        self._arrays: list[np.ndarray] = []
        self._lock = threading.Lock()  # two threads may predict with one network

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """As `np.empty`: the values are whatever was there before."""
        with self._lock:
            arrays = self._arrays
            for index in range(len(arrays)):
                if arrays[index].shape == shape and arrays[index].dtype == dtype:
                    if references(arrays, index) == FREE:
                        arrays.append(arrays.pop(index))  # the longest unused come first
                        return arrays[-1]
            array = np.empty(shape, dtype)
            if array.nbytes <= KEPT_BYTES:
                arrays.append(array)
                while len(arrays) > KEPT_ARRAYS or sum(kept.nbytes for kept in arrays) > KEPT_BYTES:
                    del arrays[0]
            return array

    def __deepcopy__(self, memo: Any) -> "Buffers":
        return Buffers()

    def __reduce__(self) -> Any:
        return Buffers, ()
