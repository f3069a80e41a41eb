"""A recurrent network whose output is a given IIR filter: nothing trained, every weight written down.

A recursive filter and a recurrent layer are the same thing but for the tanh. A filter as state space, with
x_t the sample that comes in and y_t the one that goes out, is

    s_t = A s_{t-1} + B x_t                    y_t = C s_{t-1} + D x_t

An LSTM whose gates stand at i = 1, f = 0, o = 1 is h_t = tanh(tanh(W_x x_t + W_h h_{t-1})); a GRU with z = 0
and r = 1 is h_t = tanh(W_x x_t + W_h h_{t-1}). Near zero tanh(a) = a - a³/3: a layer whose signals are small
is linear, and with

    h = eps [s, y]          W_h = [A 0; C 0]          W_x = eps [B; D]          read-out W = [0, 1 / eps]

it is the filter. The output needs a unit of its own, for the read-out sees h_t and not x_t.

**Sections.** One polynomial of high order is at the mercy of rounding, so filters come as a chain of
second-order sections. With c_1 = b_1 - b_0 a_1, c_2 = b_2 - b_0 a_2, m = -a_1 / 2 and w = a_2 - m²,

    b_0 + b_1 z^-1 + b_2 z^-2        A = [m  -w]     B = [1]     C = [c_1, c_2 + m c_1]      D = b_0
    -------------------------            [1   m]         [0]
     1  + a_1 z^-1 + a_2 z^-2

The poles are m ± sqrt(-w). Scaled as below A is nearly normal, the coupled form that holds poles near the
unit circle best (Rader & Gold 1967, Proc. IEEE 55). Each section hears the one before
it within the same sample, so all of them make one A, and the filter one step.

**Levels.** State k is divided by S_k, the sum of the absolute values of its impulse response, and y by S_y:
no input within ±1 can then take a unit beyond eps. So a unit is off by at most 2 eps³ / 3 in a step (LSTM;
a GRU half as much). G_k is the sum of the absolute values of what a unit pulse on state k makes of y, and

    |error of y| <= 2/3 eps² (S_y + sum over k of G_k S_k)

eps is chosen so that this is a given share of S_y, the largest output there can be.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..layers import GRU, LSTM, Dense, Sequential
from ..layers.checks import check_size

OPEN = 40.0
"""Bias that holds a gate at 1, and its negative at 0: exactly, for sigmoid(40) rounds to 1 in float64."""

FINEST = 1e-10
"""The smallest share of the largest output that the bound is set to, -200 dB. Less would serve nobody, and
the read-out's weights, 1 / eps, would leave a training nothing to hold on to."""

LONGEST = 1 << 20
"""Samples of an impulse response that are summed up."""


def from_iir(
    sos: ArrayLike,
    *,
    cell: str = "lstm",
    hidden_size: int | None = None,
    dtype: Any = float,
    seed: int | np.random.Generator | None = None,
) -> Sequential:
    """A network from one sample to one sample, x (T, B, 1) -> y (T, B, 1), that is an IIR filter.

    It needs two units for each section and one for the output. Units beyond those start as the
    layer's own random ones, and the read-out does not hear them: a start for a training that is to go on
    from the filter. The gates of the filter's units are closed to a gradient, their candidates are not.

    The cubic error is at most one rounding of `dtype`, or -200 dB where that is more, of the largest output
    that an input within ±1 can cause. Half the level is a quarter of it; a louder input is another box.
    In float32 the rounding of the weights counts for more: the nearer a pole is to the unit circle, the more.
    Measured at 48 kHz on noise, as error-to-signal ratio: -200 dB and better in float64; in float32 -85 dB
    and better, but for resonances less than 2 Hz wide (-76 dB for one of 24 Hz with Q = 30).

    Args:
        sos: (n, 6) rows b_0, b_1, b_2, 1, a_1, a_2, as `scipy.signal.butter(..., output="sos")` makes them.
        cell: "lstm" or "gru".
        hidden_size: H, None for as many units as it needs.
        seed: whole number or Generator for the units beyond; None draws fresh ones.

    Raises:
        ValueError: no such sections, a filter that is not stable, too few units, an unknown cell.
    """
    if cell not in ("lstm", "gru"):
        raise ValueError(f"expected cell 'lstm' or 'gru', got {cell!r}")
    A, B, eps, scale = state_space(check_sections(sos), max(np.finfo(dtype).eps, FINEST))
    units = len(A)
    H = units if hidden_size is None else check_size("hidden_size", hidden_size)
    if H < units:
        raise ValueError(f"expected hidden_size of at least {units} for this filter, got {hidden_size}")

    layer = LSTM(1, H, dtype=dtype) if cell == "lstm" else GRU(1, H, dtype=dtype)
    net = Sequential(layer, Dense(H, 1, dtype=dtype), seed=np.random.default_rng(seed))
    candidate = slice(-H, -H + units or None)  # the last of the row blocks in both cells
    gates = {"i": OPEN, "f": -OPEN, "o": OPEN} if cell == "lstm" else {"r": OPEN, "z": -OPEN}
    for gate, bias in gates.items():
        start = layer.gates.index(gate) * H
        layer.params["W_x"][start : start + units] = layer.params["W_h"][start : start + units] = 0
        layer.params["b" if cell == "lstm" else "b_x"][start : start + units] = bias
    layer.params["W_x"][candidate, 0] = eps * B
    layer.params["W_h"][candidate] = 0
    layer.params["W_h"][candidate, :units] = A
    for k in range(0, units - 1, 2):
        # The poles' distance from the unit circle hangs on the sum 2 m of two numbers near 1. What rounding
        # took from the one, the other gives back.
        W_h = layer.params["W_h"][candidate]
        W_h[k + 1, k + 1] = 2 * A[k, k] - float(W_h[k, k].real)
    readout = net.layers[1].params
    readout["W"][...] = readout["b"][...] = 0
    readout["W"][0, units - 1] = scale / eps
    return net


