"""The floor for ours: what a workload's matrix products and the fewest elementwise passes take in NumPy.

Nothing is computed with it: the products have the sizes and the order of a real step, in the faster of the
two orientations (weights from the left, examples in columns), on buffers that are there already and lie as
NumPy likes them: rows not a power of two apart, beginnings at cache lines. Beside
them there is one tanh of each gate and each cell, one multiplication of each gate in each direction, and
one pass over the parameters. Left out is all that a clever program could do without.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from numpylstm.layers.buffers import arrays
from numpylstm.layers.products import GAP

from .workloads import Workload

NARROW = 64  # up to this D, W_x and W_h are one matrix in each step; above, W_x x_t is taken for many steps
COLUMNS = 1024  # how many columns such a product has at least

Piece = Callable[[], object]


def array(*shape: int, gap: int = 0) -> np.ndarray:
    *before, columns = shape
    values = arrays(np.float32, (*before, columns + gap))[0][..., :columns]
    values[...] = np.random.default_rng(0).uniform(-0.1, 0.1, shape)
    return values


def product(A: np.ndarray, B: np.ndarray, gap: int = 0) -> Piece:
    if B.shape[1] == 1:
        A = np.asfortranarray(A)  # faster for a single column
    out = array(len(A), B.shape[1], gap=gap)
    return partial(np.matmul, A, B, out=out) if gap else partial(A.dot, B, out)  # which begins sooner


def per_step(pieces: list[Piece], T: int) -> Piece:
    def run() -> None:
        for _ in range(T):
            for piece in pieces:
                piece()

    return run


def recurrent(
    cell: str, D: int, H: int, T: int, B: int, train: bool, first: bool, gathered: bool
) -> list[Piece]:
    """The pieces of one layer. `gathered`: x are classes, whose columns of W_x are picked, not multiplied."""
    G, activations = (4, 5) if cell == "LSTM" else (3, 3)  # gates, and numbers that go through a tanh
    gates, weights = array(G * H, B), array(G * H, B)
    passed = array(activations * H, B)
    multiply = partial(np.multiply, gates, weights, out=gates.copy())
    narrow = D <= NARROW and not gathered
    pieces = []
    if not (narrow or gathered):
        steps = min(max(COLUMNS // B, 1), T)
        pieces.append(per_step([product(array(G * H, D), array(D, steps * B, gap=GAP), GAP)], -(-T // steps)))
    F = D + H if narrow else H
    tanh = partial(np.tanh, passed, out=passed.copy())
    pieces.append(per_step([product(array(G * H, F), array(F, B)), tanh, multiply], T))
    if train:
        da = array(G * H, T * B)
        pieces.append(per_step([product(array(H, G * H), gates), multiply], T))
        pieces.append(product(da, array(T * B, H if gathered else D + H)))
        if not first:
            pieces.append(product(array(D, G * H), da))
    return pieces


def prepare(work: Workload, mode: str) -> Piece:
    train = mode == "train"
    pieces, D, n = [], work.D, 0
    for index, H in enumerate(work.hidden):
        gathered = work.one_hot and index == 0
        pieces += recurrent(work.cell, D, H, work.T, work.B, train, index == 0, gathered)
        n += (4 if work.cell == "LSTM" else 3) * H * (D + H + 1)
        D = H
    n += work.outputs * (D + 1)
    columns = work.B if work.last_only else work.T * work.B
    W, h, dy = array(work.outputs, D), array(D, columns), array(work.outputs, columns)
    pieces.append(product(W, h))
    if train:
        pieces.append(product(dy, np.ascontiguousarray(h.T)))
        pieces.append(product(np.ascontiguousarray(W.T), dy))
        theta = array(n)
        pieces.append(partial(np.multiply, theta, np.float32(0.5), out=theta.copy()))
    return per_step(pieces, 1)
