"""Practice exercises: right solutions of any style pass, wrong ones are told what is wrong with them.

A wrong submission's first line says what the checker has to say to it: the number of the check, and the
sentence "Looks like: ...", or the message where nothing is known.
"""

import ast
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from inprocess import refused_here
from near import NearStudent
from slips import wrong_file, wrong_files

from numpylstm.classroom import (
    Failure,
    Student,
    check,
    checking,
    compare_number,
    exercises,
    expect_number,
    expect_tensors,
    the_one,
)

HERE = Path(__file__).parent
NUMBERS = ("03", "05", "09", "10", "11", "12", "13")
EXERCISES = {number: exercise for number, exercise in exercises().items() if number in NUMBERS}


def files(folder: str) -> list[Path]:
    return sorted(path for path in (HERE / folder).glob("*.py") if path.name[:2] in NUMBERS)


RIGHT, WRONG = files("solutions") + files("right"), wrong_files(*NUMBERS)


@pytest.fixture
def near(monkeypatch):
    """Checks run in this process."""
    monkeypatch.setattr(checking, "Student", NearStudent)
    monkeypatch.setattr(checking, "refused", refused_here)


def said(report: checking.CheckReport) -> str:
    """What a wrong submission is told, without what rounding decides."""
    assert report.first is not None and report.first.failure is not None
    failure = report.first.failure
    return re.sub(r"\de-\d+", "...", f"{report.first.number}: {failure.looks_like or failure.message}")


def planned(path: Path) -> str:
    return re.sub(r"\de-\d+", "...", ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "")


def test_every_exercise_has_solutions_in_several_styles_and_wrong_ones():
    assert set(EXERCISES) == set(NUMBERS)
    for number in NUMBERS:
        assert sum(path.name[:2] == number for path in RIGHT) >= (6 if number == "05" else 4), number
        assert sum(path.name[:2] == number for path in WRONG) >= 10, number


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: path.stem)
def test_what_is_right_passes_however_it_is_written(near, path):
    exercise = EXERCISES[path.name[:2]]
    report = check(exercise, path)
    assert report.passed, report.text()
    hidden = checking.run(exercise, exercise.hidden, path, seed=1)
    assert hidden.passed, hidden.text()


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_what_is_wrong_is_told_what_is_wrong_with_it(near, path):
    exercise = EXERCISES[path.name[:2]]
    report, expected = check(exercise, path), planned(path)
    assert re.match(r"\d\d\.\d+: ...", expected)
    assert said(report).startswith(expected), report.text()
    # The same check with other numbers finds the same: neither luck, nor another name for it.
    failed = exercise.checks[int(report.first.number[3:]) - 1]
    again = checking.run(exercise, [failed], path, seed=77).first
    assert again is not None and again.failure.looks_like == report.first.failure.looks_like


@pytest.mark.parametrize("number", NUMBERS)
def test_a_stub_is_said_to_be_unwritten(near, number):
    report = check(EXERCISES[number], EXERCISES[number].folder / "exercise.py")
    assert report.first is not None and report.first.number == f"{number}.1"
    assert report.first.failure.message.endswith(" is not written yet.")


@pytest.mark.parametrize("number", NUMBERS)
def test_an_exercise_says_what_is_given_what_to_write_and_how_to_check(number):
    exercise = EXERCISES[number]
    text = (exercise.folder / "README.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {number} ")
    for part in ("](target.png)", "## Given", "## To write", "## To check", "without marks"):
        assert part in text
    assert f"numpylstm exercise check {number}" in text and f"numpylstm exercise hint {number}" in text
    assert re.search(r"\((T|n|\d*H|length)\b", text), "shapes"
    stub = (exercise.folder / "exercise.py").read_text(encoding="utf-8")
    for node in ast.parse(stub).body:
        if isinstance(node, ast.FunctionDef):
            assert f"`{node.name}(" in text
            assert ast.get_docstring(node) and "write this part" in ast.unparse(node)
    assert len(exercise.hints) == 3 and all(len(hint) > 80 for hint in exercise.hints)
    assert set(exercise.hidden) <= set(exercise.checks) and exercise.hidden and exercise.marks == 0
    picture = (exercise.folder / "target.png").read_bytes()
    assert picture.startswith(b"\x89PNG") and 10_000 < len(picture) <= 60_000


