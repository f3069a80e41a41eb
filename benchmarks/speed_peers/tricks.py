"""What each trick brings: `python -m speed_peers.tricks ROUNDS quick|full` prints rows as JSON.

A trick is switched off by putting something plainer in its place, and the step is timed with and without it,
in turn, in one process. A row is (trick, workload, mode, ms with it, ms without it).
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np

import numpylstm as nl
from numpylstm import optimizers, threads
from numpylstm.layers import buffers, lstm, products, recurrent
from numpylstm.layers.base import Layer

from . import ours
from .timing import lower_quartile, run
from .workloads import WORKLOADS, small

Row = tuple[str, str, str, float, float]


def always_new(self: buffers.Buffers, key: Any, make: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
    return make()


def step_by_tanh_of_each_gate(self: nl.LSTM, weights: Any, step: Any, W_x_x: Any, mask: Any) -> None:
    """`LSTM._step` as one would write it first: each gate by itself, fresh arrays, sigmoid by exp."""
    _, _, W, _, _ = weights
    _, seen, _, _, c, a, *_, ig, fc, c_t, tanh_c, _, h_t = step
    H = len(c)
    a[...] = W @ seen + (0 if W_x_x is None else W_x_x)
    for gate in (a[:H], a[H : 2 * H], a[2 * H : 3 * H]):
        gate[...] = 1 / (1 + np.exp(-2 * gate))  # the weights hold the halving of the tanh form
    a[3 * H :] = np.tanh(a[3 * H :])
    ig[...] = a[H : 2 * H] * a[3 * H :]
    fc[...] = a[2 * H : 3 * H] * c
    c_t[...] = ig + fc
    tanh_c[...] = np.tanh(c_t)
    h_t[...] = a[:H] * tanh_c


def predict_by_forward(self: Layer, x: np.ndarray, state: Any, lengths: Any) -> np.ndarray:
    return self.forward(x, state, lengths)[0]


def one_hot(x: np.ndarray, classes: int) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[x]


# name: workload, mode, and what stands in its place: (object, attribute, replacement).
TRICKS: dict[str, tuple[str, str, list[tuple[Any, str, Any]]]] = {
    "memory used again": ("W1", "train", [(buffers.Buffers, "get", always_new)]),
    "memory used again, wide": ("W2", "train", [(buffers.Buffers, "get", always_new)]),
    "one tanh for all gates, in place": ("W4", "train", [(nl.LSTM, "_step", step_by_tanh_of_each_gate)]),
    "x joins h in one product": ("W4", "train", [(lstm.LSTM, "_joined", lambda self, x: 0)]),
    "wide inputs projected at once": (
        "W3",
        "infer",
        [(lstm.LSTM, "_joined", lambda self, x: self.input_size)],
    ),
    "backward in blocks": ("W4", "train", [(recurrent, "CACHE", 1 << 40)]),
    "one large product for weights": ("W2", "train", [(products, "LARGE", 1 << 40)]),
    "classes gathered": ("W5", "train", []),
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


def update_alone(work: Any) -> Callable[[], None]:
    net, optimizer = ours.network(work), nl.Adam(1e-3)
    net.grad[...] = 0.1
    return lambda: optimizer.step(net.theta, net.grad)


def measure(name: str, rounds: int, quick: bool) -> Row:
    workload, mode, changes = TRICKS[name]
    work = small(WORKLOADS[workload]) if quick else WORKLOADS[workload]

    def prepare(with_it: bool) -> Callable[[], Any]:
        if mode == "update":
            return update_alone(work)
        if name != "classes gathered" or with_it:
            return ours.prepare(work, mode)
        with patch.object(ours, "inputs", one_hot_inputs):
            return ours.prepare(work, mode)

    plain_inputs = ours.inputs

    def one_hot_inputs(work: Any, dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray]:
        x, target = plain_inputs(work, dtype)
        return one_hot(x, work.D), target

    steps = {True: prepare(True)}
    with without(changes):
        steps[False] = prepare(False)
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(rounds):
        for with_it, step in steps.items():
            with without([] if with_it else changes):
                step()  # not timed: it finds the caches full of the other's numbers
                times[with_it] += run(step, 0 if quick else 1)
    return (name, workload, mode, *(1000 * lower_quartile(times[key]) for key in (True, False)))


if __name__ == "__main__":
    count, fast = int(sys.argv[1]), sys.argv[2] == "quick"
    print(json.dumps([measure(name, count, fast) for name in TRICKS]))
