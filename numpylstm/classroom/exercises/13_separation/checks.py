"""What a ratio mask and the discriminative loss have to be, forward and backward, and their known errors."""

from typing import Any

import numpy as np

import numpylstm as nl
from numpylstm.classroom import (
    Failure,
    Student,
    compare,
    compare_number,
    expect_number,
    expect_parts,
    expect_tensors,
    the_one,
)

EPS = 0.3
"""Large, so that it shows where it was put."""

STEP = 1e-20
"""Of the complex step."""

Arrays = dict[str, np.ndarray]


def problem(rng: np.random.Generator, T: int, B: int, F: int) -> Arrays:
    x, a1, a2 = rng.uniform(0.2, 2, (T, B, F)), rng.normal(size=(T, B, F)), rng.normal(size=(T, B, F))
    return {"x": x, "a1": a1, "a2": a2}


def shapes_from(rng: np.random.Generator) -> list[tuple[tuple[int, int, int], str]]:
    T, B, F = (int(n) for n in rng.integers(2, 6, size=3))
    return [((T, B, F), ""), ((1, B, F), "with T = 1"), ((T, 1, 1), "with B = F = 1")]


def estimates(x: Any, a1: Any, a2: Any, eps: float) -> Arrays:
    size1, size2 = np.sqrt(a1 * a1 + eps * eps), np.sqrt(a2 * a2 + eps * eps)
    m = size1 / (size1 + size2)
    return {"y1": m * x, "y2": (1 - m) * x}


def ask(student: Student, given: Arrays, eps: float, dtype: Any = float) -> tuple[Arrays, Any]:
    got = student.call("mask_forward", given["x"], given["a1"], given["a2"], eps, kept=(2,))
    got = expect_parts(got, ("y1", "y2", "cache"), "mask_forward")
    if dtype is complex and any(isinstance(y, np.ndarray) and y.dtype == float for y in got[:2]):
        name = "y1" if got[0].dtype == float else "y2"
        raise Failure(
            f"{name} of mask_forward is real when a score is complex: the complex step sees no derivative.",
            "np.abs, .real or an array made for floats dropped the imaginary part.",
        )
    shape = given["x"].shape
    return expect_tensors(got[:2], {"y1": shape, "y2": shape}, "mask_forward", dtype), got[2]


def forward_errors(x: np.ndarray, a1: np.ndarray, a2: np.ndarray, eps: float) -> dict[str, Arrays]:
    right = estimates(x, a1, a2, eps)

    def shared(m: np.ndarray) -> Arrays:
        return {"y1": m * x, "y2": (1 - m) * x}

    size1, size2 = np.sqrt(a1 * a1 + eps * eps), np.sqrt(a2 * a2 + eps * eps)
    n1, n2 = abs(a1), abs(a2)
    return {
        "the estimates are in each other's place: y1 = m x.": {"y1": right["y2"], "y2": right["y1"]},
        "eps was added to the sum: it belongs inside each root.": shared(n1 / (n1 + n2 + eps)),
        "eps was added to the sum, and y2 has a mask of its own: it is the rest, (1 - m) x.": {
            "y1": n1 / (n1 + n2 + eps) * x,
            "y2": n2 / (n1 + n2 + eps) * x,
        },
        "eps was not used: |a| = sqrt(a² + eps²).": shared(n1 / (n1 + n2)),
        "eps was added to |a| itself: |a| = sqrt(a² + eps²).": shared((n1 + eps) / (n1 + n2 + 2 * eps)),
        "eps was not squared: |a| = sqrt(a² + eps²).": shared(estimates(1, a1, a2, eps**0.5)["y1"]),
        "the root is missing: a² + eps² in place of its root.": shared(size1**2 / (size1**2 + size2**2)),
        "the scores were taken without |a|.": shared(a1 / (a1 + a2)),
        "a softmax in place of the ratio.": shared(1 / (1 + np.exp(a2 - a1))),
        "the mask itself was returned, not multiplied by x.": {
            "y1": size1 / (size1 + size2),
            "y2": size2 / (size1 + size2),
        },
        "y1 is x masked, but y2 is x: it is what is left, (1 - m) x.": {"y1": right["y1"], "y2": x + 0.0},
    }


def check_forward(student: Student, given: Arrays, eps: float, where: str) -> None:
    got, _ = ask(student, given, eps)

    def looks_like(_: list[str]) -> str | None:
        with np.errstate(all="ignore"):
            return the_one(got, forward_errors(**given, eps=eps))

    compare(got, estimates(**given, eps=eps), looks_like=looks_like, where=where)


def forward_shapes(student: Student, rng: np.random.Generator) -> None:
    """shapes and dtypes"""
    ask(student, problem(rng, 4, 3, 2), EPS)


def forwards(student: Student, rng: np.random.Generator) -> None:
    """both estimates"""
    for shape, where in shapes_from(rng):
        check_forward(student, problem(rng, *shape), EPS, where)
    check_forward(student, problem(rng, 3, 2, 4), 1e-8, "with eps = 1e-8")


