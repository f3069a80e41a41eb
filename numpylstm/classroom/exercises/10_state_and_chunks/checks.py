"""What running in pieces, truncated BPTT and the measure of seams have to be, and their known errors."""

from collections.abc import Sequence
from typing import Any

import numpy as np

import numpylstm as nl
from numpylstm.audio import masks
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

State = tuple[np.ndarray, np.ndarray]


class Network:
    """An LSTM as the two functions that the exercise hands over."""

    def __init__(self, rng: np.random.Generator, B: int, D: int, H: int) -> None:
        self.lstm = nl.LSTM(D, H, seed=rng)
        self.shapes = {"state[0]": (B, H), "state[1]": (B, H)}
        self.start: State = (rng.normal(size=(B, H)), rng.normal(size=(B, H)))
        self.steps: list[int] = []
        self.caches: list[Any] = []

    def forward(self, x: Any, state: Any) -> tuple[np.ndarray, State, int]:
        if np.ndim(x) != 3 or not len(x):
            raise ValueError(f"forward takes x of shape (t, B, D) with t of at least 1, got {np.shape(x)}")
        if not isinstance(state, tuple | list) or len(state) != 2:
            raise ValueError("forward takes the state as it was handed over: a tuple of two arrays")
        y, (h, c), cache = self.lstm.forward(x, tuple(state))
        self.steps.append(len(x))
        self.caches.append(cache)
        return y, (h, c), len(self.caches) - 1

    def backward(self, dy: Any, cache: Any, dstate: Any = None) -> tuple[np.ndarray, State]:
        if not isinstance(cache, int) or not 0 <= cache < len(self.caches):
            raise ValueError("backward takes a cache that forward has returned")
        self.lstm.zero_grads()
        _, (dh, dc) = self.lstm.backward(np.asarray(dy), self.caches[cache], dstate)
        grad = np.concatenate([grad.ravel() for grad in self.lstm.grads.values()])
        return grad, (dh, dc)


def state_of(got: Any, network: Network, whose: str) -> dict[str, np.ndarray]:
    if not isinstance(got, tuple | list) or len(got) != 2:
        raise Failure(f"state of {whose} is no tuple of two arrays, as `forward` returns it.")
    return expect_tensors(tuple(got), network.shapes, whose)


def named(y: np.ndarray, state: State) -> dict[str, np.ndarray]:
    return {"y": y, "state[0]": state[0], "state[1]": state[1]}


def expect_sizes(network: Network, sizes: Sequence[int]) -> None:
    if network.steps != list(sizes):
        raise Failure(
            f"forward was called on pieces of {network.steps} steps, expected {list(sizes)}.",
            "the last piece was left out."
            if network.steps and network.steps == list(sizes)[:-1]
            else "the whole sequence was handed over at once."
            if network.steps == [sum(sizes)]
            else None,
        )


# Running in pieces


def pieces(network: Network, x: np.ndarray, sizes: Sequence[int], slip: str = "") -> dict[str, np.ndarray]:
    state, ys, start = network.start, [], 0
    for size in sizes:
        before = (0 * state[0], 0 * state[1]) if slip == "zeros" else state
        before = network.start if slip == "reset" else before
        y, (h, c), _ = network.lstm.forward(x[start : start + size], before)
        state, start = (h, network.start[1] if slip == "half" else c), start + size
        ys.append(y)
    return named(np.concatenate(ys), state)


def check_run(student: Student, rng: np.random.Generator, sizes: Sequence[int], where: str) -> None:
    B, D, H = (int(n) for n in rng.integers(1, 4, size=3))
    network, T = Network(rng, B, D, H), sum(sizes)
    x = rng.normal(size=(T, B, D))
    got = student.call("run_in_chunks", network.forward, x, network.start, list(sizes))
    got = expect_parts(got, ("y", "state"), "run_in_chunks")
    expect_sizes(network, sizes)
    tensors = expect_tensors(got[0], {"y": (T, B, H)}, "run_in_chunks")
    tensors |= state_of(got[1], network, "run_in_chunks")
    whole = network.lstm.forward(x, network.start)

    def looks_like(_: list[str]) -> str | None:
        right = named(whole[0], whole[1])
        after_first = network.lstm.forward(x[: sizes[0]], network.start)[1]
        return the_one(
            tensors,
            {
                "each piece began from the state that was handed in, not from where the last had ended.": (
                    pieces(network, x, sizes, "reset")
                ),
                "each piece began from zeros.": pieces(network, x, sizes, "zeros"),
                "only the first array of the state was carried.": pieces(network, x, sizes, "half"),
                "the state that is returned is the one before the sequence.": named(
                    right["y"], network.start
                ),
                "the state that is returned is the one after the first piece.": named(
                    right["y"], after_first
                ),
            },
        )

    compare(tensors, named(whole[0], whole[1]), looks_like=looks_like, where=where)


