"""The plain recurrent network (Elman 1990).

Forward, for every step t:                     Backward, from dh, t falling:

    a   = W_x x_t + W_h h_{t-1} + b                da = dh act'(a), written from the output h_t
    h_t = act(a)                                   dh = W_h^T da, now the gradient by h_{t-1}

    dW_x, dW_h, db = sum over t of da x_t^T, da h_{t-1}^T, da          dx_t = W_x^T da
"""

from typing import Any, NamedTuple

import numpy as np

from ..activations import get_activation
from .checks import check_cache
from .products import sum_outer
from .recurrent import RecurrentLayer, ended, recurrent_sizes


class RNNState(NamedTuple):
    """Hidden state (B, H)."""

    h: np.ndarray


class RNNCache(NamedTuple):
    """What backward needs of a forward pass; all (T, rows, B)."""

    x: np.ndarray
    h: np.ndarray  # T + 1 steps, h[0] is the initial state
    seen: np.ndarray  # h_{t-1} as the recurrent weights saw it: h, or h times the dropout mask
    mask: np.ndarray | None  # (H, B) recurrent dropout
    lengths: np.ndarray | None


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

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, RNNState, RNNCache]:
        """x (T, B, D) -> y (T, B, H), the final state, and the cache for `backward`."""
        x, (h0,), lengths = self._enter(x, state, lengths)
        x = self._keep(x)
        T, _, B = x.shape
        mask = self._dropout_mask(B, training, rng, x.dtype)
        activation = get_activation(self.activation).forward
        W_h = self.params["W_h"]

        empty = self._buffers.empty
        h = empty((T + 1, self.hidden_size, B), x.dtype)
        h[0] = h0
        seen = h if mask is None else empty((T, self.hidden_size, B), x.dtype)
        a = np.matmul(self.params["W_x"], x)  # the input's part of the pre-activation, for all steps
        if self.bias:
            a += self.params["b"][:, None]
        for t, stop in enumerate(ended(lengths, T)):
            if mask is not None:
                np.multiply(h[t], mask, out=seen[t])
            a[t] += W_h @ seen[t]
            h[t + 1] = activation(a[t])
            if stop is not None:
                h[t + 1][:, stop] = h[t][:, stop]

        return self._leave(h[1:], lengths), RNNState(h[T].T.copy()), RNNCache(x, h, seen, mask, lengths)

    def backward(self, dy: np.ndarray, cache: RNNCache, dstate: Any = None) -> tuple[np.ndarray, RNNState]:
        """dy (T, B, H) -> dx (T, B, D) and the gradient by the initial state; adds into `grads`."""
        x, h, seen, mask, lengths = check_cache(cache, RNNCache, self)
        T, H, B = h[1:].shape
        dy, (dh,) = self._enter_backward(dy, dstate, (T, H, B), h.dtype, lengths)
        activation_backward = get_activation(self.activation).backward
        W_h_T = np.ascontiguousarray(self.params["W_h"].T)

        da = self._buffers.empty((T, H, B), dh.dtype)
        for t, stop in reversed(list(enumerate(ended(lengths, T)))):
            dh += dy[t]
            held = None if stop is None else dh[:, stop]
            da[t] = activation_backward(h[t + 1], dh)
            if stop is not None:
                da[t][:, stop] = 0
            dh = W_h_T @ da[t]
            if mask is not None:
                dh *= mask
            if held is not None:
                dh[:, stop] = held

        self.grads["W_x"] += sum_outer(da, x)
        self.grads["W_h"] += sum_outer(da, seen[:T])
        if self.bias:
            self.grads["b"] += da.sum(axis=(0, 2))
        dx = np.matmul(self.params["W_x"].T, da)
        return dx.transpose(0, 2, 1), RNNState(dh.T.copy())
