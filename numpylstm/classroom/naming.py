"""Naming a bug: a wrong gradient is compared with those that the classical errors make.

A bank holds a fingerprint for each error: for two fixed problems and every tensor its norm and two random
projections. These are numbers that say whether somebody's wrong gradient is this very one, and from which
nothing right can be learned. How the error is written does not matter, only what it computes.

An error is named only if all tensors of both problems agree with it. Two errors at once agree with neither,
and are said to be unknown.
"""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from os import PathLike
from pathlib import Path

import numpy as np

from ..files import write_text
from .failure import Failure

FOLDER = Path(__file__).parent / "banks"
PROBLEMS = 2
PROJECTIONS = 2
DIGITS = 12
SAME = 1e-9
"""Two numbers of a fingerprint are one if they differ by no more than this share of the tensor's norm: far
more than rounding in float64, far less than a float32 array on the way would leave."""

SINGLE = 1e-5
"""What is right to this share, but not to `SAME`, went through single precision or through
differences, or had something like 1e-8 added."""

Run = Callable[[np.random.Generator], Mapping[str, np.ndarray]]
"""Draws a problem from a generator and returns what somebody's functions make of it: tensors by name."""

Fingerprint = dict[str, list[float]]


def fingerprint(tensors: Mapping[str, np.ndarray]) -> Fingerprint:
    """The norm of each tensor and its projections on a few random directions of length about 1."""
    prints = {}
    for name, tensor in tensors.items():
        tensor = np.asarray(tensor, dtype=float)
        numbers = [np.linalg.norm(tensor), *(_directions(name, tensor.shape) @ tensor.ravel())]
        prints[name] = [float(f"{number:.{DIGITS - 1}e}") for number in numbers]
    return prints


@cache
def _directions(name: str, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng([zlib.crc32(name.encode()), *shape])
    size = int(np.prod(shape))
    return rng.uniform(-1, 1, size=(PROJECTIONS, size)) * np.sqrt(3 / max(size, 1))


class Bank:
    """The known errors of one kind of code: `Bank("lstm")`.

    Attributes:
        right: the fingerprints of right code, one for each problem.
        errors: by the sentence that names an error, its fingerprints; tensors that are right left out.

    Raises:
        FileNotFoundError: there is no such bank.
    """

    def __init__(self, name: str, folder: str | PathLike[str] = FOLDER) -> None:
        stored = json.loads((Path(folder) / f"{name}.json").read_text(encoding="utf-8"))
        self.right, self.errors = stored["right"], stored["errors"]

    def look(self, run: Run) -> str:
        """The sentence of the error that somebody's functions have, or one saying that it is unknown."""
        try:
            got = [fingerprint(_finite(run(rng))) for rng in _generators()]
        except Failure as failure:
            return f"none of the {len(self.errors)} errors known here; on other numbers {failure.message}"
        wrong = list(_wrong(got, self.right))
        for sentence, error in self.errors.items():
            stored = [right | changed for right, changed in zip(self.right, error, strict=True)]
            if wrong and not any(_wrong(got, stored)):
                return sentence
        if wrong and not any(_wrong(got, self.right, SINGLE)):
            return "right to 5 digits: float32 on the way, a little added, or differences for a derivative."
        unknown = f"none of the {len(self.errors)} errors known here: it is something else, or more than one."
        right = [name for name in self.right[0] if name not in wrong]
        if not wrong:
            return f"{unknown} On other numbers all is right."
        if not right:
            return f"{unknown} On other numbers all of them are wrong."
        return f"{unknown} On other numbers wrong: {', '.join(wrong)}; right: {', '.join(right)}."

    @contextmanager
    def naming(self, run: Run) -> Iterator[None]:
        """Give a failure that is raised inside the name of its error, if it is known.

        It is for failures that are no comparison: a transposed matrix, say, whose product only fits where all
        sizes are the same, as they may be in the bank's problems.
        """
        try:
            yield
        except Failure as failure:
            sentence = self.look(run)
            if sentence in self.errors:
                failure.looks_like = sentence
            raise


def make_bank(name: str, errors: Mapping[str, Run], right: Run, folder: str | PathLike[str] = FOLDER) -> None:
    """Write the bank of a kind of code.

    Args:
        errors: by the sentence that names it, what code with this error makes of a problem.
        right: what right code makes of it.

    Raises:
        ValueError: an error that one of the problems does not show, or two that nothing tells apart.
    """
    expected = [fingerprint(right(rng)) for rng in _generators()]
    found = {sentence: [fingerprint(run(rng)) for rng in _generators()] for sentence, run in errors.items()}
    sentences = list(found)
    for index, sentence in enumerate(sentences):
        for got, of_right in zip(found[sentence], expected, strict=True):
            if not any(_wrong([got], [of_right], SINGLE)):
                raise ValueError(f"expected an error that every problem shows, got none from {sentence!r}")
        for other in sentences[:index]:
            if not any(_wrong(found[sentence], found[other], SINGLE)):
                raise ValueError(f"expected errors that can be told apart, got {other!r} and {sentence!r}")
    changed = {
        sentence: [
            {tensor: got[tensor] for tensor in _wrong([got], [of_right])}
            for got, of_right in zip(prints, expected, strict=True)
        ]
        for sentence, prints in found.items()
    }
    # One line for each error, so that a change shows which.
    lines = ",\n".join(f"{_json(sentence)}: {_json(prints)}" for sentence, prints in changed.items())
    text = f'{{"right": {_json(expected)},\n"errors": {{\n{lines}\n}}}}\n'
    write_text(Path(folder) / f"{name}.json", text)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _generators() -> list[np.random.Generator]:
    return [np.random.default_rng([6, problem]) for problem in range(PROBLEMS)]


def _finite(tensors: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise Failure(f"{name} has entries that are not finite.")
    return tensors


def _wrong(got: list[Fingerprint], expected: list[Fingerprint], tolerance: float = SAME) -> Iterator[str]:
    """Names of the tensors whose fingerprints differ, in any of the problems."""
    for name in expected[0]:
        for mine, theirs in zip(got, expected, strict=True):
            # A tensor that is zero but for rounding is compared with the largest of its problem.
            largest = max(numbers[0] for numbers in theirs.values())
            scale = max(mine[name][0], theirs[name][0], 1e-4 * largest)
            differences = [abs(a - b) for a, b in zip(mine[name], theirs[name], strict=True)]
            if not max(differences) <= tolerance * scale:
                yield name
                break
