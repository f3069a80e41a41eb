"""Grade what students have handed in.

Marks lie on the hidden checks, where an exercise has any: the public ones run on numbers that everybody knows
beforehand. Each hidden check is worth the same; one that says which share of what it asks for is right
(`Failure.share`) gives that share of it. Exercises with MARKS = 0 are practice: how the standard cells are
written stands in the lessons and in the library, and their results say so.

What a submission prints, and what it says of itself, counts for nothing. Its functions run in a process of
their own (student.py) and what they return is compared here, with what is computed here.
"""

import csv
import io
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from ..files import write_bytes, write_json, write_text
from .checking import PUBLIC, CheckReport, Outcome, run
from .exercise import NOTE, Exercise, read_note
from .failure import plain
from .handed_in import FILE, Submission

PRACTICE = "practice, not marked: the lessons and the library show how it is done"


@dataclass
class Graded:
    """One exercise of one submission.

    Attributes:
        refused: why it was not run, or None.
        public, hidden: what came out of the checks.
    """

    exercise: Exercise
    refused: str | None = None
    public: Sequence[Outcome] = ()
    hidden: Sequence[Outcome] = ()

    @property
    def marked(self) -> Sequence[Outcome]:
        """The checks that marks lie on."""
        return self.hidden or self.public

    @property
    def score(self) -> float:
        shares = [share(outcome) for outcome in self.marked]
        return self.exercise.marks * math.fsum(shares) / len(shares) if shares else 0.0


@dataclass
class Grade:
    """One submission.

    Attributes:
        number: the student's, as the teacher has it or else as the submission says; None if neither.
        graded: its exercises.
        remarks: for the teacher.
        refused: why nothing of it could be graded, or None.
        seconds: it took.
    """

    name: str
    number: int | None = None
    graded: list[Graded] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    refused: str | None = None
    seconds: float = 0.0

    @property
    def score(self) -> float:
        return math.fsum(graded.score for graded in self.graded)


def share(outcome: Outcome) -> float:
    """Of what a check asks for, how much is right: 0 to 1."""
    if outcome.failure is None:
        return 1.0
    value = float(outcome.failure.share)
    return min(max(value, 0.0), 1.0) if math.isfinite(value) else 0.0


def right(outcomes: Sequence[Outcome]) -> int:
    return sum(outcome.failure is None for outcome in outcomes)


def grade(
    handed_in: Sequence[Submission],
    bank: Mapping[str, Exercise],
    *,
    seed: int,
    roster: Mapping[str, int] | None = None,
    number: int | None = None,
    only: str | None = None,
    done: Callable[[Grade], None] = lambda grade: None,
    **limits: Any,
) -> list[Grade]:
    """Run the public and the hidden checks of every submission, one after the other.

    Args:
        bank: the exercises by number.
        seed: of the hidden checks. Who knows it knows their numbers.
        roster: students' numbers by the name of the submission. Without one a submission's own word is taken.
        number: of the student, where there is a single submission.
        only: number of the exercise that all have to be, whatever they say of themselves.
        done: called with each grade as soon as it is known.
        limits: options of `Student`: seconds, total, memory.

    Raises:
        ValueError: an exercise that does not exist, or whose checks cannot be loaded; a number for many.
    """
    if only is not None and only not in bank:
        raise ValueError(f"expected an exercise among {', '.join(bank)}, got {only}")
    if number is not None:
        if len(handed_in) != 1:
            raise ValueError(f"expected one submission for a student's number, got {len(handed_in)}")
        roster = {handed_in[0].name: number}
    grades = []
    for submission in handed_in:
        started = time.perf_counter()
        one = Grade(submission.name, refused=submission.refused)
        if one.refused is None:
            try:
                _grade(one, submission, bank, seed, roster, only, limits)
            except Unloadable:
                raise
            except Exception as error:  # one submission never costs the others their grade
                one.graded, one.refused = [], plain(f"could not be graded: {error}", 300)
        one.seconds = time.perf_counter() - started
        grades.append(one)
        done(one)
    return grades


def _grade(
    one: Grade,
    submission: Submission,
    bank: Mapping[str, Exercise],
    seed: int,
    roster: Mapping[str, int] | None,
    only: str | None,
    limits: dict[str, Any],
) -> None:
    by_name = {exercise.name: exercise for exercise in bank.values()}
    seen: set[str] = set()
    for place, (text, note_text) in submission.files.items():
        with TemporaryDirectory(prefix="numpylstm-") as temporary:
            # A copy: whatever a submission's process does, the ones after it are what was handed in.
            folder = Path(temporary)
            write_bytes(folder / FILE, text)
            write_bytes(folder / NOTE, note_text)
            note = read_note(folder)
            called = one.name if place == "." else PurePosixPath(place).name
            named = note.get("exercise", called)
            exercise = bank[only] if only else by_name.get(str(named))
            if exercise is None:
                one.remarks.append(f"{plain(named, 50)} is no exercise")
                continue
            if exercise.name in seen:
                one.remarks.append(f"{exercise.name} is there twice, the second was left out")
                continue
            seen.add(exercise.name)
            claimed = note.get("student")
            claimed = claimed if type(claimed) is int and 0 <= claimed < 10**30 else None
            one.number = claimed if roster is None else roster.get(one.name)
            if roster is not None and claimed is not None and claimed != one.number:
                one.remarks.append(f"says it is of student {claimed}")
            _expect_loadable(exercise)
            graded = Graded(exercise)
            one.graded.append(graded)
            if getattr(exercise.module, "personal", None) and one.number is None:
                where = "the roster" if roster is not None else NOTE
                graded.refused = f"a personal exercise, and no student's number in {where}"
                continue
            options = {"number": one.number, "silent": True} | limits
            path = folder / FILE
            graded.public = _run(exercise, exercise.checks, path, PUBLIC, options)
            # Never the seed of the public ones.
            graded.hidden = _run(exercise, exercise.hidden, path, PUBLIC + 1 + seed, options)
            for outcome in graded.hidden:
                outcome.number = outcome.number.replace(".", ".h")
    if not one.graded:
        one.refused = "; ".join(one.remarks) or "nothing to grade"