def check_sections(sos: ArrayLike) -> np.ndarray:
    """The sections as an array (n, 6), if they are the sections of a stable filter."""
    array = np.asarray(sos)
    if array.ndim != 2 or array.shape[1] != 6 or not len(array) or array.dtype.kind not in "fiu":
        raise ValueError(
            f"expected second-order sections, real numbers (n, 6), got {array.dtype} {array.shape}"
        )
    array = array.astype(float)
    if not np.isfinite(array).all() or (array[:, 3] != 1).any():
        raise ValueError("expected sections of finite numbers b_0, b_1, b_2, 1, a_1, a_2, got others")
    a1, a2 = array[:, 4], array[:, 5]
    stable = (np.abs(a2) < 1) & (np.abs(a1) < 1 + a2)  # the triangle in which both poles are within 1
    if not stable.all():
        worst = int(np.flatnonzero(~stable)[0])
        raise ValueError(
            f"expected a stable filter, got section {worst} with a pole at {pole_radius(array[worst]):.6g}"
        )
    return array


def pole_radius(row: np.ndarray) -> float:
    """How far a section's farther pole is from zero; 1 is where it begins to ring for ever."""
    return float(np.abs(np.roots(row[3:])).max(initial=0))


def state_space(sos: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray, float, float]:
    """The filter as above, with 2 n scaled states and the scaled output as the last one.

    Returns:
        W_h (2n + 1, 2n + 1), W_x / eps (2n + 1,), eps for a bound of `share` times S_y, and S_y.
    """
    size = 2 * len(sos) + 1
    A, B, S, G = np.zeros((size, size)), np.zeros(size), np.ones(size), np.zeros(size)
    C, D = np.zeros(size), 1.0  # what the section at hand hears is C s_{t-1} + D x_t
    for index, (b0, b1, b2, _, a1, a2) in enumerate(sos):
        m, w = -a1 / 2, a2 - a1 * a1 / 4
        c1, c2 = b1 - b0 * a1, b2 - b0 * a2
        k, before, after = 2 * index, sos[:index], sos[index + 1 :]
        A[k], B[k] = C, D
        A[k : k + 2, k : k + 2] = [[m, -w], [1, m]]
        C, D = b0 * C, b0 * D
        C[k : k + 2] = c1, c2 + m * c1
        S[k] = total(*before, [1, -m, 0, 1, a1, a2])
        S[k + 1] = total(*before, [0, 1, 0, 1, a1, a2])
        G[k] = total([0, c1, c2, 1, a1, a2], *after)
        G[k + 1] = total([0, C[k + 1], -w * c1 - m * C[k + 1], 1, a1, a2], *after)
    A[-1], B[-1] = C, D
    S[-1], G[-1] = total(*sos), 1
    S[S == 0] = 1  # behind a section that lets nothing through
    eps = np.sqrt(1.5 * share * S[-1] / (G @ S))
    return A * S / S[:, None], B / S, float(eps), float(S[-1])


def total(*sections: Any) -> float:
    """Sum of the absolute values of a chain's impulse response: the largest output for an input within ±1."""
    from scipy.signal import sosfilt  # here, because importing it takes longer than all the rest

    sos = np.array(sections)
    radius = max(map(pole_radius, sos))
    length = 64 if radius < 0.5 else int(min(64 - 40 / np.log(radius), LONGEST))
    impulse = np.zeros(length)
    impulse[0] = 1
    return float(np.abs(sosfilt(sos, impulse)).sum() / (1 - radius**length))  # the rest falls by `radius`
