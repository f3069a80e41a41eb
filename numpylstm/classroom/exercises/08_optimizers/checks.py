"""The checks of exercise 08: the steps of three optimizers, and clipping, held against numpylstm's."""

from functools import partial

import numpy as np

import numpylstm as nl
from numpylstm.classroom import Failure, Student, compare, expect_tensors
from numpylstm.classroom.naming import Bank

REMEMBERED = {"momentum_step": ("v",), "rmsprop_step": ("v",), "adam_step": ("m", "v", "t")}
"""What each step is handed beside theta and the gradient, and returns after theta."""


def draw(rng, n, steps):
    """A training under way, and a gradient and a rate for each of some more steps."""
    return {
        "theta": rng.normal(size=n),
        "m": rng.normal(size=n),
        "v": rng.uniform(0.5, 2, size=n),
        "t": int(rng.integers(1, 4)),
        "grads": rng.normal(size=(steps, n)),
        "lr": rng.uniform(0.05, 0.5, size=steps),
        "betas": (float(rng.uniform(0.3, 0.5)), float(rng.uniform(0.6, 0.9))),
        "eps": float(rng.uniform(0.05, 0.2)),
    }


def draw_start(rng, n, steps):
    """The start of a training, with the usual settings."""
    start = {"m": np.zeros(n), "v": np.zeros(n), "t": 0, "betas": (0.9, 0.999), "eps": 1e-8}
    return draw(rng, n, steps) | start


def draw_for_bank(rng, function):
    """With gradients above 0, so that an error gives numbers, and not the root of a negative one; but to clip
    there are both signs, and the largest magnitude has a minus, so that a lost sign shows."""
    given = draw(rng, n=int(rng.integers(4, 7)), steps=4)
    if function == "clip_norm":
        magnitudes = np.abs(given["grads"]) + 0.1
        rank = np.argsort(np.argsort(-magnitudes, axis=1), axis=1)
        return given | {"grads": np.where(rank % 2 == 0, -1, 1) * magnitudes}
    return given | {name: np.abs(given[name]) + 0.1 for name in ("m", "grads")}


def settings(function, given):
    """All that a step takes beside vectors and the rate."""
    beta1, beta2 = given["betas"]
    return {
        "momentum_step": (beta2,),
        "rmsprop_step": (beta2, given["eps"]),
        "adam_step": (beta1, beta2, given["eps"]),
    }[function]


def walk(student, function, given):
    """Where the student's steps lead, each beginning with what the one before has returned."""
    names = ("theta", *REMEMBERED[function])
    found = {name: given[name] for name in names}
    for grad, lr in zip(given["grads"], given["lr"], strict=True):
        theta, *remembered = found.values()
        result = student.call(function, theta, grad, *remembered, float(lr), *settings(function, given))
        if "t" in names and isinstance(result, tuple) and len(result) == len(names):
            t = result[-1]
            if not isinstance(t, int | np.integer):
                raise Failure(f"t of {function} is {t!r}, expected a whole number.")
            result = (*result[:-1], np.array(float(t)))
        found = expect_tensors(result, {name: np.shape(given[name]) for name in names}, function)
        if "t" in names:
            found["t"] = int(found["t"])
    return {name: np.asarray(array, dtype=float) for name, array in found.items()}


def expected(function, given):
    """Where the library's steps lead."""
    beta1, beta2 = given["betas"]
    optimizer = {
        "momentum_step": nl.SGD(momentum=beta2),
        "rmsprop_step": nl.RMSprop(alpha=beta2, eps=given["eps"]),
        "adam_step": nl.Adam(betas=(beta1, beta2), eps=given["eps"]),
    }[function]
    names, theta = REMEMBERED[function], given["theta"].copy()
    optimizer.moments = {name: given[name].copy() for name in names if name != "t"}
    optimizer.updates = given["t"]
    for grad, lr in zip(given["grads"], given["lr"], strict=True):
        optimizer.lr = lr
        optimizer.step(theta, grad)
    return {"theta": theta} | optimizer.moments | ({"t": float(optimizer.updates)} if "t" in names else {})


