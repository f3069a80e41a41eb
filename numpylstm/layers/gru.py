"""Gated recurrent unit (Cho et al. 2014), in both variants of its reset gate.

Forward, for every step t, with s = sigmoid:

    r = s(W_xr x_t + b_xr + W_hr h_{t-1} + b_hr)              reset gate
    z = s(W_xz x_t + b_xz + W_hz h_{t-1} + b_hz)              update gate
    n = tanh(W_xn x_t + b_xn + r (W_hn h_{t-1} + b_hn))       candidate, reset_after=True
    n = tanh(W_xn x_t + b_xn + W_hn (r h_{t-1}) + b_hn)       candidate, reset_after=False
    h_t = n + z (h_{t-1} - n)                                 = (1 - z) n + z h_{t-1}

`reset_after=True` is the form of cuDNN, PyTorch and Keras; `False` is the form of the paper (eq. 5 to 8;
where its z is this z, as in PyTorch: z = 1 keeps the old state).

Backward, from dh, t falling, with q_n = W_hn h_{t-1} + b_hn:

    da_z = dh (h_{t-1} - n) z (1 - z)
    da_n = dh (1 - z) (1 - n^2)
    reset_after:   da_r = da_n q_n r (1 - r)         dq_n = da_n r
    else:          drh  = W_hn^T da_n,  da_r = drh h_{t-1} r (1 - r)
    dh   = dh z + W_h^T [da_r, da_z, dq_n]           (else: dh z + W_h[rz]^T [da_r, da_z] + r drh)
"""

from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from ..threads import threads_for
from .buffers import arrays
from .checks import check_cache
from .products import Gradient, Input, transposed
from .recurrent import RecurrentLayer, blocks_backwards, ended, on_few_threads, recurrent_sizes


class GRUState(NamedTuple):
    """Hidden state (B, H)."""

    h: np.ndarray


class GRUCache(NamedTuple):
    """What backward needs of a forward pass; all arrays (T, rows, B)."""

    input: Input
    h: np.ndarray  # T + 1 steps, h[0] is the initial state
    seen: np.ndarray  # rows [1, h_{t-1}] as the recurrent weights saw them: h, or h times the dropout mask
    v: np.ndarray  # rows [n, r, z, q]; q is q_n with reset_after, else r h_{t-1}
    mask: np.ndarray | None  # (H, B) recurrent dropout
    lengths: np.ndarray | None


class GRUStep(NamedTuple):
    """What one step works on: views (rows, B) of a sequence's memory, made once and walked along."""

    states: tuple[tuple[np.ndarray, np.ndarray], ...]  # (before, after) of h
    seen: np.ndarray  # rows [1, h_{t-1}] as the weights see them
    seen_h: np.ndarray
    h: np.ndarray  # h_{t-1}
    rzq: np.ndarray  # pre-activations of r and z, halved, and q; r and z become gates in place
    rz: np.ndarray
    n: np.ndarray
    r: np.ndarray
    z: np.ndarray
    q: np.ndarray
    scratch: np.ndarray
    h_t: np.ndarray


