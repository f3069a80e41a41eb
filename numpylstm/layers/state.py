"""The state of a layer or network: nested named tuples of arrays (B, H), passed from call to call."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from .checks import check_array


def map_state(function: Any, state: Any) -> Any:
    """The same structure with `function` applied to every array in it. None stays None."""
    if isinstance(state, tuple | list):
        members = [map_state(function, member) for member in state]
        return type(state)(*members) if hasattr(state, "_fields") else tuple(members)
    return None if state is None else function(state)


def state_arrays(state: Any, name: str = "state") -> Iterator[tuple[str, np.ndarray]]:
    """(name, array) of every array in a state: `state.h`, `state.0.c` and so on."""
    if isinstance(state, tuple):
        keys = getattr(state, "_fields", range(len(state)))
        for key, member in zip(keys, state, strict=True):
            yield from state_arrays(member, f"{name}.{key}")
    else:
        yield name, state


def check_state(state: Any, expected: Any, name: str = "state") -> Any:
    """A state with the structure, names and array shapes of `expected`.

    None anywhere means zeros. Plain tuples and lists are accepted in place of named ones.

    Raises:
        ValueError: the structure or a shape differs, with both named.
    """
    if state is None:
        return expected
    if isinstance(expected, tuple):
        if not isinstance(state, tuple | list) or len(state) != len(expected):
            fields = getattr(expected, "_fields", [f"layer {i}" for i in range(len(expected))])
            got = f"{len(state)} members" if isinstance(state, tuple | list) else type(state).__name__
            raise ValueError(
                f"expected {name} to be a tuple of {len(expected)} ({', '.join(fields)}), got {got}"
            )
        keys = getattr(expected, "_fields", range(len(expected)))
        members = [
            check_state(s, e, f"{name}.{key}") for key, s, e in zip(keys, state, expected, strict=True)
        ]
        return type(expected)(*members) if hasattr(expected, "_fields") else tuple(members)
    state = check_array(name, state)
    if state.shape != expected.shape:
        raise ValueError(f"expected {name} of shape {expected.shape}, got {state.shape}")
    return state


def pack_state(state: Any) -> np.ndarray:
    """All arrays of a state side by side: (B, n). The inverse of `unpack_state`.

    Raises:
        ValueError: there is no array in the state, as for a network that remembers nothing.
    """
    arrays = [array for _, array in state_arrays(state)]
    if not arrays:
        raise ValueError("expected a state with at least one array, got an empty one")
    return np.concatenate(arrays, axis=1)


def unpack_state(array: np.ndarray, net: Any) -> Any:
    """The state of `net` from its packed form (B, n), for any batch size B."""
    array = check_array("a packed state", array)
    template = net.initial_state(1)
    sizes = [member.shape[1] for _, member in state_arrays(template)]
    if array.ndim != 2 or array.shape[1] != sum(sizes):
        raise ValueError(f"expected a packed state of shape (B, {sum(sizes)}), got {array.shape}")
    pieces = iter(np.split(array, np.cumsum(sizes)[:-1], axis=1) if sizes else [])
    return map_state(lambda _: next(pieces), template)