@pytest.mark.parametrize(
    "name", ["13_separation__global_cache", "03_gradient_checking__float_copy", "12_generation__own_seed"]
)
def test_a_process_of_its_own_says_the_same(name):
    # A cache that is kept, functions that are called back, and a Generator travel.
    path = wrong_file(name)
    assert said(check(EXERCISES[name[:2]], path, silent=True)).startswith(planned(path))
    right = HERE / "solutions" / f"{name.partition('__')[0]}.py"
    assert check(EXERCISES[name[:2]], right).passed


@pytest.mark.parametrize("kind", [Student, NearStudent])
def test_a_generator_arrives_in_the_state_it_is_in(tmp_path, kind):
    path = tmp_path / "exercise.py"
    path.write_text("def draw(rng, n):\n    return rng.random(n), rng\n")
    rng = np.random.default_rng(5)
    rng.random(3)
    with kind(path) as student:
        numbers, back = student.call("draw", rng, 4)
    assert np.array_equal(numbers, rng.random(4)), "what happens over there leaves ours as it was"
    assert np.array_equal(back.random(4), rng.random(4))


def test_an_error_is_named_only_if_one_alone_gives_what_came():
    came = {"y": np.array([1.0, 2.0])}
    one, other = {"y": np.array([1.0, 2.0])}, {"y": np.array([1.0, 2.1])}
    assert the_one(came, {"a": one, "b": other}) == "a"
    assert the_one(came, {"b": other}) is None
    assert the_one(came, {"a": one, "b": dict(one)}) is None
    assert the_one(came, {"shape": {"y": np.ones(3)}, "nan": {"y": np.full(2, np.nan)}}) is None
    assert the_one({"n": np.array(3)}, {"a": {"n": np.array(3.0)}}) == "a"


def test_two_errors_in_an_lstm_step_are_never_named_as_one():
    checks = EXERCISES["05"].module
    x, h, c, W_x, W_h, b = checks.problem(np.random.default_rng(0), 1, 3, 4, 2)
    args = {"x": x[0], "h": h, "c": c, "W_x": W_x, "W_h": W_h, "b": b}
    changes = [
        {"b": 0 * b},
        {"W_h": 0 * W_h},
        {"W_x": 0 * W_x},
        {"candidate": checks.sigmoid},
        {"out": np.array},
        {"out": checks.sigmoid},
        {"c": h},
        {"blocks": "ifgo"},
        {"blocks": "ofig"},
    ]
    for change in changes:
        assert the_one(checks.cell(**(args | change)), checks.step_errors(**args)) is not None
    for one, other in combinations(changes, 2):
        if one.keys() != other.keys():
            assert the_one(checks.cell(**(args | one | other)), checks.step_errors(**args)) is None


def test_numbers_are_held_against_numbers():
    assert expect_number(np.float64(2.5), "it", "f") == 2.5 and expect_number(3, "it", "f") == 3
    for wrong, words in (
        (np.ones(2), "has shape (2,), expected a single number"),
        (None, "is None, expected a number"),
        (1j * np.float64(1), "is complex"),
        (np.float64("nan"), "is nan, expected a finite number"),
        ("3", "is a str, expected a number"),
    ):
        with pytest.raises(Failure, match=re.escape(words)):
            expect_number(wrong, "it", "f")
    compare_number(1.0, 1.0 + 1e-12, "it")
    with pytest.raises(Failure, match=re.escape("it is 2, expected 1.")) as failure:
        compare_number(2.0, 1.0, "it", {"doubled.": 2.0, "halved.": 0.5})
    assert failure.value.looks_like == "doubled."


def test_a_wrong_order_of_axes_is_told():
    for got, shape, words in (
        (np.ones((3, 5, 2)), (5, 3, 2), "the batch comes first"),
        (np.ones((3, 5)), (5, 3), "its transpose"),
        (np.ones((3, 4)), (5, 3), None),
    ):
        with pytest.raises(Failure, match="has shape") as failure:
            expect_tensors(got, {"y": shape}, "f")
        assert (failure.value.looks_like is None) == (words is None)
        assert words is None or words in failure.value.looks_like