def sums(student: Student, rng: np.random.Generator) -> None:
    """the estimates sum to the mixture, also where both scores are 0"""
    given = problem(rng, 4, 2, 3)
    given["a1"][0] = given["a2"][0] = 0
    got = student.call("mask_forward", given["x"], given["a1"], given["a2"], 1e-8, kept=(2,))
    if isinstance(got, tuple) and len(got) == 3 and isinstance(got[0], np.ndarray) and np.isnan(got[0]).any():
        raise Failure(
            "y1 is NaN where both scores are 0; there each source gets half.", "0 / 0: eps is missing."
        )
    got, _ = ask(student, given, 1e-8)
    compare({"y1 + y2": got["y1"] + got["y2"]}, {"y1 + y2": given["x"]}, where="as the mixture x")
    compare(got, estimates(**given, eps=1e-8), where="where both scores are 0")


def complex_forwards(student: Student, rng: np.random.Generator) -> None:
    """complex numbers pass through"""
    for name in ("a1", "a2", "x"):
        given = problem(rng, 3, 2, 2)
        direction = rng.normal(size=given[name].shape)
        moved = given | {name: given[name] + 1j * STEP * direction}
        got, _ = ask(student, moved, EPS, complex)
        expected = estimates(**moved, eps=EPS)
        slopes = {f"d{key}": array.imag / STEP for key, array in got.items()}
        if not any(slope.any() for slope in slopes.values()):
            raise Failure(
                f"the imaginary parts of y1 and y2 are 0 for a complex {name}: a complex step sees nothing.",
                "np.abs, .real or an array made for floats dropped the imaginary part.",
            )
        right = {f"d{key}": array.imag / STEP for key, array in expected.items()}
        compare(slopes, right, where=f"by a complex step in {name}")


def gradients(given: Arrays, dy1: np.ndarray, dy2: np.ndarray, eps: float) -> Arrays:
    """By the complex step."""
    result = {}
    for name, array in given.items():
        # Each entry of y hangs on the same entry of x, a1, a2 alone: all of them can be moved at once.
        moved = estimates(**(given | {name: array + 1j * STEP}), eps=eps)
        result[f"d{name}"] = (dy1 * moved["y1"].imag + dy2 * moved["y2"].imag) / STEP
    return result


def backward_errors(given: Arrays, dy1: np.ndarray, dy2: np.ndarray, eps: float) -> dict[str, Arrays]:
    x, a1, a2 = given["x"], given["a1"], given["a2"]
    size1, size2 = np.sqrt(a1 * a1 + eps * eps), np.sqrt(a2 * a2 + eps * eps)
    n = size1 + size2
    m = size1 / n
    right = gradients(given, dy1, dy2, eps)

    def by(
        dm: np.ndarray, by1: Any = (1 - m) / n, by2: Any = -m / n, slope: Any = lambda a, size: a / size
    ) -> Arrays:
        return {"da1": dm * by1 * slope(a1, size1), "da2": dm * by2 * slope(a2, size2)}

    dm = (dy1 - dy2) * x
    variants: dict[str, Arrays] = {
        "dy2 was forgotten: m stands in y2 = (1 - m) x too.": right | {"dx": m * dy1} | by(dy1 * x),
        "dm = (dy1 - dy2) x: dy2 was forgotten there.": by(dy1 * x),
        "dm = (dy1 - dy2) x: the minus was a plus.": by((dy1 + dy2) * x),
        "dm = (dy1 - dy2) x: x was forgotten.": by(dy1 - dy2),
        "dm = (dy1 - dy2) x: the sign is wrong.": by(-dm),
        "dx = m dy1 + (1 - m) dy2: the second part was forgotten.": {"dx": m * dy1},
        "dx = m dy1 + (1 - m) dy2: m and 1 - m stand in each other's place.": {"dx": (1 - m) * dy1 + m * dy2},
        "dx = m dy1 + (1 - m) dy2: m was forgotten.": {"dx": dy1 + dy2},
        "a2 makes m smaller: its sign is wrong.": {"da2": -right["da2"]},
        "m and 1 - m stand in each other's place in da1 and da2.": by(dm, m / n, -(1 - m) / n),
        "m hangs on |a1| in the denominator too: dm/d|a1| = (1 - m) / n.": {"da1": by(dm, 1 / n)["da1"]},
        "the division by n = |a1| + |a2| was forgotten.": by(dm, 1 - m, -m),
        "the division is by n² where n was meant, or the mask was divided once more.": by(
            dm, (1 - m) / n**2, -m / n**2
        ),
        "the derivative of |a| was forgotten: a / |a|.": by(dm, slope=lambda a, size: 1.0),
        "the sign of a for the derivative of |a|: with eps it is a / |a|.": by(
            dm, slope=lambda a, size: np.sign(a)
        ),
        "the derivative of |a| is a / |a|, not a.": by(dm, slope=lambda a, size: a),
        "da1 and da2 stand in each other's place.": {"da1": right["da2"], "da2": right["da1"]},
        "da2 is -da1: that is so for a softmax, not for a ratio.": {"da2": -right["da1"]},
    }
    return {sentence: right | tensors for sentence, tensors in variants.items()}


