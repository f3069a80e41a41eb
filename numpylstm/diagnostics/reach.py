"""How far gradients reach: by lag, and from every output to every input."""

from typing import Any

import numpy as np

from ..layers import Layer
from ..layers.state import check_state, map_state, state_arrays
from .activity import check_net, check_real
from .step_sheet import check_index


def gradient_by_lag(
    layer: Layer, x: np.ndarray, state: Any = None, dstate: Any = None
) -> dict[str, np.ndarray]:
    """Norm of the gradient of a loss at the end of a sequence by the states before it.

    The loss is what a single number read from the final state would be: its gradient by that state is
    `dstate`, and from there it goes back one step at a time. In a plain RNN the norm shrinks or grows by
    about the same factor at each step (Bengio et al. 1994; Pascanu et al. 2013, arXiv:1211.5063). From cell
    to cell of an LSTM it shrinks by the forget gate, and what comes round by h and the gates is added.

    Args:
        layer: an LSTM, GRU, RNN or any other layer or network that remembers something and reads forwards.
        x: (T, B, D), or classes (T, B).
        state: initial state; zeros if None.
        dstate: gradient of the loss by the final state. None: for an LSTM, GRU or RNN, 1/sqrt(H) for each
            unit of h, so that the norm at lag 0 is 1; a network has no default.

    Returns:
        By the state's name ("h", "c"; in a network "0.h", "0.c", "1.h"): (T + 1, B), for lag 0 to T the norm
        over the units of the gradient by the state so many steps before the end. The last is the initial
        state's.

    Raises:
        ValueError: a layer without state or one that looks ahead, as a Bidirectional does, a network without
            `dstate`, shapes that do not fit.
    """
    check_net(layer)
    x = check_real(x)
    if not layer.causal:
        # It is gone through step by step, and such a layer would give something else than in one piece.
        raise ValueError(
            f"expected a layer that reads forwards alone, got a {type(layer).__name__} that looks ahead"
        )
    layer = layer.copy()  # backward adds into grads
    zeros = layer.initial_state(x.shape[1] if x.ndim > 1 else 1)
    if not list(state_arrays(zeros)):
        raise ValueError(f"expected a layer that remembers something, got {type(layer).__name__}")
    if dstate is None:
        if not hasattr(zeros, "h"):
            raise ValueError(f"expected dstate for a {type(layer).__name__}, got None")
        dstate = zeros._replace(h=np.full_like(zeros.h, zeros.h.shape[1] ** -0.5))
    dstate = check_state(dstate, zeros, "dstate")
    caches = []
    for t in range(len(x)):
        y, state, cache = layer.forward(x[t : t + 1], state)
        caches.append((np.zeros_like(y), cache))

    names = [name for name, _ in state_arrays(zeros, "")]
    norms: list[list[np.ndarray]] = [[np.linalg.norm(array, axis=1) for _, array in state_arrays(dstate)]]
    for no_dy, cache in reversed(caches):
        _, dstate = layer.backward(no_dy, cache, dstate)
        norms.append([np.linalg.norm(array, axis=1) for _, array in state_arrays(dstate)])
    return {
        name.removeprefix("."): np.array(column)
        for name, column in zip(names, zip(*norms, strict=True), strict=True)
    }


def connectivity(net: Layer, x: np.ndarray, t: int | None = None, state: Any = None) -> np.ndarray:
    """|∂y_t/∂x_s|: how much each input moves an output, by the backward pass; Madsen, Distill 2019.

    The Frobenius norm of the matrix (O, D) of derivatives. It is 0 where nothing of x_s has reached y_t:
    for s > t, unless the network reads backwards too.

    Args:
        net: any layer or network of sequences, run without dropout.
        x: (T, B, D).
        t: the step of the output, from 0 to T - 1; None: all.
        state: initial state; zeros if None.

    Returns:
        (T, B) for inputs s, or (T, T, B) for outputs t and inputs s.

    Raises:
        ValueError: x is no sequence of real numbers, or there is no step t.
    """
    check_net(net)
    x = check_real(x)
    if x.ndim != 3:
        raise ValueError(f"expected x of shape (T, B, D), got {x.shape}")
    T, B, D = x.shape
    if not T:
        raise ValueError(f"expected x with at least one step, got {x.shape}")
    if t is not None:
        check_index("t", t, T)
    net = net.copy()
    if state is not None:
        state = check_state(state, net.initial_state(B))
    O = net.predict(x[:1], state).shape[2]
    # One sequence for each output feature, side by side in the batch: all derivatives in one backward pass.
    repeated = None if state is None else map_state(lambda s: np.repeat(s, O, axis=0), state)
    y, _, cache = net.forward(np.repeat(x, O, axis=1), repeated)
    dy_t = np.tile(np.eye(O, dtype=y.dtype), (B, 1))
    rows = []
    for step in range(T) if t is None else [t]:
        dy = np.zeros_like(y)
        dy[step] = dy_t
        dx, _ = net.backward(dy, cache)
        rows.append(np.sqrt(np.square(dx.reshape(T, B, O * D)).sum(axis=2)))
    return np.array(rows) if t is None else rows[0]
