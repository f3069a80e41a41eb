"""Run an exercise's checks on a student's file, and say the first thing that is wrong."""

import traceback
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from .exercise import Check, Exercise
from .failure import Failure
from .reading import refused
from .student import Student

PUBLIC = 0
"""The seed of the checks that everybody can run."""


@dataclass
class Outcome:
    """One check: its number in the exercise, "06.3", its title, and what was wrong, if anything."""

    number: str
    title: str
    failure: Failure | None

    @property
    def share(self) -> float:
        """Of the check's points, from 0 to 1."""
        return self.failure.share if self.failure else 1.0


@dataclass
class CheckReport:
    """What came out of an exercise's checks.

    Attributes:
        outcomes: of all checks, in their order.
        hidden: how many more there are in grading.
        passed: all of them.
    """

    exercise: Exercise
    outcomes: Sequence[Outcome]

    @property
    def hidden(self) -> int:
        return len(self.exercise.hidden)

    @property
    def passed(self) -> bool:
        return all(outcome.failure is None for outcome in self.outcomes)

    @property
    def first(self) -> Outcome | None:
        """The first failure: what comes after it may be its consequence."""
        return next((outcome for outcome in self.outcomes if outcome.failure), None)

    def text(self, verbose: bool = False) -> str:
        """For the student: the message first, the traceback only if asked for."""
        number, right = self.exercise.number, sum(outcome.failure is None for outcome in self.outcomes)
        lines = []
        if self.first is None:
            lines.append(f"OK   {number} {self.exercise.title}")
        else:
            failure = self.first.failure
            assert failure is not None
            lines.append(f"FAIL {self.first.number} {failure.message}")
            if failure.looks_like:
                lines.append(f"Looks like: {failure.looks_like}")
            if verbose:
                lines.append(f"({self.first.title})")
                lines += [failure.detail.rstrip()] if failure.detail else []
        closing = f"Public {right}/{len(self.outcomes)} · hidden: {self.hidden}, not run here"
        if self.first is not None:
            closing += f" · hint: numpylstm exercise hint {number}"
        return "\n".join([*lines, closing])

    def figures(self) -> dict[str, Any]:
        """For --json."""
        first = self.first
        return {
            "exercise": self.exercise.name,
            "passed": self.passed,
            "public": len(self.outcomes),
            "public_passed": sum(outcome.failure is None for outcome in self.outcomes),
            "hidden": self.hidden,
            "failed": first.number if first else None,
            "message": first.failure.message if first and first.failure else None,
            "looks_like": first.failure.looks_like if first and first.failure else None,
        }


def check(
    exercise: Exercise, path: str | PathLike[str], *, number: int | None = None, **limits: Any
) -> CheckReport:
    """Run the public checks on a student's file.

    Args:
        number: the student's, for personal exercises.
        limits: options of `Student`: seconds, memory, silent.

    Raises:
        FileNotFoundError: there is no such file.
    """
    return run(exercise, exercise.checks, path, seed=PUBLIC, number=number, **limits)


def run(
    exercise: Exercise,
    checks: Sequence[Check],
    path: str | PathLike[str],
    *,
    seed: int,
    number: int | None = None,
    **limits: Any,
) -> CheckReport:
    """Run checks, each with random numbers of its own; first of all what the file imports is read."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    outcomes = [Outcome(f"{exercise.number}.0", "imports", _reading(Path(path)))]
    with Student(path, number=number, **limits) as student:
        for position, function in enumerate(checks, 1):
            failure = outcomes[0].failure
            if failure is None:
                rng = np.random.default_rng([seed, int(exercise.number), position])
                failure = _failure(function, student, rng)
            title = (function.__doc__ or function.__name__).strip().partition("\n")[0]
            outcomes.append(Outcome(f"{exercise.number}.{position}", title, failure))
    return CheckReport(exercise, outcomes)


def _failure(function: Check, student: Student, rng: np.random.Generator) -> Failure | None:
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function(student, rng)
    except Failure as found:
        return found
    except Exception as error:  # nothing that a file returns may end the checking of others
        text = f"what came back could not be checked: {type(error).__name__}: {error}"
        return Failure(text, detail="".join(traceback.format_exception(error)))
    return None


def _reading(path: Path) -> Failure | None:
    try:
        sentences = refused(path)
    except Failure as failure:
        return failure
    return Failure(sentences[0]) if sentences else None
