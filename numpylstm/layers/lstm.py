"""Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000).

Forward, for every step t, with s = sigmoid:

    a   = W_x x_t + W_h h_{t-1} + b         row blocks a_o, a_i, a_f, a_g
    i   = s(a_i + p_i c_{t-1})              input gate      (p only with peepholes: Gers & Schmidhuber
    f   = s(a_f + p_f c_{t-1})              forget gate      2000; Graves 2013, eq. 7 to 11)
    g   = tanh(a_g)                         candidate
    c_t = f c_{t-1} + i g                   memory cell
    o   = s(a_o + p_o c_t)                  output gate, which sees the new cell
    h_t = o tanh(c_t)                       hidden state

Backward, from dh and dc (what comes from later steps and from the loss), t falling:

    da_o = dh h_t (1 - o)                   o (1 - o) tanh(c_t) = h_t (1 - o)
    dc  += dh (o - h_t tanh(c_t)) + p_o da_o
    da_i = dc (i g) (1 - i)
    da_f = dc (f c_{t-1}) (1 - f)
    da_g = dc (i - (i g) g)                 i (1 - g^2)
    dc   = dc f + p_i da_i + p_f da_f       now the gradient by c_{t-1}
    dh   = W_h^T da                         now the gradient by h_{t-1}

    dW_x, db, dW_h = sum over t of da [x_t, 1, h_{t-1}]^T          dx_t = W_x^T da

All factors of dh and dc above are known before the backward loop starts, and each is a product that the
forward pass has already made: h_t, i g and f c_{t-1} are what is stored.
"""

from typing import Any, NamedTuple

import numpy as np

from .checks import check_cache
from .products import sum_outer
from .recurrent import RecurrentLayer, blocks_backwards, ended, recurrent_sizes


class LSTMState(NamedTuple):
    """Hidden state and memory cell, each (B, H)."""

    h: np.ndarray
    c: np.ndarray


class LSTMCache(NamedTuple):
    """What backward needs of a forward pass; all (T, rows, B)."""

    u: np.ndarray  # rows [x_t, 1, h_{t-1}, i g, f c] of the step before; T + 1 steps
    seen: np.ndarray  # rows [x_t, 1, h_{t-1}] as the weights saw them: u, or u times the dropout mask
    v: np.ndarray  # rows [o, i, f, g, c_{t-1}]; T + 1 steps
    tanh_c: np.ndarray
    mask: np.ndarray | None  # (H, B) recurrent dropout
    lengths: np.ndarray | None


