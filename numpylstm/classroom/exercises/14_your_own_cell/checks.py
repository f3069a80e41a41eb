"""Checks of 14: the student's equations computed here, and their gradients by the complex step."""

import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np

from numpylstm.classroom import Failure, Student, TooSlow, compare, expect_tensors, own_cell

Check = Callable[[Student, np.random.Generator], None]

MARKS = 10
HERE = Path(__file__).parent
MORE, TIMES, MOST = 3.0, 30.0, 6.0
"""Seconds a backward pass may take, plus so many times what the forward pass took. It is about three times;
in plain loops over numbers, ten. MOST holds for both: whoever makes the forward pass wait gains nothing."""

LARGE = 8, 2, 8, 192
"""T, B, D, H of the large check. To carry a derivative by every parameter along with the forward pass, all at
once, costs as H^4 and takes some 20 s here; a backward pass costs as H^2, and 3 s in loops over numbers."""


def personal(number: int) -> dict[str, str]:
    """The files of one student: the common ones with the equations of the number in them."""
    cell = own_cell.draw(number)
    readme, stub = ((HERE / name).read_text(encoding="utf-8") for name in ("README.md", "exercise.py"))
    equations = "\n".join(f"    {line}" for line in cell.text.splitlines())
    return {
        "README.md": "\n".join([readme, *own_cell.described(cell), ""]),
        "exercise.py": stub.replace("The equations stand at the end of README.md.", equations),
    }


def draw(student: Student, T: int, B: int, D: int, H: int, rng: np.random.Generator) -> own_cell.Task:
    """The student's cell at work. Raises a Failure if nobody has said whose it is."""
    if student.number is None:
        raise Failure("this exercise is personal: expected the student's number, got none.")
    return own_cell.task(own_cell.draw(student.number), T, B, D, H, rng)


def forward(
    student: Student, task: own_cell.Task, seconds: float | None = None
) -> tuple[dict[str, Any], Any]:
    """What cell_forward returns by name, "h", "h_T" and "c_T", and the cache."""
    result = student.call("cell_forward", task.x, task.state, task.params, kept=(2,), seconds=seconds)
    if not isinstance(result, tuple) or len(result) != 3:
        came = f"{len(result)} values" if isinstance(result, tuple) else f"a {type(result).__name__}"
        raise Failure(f"cell_forward returns {came}, expected 3: h, final, cache.")
    h, final, cache = result
    if not isinstance(final, tuple) or len(final) != len(task.state):
        came = f"a tuple of {len(final)}" if isinstance(final, tuple) else f"a {type(final).__name__}"
        raise Failure(f"final of cell_forward is {came}, expected {', '.join(task.cell.state)} of the end.")
    shapes = {f"{name}_T": array.shape for name, array in zip(task.cell.state, task.state, strict=True)}
    got = expect_tensors((h,), {"h": task.dh.shape}, "cell_forward")
    return got | expect_tensors(final, shapes, "final of cell_forward"), cache


def check_forward(student: Student, task: own_cell.Task, where: str) -> Any:
    """Hold the forward pass against the equations. Returns the cache."""
    got, cache = forward(student, task)
    h, final = own_cell.forward(task.cell, task.x, task.state, task.params)
    expected = {"h": h} | {f"{name}_T": array for name, array in zip(task.cell.state, final, strict=True)}
    compare(got, expected, where=where)
    return cache


def backward(student: Student, task: own_cell.Task, cache: Any, seconds: float | None = None) -> dict:
    """What cell_backward returns, by name."""
    result = student.call("cell_backward", task.dh, task.dfinal, cache, seconds=seconds)
    if not isinstance(result, dict):
        raise Failure(f"cell_backward returns a {type(result).__name__}, expected a dict of gradients.")
    shapes = {f"d{name}": array.shape for name, array in task.point.items()}
    return expect_tensors(result, shapes, "cell_backward")


def check_backward(student: Student, task: own_cell.Task, where: str, otherwise: str | None = None) -> None:
    """Hold the gradients against the complex step.

    Args:
        otherwise: what it looks like if no more is known.
    """

    def looks_like(wrong: list[str]) -> str | None:
        nothing = task._replace(dfinal=tuple(0 * array for array in task.dfinal))
        try:
            compare(backward(student, nothing, cache), own_cell.gradients(nothing))
        except Failure:
            return otherwise
        return "the gradient into the final state (dfinal) is left out; without it all is right."

    cache = check_forward(student, task, where)
    got = backward(student, task, cache)
    compare(got, own_cell.gradients(task), looks_like=looks_like, where=where)


