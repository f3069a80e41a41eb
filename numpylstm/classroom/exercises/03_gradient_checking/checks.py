"""What numerical derivatives have to be: their own formulas to rounding, and the errors they are known by."""

from collections.abc import Callable
from typing import Any

import numpy as np

from numpylstm.classroom import Failure, Student, compare, expect_tensors, the_one

Function = Callable[[np.ndarray], Any]

STEP = 0.1
"""So large that each formula has an error of its own, by which it can be told from the others."""


def problem(rng: np.random.Generator, n: int) -> tuple[Function, np.ndarray, np.ndarray]:
    """f(x) = exp(v x) sin(w x), a point, and the gradient there."""
    v, w, x = 0.5 * rng.normal(size=n), rng.uniform(0.5, 1.5, n), rng.normal(size=n)

    def f(x: np.ndarray) -> Any:
        if np.shape(x) != (n,):
            raise ValueError(f"f takes x of shape {(n,)}, got {np.shape(x)}")
        return np.exp(v @ x) * np.sin(w @ x)

    return f, x, np.exp(v @ x) * (np.sin(w @ x) * v + np.cos(w @ x) * w)


def each(x: np.ndarray, derivative: Callable[[np.ndarray], Any]) -> np.ndarray:
    """`derivative` along each axis."""
    return np.array([derivative(e) for e in np.eye(len(x))])


def forward(f: Function, x: np.ndarray, h: float) -> np.ndarray:
    return each(x, lambda e: (f(x + h * e) - f(x)) / h)


def central(f: Function, x: np.ndarray, h: float) -> np.ndarray:
    return each(x, lambda e: (f(x + h * e) - f(x - h * e)) / (2 * h))


def extrapolated(f: Function, x: np.ndarray, h: float) -> np.ndarray:
    return (4 * central(f, x, h / 2) - central(f, x, h)) / 3


def piled_up(f: Function, x: np.ndarray, h: float) -> np.ndarray:
    """Forward differences in which no entry is set back."""
    sums = np.cumsum(np.eye(len(x)), axis=0)
    return np.array([(f(x + h * up) - f(x)) / h for up in sums])


def all_at_once(f: Function, x: np.ndarray, h: float, quotient: Callable[..., Any]) -> np.ndarray:
    """The derivative along (1, 1, ..., 1), at every entry."""
    return np.full(len(x), quotient(np.ones(len(x))))


def difference_errors(f: Function, x: np.ndarray, h: float, exact: np.ndarray, name: str) -> dict[str, Any]:
    ones = np.ones(len(x))
    formulas = {
        "forward_difference": forward(f, x, h),
        "central_difference": central(f, x, h),
        "richardson": extrapolated(f, x, h),
        "complex_step": exact,
    }
    errors = {f"this is what {other} is to give.": formulas[other] for other in formulas if other != name}
    errors |= {
        "the difference was taken backward: f(x) - f(x - h e_k).": forward(f, x, -h),
        "the whole of x was moved at once: only entry k is, for the derivative by x_k.": np.full(
            len(x), (f(x + h * ones) - f(x)) / h if name == "forward_difference" else _along(f, x, h, ones)
        ),
        "the division by h was forgotten.": formulas[name] * h,
        "the difference was divided by h: it spans 2 h.": 2 * formulas[name],
        "the sign is wrong: what comes later less what comes before.": -formulas[name],
    }
    if name == "forward_difference":
        errors["an entry was not set back before the next one was moved."] = piled_up(f, x, h)
        errors["the difference was divided by 2 h: it spans h."] = formulas[name] / 2
    if name == "central_difference":
        errors["the step is too long: x - h e_k to x + h e_k."] = central(f, x, 2 * h)
        errors["the step is too short: x - h e_k to x + h e_k."] = central(f, x, h / 2)
    if name == "richardson":
        whole, half, twice = central(f, x, h), central(f, x, h / 2), central(f, x, 2 * h)
        errors |= {
            "C(h) and C(2 h) were taken: C(h/2) and C(h) are meant.": (4 * whole - twice) / 3,
            "C(h) and C(h/2) stand in each other's place.": (4 * whole - half) / 3,
            "the division by 3 was forgotten.": 4 * half - whole,
            "2 C(h/2) - C(h) would be right for an error of order h; C's is of order h².": 2 * half - whole,
            "forward differences were put together: C is the central one.": (
                (4 * forward(f, x, h / 2) - forward(f, x, h)) / 3
            ),
            "forward differences were put together, and rightly for them: C is the central one.": (
                2 * forward(f, x, h / 2) - forward(f, x, h)
            ),
        }
    return {sentence: {"gradient": gradient} for sentence, gradient in errors.items()}


def _along(f: Function, x: np.ndarray, h: float, direction: np.ndarray) -> Any:
    return (f(x + h * direction) - f(x - h * direction)) / (2 * h)


def check_formula(student: Student, rng: np.random.Generator, name: str, formula: Any, n: int) -> None:
    f, x, exact = problem(rng, n)
    where = "with n = 1" if n == 1 else ""
    # Two steps: one that a file writes down for itself fits neither.
    for h in (STEP, STEP * rng.uniform(0.5, 0.9)):
        got = expect_tensors(student.call(name, f, x, h), {"gradient": (n,)}, name)
        expected = formula(f, x, h)

        def looks_like(
            _: list[str], got: Any = got["gradient"], expected: Any = expected, h: float = h
        ) -> Any:
            found = the_one({"gradient": got}, difference_errors(f, x, h, exact, name)) if n > 1 else None
            if not found and np.linalg.norm(got - exact) < 0.01 * np.linalg.norm(expected - exact):
                return (
                    "another step than h: this is nearer to the derivative than the formula is with that h."
                )
            return found

        compare(got, {"gradient": expected}, looks_like=looks_like, where=where)


