"""A student's tests put to the test: which planted bugs do they catch, and do they let correct code pass?

The implementations stay in this process (planted.py). The student's function gets two functions that call
them from afar, so that there is nothing to look into: only what they answer.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from .failure import Failure, TooSlow
from .planted import RIGHT, Plain
from .student import Student

SECONDS = 50.0
"""For all implementations together."""

TWICE = 2
"""Each correct implementation is asked about so often, so that nobody gets far with a coin."""

LARGEST, KEPT = 100_000, 20_000_000
"""Numbers of one call, and of all caches of one implementation. A test needs a hundredth of it."""

NAMES = ("x", "h0", "c0", "W_x", "W_h", "b")


class FromAfar:
    """An implementation as two functions that can be called from another process.

    The cache is a number for the caller, and stays here. Arguments are checked, so that what an
    implementation answers to nonsense tells nothing about it.
    """

    def __init__(self, implementation: Any) -> None:
        self.implementation = implementation
        self.caches: list[tuple[tuple[int, int, int], Any]] = []
        self.kept = 0

    def forward(self, x: Any, h0: Any, c0: Any, W_x: Any, W_h: Any, b: Any) -> tuple[Any, ...]:
        args = [_numbers(arg, name) for arg, name in zip((x, h0, c0, W_x, W_h, b), NAMES, strict=True)]
        if args[0].ndim != 3 or args[1].ndim != 2 or 0 in args[0].shape + args[1].shape:
            raise ValueError(
                f"expected x of shape (T, B, D) and h0 (B, H), got {args[0].shape} and {args[1].shape}"
            )
        (T, B, D), H = args[0].shape, args[1].shape[1]
        shapes = ((T, B, D), (B, H), (B, H), (4 * H, D), (4 * H, H), (4 * H,))
        _expect(args, shapes, NAMES)
        size = T * B * (D + 10 * H) + 4 * H * (D + H)
        self.kept += size
        if size > LARGEST or self.kept > KEPT:
            raise ValueError(f"expected a small test, got {self.kept} numbers to be kept: take smaller sizes")
        with np.errstate(all="ignore"):
            h, h_T, c_T, cache = self.implementation.forward(*args)
        self.caches.append(((T, B, H), cache))
        return h, h_T, c_T, len(self.caches) - 1

    def backward(self, dh: Any, dh_T: Any, dc_T: Any, cache: Any) -> tuple[Any, ...]:
        if not isinstance(cache, int) or not 0 <= cache < len(self.caches):
            raise ValueError(f"expected a cache that forward has returned, got {cache!r}")
        (T, B, H), kept = self.caches[cache]
        names = ("dh", "dh_T", "dc_T")
        args = [_numbers(arg, name) for arg, name in zip((dh, dh_T, dc_T), names, strict=True)]
        _expect(args, ((T, B, H), (B, H), (B, H)), names)
        with np.errstate(all="ignore"):
            return tuple(self.implementation.backward(*args, kept))


def _numbers(value: Any, name: str) -> np.ndarray:
    if not isinstance(value, np.ndarray):
        raise ValueError(f"expected {name} as an array, got a {type(value).__name__}")
    return np.asarray(value, np.result_type(value, float))  # the very array, if it is float64


def _expect(args: Sequence[np.ndarray], shapes: Sequence[tuple[int, ...]], names: Sequence[str]) -> None:
    for name, arg, shape in zip(names, args, shapes, strict=True):
        if arg.shape != shape:
            raise ValueError(f"expected {name} of shape {shape}, got {arg.shape}")


def ask(student: Student, implementation: Any, seconds: float) -> bool:
    """What the student's `catches` says of an implementation: True, there is a bug.

    Raises:
        Failure: it says something else, raises, or takes too long.
    """
    there = FromAfar(implementation)
    said = student.call("catches", there.forward, there.backward, seconds=seconds)
    if not isinstance(said, bool | np.bool_):
        raise Failure(f"catches returns a {type(said).__name__}, expected True or False.")
    return bool(said)


def put_to_the_test(
    student: Student,
    planted: Sequence[type[Plain]],
    rng: np.random.Generator,
    right: Sequence[type] = RIGHT,
    named: bool = True,
) -> None:
    """Ask about all implementations, in an order nobody can know.

    Args:
        planted: with bugs. A question that is answered by an exception is a bug not caught.
        right: without; none may be rejected.
        named: whether to tell which bug was not caught.

    Raises:
        Failure: a correct implementation is rejected, with a share of 0; or not all bugs are caught, with the
            share that is.
    """
    # First of all the plainest one: who stumbles over it hears so at once.
    if ask(student, Plain(rng), student.seconds):
        raise _rejected(Plain)
    questions = [(kind, True) for kind in right] * TWICE + [(kind, False) for kind in planted]
    deadline = time.monotonic() + SECONDS
    missed: list[str] = []
    stumbled = ""
    for index in rng.permutation(len(questions)):
        kind, is_right = questions[index]
        left = deadline - time.monotonic()
        try:
            if left <= 0:
                raise TooSlow(f"catches has used up {SECONDS:g} s for all implementations together.")
            found = ask(student, kind(rng), min(left, student.seconds))
        except Failure as failure:
            if is_right:
                raise
            stumbled, found = stumbled or failure.message, False
        if is_right and found:
            raise _rejected(kind)
        if not is_right and not found:
            missed.append(str(kind.__doc__))
    if missed:
        caught = len(planted) - len(missed)
        message = f"{caught} of {len(planted)} bugs are caught"
        if named:
            more = f"; and {len(missed) - 3} more" if len(missed) > 3 else ""
            message += f". Not caught: {'; '.join(missed[:3])}{more}"
        if stumbled:
            message += f". At least once there was no answer: {stumbled.removesuffix('.')}"
        raise Failure(f"{message}.", share=caught / len(planted))


def _rejected(kind: type) -> Failure:
    return Failure(
        f"a correct LSTM is rejected ({kind.__doc__}): no points, whatever else is caught.",
        "a tolerance that is too narrow (correct code differs by 1e-12), or something expected that is not "
        "promised.",
    )
