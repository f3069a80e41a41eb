"""The checks at a layer's door: one clear sentence that names what was expected and what came."""

from typing import Any

import numpy as np


def check_dtype(dtype: Any) -> np.dtype:
    dtype = np.dtype(dtype)
    if dtype.kind not in "fc":
        raise ValueError(f"expected a floating or complex dtype, got {dtype}")
    return dtype.newbyteorder("=")


def check_size(name: str, size: Any) -> int:
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
        raise ValueError(f"expected {name} to be a positive whole number, got {size!r}")
    return int(size)


def check_probability(name: str, p: Any) -> float:
    if not 0 <= p < 1:
        raise ValueError(f"expected {name} in [0, 1), got {p!r}")
    return float(p)


def check_array(name: str, array: Any) -> np.ndarray:
    array = np.asarray(array)
    if array.dtype.kind not in "biufc":
        raise ValueError(f"expected {name} to be an array of numbers, got dtype {array.dtype}")
    return array


def check_cache(cache: Any, kind: type, layer: Any) -> Any:
    if not isinstance(cache, kind):
        got = f"a {type(cache).__name__}"
        raise ValueError(
            f"expected the cache of {type(layer).__name__}.forward, the third of y, state, cache, got {got}"
        )
    return cache


def check_members(cache: Any, count: int, layer: Any) -> Any:
    """The cache of a layer whose cache is a plain tuple or list of so many members."""
    if not isinstance(cache, tuple | list) or len(cache) != count:
        got = f"{len(cache)} members" if isinstance(cache, tuple | list) else f"a {type(cache).__name__}"
        raise ValueError(
            f"expected the cache of {type(layer).__name__}.forward, of {count} members, got {got}"
        )
    return cache


def check_lengths(lengths: Any, x: np.ndarray, classes: bool = False) -> np.ndarray:
    """Lengths as an integer array (B,), for a sequence x (T, B, D), or (T, B) of classes.

    Raises:
        ValueError: x has no time axis, or the lengths are not B whole numbers from 0 to T.
    """
    if x.ndim != 3 and not classes:
        raise ValueError(f"lengths need a sequence x of shape (T, B, D), got {x.shape}")
    lengths = np.asarray(lengths)
    steps, batch = x.shape[:2]
    if lengths.shape != (batch,) or lengths.dtype.kind not in "iu":
        raise ValueError(
            f"expected lengths of shape ({batch},) in whole numbers, got {lengths.dtype} {lengths.shape}"
        )
    if batch and (lengths.min() < 0 or lengths.max() > steps):
        raise ValueError(f"expected lengths from 0 to {steps}, got {lengths.min()} to {lengths.max()}")
    return lengths.astype(np.intp)


def lengths_within(lengths: np.ndarray | None, part: slice) -> np.ndarray | None:
    """How many of the steps in `part` are real in each sequence."""
    return None if lengths is None else np.clip(lengths - part.start, 0, part.stop - part.start)


def real_steps(lengths: np.ndarray, steps: int) -> np.ndarray:
    """(T, B) booleans: True where the step belongs to the sequence, False where it is padding."""
    return np.arange(steps)[:, None] < lengths


def mask_steps(y: np.ndarray, real: np.ndarray | None) -> np.ndarray:
    return y if real is None else np.where(real, y, np.zeros_like(y))


def compute_dtype(dtype: np.dtype, *arrays: np.ndarray) -> np.dtype:
    """The layer's own precision, made complex if anything that comes in is complex.

    A float64 signal into a float32 layer is computed in float32; a complex one is never cut to its
    real part.
    """
    if any(np.iscomplexobj(array) for array in arrays):
        return np.result_type(dtype, np.complex64)
    return dtype
