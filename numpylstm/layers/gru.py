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

from typing import Any, NamedTuple

import numpy as np

from .checks import check_cache
from .products import sum_outer
from .recurrent import RecurrentLayer, ended, recurrent_sizes


class GRUState(NamedTuple):
    """Hidden state (B, H)."""

    h: np.ndarray


class GRUCache(NamedTuple):
    """What backward needs of a forward pass; all (T, rows, B)."""

    x: np.ndarray
    h: np.ndarray  # T + 1 steps, h[0] is the initial state
    seen: np.ndarray  # h_{t-1} as the recurrent weights saw it: h, or h times the dropout mask
    v: np.ndarray  # rows [r, z, n]
    q: np.ndarray  # reset_after: q_n, else r h_{t-1}
    mask: np.ndarray | None  # (H, B) recurrent dropout
    lengths: np.ndarray | None


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

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, GRUState, GRUCache]:
        """x (T, B, D) -> y (T, B, H), the final state, and the cache for `backward`."""
        x, (h0,), lengths = self._enter(x, state, lengths)
        x = self._keep(x)
        T, _, B = x.shape
        H = self.hidden_size
        mask = self._dropout_mask(B, training, rng, x.dtype)

        # sigmoid(a) = (1 + tanh(a / 2)) / 2, with the halving inside the weights of r and z.
        half = np.repeat([0.5, 1], [2 * H, H])[:, None].astype(self.dtype)
        W_x, W_h = self.params["W_x"] * half, self.params["W_h"] * half
        empty = self._buffers.empty
        v = empty((T, 3 * H, B), x.dtype)
        np.matmul(W_x, x, out=v)  # the input's part of all pre-activations, for all steps
        b_hn = None
        if self.bias:
            b_x, b_h = self.params["b_x"][:, None] * half, self.params["b_h"][:, None] * half
            v += b_x
            v[:, : 2 * H] += b_h[: 2 * H]
            b_hn = b_h[2 * H :]
            if not self.reset_after:
                v[:, 2 * H :] += b_hn

        h = empty((T + 1, H, B), x.dtype)
        q = empty((T, H, B), x.dtype)
        h[0] = h0
        seen = h if mask is None else empty((T, H, B), x.dtype)
        r, z, rz, n = v[:, :H], v[:, H : 2 * H], v[:, : 2 * H], v[:, 2 * H :]
        for t, stop in enumerate(ended(lengths, T)):
            if mask is not None:
                np.multiply(h[t], mask, out=seen[t])
            if self.reset_after:
                from_h = W_h @ seen[t]
                rz[t] += from_h[: 2 * H]
            else:
                rz[t] += W_h[: 2 * H] @ seen[t]
            np.tanh(rz[t], out=rz[t])
            rz[t] *= 0.5
            rz[t] += 0.5
            if self.reset_after:
                q[t] = from_h[2 * H :]
                if b_hn is not None:
                    q[t] += b_hn
                n[t] += r[t] * q[t]
            else:
                np.multiply(r[t], seen[t], out=q[t])
                n[t] += W_h[2 * H :] @ q[t]
            np.tanh(n[t], out=n[t])
            np.subtract(h[t], n[t], out=h[t + 1])
            h[t + 1] *= z[t]
            h[t + 1] += n[t]
            if stop is not None:
                h[t + 1][:, stop] = h[t][:, stop]

        cache = GRUCache(x, h, seen, v, q, mask, lengths)
        return self._leave(h[1:], lengths), GRUState(h[T].T.copy()), cache

    def backward(self, dy: np.ndarray, cache: GRUCache, dstate: Any = None) -> tuple[np.ndarray, GRUState]:
        """dy (T, B, H) -> dx (T, B, D) and the gradient by the initial state; adds into `grads`."""
        x, h, seen, v, q, mask, lengths = check_cache(cache, GRUCache, self)
        T, H, B = q.shape
        dy, (dh,) = self._enter_backward(dy, dstate, q.shape, v.dtype, lengths)
        r, z, n = v[:, :H], v[:, H : 2 * H], v[:, 2 * H :]

        # The factors that dh will meet, for all steps at once; row blocks as in `gates`.
        da = self._buffers.empty((T, 3 * H, B), dh.dtype)
        da_r, da_z, da_n = da[:, :H], da[:, H : 2 * H], da[:, 2 * H :]
        da_r[...] = (q if self.reset_after else seen[:T]) * r * (1 - r)
        da_z[...] = (h[:T] - n) * z * (1 - z)
        da_n[...] = (1 - z) * (1 - n * n)

        W_h_T = np.ascontiguousarray(self.params["W_h"].T)
        # The gradient by W_h h + b_h: the same as da, but for dq_n = da_n r.
        dq = self._buffers.empty(da.shape, da.dtype) if self.reset_after else da
        for t, stop in reversed(list(enumerate(ended(lengths, T)))):
            dh += dy[t]
            held = None if stop is None else dh[:, stop]
            da[t, H:].reshape(2, H, B)[...] *= dh
            if stop is not None:
                da[t, H:][:, stop] = 0
            if self.reset_after:
                da_r[t] *= da_n[t]
                dq[t, : 2 * H] = da[t, : 2 * H]
                np.multiply(da_n[t], r[t], out=dq[t, 2 * H :])
                from_h = W_h_T @ dq[t]
            else:
                drh = W_h_T[:, 2 * H :] @ da_n[t]
                da_r[t] *= drh
                from_h = W_h_T[:, : 2 * H] @ da[t, : 2 * H] + drh * r[t]
            if mask is not None:
                from_h *= mask
            dh *= z[t]
            dh += from_h
            if held is not None:
                dh[:, stop] = held

        self.grads["W_x"] += sum_outer(da, x)
        if self.reset_after:
            self.grads["W_h"] += sum_outer(dq, seen[:T])
        else:
            self.grads["W_h"][: 2 * H] += sum_outer(da[:, : 2 * H], seen[:T])
            self.grads["W_h"][2 * H :] += sum_outer(da_n, q)
        if self.bias:
            self.grads["b_x"] += da.sum(axis=(0, 2))
            self.grads["b_h"] += dq.sum(axis=(0, 2))
        dx = np.matmul(self.params["W_x"].T, da)
        return dx.transpose(0, 2, 1), GRUState(dh.T.copy())
