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

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..threads import threads_for
from .buffers import arrays
from .checks import check_cache
from .products import Gradient, Input, transposed
from .recurrent import RecurrentLayer, blocks_backwards, ended, on_few_threads, recurrent_sizes


class LSTMState(NamedTuple):
    """Hidden state and memory cell, each (B, H)."""

    h: np.ndarray
    c: np.ndarray


class LSTMCache(NamedTuple):
    """What backward needs of a forward pass; all arrays (T, rows, B)."""

    u: np.ndarray  # rows [x_t, 1, h_{t-1}, i g, f c] of the step before; T + 1 steps; no x_t if in `input`
    seen: np.ndarray  # rows [x_t, 1, h_{t-1}] as the weights saw them: u, or u times the dropout mask
    v: np.ndarray  # rows [o, i, f, g, c_{t-1}]; T + 1 steps
    tanh_c: np.ndarray
    input: Input | None  # a wide input or classes
    mask: np.ndarray | None  # (H, B) recurrent dropout
    lengths: np.ndarray | None


class LSTMStep(NamedTuple):
    """What one step works on: views (rows, B) of a sequence's memory, made once and walked along.

    To walk through views costs half of indexing them.
    """

    states: tuple[tuple[np.ndarray, np.ndarray], ...]  # (before, after) of h and of c
    seen: np.ndarray  # rows [x_t, 1, h_{t-1}] as the weights see them
    seen_h: np.ndarray
    h: np.ndarray  # h_{t-1}
    c: np.ndarray  # c_{t-1}
    a: np.ndarray  # pre-activations of o, i, f, g, the first three halved; they become the gates in place
    gates: np.ndarray  # those of a that need not wait for the new cell
    sigmoids: np.ndarray  # the same without g
    i_f: np.ndarray
    g_c: np.ndarray  # g and c_{t-1}
    ig_fc: np.ndarray  # i g and f c_{t-1}
    ig: np.ndarray
    fc: np.ndarray
    c_t: np.ndarray
    tanh_c: np.ndarray
    o: np.ndarray
    h_t: np.ndarray


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

    def _kept_per_step(self) -> int:
        return self.input_size + 10 * self.hidden_size

    def _joined(self, x: np.ndarray) -> int:
        return self.input_size if x.ndim == 3 and self.input_size <= 64 else 0

    def _weights(self, F: int, dtype: np.dtype) -> tuple[Any, ...]:
        """W_x and its bias if the input is projected (b is in the next); [W_x, b, W_h]; the peepholes; 0.5.

        sigmoid(a) = (1 + tanh(a / 2)) / 2: with the halving inside the weights, one tanh serves all gates.
        """
        H = self.hidden_size
        halves = np.repeat([0.5, 1], [3 * H, H])[:, None].astype(dtype)
        b = self.params["b"][:, None] if self.bias else np.zeros((4 * H, 1), dtype)
        W = self._buffers.empty((4 * H, F + 1 + H), dtype)
        np.multiply(self.params["W_x"][:, :F], halves, W[:, :F])
        np.multiply(b, halves, W[:, F : F + 1])
        np.multiply(self.params["W_h"], halves, W[:, F + 1 :])
        W_x = None
        if not F:
            W_x = self._buffers.empty((4 * H, self.input_size), dtype)
            np.multiply(self.params["W_x"], halves, W_x)
        p = 0.5 * self.params["p"][:, :, None] if self.peepholes else None
        half = np.array(0.5, dtype)  # as an array: to convert a Python number costs as much as a small sum
        return W_x, None, W, p, half

    def _memory(
        self, T: int, B: int, F: int, dtype: np.dtype, masked: bool = False, in_place: bool = False
    ) -> tuple[Any, ...]:
        """Arrays for T steps, those of the states, and an LSTMStep for each step.

        In place there is one step's memory, and what the step makes overwrites what it started from.
        """
        H, later, peepholes = self.hidden_size, 0 if in_place else 1, self.peepholes

        def make() -> tuple[Any, ...]:
            u, v, tanh_c, masked_u = arrays(
                dtype,
                (T + later, F + 1 + 3 * H, B),
                (T + later, 5 * H, B),
                (T, H, B),
                (T if masked else 0, F + 1 + H, B),
            )
            seen = masked_u if masked else u[:T, : F + 1 + H]
            u[:, F] = seen[:, F] = 1
            h, ig_fc, c = u[:, F + 1 : F + 1 + H], u[later:, F + 1 + H :], v[:, 4 * H :]
            # With peepholes o waits for the new cell; without, all gates go through the same three calls.
            gates = v[:, H if peepholes else 0 : 4 * H]
            states = zip(zip(h[:T], h[later:], strict=True), zip(c[:T], c[later:], strict=True), strict=True)
            steps = map(
                LSTMStep,
                *(states, seen, seen[:, F + 1 :], h, c),
                *(v[:, : 4 * H], gates, gates[:, :-H], v[:, H : 3 * H], v[:, 3 * H :]),
                *(ig_fc, ig_fc[:, :H], ig_fc[:, H:], c[later:], tanh_c, v[:, :H], h[later:]),
            )
            return u, seen, v, tanh_c, h, c, list(steps)

        u, seen, v, tanh_c, h, c, steps = self._buffers.get((T, B, F, dtype, masked, in_place), make)
        return seen, (h, c), steps, u, v, tanh_c

    def forward(
        self,
        x: np.ndarray,
        state: Any = None,
        lengths: Any = None,
        training: bool = False,
        rng: np.random.Generator | None = None,
    ) -> tuple[np.ndarray, LSTMState, LSTMCache]:
        """x (T, B, D) or classes (T, B) -> y (T, B, H), the final state, and the cache for `backward`."""
        x, (h0, c0), lengths = self._enter(x, state, lengths)
        T, B, H, dtype = len(x), x.shape[-1], self.hidden_size, h0.dtype
        mask = self._dropout_mask(B, training, rng, dtype)

        F = self._joined(x)
        input = None if F else Input(x, self.input_size, self._buffers)
        seen, (h, c), steps, u, v, tanh_c = self._memory(T, B, F, dtype, masked=mask is not None)
        h[0], c[0] = h0, c0
        if F:
            seen[:, :F] = x
        with threads_for(4 * H * (F + 1 + H) * B):
            self._run(steps, self._weights(F, dtype), input, ended(lengths, T), mask)

        cache = LSTMCache(u, seen, v, tanh_c, input, mask, lengths)
        return self._leave(h[1:], lengths), LSTMState(h[T].T.copy(), c[T].T.copy()), cache

    def _step(self, weights: tuple[Any, ...], step: LSTMStep, from_x: Any, mask: Any) -> None:
        """The equations above for one step, in the views of `step`."""
        _, _, W, p, half = weights
        _, seen, seen_h, h, c, a, gates, sigmoids, i_f, g_c, ig_fc, ig, fc, c_t, tanh_c, o, h_t = step
        if mask is not None:
            np.multiply(h, mask, seen_h)
        W.dot(seen, a)  # not np.dot, which takes a quarter of a microsecond longer to begin
        if from_x is not None:
            np.add(a, from_x, a)
        if p is not None:
            i_f += (p[:2] * c).reshape(i_f.shape)
        np.tanh(gates, gates)
        np.multiply(sigmoids, half, sigmoids)
        np.add(sigmoids, half, sigmoids)
        np.multiply(i_f, g_c, ig_fc)
        np.add(ig, fc, c_t)
        np.tanh(c_t, tanh_c)
        if p is not None:
            o += p[2] * c_t
            np.tanh(o, o)
            o *= half
            o += half
        np.multiply(o, tanh_c, h_t)

    @on_few_threads
    def backward(
        self, dy: np.ndarray, cache: LSTMCache, dstate: Any = None, need_dx: bool = True
    ) -> tuple[Any, LSTMState]:
        """dy (T, B, H) -> dx (T, B, D) and the gradient by the initial state; adds into `grads`.

        dx is None for classes, and without `need_dx`.
        """
        u, seen, v, tanh_c, input, mask, lengths = check_cache(cache, LSTMCache, self)
        T, H, B = tanh_c.shape
        F = seen.shape[1] - 1 - H
        dy, (dh, dc) = self._enter_backward(
            dy, dstate, tanh_c.shape, u.dtype, lengths, F if input is None else input.features
        )
        dtype = dh.dtype
        h_ig_fc = u[1:, F + 1 :]
        W_h_T = transposed(self.params["W_h"], T, self._buffers)
        p = self.params["p"][:, :, None] if self.peepholes else None
        stops = ended(lengths, T)
        dx: Any = None
        if need_dx and (input is None or not input.is_classes):
            dx = self._buffers.empty((T, self.input_size, B), dtype)

        def make(n: int) -> tuple[Any, ...]:
            da, dc_by_dh = arrays(dtype, (n, 4 * H, B), (n, H, B))
            steps = zip(da, da[:, :H], da[:, H:].reshape(n, 3, H, B), dc_by_dh, strict=True)
            return da, dc_by_dh, list(steps)[::-1]

        # A block of steps at a time, so that what a step needs is still in the cache from the step before.
        for part in blocks_backwards(T, self._steps_at_once(B, dtype)):
            # First the factors that dh and dc will meet, for all steps of the block; the loop then turns them
            # into da in place. Row blocks as in `gates`.
            n = part.stop - part.start
            da, dc_by_dh, steps = self._buffers.get(("backward", n, B, dtype), partial(make, n))
            da_g = da[:, 3 * H :]
            np.subtract(1, v[part, : 3 * H], da[:, : 3 * H])
            da[:, : 3 * H] *= h_ig_fc[part]
            np.multiply(h_ig_fc[part, H : 2 * H], v[part, 3 * H : 4 * H], da_g)
            np.subtract(v[part, H : 2 * H], da_g, da_g)
            np.multiply(h_ig_fc[part, :H], tanh_c[part], dc_by_dh)
            np.subtract(v[part, :H], dc_by_dh, dc_by_dh)

            falling = (dy[part][::-1], v[part, 2 * H : 3 * H][::-1], stops[part][::-1])
            for (da_t, da_o, da_ifg, dc_t), dy_t, f, stop in zip(steps, *falling, strict=True):
                np.add(dh, dy_t, dh)
                held = None if stop is None else (dh.copy(), dc.copy())
                np.multiply(da_o, dh, da_o)
                np.multiply(dc_t, dh, dc_t)
                np.add(dc, dc_t, dc)
                if p is not None:
                    dc += p[2] * da_o
                np.multiply(da_ifg, dc, da_ifg)
                np.multiply(dc, f, dc)
                if p is not None:
                    dc += p[0] * da_ifg[0] + p[1] * da_ifg[1]
                if stop is not None:
                    np.copyto(da_t, 0, where=stop)
                W_h_T.dot(da_t, dh)
                if mask is not None:
                    dh *= mask
                if held is not None:
                    np.copyto(dh, held[0], where=stop)
                    np.copyto(dc, held[1], where=stop)

            gradient = Gradient(da, self._buffers)
            dW = gradient.by_weights(seen[part])
            self.grads["W_h"] += dW[:, F + 1 :]
            if self.bias:
                self.grads["b"] += dW[:, F]
            if input is None:
                self.grads["W_x"] += dW[:, :F]
                if dx is not None:
                    gradient.by_input(self.params["W_x"], dx[part])
            else:
                input.products_backward(gradient, part, self.params["W_x"], self.grads["W_x"], dx)
            if self.peepholes:
                c_before, c_after = v[:T, 4 * H :][part], v[1:, 4 * H :][part]
                da_i_f = da[:, H : 3 * H].reshape(n, 2, H, B)
                self.grads["p"][:2] += np.einsum("tkhb,thb->kh", da_i_f, c_before)
                self.grads["p"][2] += np.einsum("thb,thb->h", da[:, :H], c_after)

        return None if dx is None else dx.transpose(0, 2, 1), LSTMState(dh.T.copy(), dc.T.copy())
