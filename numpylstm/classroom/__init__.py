"""Exercises, a checker that says what is wrong, and grading.

A check calls a student's functions in a process of their own (`Student`) and holds what comes back against
the library (`compare`), or raises a `Failure` in words of its own:

    def sequence(student, rng):
        \"\"\"a whole sequence\"\"\"
        x = rng.normal(size=(7, 3, 4))
        ...
        y, cache = student.call("forward", x, W, kept=(1,))
        compare({"y": y}, {"y": expected})
"""

from .checking import CheckReport, check
from .exercise import Exercise, exercises
from .failure import Failure, TooSlow, compare, expect_tensors
from .student import Student

__all__ = [
    "CheckReport",
    "Exercise",
    "Failure",
    "Student",
    "TooSlow",
    "check",
    "compare",
    "exercises",
    "expect_tensors",
]
