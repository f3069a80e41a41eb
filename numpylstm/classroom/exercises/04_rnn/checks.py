"""A plain recurrent network and its gradients, held against nl.RNN, which the complex step has proven."""

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
        "W_x": (H, D),
        "W_h": (H, H),
        "b": (H,),
        "dh": (T, B, H),
        "dh_T": (B, H),
    }
    return {name: 0.7 * rng.normal(size=shape) for name, shape in shapes.items()}


def bank_problem(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What the known errors were recorded on: all sizes differ."""
    return problem(rng, *map(int, rng.permutation([3, 4, 5, 6])))


def library(p: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Outputs and gradients as nl.RNN has them."""
    rnn = nl.RNN(p["x"].shape[2], p["h0"].shape[1], seed=0)
    for name in ("W_x", "W_h", "b"):
        rnn.params[name][...] = p[name]
    h, (h_T,), cache = rnn.forward(p["x"], (p["h0"],))
    dx, (dh0,) = rnn.backward(p["dh"], cache, (p["dh_T"],))
    weights = {f"d{name}": rnn.grads[name] for name in ("W_x", "W_h", "b")}
    return {"h": h, "h_T": h_T}, {"dx": dx, "dh0": dh0, **weights}


def forward(student: Student, p: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], Any]:
    """The student's outputs by name, and the cache, which stays with the student."""
    got = student.call("rnn_forward", *(p[name] for name in ("x", "h0", "W_x", "W_h", "b")), kept=(2,))
    if not isinstance(got, tuple | list) or len(got) != 3:
        what = f"{len(got)} values" if isinstance(got, tuple | list) else "one value"
        raise Failure(f"rnn_forward returns {what}, expected 3: h, h_T, cache.")
    return expect_tensors(got[:2], {"h": p["dh"].shape, "h_T": p["h0"].shape}, "rnn_forward"), got[2]


def backward(student: Student, p: dict[str, np.ndarray], cache: Any) -> dict[str, np.ndarray]:
    got = student.call("rnn_backward", p["dh"], p["dh_T"], cache)
    shapes = {f"d{name}": p[name].shape for name in ("x", "h0", "W_x", "W_h", "b")}
    if isinstance(got, tuple | list) and np.shape(got[0]) == p["dh"].shape != p["x"].shape:
        raise Failure(
            f"dx of rnn_backward has shape {np.shape(got[0])}, expected {p['x'].shape}.",
            "W_h was used where W_x belongs, in dx = W_x^T da.",
        )
    return expect_tensors(got, shapes, "rnn_backward")


def gradients(student: Student, p: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return backward(student, p, forward(student, p)[1])


def hold_forward(student: Student, p: dict[str, np.ndarray], where: str = "") -> None:
    """The outputs of a problem against the library's; if they are wrong, look up what the error is."""

    def looks_like(wrong: list[str]) -> str:
        return Bank("rnn_forward").look(lambda rng: forward(student, bank_problem(rng))[0])

    compare(forward(student, p)[0], library(p)[0], looks_like=looks_like, where=where)


def hold(student: Student, p: dict[str, np.ndarray], where: str = "") -> None:
    """The gradients of a problem against the library's; if they are wrong, look up what the error is."""

    def looks_like(wrong: list[str]) -> str:
        return Bank("rnn").look(lambda rng: gradients(student, bank_problem(rng)))

    compare(gradients(student, p), library(p)[1], looks_like=looks_like, where=where)


def shapes_forward(student: Student, rng: np.random.Generator) -> None:
    """rnn_forward returns arrays of the right shapes"""
    forward(student, problem(rng, 4, 2, 3, 5))


def forward_one_step(student: Student, rng: np.random.Generator) -> None:
    """rnn_forward, a single time step"""
    hold_forward(student, problem(rng, 1, 3, 2, 4))


def forward_sequence(student: Student, rng: np.random.Generator) -> None:
    """rnn_forward, a sequence"""
    hold_forward(student, problem(rng, 7, 3, 2, 4), "with T = 7")


def shapes_backward(student: Student, rng: np.random.Generator) -> None:
    """rnn_backward returns arrays of the right shapes"""
    gradients(student, problem(rng, 4, 2, 3, 5))


def one_step(student: Student, rng: np.random.Generator) -> None:
    """rnn_backward, a single time step"""
    hold(student, problem(rng, 1, 3, 2, 4))


def two_steps(student: Student, rng: np.random.Generator) -> None:
    """rnn_backward, two time steps"""
    hold(student, problem(rng, 2, 3, 2, 4), "with T = 2")


def sequence(student: Student, rng: np.random.Generator) -> None:
    """rnn_backward, a sequence"""
    hold(student, problem(rng, 7, 3, 2, 4), "with T = 7")


def single(student: Student, rng: np.random.Generator) -> None:
    """a batch of one, one input, one unit"""
    for name, sizes in {"B": (3, 1, 2, 4), "D": (3, 2, 1, 4), "H": (3, 2, 4, 1)}.items():
        p = problem(rng, *sizes)
        hold_forward(student, p, f"with {name} = 1")
        hold(student, p, f"with {name} = 1")


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
        p, where = problem(rng, T, B, D, H), f"with T, B, D, H = {T}, {B}, {D}, {H}"
        hold_forward(student, p, where)
        hold(student, p, where)


CHECKS = (
    shapes_forward,
    forward_one_step,
    forward_sequence,
    shapes_backward,
    one_step,
    two_steps,
    sequence,
    single,
    another_between,
)
HIDDEN = (forward_sequence, one_step, sequence, another_between, any_sizes)
