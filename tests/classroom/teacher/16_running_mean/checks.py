"""What a running mean has to be."""

import numpy as np

from numpylstm.classroom import compare, expect_tensors


def shapes(student, rng):
    """shapes and dtypes"""
    expect_tensors(student.call("running_mean", rng.normal(size=(5, 3))), {"m": (5, 3)}, "running_mean")


def first_step(student, rng):
    """T = 1: the mean of one number"""
    x = rng.normal(size=(1, 2))
    compare({"m": student.call("running_mean", x)}, {"m": x}, where="with T = 1")


def sequence(student, rng):
    """a whole sequence"""
    x = rng.normal(size=(rng.integers(2, 9), rng.integers(1, 4)))
    expected = np.array([x[: t + 1].mean(axis=0) for t in range(len(x))])
    named = {"m": student.call("running_mean", x)}
    shifted = expected * np.arange(1, len(x) + 1)[:, None] / np.arange(2, len(x) + 2)[:, None]

    def looks_like(wrong):
        return "the sum was divided by t + 2." if np.allclose(named["m"], shifted) else None

    compare(named, {"m": expected}, looks_like=looks_like)


CHECKS = (shapes, first_step, sequence)
HIDDEN = (sequence, first_step)
MARKS = 5