def forward_differences(student: Student, rng: np.random.Generator) -> None:
    """forward differences"""
    check_formula(student, rng, "forward_difference", forward, int(rng.integers(3, 6)))
    check_formula(student, rng, "forward_difference", forward, 1)


def central_differences(student: Student, rng: np.random.Generator) -> None:
    """central differences"""
    check_formula(student, rng, "central_difference", central, int(rng.integers(3, 6)))
    check_formula(student, rng, "central_difference", central, 1)


def richardsons(student: Student, rng: np.random.Generator) -> None:
    """Richardson's extrapolation"""
    check_formula(student, rng, "richardson", extrapolated, int(rng.integers(3, 6)))
    check_formula(student, rng, "richardson", extrapolated, 1)


def complex_steps(student: Student, rng: np.random.Generator) -> None:
    """the complex step, right to rounding"""
    for n in (int(rng.integers(3, 6)), 1):
        f, x, exact = problem(rng, n)
        got = expect_tensors(student.call("complex_step", f, x), {"gradient": (n,)}, "complex_step")
        ones, h = np.ones(n), 1e-20
        errors = {
            "the real part was taken: the derivative is in the imaginary one.": f(x) / h * ones,
            "the division by h was forgotten.": exact * h,
            "the whole of x was moved at once: only entry k is, for the derivative by x_k.": exact.sum()
            * ones,
            "the division is by 2 h, but by h here: nothing is taken at two sides.": exact / 2,
            "the sign is wrong.": -exact,
            "nothing of the step reached f: it is 1j * h, and the point a complex array.": 0 * exact,
        }
        tensors = {sentence: {"gradient": gradient} for sentence, gradient in errors.items()}
        where = "with n = 1" if n == 1 else ""

        def looks_like(
            _: list[str], got: Any = got, tensors: Any = tensors, exact: Any = exact
        ) -> str | None:
            error = np.linalg.norm(got["gradient"] - exact) / np.linalg.norm(exact)
            if 1e-12 < error < 1e-5:
                return "differences: something was subtracted on the way, or h is too large."
            return the_one(got, tensors)

        compare(got, {"gradient": exact}, 1e-12, looks_like, where if n == 1 else "")


def check_gradients(student: Student, rng: np.random.Generator) -> None:
    """which of several gradients are right"""
    n = int(rng.integers(3, 6))
    f, x, exact = problem(rng, n)
    size, one = np.linalg.norm(exact), np.eye(n)[rng.integers(n)]
    candidates = [
        ("the right one, off by less than 1e-15,", exact, True),
        ("the right one but for rounding, off by 1e-13,", exact * (1 + 1e-13), True),
        ("the one with the wrong sign", -exact, False),
        ("the one in the wrong order", np.roll(exact, 1), False),
        ("the one that is twice too large", 2 * exact, False),
        ("the one that is zero", 0 * exact, False),
        ("the one with a NaN", np.where(one > 0, np.nan, exact), False),
        ("the one that is off by 1e-4 in one entry", exact + 1e-4 * size * one, False),
        ("the one that is off by 1e-7 in one entry", exact + 1e-7 * size * one, False),
    ]
    judge(student, rng, f, x, candidates)


def zero_gradients(student: Student, rng: np.random.Generator) -> None:
    """which are right at a minimum, where the gradient is zero; and none to be judged"""
    n = int(rng.integers(2, 5))
    x = rng.normal(size=n)

    def f(at: np.ndarray) -> Any:
        return ((at - x) ** 2).sum()

    candidates = [
        ("the one that is zero, at a minimum,", 0 * x, True),
        ("the one that is 1e-3, at a minimum,", 1e-3 + 0 * x, False),
    ]
    judge(student, rng, f, x, candidates)
    judge(student, rng, f, x, [])


def judge(student: Student, rng: np.random.Generator, f: Any, x: Any, candidates: list[Any]) -> None:
    candidates = [candidates[k] for k in rng.permutation(len(candidates))]
    gradients = tuple(gradient for _, gradient, _ in candidates)
    got = student.call("check_gradient", f, x, gradients)
    if not isinstance(got, list | tuple) and not (isinstance(got, np.ndarray) and got.ndim == 1):
        raise Failure(f"check_gradient returns {got!r:.60}, expected a list of True or False.")
    if len(got) != len(candidates):
        raise Failure(f"check_gradient returns {len(got)} values for {len(candidates)} gradients.")
    if not all(isinstance(said, bool | np.bool_) for said in got):
        raise Failure(f"check_gradient returns {got!r:.60}, expected a list of True or False.")
    for said, (name, _, right) in zip(got, candidates, strict=True):
        if bool(said) != right:
            looks_like = None
            if "1e-7" in name:
                looks_like = (
                    "central differences as the reference: they are off themselves by more than that."
                )
            elif "1e-4" in name:
                looks_like = "a tolerance far above TOLERANCE."
            elif "minimum" in name and right:
                looks_like = "0 / 0, or < where <= belongs."
            ought = "right: at most TOLERANCE = 1e-9 is allowed" if right else "wrong"
            raise Failure(
                f"check_gradient calls {name} {'right' if said else 'wrong'}; it is {ought}.", looks_like
            )


CHECKS = (
    forward_differences,
    central_differences,
    richardsons,
    complex_steps,
    check_gradients,
    zero_gradients,
)
HIDDEN = CHECKS
MARKS = 0