def check_backward(student: Student, rng: np.random.Generator, shape: tuple[int, ...], where: str) -> None:
    given = problem(rng, *shape)
    _, cache = ask(student, given, EPS)
    other = problem(rng, *shape)
    ask(student, other, EPS)  # a cache is a value: another forward pass does not spoil it
    dy1, dy2 = rng.normal(size=shape), rng.normal(size=shape)
    names = {f"d{name}": shape for name in given}
    got = expect_tensors(student.call("mask_backward", dy1, dy2, cache), names, "mask_backward")

    def looks_like(_: list[str]) -> str | None:
        if the_one(got, {"last": gradients(other, dy1, dy2, EPS)}):
            return "the last forward pass was differentiated, not the one whose cache was handed over."
        return the_one(got, backward_errors(given, dy1, dy2, EPS))

    compare(got, gradients(given, dy1, dy2, EPS), looks_like=looks_like, where=where)
    again = expect_tensors(student.call("mask_backward", dy1, dy2, cache), names, "mask_backward")
    if any(not np.array_equal(got[name], again[name]) for name in names):
        raise Failure(
            "a second mask_backward with the same cache gives other gradients.",
            "mask_backward writes into its cache.",
        )


def backwards(student: Student, rng: np.random.Generator) -> None:
    """the backward pass"""
    for shape, where in shapes_from(rng):
        check_backward(student, rng, shape, where)


def loss_errors(y1, y2, s1, s2, gamma) -> dict[str, float]:
    def mean(a: np.ndarray, b: np.ndarray) -> float:
        return float(((y1 - a) ** 2 + (y2 - b) ** 2).sum() / (2 * y1.size))

    right, swapped = mean(s1, s2), mean(s2, s1)
    return {
        "sums in place of means.": 2 * y1.size * (right - gamma * swapped),
        "the means of both estimates were added: it is one mean over all of their entries.": 2
        * (right - gamma * swapped),
        "gamma was not used: the second mean is missing.": right,
        "gamma was not used: the second mean was taken off whole.": right - swapped,
        "the second mean is taken off, not added.": right + gamma * swapped,
        "the sources are swapped in the first mean, not in the second.": swapped - gamma * right,
        "the sources are not swapped in the second mean.": (1 - gamma) * right,
        "half of the squares was taken.": (right - gamma * swapped) / 2,
    }


def check_loss(
    student: Student, rng: np.random.Generator, shape: tuple[int, ...], gamma: float, where: str
) -> None:
    y1, y2, s1, s2 = (rng.uniform(0, 2, shape) for _ in range(4))
    got = student.call("discriminative_loss", y1, y2, s1, s2, gamma)
    got = expect_parts(got, ("loss", "dy1", "dy2"), "discriminative_loss")
    loss = expect_number(got[0], "loss", "discriminative_loss")
    tensors = expect_tensors(got[1:], {"dy1": shape, "dy2": shape}, "discriminative_loss")
    pair, truth = np.concatenate([y1, y2], axis=-1), np.concatenate([s1, s2], axis=-1)
    expected, dy = nl.losses.discriminative(pair, truth, gamma=gamma)
    compare_number(
        loss, expected, "the loss", loss_errors(y1, y2, s1, s2, gamma) if gamma else {}, where=where
    )
    right = dict(zip(("dy1", "dy2"), np.split(dy, 2, axis=-1), strict=True))

    def looks_like(_: list[str]) -> str | None:
        plain = {"dy1": (y1 - s1) / y1.size, "dy2": (y2 - s2) / y1.size}
        variants = {
            "the gradient has no part with gamma.": plain,
            "the part with gamma has the wrong sign.": {key: 2 * plain[key] - right[key] for key in right},
            "half of what it is: a factor of 2 is missing, that of the squares perhaps.": (
                {key: right[key] / 2 for key in right}
            ),
            "twice too large: the mean is over 2 T B F numbers.": {key: 2 * right[key] for key in right},
            "the gradient was not divided by the number of entries.": (
                {key: right[key] * 2 * y1.size for key in right}
            ),
            "the gradient was not divided by the number of entries, and its factor 2 is missing.": (
                {key: right[key] * y1.size for key in right}
            ),
            "the sign is wrong: y - s.": {key: -right[key] for key in right},
            "dy1 and dy2 stand in each other's place.": {"dy1": right["dy2"], "dy2": right["dy1"]},
        }
        return the_one(tensors, variants) if gamma else None

    compare(tensors, right, looks_like=looks_like, where=where)


def losses(student: Student, rng: np.random.Generator) -> None:
    """the discriminative loss and its gradient"""
    for shape, where in shapes_from(rng):
        check_loss(student, rng, shape, float(rng.uniform(0.1, 0.4)), where)
    check_loss(student, rng, (2, 2, 3), 0.0, "with gamma = 0")


CHECKS = (forward_shapes, forwards, sums, complex_forwards, backwards, losses)
HIDDEN = (forwards, sums, complex_forwards, backwards, losses)
MARKS = 0
