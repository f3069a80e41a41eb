"""What LSTM, GRU and RNN share: the way in, the way back, and padded steps.

Inside the cells a sequence lies as `(T, features, B)` in C order. Then one step is
`W (4H, F) @ s (F, B)`, about twice as fast as `s @ W.T` on rows of examples, and every gate is one
contiguous block. Outside, `(T, B, features)` is a transposed view of the same memory.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from itertools import repeat
from typing import Any

import numpy as np

from ..threads import threads_for
from .base import Layer
from .buffers import Buffers
from .checks import (
    check_array,
    check_lengths,
    check_probability,
    check_size,
    compute_dtype,
    mask_steps,
    real_steps,
)
from .inference import swap_features
from .initialization import check_init, glorot, orthogonal, pytorch_uniform
from .products import LARGE, Input, block_steps
from .state import check_state, state_arrays

CACHE = 1 << 21
"""Bytes that a block of steps on the way back may touch."""

Padding = list[np.ndarray | None]
"""For each step (B,) booleans: which sequences have ended; None where none has."""


class RecurrentLayer(Layer):
    """Base of the cells: W_x (nH, D), W_h (nH, H), n gates, their sizes and their starting values."""

    gates: tuple[str, ...]
    state_type: Any

    # What a cell brings beside forward and backward, so that a runner can take single steps.
    _weights: Any
    _memory: Any
    _step: Any

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        shapes: dict[str, tuple[int, ...]],
        dtype: Any,
        seed: int | np.random.Generator | None,
        init: str,
        recurrent_dropout: float,
    ) -> None:
        self.input_size, self.hidden_size = input_size, hidden_size
        self.init = check_init(init)
        self._buffers = Buffers()
        self.recurrent_dropout = check_probability("recurrent_dropout", recurrent_dropout)
        super().__init__(shapes, dtype)
        self.initialize(np.random.default_rng(seed))

    def initialize(self, rng: np.random.Generator) -> None:
        """Glorot for each gate's input weights, orthogonal for its recurrent ones, zero elsewhere.

        With `init="pytorch"` everything is uniform within ±1/sqrt(H), as `torch.nn.LSTM` draws it. With
        "tensorflow" W_x and W_h of all gates are one Glorot matrix, as `tf.nn.rnn_cell.LSTMCell` draws it:
        its fan out counts every gate, so all weights start smaller.
        """
        self._mask_rng = rng.spawn(1)[0]
        self.theta[...] = 0
        if self.init == "pytorch":
            self.theta[...] = pytorch_uniform(rng, self.theta.shape, self.hidden_size)
        elif self.init == "tensorflow":
            rows = len(self.gates) * self.hidden_size
            W = glorot(rng, rows, self.input_size + self.hidden_size)
            self.params["W_x"][...], self.params["W_h"][...] = np.split(W, [self.input_size], axis=1)
        elif self.init == "default":
            for W_x, W_h in zip(self._by_gate("W_x"), self._by_gate("W_h"), strict=True):
                W_x[...] = glorot(rng, *W_x.shape)
                W_h[...] = orthogonal(rng, self.hidden_size)

    def _by_gate(self, name: str) -> np.ndarray:
        """A view (gates, H, ...) of a parameter whose row blocks are the gates."""
        param = self.params[name]
        return param.reshape(len(self.gates), self.hidden_size, *param.shape[1:])

    def initial_state(self, batch: int) -> Any:
        return self.state_type(
            *(np.zeros((batch, self.hidden_size), self.dtype) for _ in self.state_type._fields)
        )

    def _enter(self, x: Any, state: Any, lengths: Any) -> tuple[np.ndarray, Any, np.ndarray | None]:
        """x as (T, D, B) in the layer's precision or classes (T, B), the state as (H, B) arrays, lengths."""
        x = self._check_x(x)
        state = check_state(state, self.initial_state(x.shape[1]))
        dtype = compute_dtype(self.dtype, x, *state)
        if lengths is not None:
            lengths = check_lengths(lengths, x, classes=x.ndim == 2)
        x = self._enter_x(swap_features(x), lengths, dtype)
        return x, [np.ascontiguousarray(s.T, dtype) for s in state], lengths

    def _check_x(self, x: Any) -> np.ndarray:
        x = check_array("x", x)
        if not self.is_sequence(x) or (x.ndim == 3 and x.shape[2] != self.input_size):
            raise ValueError(f"expected x of shape (T, B, {self.input_size}), got {x.shape}")
        return x

    def _enter_x(self, x: np.ndarray, lengths: np.ndarray | None, dtype: np.dtype) -> np.ndarray:
        """x (T, D, B) in this precision, or checked classes (T, B); 0 at padded steps.

        Padding may hold anything, NaN included, and NaN times zero is NaN: so it is cleared first.
        """
        if lengths is not None:
            real = real_steps(lengths, len(x))
            x = mask_steps(x, real if x.ndim == 2 else real[:, None, :])
        if x.ndim == 3:
            return x.astype(dtype, copy=False)
        if x.size and not 0 <= x.min() <= x.max() < self.input_size:
            raise ValueError(f"expected classes from 0 to {self.input_size - 1}, got {x.min()} to {x.max()}")
        return x

    def _joined(self, x: np.ndarray) -> int:
        """How many features of x join h_{t-1} in one product a step; none where W_x x_t is made apart."""
        return 0

    def _steps_at_once(self, batch: int, dtype: np.dtype) -> int:
        """How many steps make a block on the way back.

        In a wide layer enough for large products; in a narrow one so few that they stay in the cache, yet not
        so few that what is paid for each block is felt.
        """
        rows = len(self.gates) * self.hidden_size
        if rows * self.hidden_size > LARGE:
            return block_steps(batch)
        step_bytes = 3 * rows * max(batch, 1) * dtype.itemsize
        return int(np.clip(CACHE // step_bytes, 8, 128))

    def _draws(self) -> bool:
        return self.recurrent_dropout > 0

    def is_sequence(self, x: np.ndarray) -> bool:
        return x.ndim == 3 or (x.ndim == 2 and x.dtype.kind in "iu")

    def _runner(self, x: np.ndarray, state: Any) -> "CellRunner":
        return CellRunner(self, x, state)

    def _run(
        self, steps: Iterable[Any], weights: tuple[Any, ...], input: Input | None, stops: Padding, mask: Any
    ) -> None:
        """The steps of a sequence; where one has ended, its state stays as it is."""
        W_x, b_x, *_ = weights
        projected = repeat(None) if input is None else input.products(W_x, b_x)
        # `steps` comes first: asked for the one after the last, a runner takes out the last output.
        for step, from_x, stop in zip(steps, projected, stops, strict=False):
            if stop is None:
                self._step(weights, step, from_x, mask)
                continue
            held = [before.copy() for before, _ in step.states]
            self._step(weights, step, from_x, mask)
            for (_, after), state in zip(step.states, held, strict=True):
                np.copyto(after, state, where=stop)

    def _leave(self, h: np.ndarray, lengths: np.ndarray | None) -> np.ndarray:
        """The hidden states (T, H, B) as an output (T, B, H) that owns its memory, 0 at padded steps."""
        y = self._buffers.empty(h.shape, h.dtype)
        np.copyto(y, h)
        if lengths is not None:
            np.copyto(y, 0, where=~real_steps(lengths, len(y))[:, None, :])
        return y.transpose(0, 2, 1)

    def _enter_backward(
        self,
        dy: Any,
        dstate: Any,
        shape: tuple[int, int, int],
        dtype: np.dtype,
        lengths: np.ndarray | None,
        features: int,
    ) -> tuple[np.ndarray, Any]:
        """dy as (T, H, B), 0 at padded steps, and the gradient by the final state as (H, B) copies."""
        steps, hidden, batch = shape
        if hidden != self.hidden_size:
            raise ValueError(
                f"expected the cache of a layer of {self.hidden_size} units, got one of {hidden}"
            )
        if features != self.input_size:
            raise ValueError(
                f"expected the cache of a layer of {self.input_size} input features, got one of {features}"
            )
        dy = check_array("dy", dy)
        if dy.shape != (steps, batch, hidden):
            raise ValueError(f"expected dy of shape {(steps, batch, hidden)}, got {dy.shape}")
        dstate = check_state(dstate, self.initial_state(batch), "dstate")
        dtype = compute_dtype(dtype, dy, *(array for _, array in state_arrays(dstate)))
        if lengths is not None:
            dy = mask_steps(dy, real_steps(lengths, steps)[:, :, None])
        dy = dy.transpose(0, 2, 1).astype(dtype, copy=False)
        return dy, [np.array(s.T, dtype, order="C") for s in dstate]

    def _dropout_mask(
        self, batch: int, training: bool, rng: np.random.Generator | None, dtype: np.dtype
    ) -> np.ndarray | None:
        """(H, B): which entries of h_{t-1} the recurrent weights see, the same at every step of a sequence.

        Gal & Ghahramani 2016, section 3: a mask drawn anew at each step would wear the memory away.
        """
        if not (training and self.recurrent_dropout):
            return None
        rng = self._mask_rng if rng is None else rng
        keep = 1 - self.recurrent_dropout
        return (rng.random((self.hidden_size, batch)) < keep).astype(dtype) / keep


class CellRunner:
    """Runs a recurrent layer in the memory of a single step, which stays in the cache."""

    def __init__(self, cell: RecurrentLayer, x: np.ndarray, state: Any) -> None:
        x = cell._check_x(swap_features(x))
        x, start, _ = cell._enter(x[:0], state, None)  # of x only shape and dtype matter yet
        self.cell, self.joined, self.dtype = cell, cell._joined(x), start[0].dtype
        W_x, b_x, W, *others = cell._weights(self.joined, self.dtype)
        if x.shape[-1] == 1 and W.size < 1 << 15:
            W = np.asfortranarray(W)  # for a single sequence it is quicker to add up columns
        self.weights = W_x, b_x, W, *others
        seen, self.states, (self.views,), *_ = cell._memory(
            1, x.shape[-1], self.joined, self.dtype, in_place=True
        )
        self.seen_x, self.h = seen[0, : self.joined], self.states[0][0]
        for array, s in zip(self.states, start, strict=True):
            array[0] = s

    @property
    def state(self) -> Any:
        return self.cell.state_type(*(array[0].T.copy() for array in self.states))

    def run(self, x: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
        """x (T, D, B) or classes (T, B) -> y (T, H, B), which the next block may overwrite."""
        x = self.cell._enter_x(x, lengths, self.dtype)
        y = self.cell._buffers.empty((len(x), *self.h.shape), self.dtype)
        input = None if self.joined else Input(x, self.cell.input_size, self.cell._buffers)
        with threads_for(self.weights[2].size * x.shape[-1]):
            self.cell._run(self._steps(x, y), self.weights, input, ended(lengths, len(x)), None)
        if lengths is not None:
            np.copyto(y, 0, where=~real_steps(lengths, len(y))[:, None, :])
        return y

    def step(self, x: np.ndarray) -> np.ndarray:
        """A single step x (D, B) -> (H, B), which the next step overwrites."""
        from_x = None
        if self.joined:
            self.seen_x[...] = x
        else:
            x = self.cell._enter_x(x[None], None, self.dtype)[0]
            W_x, b_x, *_ = self.weights
            from_x = np.dot(W_x, x) if x.ndim == 2 else W_x[:, x]
            if b_x is not None:
                from_x += b_x
        self.cell._step(self.weights, self.views, from_x, None)
        return self.h

    def _steps(self, x: np.ndarray, y: np.ndarray) -> Iterator[Any]:
        """The one step again and again: x_t is put in before it, h_t taken out after it."""
        for x_t, y_t in zip(x, y, strict=True):
            if self.joined:
                np.copyto(self.seen_x, x_t)
            yield self.views
            np.copyto(y_t, self.h)


def on_few_threads(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Runs the backward pass of a narrow cell on one thread."""

    @wraps(backward)
    def inside(self: RecurrentLayer, dy: Any, cache: Any, dstate: Any = None, need_dx: bool = True) -> Any:
        rows = len(self.gates) * self.hidden_size
        with threads_for(rows * self.hidden_size * np.prod(np.shape(dy)[1:2], dtype=int)):
            return backward(self, dy, cache, dstate, need_dx)

    return inside


def ended(lengths: np.ndarray | None, steps: int) -> Padding:
    """For each step which sequences have already ended, None where all go on."""
    if lengths is None:
        return [None] * steps
    return [t >= lengths if t >= lengths.min(initial=steps) else None for t in range(steps)]


def blocks_backwards(steps: int, size: int) -> list[slice]:
    """The steps of a sequence in blocks of this size, the last one first."""
    return [slice(max(stop - size, 0), stop) for stop in range(steps, 0, -size)]


def recurrent_sizes(input_size: Any, hidden_size: Any) -> tuple[int, int]:
    return check_size("input_size", input_size), check_size("hidden_size", hidden_size)
