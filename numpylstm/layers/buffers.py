"""Memory used again from call to call.

A forward pass writes megabytes that its cache keeps for the backward pass. Memory fresh from the operating
system comes page by page, each with a fault that costs more than the arithmetic done on it; memory used
before does not. So a layer keeps the arrays of its last calls, with the views of them that its loops walk
along, and hands them out again once nobody else refers to them: neither a cache, nor an output, nor a view of
either. What somebody holds is never touched.
"""

import sys
import threading
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

KEPT_SETS, KEPT_BYTES = 64, 1 << 29
"""How many sets of arrays a layer keeps at most, and how many bytes in all."""


class _Set:
    """Arrays made together, with whatever was made of them, and how often they are referred to when free."""

    def __init__(self, members: tuple[Any, ...]) -> None:
        self.members = members
        self.nbytes = sum(array.nbytes for array in self._arrays() if array.base is None)
        self.unused: list[int] = []

    def _arrays(self) -> list[np.ndarray]:
        return [member for member in self.members if isinstance(member, np.ndarray)]

    def _references(self) -> list[int]:
        # A view that somebody made refers to the array that owns its memory; a view among the members may be
        # held itself. The tuple counts too: a caller that has not unpacked it yet holds nothing else.
        return [sys.getrefcount(self.members), *(sys.getrefcount(array) for array in self._arrays())]

    def settle(self) -> None:
        """Take the references that there are now for those of nobody."""
        self.unused = self._references()

    def free(self) -> bool:
        return self._references() == self.unused


class Buffers:
    """The arrays of a layer's last calls. A copy of a layer starts with none."""

    def __init__(self) -> None:
        self._sets: list[tuple[Hashable, _Set]] = []
        self._lock = threading.Lock()  # two threads may predict with one network

    def get(self, key: Hashable, make: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
        """What `make()` once returned for this key and nobody uses any more, or else what it returns now.

        `make` returns arrays and lists of views of them. Only the arrays count as used: what is in a list is
        for the caller's loop alone. The values are whatever was there before.
        """
        with self._lock:
            for index, (kept_key, kept) in enumerate(self._sets):
                if kept_key == key and kept.free():
                    self._sets.append(self._sets.pop(index))  # the longest unused come first
                    return kept.members
            made = _Set(make())
            made.settle()  # not before: while it was being made, more frames than now referred to it
            if made.nbytes <= KEPT_BYTES:
                self._sets.append((key, made))
                while len(self._sets) > KEPT_SETS or sum(kept.nbytes for _, kept in self._sets) > KEPT_BYTES:
                    del self._sets[0]
            return made.members

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """As `np.empty`: the values are whatever was there before."""
        return self.get((shape, np.dtype(dtype)), lambda: (np.empty(shape, dtype),))[0]

    def __deepcopy__(self, memo: Any) -> "Buffers":
        return Buffers()

    def __reduce__(self) -> Any:
        return Buffers, ()
