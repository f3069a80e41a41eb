"""The step sheet: one time step of a cell with every intermediate, its equation, its shape, its values.

    print(step_sheet(lstm, x, t=4, dy=dy))

The arithmetic stands here once more, gate by gate as a textbook prints it, for one sequence: the reader's
reference. Nothing comes from the fast layers, whose equations are arranged for speed; the tests hold both
equal. What arrives at a step on the way back is that of the whole sequence, so the steps behind it are
gone through first.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..layers import GRU, LSTM, RNN
from ..layers.checks import check_array
from ..layers.state import check_state
from .activity import check_real

Vectors = dict[str, np.ndarray]


class Line(NamedTuple):
    """One line of a sheet: `name = equation`, and its value."""

    name: str
    equation: str
    value: np.ndarray


class Lines(list[Line]):
    """The lines of a step; to call it writes one more and gives its value back."""

    def __call__(self, name: str, equation: str, value: np.ndarray) -> np.ndarray:
        self.append(Line(name, equation, value))
        return value

    @property
    def values(self) -> Vectors:
        return {line.name: line.value for line in self}


def step_sheet(
    layer: Any,
    x: np.ndarray,
    state: Any = None,
    *,
    t: int,
    dy: np.ndarray | None = None,
    dstate: Any = None,
    sequence: int = 0,
    unit: int | None = None,
) -> str:
    """One time step, forward and then backward, as text that two programs can compare line by line.

    Numbers are rounded to six decimals; a line whose largest is below 0.001 or from 100,000 on is in
    scientific notation.

    Args:
        layer: an LSTM, GRU or RNN. Computed in float64 whatever its precision, without dropout.
        x: (T, B, D).
        state: initial state; zeros if None.
        t: the step, from 0 to T - 1.
        dy: (T, B, H) gradient of the loss by the output; None: ones, as if the loss were the sum of y.
        dstate: gradient of the loss by the final state; zeros if None.
        sequence: which of the B sequences.
        unit: show only this hidden unit's row of each line that has one for every unit, to compute along on
            paper; None: all.

    Returns:
        The sheet, its last line ended. dW, db, dp are what this step and this sequence add to the gradients.

    Raises:
        ValueError: another layer, shapes that do not fit, a step, sequence or unit that is not there.
    """
    forward, backward = steps_of(layer, x, state, first=t, dy=dy, dstate=dstate, sequence=sequence)[0]
    if unit is not None:
        check_index("unit", unit, layer.hidden_size)
    T, B = np.shape(x)[:2]
    head = f"{layer!r}\nstep t = {t} of T = {T}, sequence {sequence} of B = {B}"
    head += "" if unit is None else f", unit {unit} of H = {layer.hidden_size}"
    head += "\ns is the sigmoid, * multiplies entry by entry, W^T is W transposed\n"
    parameters = [Line(name, "parameter", array) for name, array in by_gate(layer).items()]
    pieces = [head]
    for title, lines in (("PARAMETERS", parameters), ("FORWARD", forward), ("BACKWARD", backward)):
        pieces.append(f"\n{title}\n\n")
        pieces += [as_text(line, unit) for line in lines]
    return "".join(pieces)


def step_values(
    layer: Any,
    x: np.ndarray,
    state: Any = None,
    *,
    dy: np.ndarray | None = None,
    dstate: Any = None,
    sequence: int = 0,
) -> list[Vectors]:
    """The values of the sheets of all steps: for each step a dict from a line's name to its array.

    Arguments as for `step_sheet`. Summed over all steps and sequences "dW_xi" is the row block of i in the
    layer's gradient by W_x, and so on.
    """
    steps = steps_of(layer, x, state, first=0, dy=dy, dstate=dstate, sequence=sequence)
    return [forward.values | backward.values for forward, backward in steps]


def steps_of(
    layer: Any, x: Any, state: Any, *, first: int, dy: Any, dstate: Any, sequence: int
) -> list[tuple[Lines, Lines]]:
    """Lines forward and backward of the steps from `first` on, of one sequence."""
    forward, backward = textbook(layer)
    x = check_real(x)
    if x.ndim != 3 or x.shape[2] != layer.input_size:
        raise ValueError(f"expected x of shape (T, B, {layer.input_size}), got {x.shape}")
    T, B = x.shape[:2]
    if not x.size:
        raise ValueError(f"expected x with at least one step of one sequence, got {x.shape}")
    check_index("sequence", sequence, B)
    check_index("t", first, T)
    zeros = layer.initial_state(B)
    dy = np.ones((T, B, layer.hidden_size)) if dy is None else check_array("dy", dy)
    if dy.shape != (T, *zeros[0].shape):
        raise ValueError(f"expected dy of shape {(T, *zeros[0].shape)}, got {dy.shape}")
    start, end = check_state(state, zeros), check_state(dstate, zeros, "dstate")

    weights = by_gate(layer)
    before = [np.asarray(s[sequence], float) for s in start]
    sheets: list[Lines] = []
    for x_t in np.asarray(x[:, sequence], float):
        lines, before = forward(weights, x_t, *before)
        sheets.append(lines)

    later = [np.asarray(s[sequence], float) for s in end]
    steps: list[tuple[Lines, Lines]] = []
    for t in range(T - 1, first - 1, -1):
        lines, later = backward(weights, sheets[t].values, np.asarray(dy[t, sequence], float), *later)
        steps.append((sheets[t], lines))
    return steps[::-1]


def textbook(layer: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The functions for one step of this layer, forward and backward."""
    if isinstance(layer, LSTM):
        return lstm_forward, lstm_backward
    if isinstance(layer, GRU) and layer.reset_after:
        return gru_forward, gru_backward
    if isinstance(layer, GRU):
        return gru_paper_forward, gru_paper_backward
    if isinstance(layer, RNN):
        return partial(rnn_forward, layer.activation), partial(rnn_backward, layer.activation)
    raise ValueError(f"expected an LSTM, GRU or RNN layer, got {type(layer).__name__}")