def clipped(function, given):
    """What a clip_norm makes of a gradient that is longer than the limit, and of one that is shorter."""
    grad = given["grads"][0]
    norm = float(np.linalg.norm(grad))
    long, norm_of_long = function(grad, 0.5 * norm)
    short, norm_of_short = function(grad, 2 * norm)
    return {
        **{"grad of a long one": long, "norm of a long one": norm_of_long},
        **{"grad of a short one": short, "norm of a short one": norm_of_short},
    }


def clip(student, grad, limit):
    """The student's grad and norm."""
    result = student.call("clip_norm", grad, limit)
    return expect_tensors(result, {"grad": grad.shape, "norm": ()}, "clip_norm").values()


def tensors(student, function, rng):
    """What the banks of errors are made of."""
    given = draw_for_bank(rng, function)
    return (
        clipped(partial(clip, student), given) if function == "clip_norm" else walk(student, function, given)
    )


def hold(student, given, function, where):
    """Compare where the student's steps lead with where they should."""
    bank, run = Bank(function), partial(tensors, student, function)
    with bank.naming(run):
        got = walk(student, function, given)
        compare(got, expected(function, given), looks_like=lambda _: bank.look(run), where=where)


def hold_steps(student, rng, function):
    """Of a training under way and of one that begins, one step and several."""
    hold(student, draw(rng, 5, 1), function, "after a step of a training under way")
    hold(student, draw_start(rng, 5, 1), function, "after the first step")
    hold(student, draw(rng, 6, 5), function, "after 5 steps")
    hold(student, draw_start(rng, 6, 20), function, "after 20 steps")
    hold(student, draw(rng, 1, 3), function, "for a theta of one number")


def momentum(student: Student, rng: np.random.Generator) -> None:
    """momentum, one step and several"""
    hold_steps(student, rng, "momentum_step")


def rmsprop(student: Student, rng: np.random.Generator) -> None:
    """RMSprop, one step and several"""
    hold_steps(student, rng, "rmsprop_step")


def adam(student: Student, rng: np.random.Generator) -> None:
    """Adam, one step and several"""
    hold_steps(student, rng, "adam_step")


def silent_entries(student: Student, rng: np.random.Generator) -> None:
    """an entry of theta whose gradient is always 0"""
    for function in REMEMBERED:
        given = draw_start(rng, 3, 4)
        given["grads"][:, 1] = 0
        hold(student, given, function, "where an entry of the gradient is always 0")


def clipping(student: Student, rng: np.random.Generator) -> None:
    """clip_norm of gradients longer and shorter than the limit"""
    bank, run = Bank("clip_norm"), partial(tensors, student, "clip_norm")
    for n in (5, 1):
        given = draw(rng, n, 1)
        given["grads"] *= 5 / np.linalg.norm(given["grads"])
        with bank.naming(run):
            # 1e-6 added to the norm, as is often done, is no error here.
            got, right = clipped(partial(clip, student), given), clipped(nl.optimizers.clip_norm, given)
            compare(got, right, 1e-5, lambda _: bank.look(run))


def clipping_nothing(student: Student, rng: np.random.Generator) -> None:
    """clip_norm of a gradient of zeros"""
    result = student.call("clip_norm", np.zeros(3), 1.0)
    try:
        got = expect_tensors(result, {"grad": (3,), "norm": ()}, "clip_norm")
    except Failure as failure:
        if "not finite" in failure.message:
            failure.message += " The gradient was all zeros."
            failure.looks_like = "limit / norm divides by 0: divide only where the norm is above the limit."
        raise
    compare(got, {"grad": np.zeros(3), "norm": np.zeros(())}, where="for a gradient of zeros")


CHECKS = [momentum, rmsprop, adam, silent_entries, clipping, clipping_nothing]
HIDDEN = [momentum, rmsprop, adam, clipping]
MARKS = 0
