"""The checks of exercise 07: gru_forward and gru_backward are held against numpylstm.GRU."""

from functools import partial

import numpy as np

import numpylstm as nl
from numpylstm.classroom import Failure, Student, compare, expect_tensors
from numpylstm.classroom.naming import Bank

GIVEN = ("x", "h0", "W_x", "W_h", "b_x", "b_h")


def draw(rng, T, B, D, H):
    """One problem: inputs, state and weights, and the gradients that come from outside."""
    shapes = {
        **{"x": (T, B, D), "h0": (B, H), "W_x": (3 * H, D), "W_h": (3 * H, H)},
        **{"b_x": (3 * H,), "b_h": (3 * H,), "dh": (T, B, H), "dh_T": (B, H)},
    }
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def draw_for_bank(rng):
    """With as many inputs as units, so that a transposed matrix can be multiplied too."""
    H = int(rng.integers(3, 5))
    return draw(rng, T=int(rng.integers(5, 7)), B=int(rng.integers(2, 4)), D=H, H=H)


def forward(student, given, reset_after):
    """The student's {"h": h}, and the cache."""
    result = student.call("gru_forward", *(given[name] for name in GIVEN), reset_after, kept=(1,))
    if not isinstance(result, tuple) or len(result) != 2:
        raise Failure("gru_forward has to return a tuple of two: h, cache.")
    return expect_tensors(result[0], {"h": given["dh"].shape}, "gru_forward"), result[1]


def backward(student, given, reset_after):
    """The student's gradients by name."""
    _, cache = forward(student, given, reset_after)
    result = student.call("gru_backward", given["dh"], given["dh_T"], cache)
    return expect_tensors(result, {f"d{name}": given[name].shape for name in GIVEN}, "gru_backward")


def expected(given, reset_after):
    """h, and the gradients, by the library."""
    gru = nl.GRU(given["x"].shape[2], given["h0"].shape[1], reset_after=reset_after, init="zeros")
    for name, param in gru.params.items():
        param[...] = given[name]
    h, _, cache = gru.forward(given["x"], (given["h0"],))
    dx, (dh0,) = gru.backward(given["dh"], cache, (given["dh_T"],))
    return {"h": h}, {"dx": dx, "dh0": dh0} | {f"d{name}": grad for name, grad in gru.grads.items()}


def parts(student, given, part, reset_after):
    """The student's {"h": h}, or gradients by name."""
    return (
        forward(student, given, reset_after)[0]
        if part == "forward"
        else backward(student, given, reset_after)
    )


def tensors(student, part, reset_after, rng):
    """What the banks of errors are made of: "forward" or "backward" on a problem of theirs."""
    return parts(student, draw_for_bank(rng), part, reset_after)


def hold(student, rng, part, reset_after, T=3, B=2, D=4, H=5):
    """Compare one part of the student's work with what is expected."""
    bank = Bank(f"gru_{part}_reset_{'after' if reset_after else 'before'}")
    run = partial(tensors, student, part, reset_after)
    given = draw(rng, T, B, D, H)
    ones = "".join(f", {name} = 1" for name, size in (("B", B), ("D", D), ("H", H)) if size == 1)
    with bank.naming(run):
        got = parts(student, given, part, reset_after)
        right = expected(given, reset_after)[part == "backward"]
        where = f"with reset_after={reset_after}, T = {T}{ones}"
        compare(got, right, looks_like=lambda _: bank.look(run), where=where)


def forward_one_step(student: Student, rng: np.random.Generator) -> None:
    """forward, one step, reset_after=True"""
    hold(student, rng, "forward", True, T=1)


def forward_sequence(student: Student, rng: np.random.Generator) -> None:
    """forward, two steps and a whole sequence, reset_after=True"""
    hold(student, rng, "forward", True, T=2)
    hold(student, rng, "forward", True, T=7)


def forward_reset_before(student: Student, rng: np.random.Generator) -> None:
    """forward, one step and a whole sequence, reset_after=False"""
    hold(student, rng, "forward", False, T=1)
    hold(student, rng, "forward", False, T=7)


def backward_one_step(student: Student, rng: np.random.Generator) -> None:
    """backward, one step, reset_after=True"""
    hold(student, rng, "backward", True, T=1)


def backward_two_steps(student: Student, rng: np.random.Generator) -> None:
    """backward, two steps, reset_after=True"""
    hold(student, rng, "backward", True, T=2)


def backward_sequence(student: Student, rng: np.random.Generator) -> None:
    """backward, a whole sequence, reset_after=True"""
    hold(student, rng, "backward", True, T=7)


def backward_reset_before(student: Student, rng: np.random.Generator) -> None:
    """backward, one step, two steps and a whole sequence, reset_after=False"""
    for T in (1, 2, 7):
        hold(student, rng, "backward", False, T=T)


def sizes_of_one(student: Student, rng: np.random.Generator) -> None:
    """a batch of one, one unit, one input, and all of them"""
    for sizes in ({"B": 1}, {"H": 1}, {"D": 1}, {"B": 1, "D": 1, "H": 1}):
        for reset_after in (True, False):
            hold(student, rng, "forward", reset_after, **sizes)
            hold(student, rng, "backward", reset_after, **sizes)


def any_sizes(student: Student, rng: np.random.Generator) -> None:
    """sizes at random"""
    for reset_after in (True, False):
        T, B, D, H = (int(size) for size in rng.integers(1, 9, size=4))
        hold(student, rng, "forward", reset_after, T, B, D, H)
        hold(student, rng, "backward", reset_after, T, B, D, H)


def two_at_once(student: Student, rng: np.random.Generator) -> None:
    """two forward passes before their backward passes"""
    first, second = draw(rng, 4, 2, 3, 3), draw(rng, 4, 2, 3, 3)
    caches = [forward(student, given, True)[1] for given in (first, second)]
    for given, cache in zip((first, second), caches, strict=True):
        result = student.call("gru_backward", given["dh"], given["dh_T"], cache)
        got = expect_tensors(result, {f"d{name}": given[name].shape for name in GIVEN}, "gru_backward")
        try:
            compare(got, expected(given, True)[1], where="where two forward passes came before")
        except Failure as failure:
            failure.looks_like = "the second pass overwrites what the first has kept: keep all in the cache."
            raise


CHECKS = [
    *(forward_one_step, forward_sequence, forward_reset_before),
    *(backward_one_step, backward_two_steps, backward_sequence, backward_reset_before),
    *(sizes_of_one, two_at_once),
]
HIDDEN = [forward_sequence, forward_reset_before, backward_sequence, backward_reset_before, any_sizes]
MARKS = 0
