"""The plain recurrent network (Elman 1990).

Forward, for every step t:                     Backward, from dh, t falling:

    a   = W_x x_t + W_h h_{t-1} + b                da = dh act'(a), written from the output h_t
    h_t = act(a)                                   dh = W_h^T da, now the gradient by h_{t-1}

    dW_x, dW_h, db = sum over t of da x_t^T, da h_{t-1}^T, da          dx_t = W_x^T da
"""

from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from ..activations import get_activation
from ..threads import threads_for
from .buffers import arrays
from .checks import check_cache
from .products import Gradient, Input, transposed
from .recurrent import RecurrentLayer, blocks_backwards, ended, on_few_threads, recurrent_sizes


class RNNState(NamedTuple):
    """Hidden state (B, H)."""

    h: np.ndarray


class RNNCache(NamedTuple):
    """What backward needs of a forward pass; all arrays (T, rows, B)."""

    input: Input
    h: np.ndarray  # T + 1 steps, h[0] is the initial state
    seen: np.ndarray  # h_{t-1} as the recurrent weights saw it: h, or h times the dropout mask
    mask: np.ndarray | None  # (H, B) recurrent dropout
    lengths: np.ndarray | None


class RNNStep(NamedTuple):
    """What one step works on: views (H, B) of a sequence's memory, made once and walked along."""

    states: tuple[tuple[np.ndarray, np.ndarray], ...]  # (before, after) of h
    seen: np.ndarray  # h_{t-1} as the weights see it
    h: np.ndarray  # h_{t-1}
    a: np.ndarray  # pre-activation; a product cannot overwrite what it multiplies
    h_t: np.ndarray


