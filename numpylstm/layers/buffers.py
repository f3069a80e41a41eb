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
    """Arrays made together, with whatever was made of them."""

    def __init__(self, members: tuple[Any, ...]) -> None:
        self.members = members
        self.arrays = [member for member in members if isinstance(member, np.ndarray)]
        self.nbytes = sum(array.nbytes for array in self.arrays if array.base is None)
        self.own = [own_references(array, members) for array in self.arrays]

    def references(self) -> list[int]:
        """How often anybody refers to the tuple of members, and to each array among them.

        A view that somebody made refers to the array that owns its memory; a view among the members may be
        held itself. A caller that has not unpacked the tuple yet holds nothing else.
        """
        return [sys.getrefcount(self.members), *(sys.getrefcount(array) for array in self.arrays)]

    def free(self) -> bool:
        """Whether nobody but the set itself refers to anything in it."""
        tuple_alone, array_alone = ALONE
        return self.references() == [tuple_alone, *(array_alone + own for own in self.own)]


def own_references(array: np.ndarray, members: tuple[Any, ...]) -> int:
    """How often things in `members` refer to an array: as its views, or by holding it once more."""
    found, todo, seen = -1, list(members), {id(array)}  # that it is a member is in ALONE
    for thing in members:
        found += thing is array
    while todo:
        thing = todo.pop()
        if isinstance(thing, tuple | list):
            found += sum(inside is array for inside in thing)
            todo += thing
        elif isinstance(thing, np.ndarray) and id(thing) not in seen:
            seen.add(id(thing))
            found += thing.base is array
    return found


ALONE = [0, 0]
ALONE[:] = _Set((np.empty(0),)).references()
"""What `references` says where nobody else does: the numbers differ between Python versions."""


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
