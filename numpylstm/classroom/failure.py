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


def expect_parts(got: Any, names: Sequence[str], whose: str) -> tuple[Any, ...]:
    """What a function returned, if it is a tuple of as many parts as there are names, of whatever kind.

    Raises:
        Failure: it is something else.
    """
    if not isinstance(got, tuple | list) or len(got) != len(names):
        came = f"{len(got)} values" if isinstance(got, tuple | list) else _what(got)
        raise Failure(f"{whose} returns {came}, expected {len(names)}: {', '.join(names)}.")
    return tuple(got)


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
    got = expect_parts(got, names, whose)
    for name, array in zip(names, got, strict=True):
        if not isinstance(array, np.ndarray | np.generic):
            raise Failure(f"{name} of {whose} is {_what(array)}, expected an array {tuple(shapes[name])}.")
        if np.shape(array) != tuple(shapes[name]):
            raise Failure(
                f"{name} of {whose} has shape {np.shape(array)}, expected {tuple(shapes[name])}.",
                _other_order(np.shape(array), tuple(shapes[name])),
            )
    for name, array in zip(names, got, strict=True):
        if array.dtype != dtype:
            raise Failure(
                f"{name} of {whose} has dtype {array.dtype}, expected {np.dtype(dtype)}.",
                "an array made without a dtype, or with one of its own: take that of the input.",
            )
        if not np.isfinite(array).all():
            raise Failure(f"{name} of {whose} has entries that are not finite.")
    return dict(zip(names, got, strict=True))


def expect_number(got: Any, name: str, whose: str) -> float:
    """A single finite real number that a function returned.

    Raises:
        Failure: it is something else.
    """
    if isinstance(got, np.ndarray | np.generic) and np.shape(got):
        raise Failure(f"{name} of {whose} has shape {np.shape(got)}, expected a single number.")
    if not isinstance(got, int | float | complex | np.ndarray | np.generic):
        raise Failure(f"{name} of {whose} is {_what(got)}, expected a number.")
    value = np.asarray(got)
    if np.iscomplexobj(value):
        raise Failure(f"{name} of {whose} is complex, expected a real number.")
    if not np.isfinite(value):
        raise Failure(f"{name} of {whose} is {value}, expected a finite number.")
    return float(value)


def the_one(
    got: Mapping[str, Any], variants: Mapping[str, Mapping[str, Any]], tolerance: float = TOLERANCE
) -> str | None:
    """The sentence whose tensors are the ones that came: which error a wrong result looks like.

    Args:
        variants: what would come of each known error, by the sentence that names it.

    Returns:
        None if no variant is what came, or if more than one is: a guess would mislead.
    """
    found = [
        sentence
        for sentence, tensors in variants.items()
        if all(_same(got[name], array, tolerance) for name, array in tensors.items())
    ]
    return found[0] if len(found) == 1 else None


def compare_number(
    got: float,
    expected: float,
    name: str,
    variants: Mapping[str, float] | None = None,
    tolerance: float = TOLERANCE,
    where: str = "",
) -> None:
    """Hold a number against what it should be, and against what each known error would make of it.

    Raises:
        Failure: it is off by more than the tolerance, relative to the larger of the two.
    """
    if _same(got, expected, tolerance):
        return
    tensors = {sentence: {name: np.array(value)} for sentence, value in (variants or {}).items()}
    raise Failure(
        f"{name} is {got:.6g}{where and ' ' + where}, expected {expected:.6g}.", the_one({name: got}, tensors)
    )


def _same(got: Any, array: Any, tolerance: float) -> bool:
    got, array = np.asarray(got) * 1.0, np.asarray(array) * 1.0  # differences of whole numbers too
    return got.shape == array.shape and tensor_error(got, array, 0.0, tolerance).error <= tolerance


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
        Failure: another shape, or an error above the tolerance, naming the wrong tensors and the right ones.
    """
    for name, array in expected.items():
        if np.shape(got[name]) != np.shape(array) or not isinstance(
            got[name], np.ndarray | np.number | float
        ):
            what = f"shape {np.shape(got[name])}" if isinstance(got[name], np.ndarray) else _what(got[name])
            raise Failure(f"{name}{where and ' ' + where}: expected shape {np.shape(array)}, got {what}.")
    floor = 1e-4 * max((float(np.linalg.norm(np.ravel(array))) for array in expected.values()), default=0.0)
    errors = {
        name: tensor_error(np.asarray(got[name]) * 1.0, np.asarray(array) * 1.0, floor, tolerance).error
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
    if isinstance(value, np.ndarray):
        return f"a single array {value.shape}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    kind = getattr(value, "type_name", "") or type(value).__name__  # of a `Kept`, what it stands for
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _other_order(got: tuple[int, ...], expected: tuple[int, ...]) -> str | None:
    """What a shape looks like whose first two axes are swapped."""
    if len(got) < 2 or got == expected or (got[1], got[0], *got[2:]) != expected:
        return None
    if len(got) == 2:
        return "its transpose: the factors of a product stand the wrong way round."
    return "the batch comes first: time does, then the batch."