class RNN(RecurrentLayer):
    """One plain recurrent layer, x (T, B, D) -> y (T, B, H), state (h,).

    Args:
        input_size, hidden_size: D, H.
        bias: whether there is a bias b.
        activation: "tanh" or "relu".
        recurrent_dropout: share of h_{t-1} hidden from W_h in training, the same at all steps of a call.
        init: "default" (orthogonal W_h, Glorot W_x), "pytorch" (uniform ±1/sqrt(H)), "tensorflow" or "zeros".
        seed: whole number or Generator for the starting values; None draws fresh ones.

    Attributes:
        params: "W_x" (H, D), "W_h" (H, H), "b" (H,).
    """

    gates = ("h",)
    state_type = RNNState
    options = ("input_size", "hidden_size", "bias", "activation", "recurrent_dropout", "init")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        bias: bool = True,
        activation: str = "tanh",
        recurrent_dropout: float = 0.0,
        init: str = "default",
        dtype: Any = float,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        D, H = recurrent_sizes(input_size, hidden_size)
        if activation not in ("tanh", "relu"):
            raise ValueError(f"expected activation 'tanh' or 'relu', got {activation!r}")
        self.bias, self.activation = bool(bias), activation
        shapes: dict[str, tuple[int, ...]] = {"W_x": (H, D), "W_h": (H, H)}
        if bias:
            shapes["b"] = (H,)
        super().__init__(D, H, shapes, dtype, seed, init, recurrent_dropout)

    def _kept_per_step(self) -> int:
        return self.input_size + 2 * self.hidden_size

    def _weights(self, joined: int, dtype: np.dtype) -> tuple[Any, ...]:
        """W_x and its bias; W_h; the activation function."""
        b = self.params["b"][:, None].astype(dtype) if self.bias else None
        activation = get_activation(self.activation).forward
        return self.params["W_x"].astype(dtype), b, self.params["W_h"].astype(dtype), activation

    def _memory(
        self, T: int, B: int, joined: int, dtype: np.dtype, masked: bool = False, in_place: bool = False
    ) -> tuple[Any, ...]:
        """Arrays for T steps, those of the states, and an RNNStep for each step.

        In place there is one step's memory, and what the step makes overwrites what it started from.
        """
        later = 0 if in_place else 1

        def make() -> tuple[Any, ...]:
            H = self.hidden_size
            h, masked_h, a = arrays(dtype, (T + later, H, B), (T if masked else 0, H, B), (H, B))
            seen = masked_h if masked else h[:T]
            states = zip(zip(h[:T], h[later:], strict=True), strict=True)
            return h, seen, list(map(RNNStep, states, seen, h, repeat(a), h[later:]))

        h, seen, steps = self._buffers.get((T, B, dtype, masked, in_place), make)
        return seen, (h,), steps

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, RNNState, RNNCache]:
        """x (T, B, D) or classes (T, B) -> y (T, B, H), the final state, and the cache for `backward`."""
        x, (h0,), lengths = self._enter(x, state, lengths)
        T, B, H, dtype = len(x), x.shape[-1], self.hidden_size, h0.dtype
        mask = self._dropout_mask(B, training, rng, dtype)

        input = Input(x, self.input_size, self._buffers)
        seen, (h,), steps = self._memory(T, B, 0, dtype, masked=mask is not None)
        h[0] = h0
        with threads_for(H * H * B):
            self._run(steps, self._weights(0, dtype), input, ended(lengths, T), mask)

        cache = RNNCache(input, h, seen, mask, lengths)
        return self._leave(h[1:], lengths), RNNState(h[T].T.copy()), cache

    def _step(self, weights: tuple[Any, ...], step: RNNStep, from_x: Any, mask: Any) -> None:
        """The equations above for one step, in the views of `step`."""
        _, _, W_h, activation = weights
        _, seen, h, a, h_t = step
        if mask is not None:
            np.multiply(h, mask, seen)
        W_h.dot(seen, a)
        np.add(a, from_x, a)
        np.copyto(h_t, activation(a))

    @on_few_threads
    def backward(
        self, dy: np.ndarray, cache: RNNCache, dstate: Any = None, need_dx: bool = True
    ) -> tuple[Any, RNNState]:
        """dy (T, B, H) -> dx (T, B, D) and the gradient by the initial state; adds into `grads`.

        dx is None for classes, and without `need_dx`.
        """
        input, h, seen, mask, lengths = check_cache(cache, RNNCache, self)
        T, H, B = h[1:].shape
        dy, (dh,) = self._enter_backward(dy, dstate, (T, H, B), h.dtype, lengths, input.features)
        dtype, stops = dh.dtype, ended(lengths, T)
        dx = None
        if need_dx and not input.is_classes:
            dx = self._buffers.empty((T, self.input_size, B), dtype)
        activation_backward = get_activation(self.activation).backward
        W_x, W_h_T = self.params["W_x"], transposed(self.params["W_h"], T, self._buffers)

        # A block of steps at a time, so that what a step needs is still in the cache from the step before.
        for part in blocks_backwards(T, self._steps_at_once(B, dtype)):
            # First the factors that dh will meet, for all steps of the block; the loop turns them into da.
            da = self._buffers.empty((part.stop - part.start, H, B), dtype)
            np.copyto(da, activation_backward(h[1:][part], np.ones(1, dtype)))
            for da_t, dy_t, stop in zip(da[::-1], dy[part][::-1], stops[part][::-1], strict=True):
                np.add(dh, dy_t, dh)
                held = None if stop is None else dh.copy()
                np.multiply(da_t, dh, da_t)
                if stop is not None:
                    np.copyto(da_t, 0, where=stop)
                W_h_T.dot(da_t, dh)
                if mask is not None:
                    dh *= mask
                if held is not None:
                    np.copyto(dh, held, where=stop)

            gradient = Gradient(da, self._buffers)
            input.products_backward(gradient, part, W_x, self.grads["W_x"], dx)
            self.grads["W_h"] += gradient.by_weights(seen[part])
            if self.bias:
                self.grads["b"] += gradient.by_bias()
        return None if dx is None else dx.transpose(0, 2, 1), RNNState(dh.T.copy())