def by_gate(layer: Any) -> Vectors:
    """Parameters gate by gate: W_xi (H, D), W_hi (H, H), b_i (H,), p_i (H,); an RNN's keep their names."""
    params = {name: np.asarray(param, float) for name, param in layer.params.items()}
    if isinstance(layer, RNN):
        return params
    weights = {}
    for name, param in params.items():
        gates = ("i", "f", "o") if name == "p" else layer.gates
        blocks = param if name == "p" else np.split(param, len(gates))
        for gate, block in zip(gates, blocks, strict=True):
            weights[f"{name}{gate}" if "_" in name else f"{name}_{gate}"] = block
    return weights


def plus(w: Vectors, *terms: str) -> str:
    """The end of an equation: those terms that begin with a parameter the layer has."""
    return "".join(f" + {term}" for term in terms if term.split()[0] in w)


def sigmoid(a: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-a)); where that overflows it is 0 all the same."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-a))


# ---------------------------------------------------------------- LSTM


def lstm_forward(w: Vectors, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[Lines, list[np.ndarray]]:
    """x_t, h_{t-1}, c_{t-1} -> the lines, and h_t, c_t; Gers et al. 2000, with peepholes Graves 2013."""
    line = Lines()
    b_i, b_f, b_g, b_o = (w.get(f"b_{k}", 0.0) for k in "ifgo")
    p_i, p_f, p_o = (w.get(f"p_{k}", 0.0) for k in "ifo")
    line("x_t", "input", x)
    line("h_{t-1}", "hidden state before", h)
    line("c_{t-1}", "memory cell before", c)

    end = plus(w, "b_i", "p_i * c_{t-1}")
    a_i = line("a_i", "W_xi x_t + W_hi h_{t-1}" + end, w["W_xi"] @ x + w["W_hi"] @ h + b_i + p_i * c)
    i = line("i", "s(a_i)", sigmoid(a_i))
    end = plus(w, "b_f", "p_f * c_{t-1}")
    a_f = line("a_f", "W_xf x_t + W_hf h_{t-1}" + end, w["W_xf"] @ x + w["W_hf"] @ h + b_f + p_f * c)
    f = line("f", "s(a_f)", sigmoid(a_f))
    end = plus(w, "b_g")
    a_g = line("a_g", "W_xg x_t + W_hg h_{t-1}" + end, w["W_xg"] @ x + w["W_hg"] @ h + b_g)
    g = line("g", "tanh(a_g)", np.tanh(a_g))
    c_t = line("c_t", "f * c_{t-1} + i * g", f * c + i * g)
    end = plus(w, "b_o", "p_o * c_t")
    a_o = line("a_o", "W_xo x_t + W_ho h_{t-1}" + end, w["W_xo"] @ x + w["W_ho"] @ h + b_o + p_o * c_t)
    o = line("o", "s(a_o)", sigmoid(a_o))
    tanh_c = line("tanh(c_t)", "tanh of the new cell", np.tanh(c_t))
    h_t = line("h_t", "o * tanh(c_t)", o * tanh_c)
    return line, [h_t, c_t]


def lstm_backward(
    w: Vectors, v: Vectors, dy: np.ndarray, dh_later: np.ndarray, dc_later: np.ndarray
) -> tuple[Lines, list[np.ndarray]]:
    """The forward lines' values, dy_t and what comes from later -> the lines, and dh_{t-1}, dc_{t-1}."""
    line = Lines()
    x, h, c = v["x_t"], v["h_{t-1}"], v["c_{t-1}"]
    i, f, g, o, tanh_c = v["i"], v["f"], v["g"], v["o"], v["tanh(c_t)"]
    p_i, p_f, p_o = (w.get(f"p_{k}", 0.0) for k in "ifo")
    line("dy_t", "from the loss at this step", dy)
    line("dh_later", "from the next step, or the final state", dh_later)
    line("dc_later", "from the next step, or the final state", dc_later)

    dh = line("dh", "dy_t + dh_later", dy + dh_later)
    do = line("do", "dh * tanh(c_t)", dh * tanh_c)
    da_o = line("da_o", "do * o * (1 - o)", do * o * (1 - o))
    end = plus(w, "p_o * da_o")
    dc = dc_later + dh * o * (1 - tanh_c**2) + p_o * da_o
    line("dc", "dc_later + dh * o * (1 - tanh(c_t)^2)" + end, dc)
    di = line("di", "dc * g", dc * g)
    df = line("df", "dc * c_{t-1}", dc * c)
    dg = line("dg", "dc * i", dc * i)
    da_i = line("da_i", "di * i * (1 - i)", di * i * (1 - i))
    da_f = line("da_f", "df * f * (1 - f)", df * f * (1 - f))
    da_g = line("da_g", "dg * (1 - g^2)", dg * (1 - g**2))

    da = {"i": da_i, "f": da_f, "g": da_g, "o": da_o}
    by_weights(line, w, da, x, h)
    for k, seen, name in (("i", c, "c_{t-1}"), ("f", c, "c_{t-1}"), ("o", v["c_t"], "c_t")):
        if f"p_{k}" in w:
            line(f"dp_{k}", f"da_{k} * {name}", da[k] * seen)
    transposed_sum(line, "dx_t", "W_x", w, da)
    dh_before = transposed_sum(line, "dh_{t-1}", "W_h", w, da)
    end = plus(w, "p_i * da_i", "p_f * da_f")
    dc_before = line("dc_{t-1}", "dc * f" + end, dc * f + p_i * da_i + p_f * da_f)
    return line, [dh_before, dc_before]


# ---------------------------------------------------------------- GRU, reset gate after the product


def gru_forward(w: Vectors, x: np.ndarray, h: np.ndarray) -> tuple[Lines, list[np.ndarray]]:
    """x_t, h_{t-1} -> the lines, and h_t; the variant of cuDNN, PyTorch and Keras."""
    line = Lines()
    b_xn, b_hn = w.get("b_xn", 0.0), w.get("b_hn", 0.0)
    r, z = gru_gates(line, w, x, h)
    q_n = line("q_n", "W_hn h_{t-1}" + plus(w, "b_hn"), w["W_hn"] @ h + b_hn)
    a_n = line("a_n", "W_xn x_t" + plus(w, "b_xn") + " + r * q_n", w["W_xn"] @ x + b_xn + r * q_n)
    n = line("n", "tanh(a_n)", np.tanh(a_n))
    h_t = line("h_t", "(1 - z) * n + z * h_{t-1}", (1 - z) * n + z * h)
    return line, [h_t]


def gru_backward(
    w: Vectors, v: Vectors, dy: np.ndarray, dh_later: np.ndarray
) -> tuple[Lines, list[np.ndarray]]:
    """The forward lines' values, dy_t and what comes from later -> the lines, and dh_{t-1}."""
    line = Lines()
    x, h, r, z = v["x_t"], v["h_{t-1}"], v["r"], v["z"]
    dh, da_z, da_n = gru_backward_start(line, v, dy, dh_later)
    dr = line("dr", "da_n * q_n", da_n * v["q_n"])
    da_r = line("da_r", "dr * r * (1 - r)", dr * r * (1 - r))
    dq_n = line("dq_n", "da_n * r", da_n * r)

    da = {"r": da_r, "z": da_z, "n": da_n}
    for k in "rzn":
        line(f"dW_x{k}", f"da_{k} x_t^T", np.outer(da[k], x))
    for k, by_h, name in (("r", da_r, "da_r"), ("z", da_z, "da_z"), ("n", dq_n, "dq_n")):
        line(f"dW_h{k}", f"{name} h_{{t-1}}^T", np.outer(by_h, h))
        if f"b_h{k}" in w:
            line(f"db_x{k}", f"da_{k}", da[k])
            line(f"db_h{k}", name, by_h)
    transposed_sum(line, "dx_t", "W_x", w, da)
    dh_before = dh * z + w["W_hr"].T @ da_r + w["W_hz"].T @ da_z + w["W_hn"].T @ dq_n
    line("dh_{t-1}", "dh * z + W_hr^T da_r + W_hz^T da_z + W_hn^T dq_n", dh_before)
    return line, [dh_before]


# ---------------------------------------------------------------- GRU, reset gate before the product


def gru_paper_forward(w: Vectors, x: np.ndarray, h: np.ndarray) -> tuple[Lines, list[np.ndarray]]:
    """x_t, h_{t-1} -> the lines, and h_t; the variant of the paper, Cho et al. 2014, eq. 5 to 8."""
    line = Lines()
    b_n = w.get("b_xn", 0.0) + w.get("b_hn", 0.0)
    r, z = gru_gates(line, w, x, h)
    rh = line("rh", "r * h_{t-1}", r * h)
    a_n = w["W_xn"] @ x + w["W_hn"] @ rh + b_n
    line("a_n", "W_xn x_t + W_hn rh" + plus(w, "b_xn", "b_hn"), a_n)
    n = line("n", "tanh(a_n)", np.tanh(a_n))
    h_t = line("h_t", "(1 - z) * n + z * h_{t-1}", (1 - z) * n + z * h)
    return line, [h_t]


def gru_paper_backward(
    w: Vectors, v: Vectors, dy: np.ndarray, dh_later: np.ndarray
) -> tuple[Lines, list[np.ndarray]]:
    """The forward lines' values, dy_t and what comes from later -> the lines, and dh_{t-1}."""
    line = Lines()
    x, h, r, z = v["x_t"], v["h_{t-1}"], v["r"], v["z"]
    dh, da_z, da_n = gru_backward_start(line, v, dy, dh_later)
    drh = line("drh", "W_hn^T da_n", w["W_hn"].T @ da_n)
    dr = line("dr", "drh * h_{t-1}", drh * h)
    da_r = line("da_r", "dr * r * (1 - r)", dr * r * (1 - r))

    da = {"r": da_r, "z": da_z, "n": da_n}
    for k in "rzn":
        line(f"dW_x{k}", f"da_{k} x_t^T", np.outer(da[k], x))
    for k, seen, name in (("r", h, "h_{t-1}"), ("z", h, "h_{t-1}"), ("n", v["rh"], "rh")):
        line(f"dW_h{k}", f"da_{k} {name}^T", np.outer(da[k], seen))
        if f"b_h{k}" in w:
            line(f"db_x{k}", f"da_{k}", da[k])
            line(f"db_h{k}", f"da_{k}", da[k])
    transposed_sum(line, "dx_t", "W_x", w, da)
    dh_before = dh * z + w["W_hr"].T @ da_r + w["W_hz"].T @ da_z + r * drh
    line("dh_{t-1}", "dh * z + W_hr^T da_r + W_hz^T da_z + r * drh", dh_before)
    return line, [dh_before]


# ---------------------------------------------------------------- what both GRUs share


def gru_gates(line: Lines, w: Vectors, x: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reset and update gate."""
    line("x_t", "input", x)
    line("h_{t-1}", "hidden state before", h)
    gates = []
    for k in "rz":
        a = w[f"W_x{k}"] @ x + w[f"W_h{k}"] @ h + w.get(f"b_x{k}", 0.0) + w.get(f"b_h{k}", 0.0)
        line(f"a_{k}", f"W_x{k} x_t + W_h{k} h_{{t-1}}" + plus(w, f"b_x{k}", f"b_h{k}"), a)
        gates.append(line(k, f"s(a_{k})", sigmoid(a)))
    return gates[0], gates[1]


def gru_backward_start(
    line: Lines, v: Vectors, dy: np.ndarray, dh_later: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """From dy_t to dh, da_z, da_n."""
    z, n = v["z"], v["n"]
    line("dy_t", "from the loss at this step", dy)
    line("dh_later", "from the next step, or the final state", dh_later)
    dh = line("dh", "dy_t + dh_later", dy + dh_later)
    dz = line("dz", "dh * (h_{t-1} - n)", dh * (v["h_{t-1}"] - n))
    da_z = line("da_z", "dz * z * (1 - z)", dz * z * (1 - z))
    dn = line("dn", "dh * (1 - z)", dh * (1 - z))
    da_n = line("da_n", "dn * (1 - n^2)", dn * (1 - n**2))
    return dh, da_z, da_n


# ---------------------------------------------------------------- RNN


def rnn_forward(activation: str, w: Vectors, x: np.ndarray, h: np.ndarray) -> tuple[Lines, list[np.ndarray]]:
    """x_t, h_{t-1} -> the lines, and h_t; Elman 1990, tanh or relu."""
    line = Lines()
    line("x_t", "input", x)
    line("h_{t-1}", "hidden state before", h)
    a = w["W_x"] @ x + w["W_h"] @ h + w.get("b", 0.0)
    line("a", "W_x x_t + W_h h_{t-1}" + plus(w, "b"), a)
    h_t = line("h_t", f"{activation}(a)", np.tanh(a) if activation == "tanh" else np.maximum(a, 0))
    return line, [h_t]


def rnn_backward(
    activation: str, w: Vectors, v: Vectors, dy: np.ndarray, dh_later: np.ndarray
) -> tuple[Lines, list[np.ndarray]]:
    """The forward lines' values, dy_t and what comes from later -> the lines, and dh_{t-1}."""
    line = Lines()
    x, h, h_t = v["x_t"], v["h_{t-1}"], v["h_t"]
    line("dy_t", "from the loss at this step", dy)
    line("dh_later", "from the next step, or the final state", dh_later)
    dh = line("dh", "dy_t + dh_later", dy + dh_later)
    if activation == "tanh":
        da = line("da", "dh * (1 - h_t^2)", dh * (1 - h_t**2))
    else:
        da = line("da", "dh where h_t > 0, else 0", np.where(h_t > 0, dh, 0.0))
    line("dW_x", "da x_t^T", np.outer(da, x))
    line("dW_h", "da h_{t-1}^T", np.outer(da, h))
    if "b" in w:
        line("db", "da", da)
    line("dx_t", "W_x^T da", w["W_x"].T @ da)
    dh_before = line("dh_{t-1}", "W_h^T da", w["W_h"].T @ da)
    return line, [dh_before]


# ---------------------------------------------------------------- what several share


def by_weights(line: Lines, w: Vectors, da: Vectors, x: np.ndarray, h: np.ndarray) -> None:
    """What a step adds to dW_x, dW_h and db of each gate."""
    for k, da_k in da.items():
        line(f"dW_x{k}", f"da_{k} x_t^T", np.outer(da_k, x))
    for k, da_k in da.items():
        line(f"dW_h{k}", f"da_{k} h_{{t-1}}^T", np.outer(da_k, h))
    for k, da_k in da.items():
        if f"b_{k}" in w:
            line(f"db_{k}", f"da_{k}", da_k)


def transposed_sum(line: Lines, name: str, weights: str, w: Vectors, da: Vectors) -> np.ndarray:
    """The sum over the gates of W^T da."""
    equation = " + ".join(f"{weights}{k}^T da_{k}" for k in da)
    return line(name, equation, np.sum([w[f"{weights}{k}"].T @ da_k for k, da_k in da.items()], axis=0))


# ---------------------------------------------------------------- the text


WHOLE = ("x_t", "dx_t", "h_{t-1}", "rh")
"""Lines that are shown whole for a single unit: two have no row for it, and of the others it sees all."""


def as_text(line: Line, unit: int | None) -> str:
    """A line with its shape, and its values in rows below."""
    value = line.value if unit is None or line.name in WHOLE else line.value[unit : unit + 1]
    head = f"{line.name} = {line.equation}"
    shape = str(line.value.shape)
    largest = np.abs(value).max(initial=0.0)
    fixed = largest == 0 or 1e-3 <= largest < 1e5
    rows = ["    " + "  ".join(number(entry, fixed) for entry in row) for row in np.atleast_2d(value)]
    return "\n".join([f"{head:<66} {shape}", *rows]) + "\n"


def number(value: float, fixed: bool) -> str:
    """With a sign, and never a minus before zeros alone: rounding may give a 0 either sign."""
    text = f"{value:+.6f}" if fixed else f"{value:+.5e}"
    return text if float(text) else text.replace("-", "+", 1)


def check_index(name: str, index: Any, count: int) -> None:
    if isinstance(index, bool) or not isinstance(index, int | np.integer) or not 0 <= index < count:
        raise ValueError(f"expected {name} from 0 to {count - 1}, got {index!r}")