class Unloadable(ValueError):
    """The teacher's own checks cannot be loaded: no submission's fault."""


def _expect_loadable(exercise: Exercise) -> None:
    try:
        _ = exercise.checks, exercise.hidden, exercise.marks
    except Exception as error:
        raise Unloadable(f"checks.py of {exercise.name} cannot be loaded: {error}") from None


def _run(
    exercise: Exercise, checks: Sequence[Any], path: Path, seed: int, options: dict[str, Any]
) -> list[Outcome]:
    if not checks:
        return []
    report: CheckReport = run(exercise, checks, path, seed=seed, **options)
    return list(report.outcomes[1:])  # what the file imports is every check's failure, if it is one


def same_numbers(grades: Sequence[Grade]) -> list[list[str]]:
    """Names of submissions that are of one and the same student's number."""
    by_number: dict[int, list[str]] = {}
    for one in grades:
        if one.number is not None:
            by_number.setdefault(one.number, []).append(one.name)
    return [names for names in by_number.values() if len(names) > 1]


def results(one: Grade) -> dict[str, Any]:
    """What Gradescope reads from results.json (its "Autograder Specifications", output format).

    Hidden checks are shown when the grades are published. The seed is not in it.
    """
    lines, tests = [], []
    if one.refused is not None:
        lines.append(f"Nothing was graded: {one.refused}.")
    for graded in one.graded:
        exercise = graded.exercise
        title = f"{exercise.number} {exercise.title.removeprefix(exercise.number).strip()}"
        public = f"public {right(graded.public)}/{len(exercise.checks)}"
        hidden = f"hidden: {len(exercise.hidden)}, shown when the grades are published"
        lines.append(f"{title}: {public} · {hidden}")
        if graded.refused is not None:
            lines.append(f"Not graded: {graded.refused}.")
        if not exercise.marks:
            lines.append(f"This is {PRACTICE}.")
        for outcomes, visibility in ((graded.public, "visible"), (graded.hidden, "after_published")):
            most = exercise.marks / len(outcomes) if outcomes and outcomes is graded.marked else 0.0
            tests += [_test(outcome, most, visibility) for outcome in outcomes]
    lost = [graded for graded in one.graded if graded.refused is not None]
    tests += [_not_run(graded) for graded in lost]
    return {
        "score": round(one.score, 6),
        "execution_time": round(one.seconds, 3),
        "output": plain("\n".join(lines), 5000, lines=True),
        "stdout_visibility": "hidden",
        "tests": tests,
    }


def _test(outcome: Outcome, most: float, visibility: str) -> dict[str, Any]:
    failure = outcome.failure
    said = [] if failure is None else [failure.message]
    if failure is not None and failure.looks_like:
        said.append(f"Looks like: {failure.looks_like}")
    return {
        "number": outcome.number,
        "name": plain(outcome.title, 200),
        "score": round(most * share(outcome), 6),
        "max_score": round(most, 6),
        "status": "passed" if failure is None else "failed",
        "output": plain("\n".join(said), 3000, lines=True),
        "visibility": visibility,
    }


def _not_run(graded: Graded) -> dict[str, Any]:
    failed = {
        "number": f"{graded.exercise.number}.0",
        "name": plain(graded.exercise.title, 200),
        "score": 0.0,
    }
    said = {"max_score": graded.exercise.marks, "status": "failed", "output": plain(graded.refused, 300)}
    return failed | said | {"visibility": "visible"}


COLUMNS = (
    *("name", "number", "exercise", "score", "max_score", "public_passed", "public", "hidden_passed"),
    *("hidden", "first_failure", "remarks"),
)


def table(grades: Sequence[Grade]) -> str:
    """All grades as CSV, a line for each exercise of each submission."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    same = {name: names for names in same_numbers(grades) for name in names}
    for one in grades:
        number = "" if one.number is None else one.number
        remarks = list(one.remarks)
        if one.name in same:
            remarks.append(f"the same number: {', '.join(same[one.name])}")
        if one.refused is not None:
            remarks.append(one.refused)
        rows = [_row(graded) for graded in one.graded] or [["", 0.0, "", "", "", "", "", "", None]]
        for *row, refused in rows:
            told = "; ".join([*remarks, refused] if refused else remarks)
            writer.writerow([_cell(value) for value in (one.name, number, *row, told)])
    return text.getvalue()


def _row(graded: Graded) -> list[Any]:
    failures = (outcome for outcome in (*graded.public, *graded.hidden) if outcome.failure)
    first = next((f"{outcome.number} {outcome.failure}" for outcome in failures), "")
    points = [graded.exercise.name, round(graded.score, 6), graded.exercise.marks]
    counts = [right(graded.public), len(graded.public), right(graded.hidden), len(graded.hidden)]
    return [*points, *counts, first, graded.refused]


def _cell(value: Any) -> Any:
    """A text that no spreadsheet takes for a formula."""
    return "'" + value if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value


def write_results(one: Grade, out: str | PathLike[str]) -> None:
    """results.json of one submission."""
    Path(out).mkdir(parents=True, exist_ok=True)
    write_json(Path(out) / "results.json", results(one))


def write_table(grades: Sequence[Grade], out: str | PathLike[str]) -> None:
    """grades.csv of all of them."""
    write_text(Path(out) / "grades.csv", table(grades))
