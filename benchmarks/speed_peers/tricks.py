"""What each trick of `docs/speed.md` brings.

A trick is switched off by putting something plainer in its place, and the step is timed with and without it,
in turn. The figure is how many times as long it takes without. `python -m speed_peers.tricks TRICK ROUNDS`.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np

import numpylstm as nl
from numpylstm import optimizers, threads
from numpylstm.layers import buffers, lstm, products, recurrent
from numpylstm.layers.base import Layer

from . import ours
from .processes import answer
from .timing import lower_quartile, run
from .workloads import WORKLOADS, Workload, make_data, small

Step = Callable[[], Any]

Row = tuple[str, float, str, None]


def always_new(self: buffers.Buffers, key: Any, make: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
    return make()


def step_by_tanh_of_each_gate(self: nl.LSTM, weights: Any, step: Any, from_x: Any, mask: Any) -> None:
    """`LSTM._step` as one would write it first: each gate by itself, fresh arrays, sigmoid by exp."""
    _, _, W, _, _ = weights
    _, seen, _, _, c, a, *_, ig, fc, c_t, tanh_c, _, h_t = step
    H = len(c)
    a[...] = W @ seen + (0 if from_x is None else from_x)
    for gate in (a[:H], a[H : 2 * H], a[2 * H : 3 * H]):
        gate[...] = 1 / (1 + np.exp(-2 * gate))  # the weights hold the halving of the tanh form
    a[3 * H :] = np.tanh(a[3 * H :])
    ig[...] = a[H : 2 * H] * a[3 * H :]
    fc[...] = a[2 * H : 3 * H] * c
    c_t[...] = ig + fc
    tanh_c[...] = np.tanh(c_t)
    h_t[...] = a[:H] * tanh_c


def product_as_it_is(W: np.ndarray, s: np.ndarray, out: np.ndarray, buffers: Any) -> None:
    np.matmul(W, s, out)


def cut_at_16(self: products.Gradient, S: int) -> list[int]:
    return [0, *range(S % 16 or S, S, S), S]


def predict_by_forward(self: Layer, x: np.ndarray, state: Any, lengths: Any) -> np.ndarray:
    return self.forward(x, state, lengths)[0]


# name: workload, mode, and what stands in its place: (object, attribute, replacement).
TRICKS: dict[str, tuple[str, str, list[tuple[Any, str, Any]]]] = {
    "memory used again": ("W1", "train", [(buffers.Buffers, "get", always_new)]),
    "memory used again, wide": ("W2", "train", [(buffers.Buffers, "get", always_new)]),
    "room between rows": ("W2", "infer", [(products, "GAP", 0)]),
    "beginnings at cache lines": ("W1", "train", [(buffers, "LINE", 16)]),
    "a zero beside an inner size of one": ("W4", "train", [(products, "multiply", product_as_it_is)]),
    "small products cut": ("W1", "train", [(products.Gradient, "_cuts", cut_at_16)]),
    "one tanh for all gates, in place": ("W4", "train", [(nl.LSTM, "_step", step_by_tanh_of_each_gate)]),
    "x joins h in one product": ("W4", "train", [(lstm.LSTM, "_joined", lambda self, x: 0)]),
    "wide inputs projected at once": (
        "W3",
        "infer",
        [(lstm.LSTM, "_joined", lambda self, x: self.input_size)],
    ),
    "backward in smaller blocks": ("W4", "train", [(recurrent, "CACHE", 1 << 40)]),
    "one large product for weights": ("W2", "train", [(products, "LARGE", 1 << 40)]),
    "classes gathered": ("W5", "train", [(ours, "inputs", make_data)]),
    "predict keeps no history": ("W4", "infer", [(Layer, "_predict_batch", predict_by_forward)]),
    "optimizer in pieces": ("W3", "update", [(optimizers, "PIECE", 1 << 40)]),
    "one thread for small products": ("W1", "train", [(threads, "SMALL", 0)]),
}


@contextmanager
def without(changes: list[tuple[Any, str, Any]]) -> Iterator[None]:
    with ExitStack() as stack:
        for thing, name, value in changes:
            stack.enter_context(patch.object(thing, name, value))
        yield


def update_alone(work: Workload) -> Step:
    net, optimizer = ours.network(work), nl.Adam(1e-3)
    net.grad[...] = 0.1
    return lambda: optimizer.step(net.theta, net.grad)


def in_workload(name: str, quick: bool) -> tuple[Step, Step]:
    """A step with the trick and one without it."""
    workload, mode, changes = TRICKS[name]
    work = small(WORKLOADS[workload]) if quick else WORKLOADS[workload]
    if mode == "update":
        plain, changed = update_alone(work), update_alone(work)
    else:
        plain = ours.prepare(work, mode)
        with without(changes):
            changed = ours.prepare(work, mode)

    def step_without() -> None:
        with without(changes):
            changed()

    return plain, step_without


def orientation(quick: bool) -> tuple[Step, Step]:
    """W (1540, 770) times 32 columns, and 32 rows times its transpose."""
    W, s = np.ones((1540, 770), np.float32), np.ones((770, 32), np.float32)
    a, rows, a_rows = np.empty((1540, 32), np.float32), s.T.copy(), np.empty((32, 1540), np.float32)
    return lambda: np.matmul(W, s, a), lambda: np.matmul(rows, W.T, a_rows)


def views(quick: bool) -> tuple[Step, Step]:
    """One multiplication in each of 1,000 steps of 32 x 40, along views made before and by index."""
    v = np.ones((1000, 32, 40), np.float32)
    ready = list(v)

    def walk() -> None:
        for v_t in ready:
            np.multiply(v_t, v_t, v_t)

    def index() -> None:
        for t in range(len(v)):
            np.multiply(v[t], v[t], v[t])

    return walk, index


PAIRS: dict[str, Callable[[bool], tuple[Step, Step]]] = {"orientation": orientation, "views": views}
PAIRS |= {name: partial(in_workload, name) for name in TRICKS}


def measure(name: str, rounds: int, quick: bool) -> Row:
    times: tuple[list[float], list[float]] = ([], [])
    steps = PAIRS[name](quick)
    for _ in range(rounds):
        for step, seconds in zip(steps, times, strict=True):
            step()  # not timed: it finds the caches full of the other's numbers
            seconds += run(step, 0 if quick else 0.7)
    where = " ".join(TRICKS[name][:2]) if name in TRICKS else "alone"
    return f"without {name}: {where}", lower_quartile(times[1]) / lower_quartile(times[0]), "x", None


def rows(rounds: int, quick: bool) -> list[Row]:
    """Each in a process of its own: what memory costs depends on what a process has done before."""
    if quick:
        return [measure(name, rounds, quick) for name in PAIRS]
    return [tuple(answer("tricks", name, rounds)) for name in PAIRS]


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), quick=False)))