class LSTM(RecurrentLayer):
    """One LSTM layer, x (T, B, D) -> y (T, B, H), state (h, c).

    Args:
        input_size, hidden_size: D, H.
        bias: whether there is a bias b.
        peepholes: whether the gates see the memory cell, through `p (3, H)` with rows i, f, o.
        recurrent_dropout: share of h_{t-1} hidden from W_h in training, the same at all steps of a call.
        forget_bias: starting value of b_f, with init "default" and "tensorflow". 1 lets the memory last from
            the start (Jozefowicz et al. 2015).
        init: "default" (orthogonal W_h, Glorot W_x), "pytorch" (uniform ±1/sqrt(H)), "tensorflow" or "zeros".
        seed: whole number or Generator for the starting values; None draws fresh ones.

    Attributes:
        params: "W_x" (4H, D), "W_h" (4H, H), "b" (4H,), "p" (3, H). Row blocks in the order of `gates`.
    """

    # o, i, f stand together, so that one call halves the sigmoids and one multiplies (i, f) by (g, c).
    gates = ("o", "i", "f", "g")
    state_type = LSTMState
    options = (
        "input_size",
        "hidden_size",
        "bias",
        "peepholes",
        "recurrent_dropout",
        "forget_bias",
        "init",
    )

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        bias: bool = True,
        peepholes: bool = False,
        recurrent_dropout: float = 0.0,
        forget_bias: float = 1.0,
        init: str = "default",
        dtype: Any = float,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        D, H = recurrent_sizes(input_size, hidden_size)
        self.bias, self.peepholes, self.forget_bias = bool(bias), bool(peepholes), float(forget_bias)
        shapes: dict[str, tuple[int, ...]] = {"W_x": (4 * H, D), "W_h": (4 * H, H)}
        if bias:
            shapes["b"] = (4 * H,)
        if peepholes:
            shapes["p"] = (3, H)
        super().__init__(D, H, shapes, dtype, seed, init, recurrent_dropout)

    def initialize(self, rng: np.random.Generator) -> None:
        super().initialize(rng)
        if self.init in ("default", "tensorflow") and self.bias:
            self._by_gate("b")[self.gates.index("f")] = self.forget_bias

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, LSTMState, LSTMCache]:
        """x (T, B, D) -> y (T, B, H), the final state, and the cache for `backward`."""
        x, (h0, c0), lengths = self._enter(x, state, lengths)
        T, D, B = x.shape
        H = self.hidden_size
        mask = self._dropout_mask(B, training, rng, x.dtype)

        # sigmoid(a) = (1 + tanh(a / 2)) / 2: with the halving inside the weights, one tanh serves all gates.
        rows = np.repeat([0.5, 1], [3 * H, H])[:, None].astype(self.dtype)
        b = self.params["b"] if self.bias else np.zeros(4 * H, self.dtype)
        W = np.concatenate([self.params["W_x"], b[:, None], self.params["W_h"]], axis=1) * rows
        p_i, p_f, p_o = 0.5 * self.params["p"][:, :, None] if self.peepholes else (None, None, None)
        half = np.array(0.5, self.dtype)  # to convert a Python number costs as much as a small sum

        empty = self._buffers.empty
        u = empty((T + 1, D + 1 + 3 * H, B), x.dtype)
        v = empty((T + 1, 5 * H, B), x.dtype)
        tanh_c = empty((T, H, B), x.dtype)
        seen = u[:T, : D + 1 + H] if mask is None else empty((T, D + 1 + H, B), x.dtype)
        h, ig_fc, c = u[:, D + 1 : D + 1 + H], u[:, D + 1 + H :], v[:, 4 * H :]
        u[:T, :D], u[:, D], h[0], c[0] = x, 1, h0, c0
        if mask is not None:
            seen[:, : D + 1] = u[:T, : D + 1]

        # With peepholes o has to wait for the new cell; without, all gates go through the same three calls.
        first = 0 if p_o is None else H
        # Walking through views costs half of indexing them. Each row below is one name of the loop's head.
        steps = zip(
            range(T),  # t
            ended(lengths, T),  # stop: sequences that have ended
            seen,  # seen_t
            v[:T, : 4 * H],  # a: pre-activations, halved but for g, then turned into gates in place
            v[:T, first : 4 * H],  # gates
            v[:T, first : 3 * H],  # sigmoids: the same without g
            v[:T, H : 3 * H],  # i_f
            v[:T, 3 * H :],  # g_c: candidate and cell before
            ig_fc[1:],  # ig_fc_t
            ig_fc[1:, :H],  # ig
            ig_fc[1:, H:],  # fc
            c[1:],  # c_t
            tanh_c,  # tanh_c_t
            v[:T, :H],  # o
            h[1:],  # h_t
            strict=True,
        )
        for t, stop, seen_t, a, gates, sigmoids, i_f, g_c, ig_fc_t, ig, fc, c_t, tanh_c_t, o, h_t in steps:
            if mask is not None:
                np.multiply(h[t], mask, out=seen_t[D + 1 :])
            np.matmul(W, seen_t, a)
            if p_o is not None:
                v[t, H : 2 * H] += p_i * c[t]
                v[t, 2 * H : 3 * H] += p_f * c[t]
            np.tanh(gates, gates)
            np.multiply(sigmoids, half, sigmoids)
            np.add(sigmoids, half, sigmoids)
            np.multiply(i_f, g_c, ig_fc_t)
            np.add(ig, fc, c_t)
            np.tanh(c_t, tanh_c_t)
            if p_o is not None:
                o += p_o * c_t
                np.tanh(o, o)
                o *= half
                o += half
            np.multiply(o, tanh_c_t, h_t)
            if stop is not None:
                h_t[:, stop], c_t[:, stop] = h[t][:, stop], c[t][:, stop]

        cache = LSTMCache(u, seen, v, tanh_c, mask, lengths)
        return self._leave(h[1:], lengths), LSTMState(h[T].T.copy(), c[T].T.copy()), cache

    def backward(self, dy: np.ndarray, cache: LSTMCache, dstate: Any = None) -> tuple[np.ndarray, LSTMState]:
        """dy (T, B, H) -> dx (T, B, D) and the gradient by the initial state; adds into `grads`."""
        u, seen, v, tanh_c, mask, lengths = check_cache(cache, LSTMCache, self)
        T, H, B = tanh_c.shape
        D = self.input_size
        dy, (dh, dc) = self._enter_backward(dy, dstate, tanh_c.shape, u.dtype, lengths)
        h_ig_fc = u[1:, D + 1 :]

        W_h_T = np.ascontiguousarray(self.params["W_h"].T)
        W_x_T = np.ascontiguousarray(self.params["W_x"].T)
        p_i, p_f, p_o = self.params["p"][:, :, None] if self.peepholes else (None, None, None)
        stops = ended(lengths, T)
        dx = self._buffers.empty((T, D, B), dh.dtype)
        dW = np.zeros((4 * H, D + 1 + H), dh.dtype)
        # A block of steps at a time, so that what a step needs is still in the cache from the step before.
        for part in blocks_backwards(T, 13 * H * B * dh.itemsize):
            # First the factors that dh and dc will meet, for all steps of the block; the loop then turns them
            # into da in place. Row blocks as in `gates`.
            da = self._buffers.empty((part.stop - part.start, 4 * H, B), dh.dtype)
            np.subtract(1, v[part, : 3 * H], da[:, : 3 * H])
            da[:, : 3 * H] *= h_ig_fc[part]
            da_g = da[:, 3 * H :]
            np.multiply(h_ig_fc[part, H : 2 * H], v[part, 3 * H : 4 * H], da_g)
            np.subtract(v[part, H : 2 * H], da_g, da_g)
            dc_by_dh = h_ig_fc[part, :H] * tanh_c[part]
            np.subtract(v[part, :H], dc_by_dh, dc_by_dh)

            da_o, da_ifg, f = da[:, :H], da[:, H:].reshape(len(da), 3, H, B), v[part, 2 * H : 3 * H]
            views = zip(stops[part], dy[part], da, da_o, da_ifg, dc_by_dh, f, strict=True)
            for stop, dy_t, da_t, da_o_t, da_ifg_t, dc_t, f_t in reversed(list(views)):
                np.add(dh, dy_t, dh)
                held = None if stop is None else (dh[:, stop], dc[:, stop])
                np.multiply(da_o_t, dh, da_o_t)
                np.multiply(dc_t, dh, dc_t)
                np.add(dc, dc_t, dc)
                if p_o is not None:
                    dc += p_o * da_o_t
                np.multiply(da_ifg_t, dc, da_ifg_t)
                np.multiply(dc, f_t, dc)
                if p_o is not None:
                    dc += p_i * da_ifg_t[0] + p_f * da_ifg_t[1]
                if stop is not None:
                    da_t[:, stop] = 0
                np.matmul(W_h_T, da_t, dh)
                if mask is not None:
                    dh *= mask
                if held is not None:
                    dh[:, stop], dc[:, stop] = held

            dW += sum_outer(da, seen[part])
            np.matmul(W_x_T, da, dx[part])
            if self.peepholes:
                c_before, c_after = v[:T, 4 * H :][part], v[1:, 4 * H :][part]
                self.grads["p"][:2] += np.einsum("tkhb,thb->kh", da_ifg[:, :2], c_before)
                self.grads["p"][2] += np.einsum("thb,thb->h", da_o, c_after)

        self.grads["W_x"] += dW[:, :D]
        self.grads["W_h"] += dW[:, D + 1 :]
        if self.bias:
            self.grads["b"] += dW[:, D]
        return dx.transpose(0, 2, 1), LSTMState(dh.T.copy(), dc.T.copy())