def shapes_forward(student: Student, rng: np.random.Generator) -> None:
    """cell_forward: shapes, dtypes, untouched inputs"""
    forward(student, draw(student, 3, 2, 4, 5, rng))


def first_step(student: Student, rng: np.random.Generator) -> None:
    """forward, T = 1"""
    check_forward(student, draw(student, 1, 2, 4, 5, rng), "with T = 1")


def sequence(student: Student, rng: np.random.Generator) -> None:
    """forward, a whole sequence"""
    T, B, D, H = rng.integers([5, 2, 2, 3], [20, 5, 6, 8])
    check_forward(student, draw(student, T, B, D, H, rng), f"with T = {T}")


def shapes_backward(student: Student, rng: np.random.Generator) -> None:
    """cell_backward: shapes, dtypes, untouched inputs"""
    task = draw(student, 3, 2, 4, 5, rng)
    backward(student, task, forward(student, task)[1])


def one_step_back(student: Student, rng: np.random.Generator) -> None:
    """backward, T = 1"""
    check_backward(student, draw(student, 1, 2, 4, 5, rng), "with T = 1")


def two_steps_back(student: Student, rng: np.random.Generator) -> None:
    """backward, T = 2"""
    otherwise = (
        "what goes from step 2 back to step 1: every place where h_{t-1} or c_{t-1} stands sends a part, "
        "and parameters sum over the steps."
    )
    check_backward(student, draw(student, 2, 2, 4, 5, rng), "with T = 2", otherwise)


def sequence_back(student: Student, rng: np.random.Generator) -> None:
    """backward, a whole sequence"""
    T, B, D, H = rng.integers([4, 2, 2, 3], [8, 4, 5, 6])
    check_backward(student, draw(student, T, B, D, H, rng), f"with T = {T}")


def sizes_of_one(student: Student, rng: np.random.Generator) -> None:
    """backward, with sizes of one"""
    for B, D, H in ((1, 3, 4), (3, 1, 4), (3, 4, 1), (1, 1, 1)):
        check_backward(student, draw(student, 3, B, D, H, rng), f"with B = {B}, D = {D}, H = {H}")


def caches(student: Student, rng: np.random.Generator) -> None:
    """a cache outlives another forward and backward pass"""
    task, other = draw(student, 4, 2, 3, 4, rng), draw(student, 4, 2, 3, 4, rng)
    cache = forward(student, task)[1]
    backward(student, other, forward(student, other)[1])
    expected = own_cell.gradients(task)
    compare(backward(student, task, cache), expected, where="after another forward and backward pass")
    compare(backward(student, task, cache), expected, where="when asked for a second time")


def large(student: Student, rng: np.random.Generator) -> None:
    """a backward pass that costs no more than one"""
    task = draw(student, *LARGE, rng)
    student.load()
    started = time.perf_counter()
    cache = forward(student, task, MOST)[1]
    seconds = time.perf_counter() - started
    limit = min(MORE + TIMES * seconds, MOST, student.seconds)
    try:
        got = backward(student, task, cache, limit)
    except TooSlow:
        raise Failure(
            f"cell_backward is not done after {limit:.1f} s, with T = {len(task.x)} and H = {LARGE[3]}, "
            f"where cell_forward took {seconds:.2g} s.",
            "differences or complex steps through the forward pass; a backward pass goes through it once.",
        ) from None
    # All entries of all tensors would take as long here: two directions in each are enough.
    directions = {f"d{name}": rng.normal(size=(2, *array.shape)) for name, array in task.point.items()}
    expected = {
        name: own_cell.derivatives(task, name[1:], direction) for name, direction in directions.items()
    }
    compare(own_cell.along(got, directions), expected, where=f"with T = {len(task.x)} and H = {LARGE[3]}")
    PROVEN.add(student)


PROVEN: WeakSet[Student] = WeakSet()
"""Those whose backward pass has been seen to be one."""


def in_earnest(function: Check) -> Check:
    """A check for marks: differences, which get small gradients right, earn nothing."""

    @wraps(function)
    def check(student: Student, rng: np.random.Generator) -> None:
        if student not in PROVEN:
            large(student, rng)
        function(student, rng)

    return check


BACKWARD = (one_step_back, two_steps_back, sequence_back, sizes_of_one, caches)
CHECKS = (shapes_forward, first_step, sequence, shapes_backward, *BACKWARD, large)
HIDDEN = (sequence, large, *map(in_earnest, BACKWARD))
