"""What a check says when it fails, and the comparisons that most checks are made of."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..gradcheck import percent, tensor_error

TOLERANCE = 1e-9
"""Largest error allowed, relative to a tensor's norm. float64 leaves 1e-15, a float32 buffer 1e-7."""


class Failure(Exception):
    """A check's verdict in plain words for the student; never a traceback.

    Attributes:
        message: what is wrong, with what was expected and what came.
        looks_like: which error it looks like, one sentence, or None.
        detail: a traceback, shown with -v alone.
        share: of what was asked for that is right all the same, 0 to 1, for marks.

    Whatever of the student's stands in these texts, they can be printed, and are not long.
    """

    def __init__(
        self, message: str, looks_like: str | None = None, detail: str = "", share: float = 0.0
    ) -> None:
        self.message, self.detail, self.share = plain(message, 1000), plain(detail, 20_000, lines=True), share
        self.looks_like = None if looks_like is None else plain(looks_like, 1000)
        super().__init__(self.message)


class TooSlow(Failure):
    """A call took longer than it may."""


def plain(text: object, most: int, lines: bool = False) -> str:
    """A text without control characters and broken surrogates, cut to `most` characters.

    Args:
        lines: keep the line ends; else they and other blanks become single spaces.
    """
    text = str(text)[: 2 * most]
    if not lines:
        text = " ".join(text.split())
    text = "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= most else text[:most] + " ... (cut)"


def expect_tensors(got: Any, shapes: Mapping[str, Sequence[int]], whose: str, dtype: Any = float) -> dict:
    """The parts of what a function returned by name, if they are arrays of these shapes and this dtype.

    `got` is a tuple in the order of `shapes`, a dict, or a single array where there is one shape.

    Raises:
        Failure: another number of parts, a part that is no array, of another shape, dtype, or not finite.
    """
    names = list(shapes)
    if isinstance(got, Mapping):
        missing = [name for name in names if name not in got]
        if missing:
            raise Failure(
                f"{whose} returns no {', '.join(missing)}. It returns {', '.join(got) or 'nothing'}."
            )
        got = tuple(got[name] for name in names)
    elif len(names) == 1 and not isinstance(got, tuple):
        got = (got,)
    if not isinstance(got, tuple | list) or len(got) != len(names):
        came = f"{len(got)} values" if isinstance(got, tuple | list) else _what(got)
        raise Failure(f"{whose} returns {came}, expected {len(names)}: {', '.join(names)}.")
    for name, array in zip(names, got, strict=True):
        if not isinstance(array, np.ndarray | np.generic):
            raise Failure(f"{name} of {whose} is {_what(array)}, expected an array {tuple(shapes[name])}.")
        if np.shape(array) != tuple(shapes[name]):
            raise Failure(f"{name} of {whose} has shape {np.shape(array)}, expected {tuple(shapes[name])}.")
    for name, array in zip(names, got, strict=True):
        if array.dtype != dtype:
            raise Failure(
                f"{name} of {whose} has dtype {array.dtype}, expected {np.dtype(dtype)}.",
                "an array made without a dtype, or with one of its own: take that of the input.",
            )
        if not np.isfinite(array).all():
            raise Failure(f"{name} of {whose} has entries that are not finite.")
    return dict(zip(names, got, strict=True))


def compare(
    got: Mapping[str, Any],
    expected: Mapping[str, Any],
    tolerance: float = TOLERANCE,
    looks_like: Callable[[list[str]], str | None] | None = None,
    where: str = "",
) -> None:
    """Hold tensors against what they should be.

    Args:
        got, expected: arrays by name, of the same shapes. A tensor that should be zero is compared with the
            largest of the others.
        looks_like: asked for a sentence, with the names of the wrong ones, if any is wrong.
        where: what the comparison was made on, for the message: "with T = 1".

    Raises:
        Failure: an error above the tolerance, naming the wrong tensors and the right ones.
    """
    floor = 1e-4 * max((float(np.linalg.norm(np.ravel(array))) for array in expected.values()), default=0.0)
    errors = {
        name: tensor_error(np.asarray(got[name]), np.asarray(array), floor, tolerance).error
        for name, array in expected.items()
    }
    wrong = [name for name, error in errors.items() if not error <= tolerance]
    if not wrong:
        return
    right = [name for name in errors if name not in wrong]
    sizes = [
        f"{name} ({'not finite' if np.isnan(errors[name]) else percent(errors[name])})" for name in wrong
    ]
    if len(wrong) == 1:
        message = f"{wrong[0]} is wrong{where and ' ' + where} {sizes[0].removeprefix(wrong[0] + ' ')}."
    else:
        message = f"{_and(sizes)} are wrong{where and ' ' + where}."
    if right:
        worst = max(errors[name] for name in right)
        message += f" {_and(right)} {'is' if len(right) == 1 else 'are'} right to {max(worst, 1e-16):.0e}."
    raise Failure(message, looks_like(wrong) if looks_like else None)


def _and(names: Sequence[str]) -> str:
    return ", ".join(names)


def _what(value: Any) -> str:
    if value is None:
        return "None"
    return f"a {type(value).__name__}" if not isinstance(value, tuple) else f"a tuple of {len(value)}"