def run_shapes(student: Student, rng: np.random.Generator) -> None:
    """one piece, one step: shapes and dtypes"""
    check_run(student, rng, [4], "with one piece")
    check_run(student, rng, [1], "with T = 1")


def runs(student: Student, rng: np.random.Generator) -> None:
    """any pieces give what the whole gives"""
    check_run(student, rng, [3, 3], "in two equal pieces")
    check_run(student, rng, [int(size) for size in rng.integers(1, 5, size=4)], "in uneven pieces")
    check_run(student, rng, [1, 1, 1], "step by step")


# Truncated BPTT


def truncated(
    network: Network, x: np.ndarray, target: np.ndarray, size: int, slip: str = ""
) -> dict[str, np.ndarray]:
    T = len(x) // size * size if slip == "short" else len(x)
    parts = [slice(start, min(start + size, T)) for start in range(0, T, size)]
    state, runs = network.start, []
    for part in parts:
        before = network.start if slip == "reset" else state
        before = (0 * state[0], 0 * state[1]) if slip == "zeros" else before
        y, state, cache = network.forward(x[part], before)
        runs.append((y - target[part], cache))
    grads, dstate = [], None
    for dy, cache in runs[::-1]:
        dy = {"double": 2 * dy, "sign": -dy, "mean": dy / dy.size}.get(slip, dy)
        grad, dstate = network.backward(dy, cache, dstate if slip == "through" else None)
        grads.append(grad)
    if slip == "last":
        grads = grads[:1]
    if slip == "first":
        grads = grads[-1:]
    total = np.mean(grads, axis=0) if slip == "pieces" else np.sum(grads, axis=0)
    return {"grad": total, **_of(state)}


def _of(state: State) -> dict[str, np.ndarray]:
    return {"state[0]": state[0], "state[1]": state[1]}


SLIPS = {
    "through": "the gradient was carried over the borders: truncated means that it stops there.",
    "reset": "each piece began from the state that was handed in: the gradient is cut, the state is not.",
    "zeros": "each piece began from zeros: the gradient is cut, the state is not.",
    "last": "only the last piece's gradient was returned: it is the sum over all pieces.",
    "first": "only the first piece's gradient was returned: it is the sum over all pieces.",
    "pieces": "the gradient was divided by the number of pieces: it is a sum.",
    "short": "the last, shorter piece was left out.",
    "double": "dy = 2 (y - target) was used: the loss is half the sum of squares, so dy = y - target.",
    "sign": "dy = target - y was used: it is y - target.",
    "mean": "dy was divided by its size, as for a mean: the loss is a sum.",
}


def check_truncated(student: Student, rng: np.random.Generator, T: int, size: int, where: str) -> None:
    B, D, H = (int(n) for n in rng.integers(1, 4, size=3))
    network = Network(rng, B, D, H)
    x, target = rng.normal(size=(T, B, D)), rng.normal(size=(T, B, H))
    functions = (network.forward, network.backward)
    got = student.call("truncated_gradient", *functions, x, target, network.start, size)
    got = expect_parts(got, ("grad", "state"), "truncated_gradient")
    seen = list(network.steps)
    expected = truncated(network, x, target, size)
    tensors = expect_tensors(got[0], {"grad": expected["grad"].shape}, "truncated_gradient")
    tensors |= state_of(got[1], network, "truncated_gradient")

    def looks_like(_: list[str]) -> str | None:
        variants = {text: truncated(network, x, target, size, slip) for slip, text in SLIPS.items()}
        first = network.lstm.forward(x[:size], network.start)[1]
        variants["the state that is returned is the one before the sequence."] = expected | _of(network.start)
        variants["the state that is returned is the one after the first piece."] = expected | _of(first)
        # The whole sequence at once is the same as carrying the gradient: told apart by the calls.
        if seen == [T] and size < T:
            return "the whole sequence was one piece."
        return the_one(tensors, variants)

    compare(tensors, expected, looks_like=looks_like, where=where)
    network.steps = seen
    expect_sizes(network, [min(size, T - start) for start in range(0, T, size)])


