"""Reading JSON that somebody else wrote, so that whatever is wrong with it ends in one sentence."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from os import PathLike, fspath
from typing import Any, NoReturn

import numpy as np

from .parts import PluginFileError

LARGEST = 1 << 28
"""Bytes of a file that is still read: a hundred times the largest that plug-ins play."""


def read_json(path: str | PathLike[str]) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        PluginFileError: no JSON, something else than an object, a key twice, NaN or infinity, too large.
        FileNotFoundError: there is no such file.
        OSError: it cannot be opened.
    """
    name = fspath(path)
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no file {name}")
    if os.path.isdir(path):
        raise PluginFileError(f"expected a plug-in file, got the folder {name}")
    with open(path, "rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise PluginFileError(f"expected a plug-in file, got more than {LARGEST} bytes in {name}")
    try:
        document = json.loads(
            content.decode("utf-8-sig"), object_pairs_hook=_without_duplicates, parse_constant=_no_constant
        )
    except RecursionError:
        raise PluginFileError(
            f"expected a plug-in file, got lists within lists without end in {name}"
        ) from None
    except ValueError as error:
        raise PluginFileError(f"expected a plug-in file, JSON, got {name}: {short(error)}") from None
    if not isinstance(document, dict):
        raise PluginFileError(f"expected a plug-in file, a JSON object, got {described(document)} in {name}")
    return document


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {json.dumps(twice)} stands there twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def member(document: Any, key: str, kind: type, what: str) -> Any:
    """`document[key]`, which must be there and of this kind: dict, list, str or int (but no bool)."""
    if not isinstance(document, dict) or key not in document:
        raise PluginFileError(f"expected {what}, got none")
    value = document[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise PluginFileError(f"expected {what}, got {described(value)}")
    return value


def size(value: Any, what: str) -> int:
    """A size that arrays may be as large as."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
        raise PluginFileError(f"expected {what}, a whole number of at least 1, got {described(value)}")
    return value


def number(document: dict[str, Any], key: str) -> float | None:
    """A finite number that may be missing or null."""
    value = document.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PluginFileError(f"expected {key} to be a number, got {described(value)}")
    return float(_finite(value, (), key))


def rate_of(value: Any) -> int | float | None:
    """A sample rate in Hz; some programs write it as text. None if it is none."""
    try:
        is_rate = isinstance(value, int | float | str | np.number) and not isinstance(value, bool)
        rate = float(value) if is_rate else 0.0
    except (ValueError, OverflowError):
        return None
    if not 0 < rate < LARGEST:
        return None
    return int(rate) if rate == int(rate) else rate


def array(value: Any, shape: Sequence[int], what: str) -> np.ndarray:
    """Nested lists of numbers as a float32 array of exactly this shape."""
    _check_shape(value, tuple(shape), tuple(shape), what)
    return _finite(value, tuple(shape), what)


def _check_shape(value: Any, left: tuple[int, ...], shape: tuple[int, ...], what: str) -> None:
    if not left:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise PluginFileError(f"expected numbers in {what}, got {described(value)}")
        return
    if not isinstance(value, list) or len(value) != left[0]:
        wanted = f"{what} of shape {shape}"
        raise PluginFileError(f"expected {wanted}, got {described(value)} where there should be {left[0]}")
    for inside in value:
        _check_shape(inside, left[1:], shape, what)


def _finite(value: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):
            single = np.array(value, float).astype(np.float32).reshape(shape)
    except OverflowError:  # a whole number that no float could hold
        single = np.array(np.inf)
    if not np.isfinite(single).all():
        raise PluginFileError(f"expected numbers within float32 in {what}, got one that is not")
    return single


def described(value: Any) -> str:
    """A value of somebody else's making in a few words, none of them unprintable."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object with {short(json.dumps(list(value)))}"
    return short(json.dumps(value))


def short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 120 else f"{text[:120]} ..."
