"""Products of many steps at once: the input's part of the pre-activations, and the way back.

A sequence lies as (T, rows, B). One large product for many steps wants the features first, (rows, T B): the
reordering costs a few percent of the product it makes possible. In narrow layers it would cost more than it
brings; there each step has a product of its own.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from .buffers import Buffers

COLUMNS = 1024
"""Columns of one large product: more would not make it faster, only its buffers larger."""


LARGE = 8192
"""Weights from which on one large product is faster than one for each step."""

GAP = 16
"""Numbers between the rows of a large product's arrays.

Rows a power of two apart share few places in the caches: without a gap a product takes a tenth longer.
"""


def block_steps(batch: int) -> int:
    """How many steps of a batch make one large product."""
    return max(COLUMNS // max(batch, 1), 1)


def side_by_side(A: int, T: int, B: int, dtype: Any, buffers: Buffers) -> tuple[np.ndarray, np.ndarray]:
    """Memory for T steps (A, B) side by side, as (A, T B) and as (A, T, B)."""
    columns = buffers.empty((A, T * B + GAP), dtype)[:, : T * B]
    return columns, columns.reshape(A, T, B)


def rows_first(a: np.ndarray, buffers: Buffers) -> np.ndarray:
    """(T, A, B) -> (A, T B), a copy."""
    T, A, B = a.shape
    columns, by_step = side_by_side(A, T, B, a.dtype, buffers)
    np.copyto(by_step, a.transpose(1, 0, 2))
    return columns


def multiply(W: np.ndarray, s: np.ndarray, out: np.ndarray, buffers: Buffers) -> None:
    """W (S, A) @ s (..., A, n) into `out` (..., S, n).

    With an A of one NumPy does without BLAS and takes seven times as long: zeros beside it make two.
    """
    if W.shape[1] == 1:
        beside = buffers.empty((*s.shape[:-2], 2, s.shape[-1]), s.dtype)
        beside[..., :1, :], beside[..., 1:, :] = s, 0
        W, s = np.concatenate([W, np.zeros_like(W)], axis=1), beside
    np.matmul(W, s, out)


def transposed(W: np.ndarray, steps: int, buffers: Buffers) -> np.ndarray:
    """W^T, to be multiplied in many steps: a copy where that is faster than a walk along the columns of W."""
    if W.size < 1 << 17 or steps < 16:
        return W.T
    return rows_as_columns(W, buffers)


def rows_as_columns(a: np.ndarray, buffers: Buffers) -> np.ndarray:
    """(..., A, B) -> (..., B, A), a copy."""
    swapped = buffers.empty(a.swapaxes(-1, -2).shape, a.dtype)
    for start in range(0, a.shape[-2], 16):  # so many rows at a time that what is read and written stays near
        part = slice(start, start + 16)
        np.copyto(swapped[..., part], a[..., part, :].swapaxes(-1, -2))
    return swapped


class Gradient:
    """da (T, A, B), the gradient by a = W s of some steps, and where it goes from there."""

    def __init__(self, da: np.ndarray, buffers: Buffers) -> None:
        self.da, self.buffers = da, buffers
        self._columns: np.ndarray | None = None

    def columns(self) -> np.ndarray:
        """da as (A, T B)."""
        if self._columns is None:
            self._columns = rows_first(self.da, self.buffers)
        return self._columns

    def large(self, size: int) -> bool:
        """Whether to make one large product with weights (A, size), and not one for each step."""
        return self.da.shape[1] * size > LARGE or self.da.shape[2] < 8

    def by_weights(self, s: np.ndarray) -> np.ndarray:
        """Sum over t of da_t s_t^T: (A, S) for s (T, S, B)."""
        S = s.shape[1]
        if not self.large(S):
            parts = (s[:, start:stop] for start, stop in pairwise(self._cuts(S)))
            sums = [np.matmul(self.da, part.swapaxes(1, 2)).sum(axis=0) for part in parts]
            return np.concatenate(sums, axis=1)
        dW = self.buffers.empty((self.da.shape[1], S), np.result_type(self.da, s))
        return np.matmul(self.columns(), rows_first(s, self.buffers).T, dW)

    def _cuts(self, S: int) -> list[int]:
        """Where to cut S columns of a small product.

        One a little wider than a multiple of 16 takes half as long again; and up to about 1,024 numbers of
        the result OpenBLAS does without packing, which pays where the sums are long.
        """
        _, A, B = self.da.shape
        width = 1024 // A // 8 * 8 if B >= 64 else 0
        return [0, *range(S % 16 or width or S, S, width or S), S] if S > 16 else [0, S]

    def by_bias(self) -> np.ndarray:
        """Sum over t of da_t 1: (A,)."""
        return self.da.sum(axis=0).sum(axis=1)  # twice as fast as over both axes at once

    def by_input(self, W: np.ndarray, ds: np.ndarray) -> None:
        """Writes W^T da_t for each step: ds (T, S, B) for W (A, S)."""
        T, S, B = ds.shape
        if not self.large(S):
            multiply(W.T, self.da, ds, self.buffers)
        else:
            columns, by_step = side_by_side(S, T, B, ds.dtype, self.buffers)
            multiply(W.T, self.columns(), columns, self.buffers)
            np.copyto(ds, by_step.transpose(1, 0, 2))


class Input:
    """The input of a recurrent layer: x (T, D, B), or classes (T, B) in place of one-hot vectors.

    It is known for all steps before the first is taken, so W_x x_t need not be made step by step. For a
    class it is a column of W_x: there is nothing to multiply at all.
    """

    def __init__(self, x: np.ndarray, features: int, buffers: Buffers) -> None:
        self.features = features
        # A copy: the caller may use the memory of x again before backward.
        self.x, self.buffers = buffers.empty(x.shape, x.dtype), buffers
        np.copyto(self.x, x)
        self.is_classes = x.ndim == 2

    def products(self, W_x: np.ndarray, b: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """W_x x_t + b for each step: T views (A, B), each to be used before the next is asked for.

        W_x (A, D), b (A, 1).
        """
        T, B, size = len(self.x), self.x.shape[-1], block_steps(self.x.shape[-1])
        for start in range(0, T, size):
            block = self.x[start : start + size]
            if self.is_classes:
                p = self.buffers.empty((len(W_x), len(block), B), W_x.dtype)
                columns = p.reshape(len(W_x), -1)
                # mode="clip" writes straight into `out`; the classes have been checked.
                np.take(W_x, block.ravel(), axis=1, out=columns, mode="clip")
            else:
                columns, p = side_by_side(len(W_x), len(block), B, W_x.dtype, self.buffers)
                multiply(W_x, rows_first(block, self.buffers), columns, self.buffers)
            if b is not None:
                columns += b
            yield from p.swapaxes(0, 1)

    def products_backward(
        self, da: Gradient, part: slice, W_x: np.ndarray, dW_x: np.ndarray, dx: Any
    ) -> None:
        """From da of the steps in `part`: adds into dW_x (A, D), writes dx (T, D, B) for these steps.

        dx is None where no gradient is asked for, and for classes, which have none.
        """
        if not self.is_classes:
            dW_x += da.by_weights(self.x[part])
            if dx is not None:
                da.by_input(W_x, dx[part])
        else:
            self._add_by_class(da.da, self.x[part].ravel(), dW_x)

    def _add_by_class(self, da: np.ndarray, classes: np.ndarray, dW_x: np.ndarray) -> None:
        """Adds each of the n B columns of da (n, A, B) to the column of dW_x (A, D) that its class names."""
        n, A, B = da.shape
        examples = rows_as_columns(da, self.buffers)
        order = np.argsort(classes, kind="stable")
        ordered = self.buffers.empty((n * B, A), da.dtype)
        np.take(examples.reshape(n * B, A), order, axis=0, out=ordered, mode="clip")
        # Those of one class now lie one after the other, and are summed up in one call.
        present, starts = np.unique(classes[order], return_index=True)
        sums = self.buffers.empty((dW_x.shape[1], A), da.dtype)
        sums[...] = 0
        bounds = [*starts.tolist(), n * B]
        for index, number in enumerate(present.tolist()):
            np.add.reduce(ordered[bounds[index] : bounds[index + 1]], axis=0, out=sums[number])
        dW_x += sums.T