class GRU(RecurrentLayer):
    """One GRU layer, x (T, B, D) -> y (T, B, H), state (h,).

    Args:
        input_size, hidden_size: D, H.
        bias: whether there are the biases b_x and b_h.
        reset_after: whether the reset gate acts after the recurrent product (PyTorch) or before (the paper).
        recurrent_dropout: share of h_{t-1} hidden from W_h in training, the same at all steps of a call.
        init: "default" (orthogonal W_h, Glorot W_x), "pytorch" (uniform ±1/sqrt(H)), "tensorflow" or "zeros".
        seed: whole number or Generator for the starting values; None draws fresh ones.

    Attributes:
        params: "W_x" (3H, D), "W_h" (3H, H), "b_x" (3H,), "b_h" (3H,). Row blocks in the order of `gates`.
    """

    gates = ("r", "z", "n")
    state_type = GRUState
    options = ("input_size", "hidden_size", "bias", "reset_after", "recurrent_dropout", "init")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        bias: bool = True,
        reset_after: bool = True,
        recurrent_dropout: float = 0.0,
        init: str = "default",
        dtype: Any = float,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        D, H = recurrent_sizes(input_size, hidden_size)
        self.bias, self.reset_after = bool(bias), bool(reset_after)
        shapes: dict[str, tuple[int, ...]] = {"W_x": (3 * H, D), "W_h": (3 * H, H)}
        if bias:
            shapes |= {"b_x": (3 * H,), "b_h": (3 * H,)}
        super().__init__(D, H, shapes, dtype, seed, init, recurrent_dropout)

    def _kept_per_step(self) -> int:
        return self.input_size + 6 * self.hidden_size

    def _weights(self, joined: int, dtype: np.dtype) -> tuple[Any, ...]:
        """W_x and its bias; [bias, W_h]; 0.5.

        sigmoid(a) = (1 + tanh(a / 2)) / 2: with the halving inside the weights, one tanh serves both gates.
        """
        H, D = self.hidden_size, self.input_size
        halves = np.repeat([0.5, 1], [2 * H, H])[:, None].astype(dtype)
        b_x = b_h = np.zeros((3 * H, 1), dtype)
        if self.bias:
            b_x, b_h = self.params["b_x"][:, None] * halves, self.params["b_h"][:, None] * halves
        if not self.reset_after:
            b_x, b_h = b_x + b_h, np.zeros_like(b_h)  # for W_hn meets no 1 in r h_{t-1}
        W_x, W = self._buffers.empty((3 * H, D), dtype), self._buffers.empty((3 * H, 1 + H), dtype)
        np.multiply(self.params["W_x"], halves, W_x)
        np.multiply(self.params["W_h"], halves, W[:, 1:])
        W[:, :1] = b_h
        return W_x, b_x, W, np.array(0.5, dtype)

    def _memory(
        self, T: int, B: int, joined: int, dtype: np.dtype, masked: bool = False, in_place: bool = False
    ) -> tuple[Any, ...]:
        """Arrays for T steps, those of the states, and a GRUStep for each step.

        In place there is one step's memory, and what the step makes overwrites what it started from.
        """
        H, later = self.hidden_size, 0 if in_place else 1

        def make() -> tuple[Any, ...]:
            u, v, masked_u, scratch = arrays(
                dtype, (T + later, 1 + H, B), (T, 4 * H, B), (T if masked else 0, 1 + H, B), (H, B)
            )
            seen, h = masked_u if masked else u[:T], u[:, 1:]
            u[:, 0] = seen[:, 0] = 1
            n, r, z, q = (v[:, k * H : (k + 1) * H] for k in range(4))
            states = zip(zip(h[:T], h[later:], strict=True), strict=True)
            steps = map(
                GRUStep,
                *(states, seen, seen[:, 1:], h, v[:, H:], v[:, H : 3 * H], n, r, z, q),
                *(repeat(scratch), h[later:]),
            )
            return u, seen, v, h, list(steps)

        _, seen, v, h, steps = self._buffers.get((T, B, dtype, masked, in_place), make)
        return seen, (h,), steps, v

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, GRUState, GRUCache]:
        """x (T, B, D) or classes (T, B) -> y (T, B, H), the final state, and the cache for `backward`."""
        x, (h0,), lengths = self._enter(x, state, lengths)
        T, B, H, dtype = len(x), x.shape[-1], self.hidden_size, h0.dtype
        mask = self._dropout_mask(B, training, rng, dtype)

        input = Input(x, self.input_size, self._buffers)
        seen, (h,), steps, v = self._memory(T, B, 0, dtype, masked=mask is not None)
        h[0] = h0
        with threads_for(3 * H * H * B):
            self._run(steps, self._weights(0, dtype), input, ended(lengths, T), mask)

        cache = GRUCache(input, h, seen, v, mask, lengths)
        return self._leave(h[1:], lengths), GRUState(h[T].T.copy()), cache

    def _step(self, weights: tuple[Any, ...], step: GRUStep, from_x: Any, mask: Any) -> None:
        """The equations above for one step, in the views of `step`."""
        _, _, W, half = weights
        _, seen, seen_h, h, rzq, rz, n, r, z, q, scratch, h_t = step
        H = self.hidden_size
        if mask is not None:
            np.multiply(h, mask, seen_h)
        if self.reset_after:
            W.dot(seen, rzq)
        else:
            W[: 2 * H].dot(seen, rz)
        np.add(rz, from_x[: 2 * H], rz)
        np.tanh(rz, rz)
        np.multiply(rz, half, rz)
        np.add(rz, half, rz)
        if self.reset_after:
            np.multiply(r, q, n)
        else:
            np.multiply(r, seen_h, q)
            W[2 * H :, 1:].dot(q, n)
        np.add(n, from_x[2 * H :], n)
        np.tanh(n, n)
        np.subtract(h, n, scratch)
        np.multiply(z, scratch, scratch)
        np.add(n, scratch, h_t)

    @on_few_threads
    def backward(
        self, dy: np.ndarray, cache: GRUCache, dstate: Any = None, need_dx: bool = True
    ) -> tuple[Any, GRUState]:
        """dy (T, B, H) -> dx (T, B, D) and the gradient by the initial state; adds into `grads`.

        dx is None for classes, and without `need_dx`.
        """
        input, h, seen, v, mask, lengths = check_cache(cache, GRUCache, self)
        T, H, B = len(v), v.shape[1] // 4, v.shape[2]
        dy, (dh,) = self._enter_backward(dy, dstate, (T, H, B), v.dtype, lengths, input.features)
        dtype, stops = dh.dtype, ended(lengths, T)
        dx = None
        if need_dx and not input.is_classes:
            dx = self._buffers.empty((T, self.input_size, B), dtype)
        W_h_T = transposed(self.params["W_h"], T, self._buffers)
        W_rz_T, W_n_T = W_h_T[:, : 2 * H], W_h_T[:, 2 * H :]
        W_x = self._buffers.empty(self.params["W_x"].shape, self.dtype)  # rows n, r, z
        W_x[:H], W_x[H:] = self.params["W_x"][2 * H :], self.params["W_x"][: 2 * H]
        dW_x = self._buffers.empty(W_x.shape, dtype)
        dW_x[...] = 0

        def make(steps: int) -> tuple[Any, ...]:
            da, scratch = arrays(dtype, (steps, 4 * H, B), (2, H, B))
            n, r, z, q = (da[:, k * H : (k + 1) * H] for k in range(4))
            return (
                da,
                scratch,
                list(zip(n, r, z, q, da[:, : 3 * H], da[:, H : 3 * H], da[:, H:], strict=True))[::-1],
            )

        # A block of steps at a time, so that what a step needs is still in the cache from the step before.
        for part in blocks_backwards(T, self._steps_at_once(B, dtype)):
            # First the factors that dh will meet, for all steps of the block; the loop then turns them into
            # da in place. Rows n, r, z are the gradient by what comes from x, rows r, z, q by what
            # comes from h.
            steps = part.stop - part.start
            da, (from_h, drh), walk = self._buffers.get(("backward", steps, B, dtype), partial(make, steps))
            da_n, da_r, da_z, spare = (da[:, k * H : (k + 1) * H] for k in range(4))
            n, r, z, q = (v[part, k * H : (k + 1) * H] for k in range(4))
            np.subtract(1, z, da_n)
            np.multiply(da_n, z, da_z)
            np.subtract(h[part], n, spare)
            np.multiply(da_z, spare, da_z)  # z (1 - z) (h_{t-1} - n)
            np.multiply(n, n, spare)
            np.subtract(1, spare, spare)
            np.multiply(da_n, spare, da_n)  # (1 - z) (1 - n^2)
            np.subtract(1, r, da_r)
            np.multiply(da_r, r, da_r)
            np.multiply(
                da_r, q if self.reset_after else seen[part, 1:], da_r
            )  # r (1 - r) q_n, or r (1 - r) h

            falling = (dy[part][::-1], r[::-1], z[::-1], stops[part][::-1])
            for (n_t, r_t, z_t, q_t, nrz_t, rz_t, rzq_t), dy_t, gate_r, gate_z, stop in zip(
                walk, *falling, strict=True
            ):
                np.add(dh, dy_t, dh)
                held = None if stop is None else dh.copy()
                np.multiply(n_t, dh, n_t)
                np.multiply(z_t, dh, z_t)
                np.multiply(dh, gate_z, dh)
                if stop is not None:
                    np.copyto(nrz_t, 0, where=stop)
                if self.reset_after:
                    np.multiply(r_t, n_t, r_t)
                    np.multiply(n_t, gate_r, q_t)
                    W_h_T.dot(rzq_t, from_h)
                else:
                    W_n_T.dot(n_t, drh)
                    np.multiply(r_t, drh, r_t)
                    W_rz_T.dot(rz_t, from_h)
                    np.multiply(drh, gate_r, drh)
                    np.add(from_h, drh, from_h)
                if mask is not None:
                    np.multiply(from_h, mask, from_h)
                np.add(dh, from_h, dh)
                if held is not None:
                    np.copyto(dh, held, where=stop)

            by_x = Gradient(da[:, : 3 * H], self._buffers)
            by_h = Gradient(da[:, H:] if self.reset_after else da[:, H : 3 * H], self._buffers)
            by_n = Gradient(da_n, self._buffers)
            input.products_backward(by_x, part, W_x, dW_x, dx)
            dW = by_h.by_weights(seen[part])  # rows r, z, q, or r, z; what met the 1 is the bias
            rows = len(dW)
            self.grads["W_h"][:rows] += dW[:, 1:]
            if not self.reset_after:
                self.grads["W_h"][rows:] += by_n.by_weights(q)
            if self.bias:
                db_x = np.concatenate([dW[: 2 * H, 0], by_n.by_bias()])
                self.grads["b_x"] += db_x
                self.grads["b_h"] += dW[:, 0] if self.reset_after else db_x

        self.grads["W_x"][: 2 * H] += dW_x[H:]
        self.grads["W_x"][2 * H :] += dW_x[:H]
        return None if dx is None else dx.transpose(0, 2, 1), GRUState(dh.T.copy())
