"""Memory used again from call to call.

A forward pass writes megabytes that its cache keeps for the backward pass. Memory fresh from the operating
system comes page by page, each with a fault that costs more than the arithmetic done on it; memory used
before does not. So a layer keeps the arrays of its last calls, with the views of them that its loops walk
along, and hands them out again once nobody else refers to them: neither a cache, nor an output, nor a view of
either. What somebody holds is never touched.
"""

import math
import sys
import threading
from collections import Counter
from collections.abc import Callable, Hashable
from itertools import accumulate
from typing import Any

import numpy as np

KEPT_SETS, KEPT_BYTES = 64, 1 << 29
"""How many sets of arrays a layer keeps at most, and how many bytes in all."""

LINE = 64
"""Bytes of a cache line."""


def arrays(dtype: Any, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Fresh arrays of these shapes in one piece of memory; as with `np.empty` the values may be anything.

    Each begins where a cache line does. What NumPy itself hands out begins 16 bytes later, and then every
    vector that the processor reads lies in two lines. In one piece, because from 4 MB on NumPy asks the
    system for large pages, in which memory is found sooner.
    """
    dtype = np.dtype(dtype)
    sizes = [math.prod(shape) * dtype.itemsize for shape in shapes]
    *starts, end = accumulate((-(-size // LINE) * LINE for size in sizes), initial=0)
    memory = np.empty(end + LINE, np.uint8)
    memory = memory[-memory.__array_interface__["data"][0] % LINE :]
    return [
        memory[start : start + size].view(dtype).reshape(shape)
        for start, size, shape in zip(starts, sizes, shapes, strict=True)
    ]


class _Set:
    """Arrays made together, with whatever was made of them."""

    def __init__(self, members: tuple[Any, ...]) -> None:
        self.members = members
        found = [member for member in members if isinstance(member, np.ndarray)]
        owners = [array if array.base is None else array.base for array in found]
        self.nbytes = sum(owner.nbytes for owner in {id(owner): owner for owner in owners}.values())
        # A view that somebody makes of an array refers to the owner of its memory.
        self.watched = list({id(thing): thing for thing in found + owners}.values())
        inside = references_inside(members)
        self.own = [inside[id(thing)] for thing in self.watched]

    def references(self) -> list[int]:
        """How often anything refers to the tuple of members, to each array in it and to what owns its memory.

        A caller that has not unpacked the tuple yet holds nothing but the tuple.
        """
        return [sys.getrefcount(self.members), *map(sys.getrefcount, self.watched)]

    def free(self) -> bool:
        """Whether nobody but the set itself refers to anything in it."""
        tuple_alone, array_alone = ALONE
        return self.references() == [tuple_alone, *(array_alone + own for own in self.own)]


def references_inside(members: tuple[Any, ...]) -> Counter[int]:
    """How often things in `members` refer to one another, by id: by holding it, or as its views.

    Not simply counted when all is new: a debugger that has just been there still holds what it has seen.
    """
    found: Counter[int] = Counter()
    todo, seen = [members], set()
    while todo:
        thing: Any = todo.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, tuple | list):
            found.update(map(id, thing))
            todo += thing
        elif isinstance(thing, np.ndarray):
            found[id(thing.base)] += 1
    return found


ALONE = [0, 0]
ALONE[:] = _Set((np.empty(0),)).references()
ALONE[1] -= 1  # that it is a member
"""What `references` says of the tuple, and of an array beyond its own references, where nobody else refers to
them: the numbers differ between Python versions."""


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
        return self.get((shape, np.dtype(dtype)), lambda: tuple(arrays(dtype, shape)))[0]

    def __deepcopy__(self, memo: Any) -> "Buffers":
        return Buffers()

    def __reduce__(self) -> Any:
        return Buffers, ()