def truncated_shapes(student: Student, rng: np.random.Generator) -> None:
    """truncated BPTT in one piece: shapes and dtypes"""
    check_truncated(student, rng, 4, 4, "in one piece")
    check_truncated(student, rng, 1, 1, "with T = 1")
    check_truncated(student, rng, 3, 5, "in one piece that is shorter than size")


def truncateds(student: Student, rng: np.random.Generator) -> None:
    """truncated BPTT"""
    size = int(rng.integers(2, 4))
    check_truncated(student, rng, 3 * size, size, "in three pieces")
    check_truncated(student, rng, 2 * size + 1, size, "with a shorter last piece")
    check_truncated(student, rng, 3, 1, "step by step")


# Seams


def fluxes(student: Student, rng: np.random.Generator) -> None:
    """mask flux"""
    for T, F, where in (
        (int(rng.integers(4, 9)), int(rng.integers(2, 6)), ""),
        (2, 3, "with T = 2"),
        (5, 1, "with F = 1"),
    ):
        mask = rng.uniform(size=(T, F))
        got = expect_tensors(student.call("mask_flux", mask), {"flux": (T - 1,)}, "mask_flux")
        change = np.diff(mask, axis=0)
        variants = {
            "without absolute values: ups and downs cancel.": change.mean(axis=1),
            "the absolute value of the mean: it is the mean of absolute values.": abs(change.mean(axis=1)),
            "squares in place of absolute values.": (change**2).mean(axis=1),
            "the root of the mean square in place of the mean of absolute values.": (change**2).mean(axis=1)
            ** 0.5,
            "the sum over F in place of the mean.": abs(change).sum(axis=1),
        }
        tensors = {sentence: {"flux": flux} for sentence, flux in variants.items()}

        def looks_like(_: list[str], got: Any = got, tensors: Any = tensors) -> str | None:
            return the_one(got, tensors)

        compare(got, {"flux": masks.flux(mask)}, looks_like=looks_like if F > 1 else None, where=where)


def seam_ratios(student: Student, rng: np.random.Generator) -> None:
    """seam ratio"""
    for block in (*(int(n) for n in rng.integers(3, 7, size=2)), 2):
        F = int(rng.integers(1, 4))
        T = int(rng.integers(2 * block + 2, 5 * block))
        mask = rng.uniform(size=(T, F))
        mask[: 2 * block] *= 0.5  # so that it matters which frames are taken together
        got = expect_number(student.call("seam_ratio", mask, block), "the ratio", "seam_ratio")
        change = masks.flux(mask)
        place = np.arange(T - 1)

        def share(border: np.ndarray, change: np.ndarray = change) -> float:
            return (
                change[border].mean() / change[~border].mean()
                if border.any() and not border.all()
                else np.nan
            )

        border = (place + 1) % block == 0
        variants = {
            "the borders are one frame late: flux[0] belongs to frame 1.": share(
                (place % block == 0) & (place > 0)
            ),
            "the borders are one frame late, and the first change is taken as one.": share(
                place % block == 0
            ),
            "the borders are one frame early: a block begins at a multiple of `block`.": share(
                (place + 2) % block == 0
            ),
            "divided by the mean of all changes: the borders are not among the others.": (
                change[border].mean() / change.mean()
            ),
            "the other way round: the borders come first.": 1 / share(border),
            "sums in place of means.": change[border].sum() / change[~border].sum(),
        }
        where = f"for {T} frames in blocks of {block}"
        compare_number(got, masks.seam_ratio(mask, block), "the ratio", variants, where=where)


CHECKS = (run_shapes, runs, truncated_shapes, truncateds, fluxes, seam_ratios)
HIDDEN = (runs, truncateds, fluxes, seam_ratios)
MARKS = 0
