"""The gradients of an LSTM, held against those of nl.LSTM, which the complex step has proven."""

from typing import Any

import numpy as np

import numpylstm as nl
from numpylstm.classroom import Failure, Student, compare, expect_tensors
from numpylstm.classroom.naming import Bank

MARKS = 0


def problem(rng: np.random.Generator, T: int, B: int, D: int, H: int) -> dict[str, np.ndarray]:
    """Everything that the forward and the backward pass are handed; nothing in it is zero."""
    shapes = {
        "x": (T, B, D),
        "h0": (B, H),
        "c0": (B, H),
        "W_x": (4 * H, D),
        "W_h": (4 * H, H),
        "b": (4 * H,),
        "dh": (T, B, H),
        "dh_T": (B, H),
        "dc_T": (B, H),
    }
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def bank_problem(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What the known errors were recorded on: all sizes differ."""
    return problem(rng, *map(int, rng.permutation([3, 4, 5, 6])))


def library(p: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Outputs and gradients as nl.LSTM has them."""
    H, D = p["h0"].shape[1], p["x"].shape[2]
    lstm = nl.LSTM(D, H, seed=0)
    for name in ("W_x", "W_h", "b"):
        lstm.params[name][...] = p[name]
    h, (h_T, c_T), cache = lstm.forward(p["x"], (p["h0"], p["c0"]))
    outputs = {"h": h, "h_T": h_T, "c_T": c_T}
    dx, (dh0, dc0) = lstm.backward(p["dh"], cache, (p["dh_T"], p["dc_T"]))
    weights = {f"d{name}": lstm.grads[name] for name in ("W_x", "W_h", "b")}
    return outputs, {"dx": dx, "dh0": dh0, "dc0": dc0, **weights}


def forward(student: Student, p: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], Any]:
    """The student's outputs by name, and the cache, which stays with the student."""
    inputs = (p[name] for name in ("x", "h0", "c0", "W_x", "W_h", "b"))
    got = student.call("lstm_forward", *inputs, kept=(3,))
    if not isinstance(got, tuple | list) or len(got) != 4:
        raise Failure("lstm_forward no longer returns four values: h, h_T, c_T, cache.")
    shapes = {"h": p["dh"].shape, "h_T": p["h0"].shape, "c_T": p["h0"].shape}
    return expect_tensors(got[:3], shapes, "lstm_forward"), got[3]


def backward(student: Student, p: dict[str, np.ndarray], cache: Any) -> dict[str, np.ndarray]:
    got = student.call("lstm_backward", p["dh"], p["dh_T"], p["dc_T"], cache)
    shapes = {f"d{name}": p[name].shape for name in ("x", "h0", "c0", "W_x", "W_h", "b")}
    if isinstance(got, tuple | list) and np.shape(got[0]) == p["dh"].shape != p["x"].shape:
        raise Failure(
            f"dx of lstm_backward has shape {np.shape(got[0])}, expected {p['x'].shape}.",
            "W_h was used where W_x belongs, in dx = W_x^T da.",
        )
    return expect_tensors(got, shapes, "lstm_backward")


def gradients(student: Student, p: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return backward(student, p, forward(student, p)[1])


def hold(student: Student, p: dict[str, np.ndarray], where: str = "") -> None:
    """The gradients of a problem against the library's; if they are wrong, look up what the error is."""

    def looks_like(wrong: list[str]) -> str:
        return Bank("lstm").look(lambda rng: gradients(student, bank_problem(rng)))

    compare(gradients(student, p), library(p)[1], looks_like=looks_like, where=where)


def handed_out(student: Student, rng: np.random.Generator) -> None:
    """the forward pass is as it was handed out"""
    p = problem(rng, 4, 2, 3, 5)
    compare(forward(student, p)[0], library(p)[0], where="after a change to lstm_forward")


def shapes(student: Student, rng: np.random.Generator) -> None:
    """as many arrays as asked for, of the right shapes"""
    gradients(student, problem(rng, 4, 2, 3, 5))


def one_step(student: Student, rng: np.random.Generator) -> None:
    """a single time step"""
    hold(student, problem(rng, 1, 3, 2, 4))


def two_steps(student: Student, rng: np.random.Generator) -> None:
    """two time steps"""
    hold(student, problem(rng, 2, 3, 2, 4), "with T = 2")


def sequence(student: Student, rng: np.random.Generator) -> None:
    """a sequence"""
    hold(student, problem(rng, 7, 3, 2, 4), "with T = 7")


def single(student: Student, rng: np.random.Generator) -> None:
    """a batch of one, one input, one unit"""
    for name, sizes in {"B": (3, 1, 2, 4), "D": (3, 2, 1, 4), "H": (3, 2, 4, 1)}.items():
        hold(student, problem(rng, *sizes), f"with {name} = 1")


def another_between(student: Student, rng: np.random.Generator) -> None:
    """a cache belongs to its own forward pass"""
    p, other = problem(rng, 4, 2, 3, 5), problem(rng, 4, 2, 3, 5)
    cache, of_other = forward(student, p)[1], forward(student, other)[1]
    sentence = "something is kept outside of the cache, where the next forward pass overwrites it."
    for one, its_cache in ((p, cache), (other, of_other)):
        compare(
            backward(student, one, its_cache),
            library(one)[1],
            looks_like=lambda wrong: sentence,
            where="if another forward pass came in between",
        )


def any_sizes(student: Student, rng: np.random.Generator) -> None:
    """sequences of sizes that are drawn"""
    for _ in range(4):
        T, B, D, H = map(int, rng.integers(1, 9, size=4))
        hold(student, problem(rng, T, B, D, H), f"with T, B, D, H = {T}, {B}, {D}, {H}")


CHECKS = (handed_out, shapes, one_step, two_steps, sequence, single, another_between)
HIDDEN = (one_step, sequence, another_between, any_sizes)
