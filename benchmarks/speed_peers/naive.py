"""The baseline: recurrent networks in NumPy as one writes them from the equations, for reading.

One function for a step of a cell and one for its backward pass, on rows of examples (B, D); a list of
caches; a dictionary of parameters. Names, shapes and row order of the parameters are numpylstm's, so that
gradients can be compared.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from . import ours
from .workloads import Workload, make_data

Arrays = dict[str, np.ndarray]


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-a))


# ---------------------------------------------------------------- the cells: x (B, D), h and c (B, H)


def lstm_step(x: np.ndarray, state: tuple, p: Arrays) -> tuple[tuple, tuple]:
    h, c = state
    H = h.shape[1]
    a = x @ p["W_x"].T + h @ p["W_h"].T + p["b"]
    o = sigmoid(a[:, :H])
    i = sigmoid(a[:, H : 2 * H])
    f = sigmoid(a[:, 2 * H : 3 * H])
    g = np.tanh(a[:, 3 * H :])
    c_next = f * c + i * g
    tanh_c = np.tanh(c_next)
    return (o * tanh_c, c_next), (x, h, c, o, i, f, g, tanh_c)


def lstm_step_backward(dstate: tuple, cache: tuple, p: Arrays) -> tuple[np.ndarray, tuple, Arrays]:
    dh, dc = dstate
    x, h, c, o, i, f, g, tanh_c = cache
    dc = dc + dh * o * (1 - tanh_c**2)
    da_o = dh * tanh_c * o * (1 - o)
    da_i = dc * g * i * (1 - i)
    da_f = dc * c * f * (1 - f)
    da_g = dc * i * (1 - g**2)
    da = np.concatenate([da_o, da_i, da_f, da_g], axis=1)
    grads = {"W_x": da.T @ x, "W_h": da.T @ h, "b": da.sum(axis=0)}
    return da @ p["W_x"], (da @ p["W_h"], dc * f), grads


def gru_step(x: np.ndarray, state: tuple, p: Arrays) -> tuple[tuple, tuple]:
    (h,) = state
    H = h.shape[1]
    from_x = x @ p["W_x"].T + p["b_x"]
    from_h = h @ p["W_h"].T + p["b_h"]
    r = sigmoid(from_x[:, :H] + from_h[:, :H])
    z = sigmoid(from_x[:, H : 2 * H] + from_h[:, H : 2 * H])
    q = from_h[:, 2 * H :]
    n = np.tanh(from_x[:, 2 * H :] + r * q)
    return ((1 - z) * n + z * h,), (x, h, r, z, q, n)


def gru_step_backward(dstate: tuple, cache: tuple, p: Arrays) -> tuple[np.ndarray, tuple, Arrays]:
    (dh,) = dstate
    x, h, r, z, q, n = cache
    da_z = dh * (h - n) * z * (1 - z)
    da_n = dh * (1 - z) * (1 - n**2)
    da_r = da_n * q * r * (1 - r)
    d_from_x = np.concatenate([da_r, da_z, da_n], axis=1)
    d_from_h = np.concatenate([da_r, da_z, da_n * r], axis=1)
    grads = {
        "W_x": d_from_x.T @ x,
        "W_h": d_from_h.T @ h,
        "b_x": d_from_x.sum(axis=0),
        "b_h": d_from_h.sum(axis=0),
    }
    return d_from_x @ p["W_x"], (dh * z + d_from_h @ p["W_h"],), grads


CELLS = {"LSTM": (lstm_step, lstm_step_backward, 2), "GRU": (gru_step, gru_step_backward, 1)}

# ---------------------------------------------------------------- the network


def layer_params(params: Arrays, index: int) -> Arrays:
    """The parameters of one layer: `0.W_h` of the network is W_h of layer 0."""
    prefix = f"{index}."
    return {name.removeprefix(prefix): p for name, p in params.items() if name.startswith(prefix)}


def forward(params: Arrays, work: Workload, x: np.ndarray, keep: bool = True) -> tuple[np.ndarray, list]:
    """x (T, B, D) -> y (T, B, outputs) or (B, outputs), and a list of caches, the layers' and the Dense's."""
    step, _, states = CELLS[work.cell]
    all_caches: list[Any] = []
    for index, H in enumerate(work.hidden):
        p = layer_params(params, index)
        state = tuple(np.zeros((x.shape[1], H), x.dtype) for _ in range(states))
        outputs, caches = [], []
        for x_t in x:
            state, cache = step(x_t, state, p)
            outputs.append(state[0])
            if keep:
                caches.append(cache)
        x = np.stack(outputs)
        all_caches.append(caches)
    h = x[-1] if work.last_only else x
    p = layer_params(params, len(work.hidden))
    y = h @ p["W"].T + p["b"]
    if work.activation == "sigmoid":
        y = sigmoid(y)
    all_caches.append((h, y))
    return y, all_caches


def backward(params: Arrays, work: Workload, dy: np.ndarray, all_caches: list) -> Arrays:
    """dy of the shape of y -> the gradients by all parameters."""
    _, step_backward, states = CELLS[work.cell]
    h, y = all_caches[-1]
    if work.activation == "sigmoid":
        dy = dy * y * (1 - y)
    last = len(work.hidden)
    rows = dy.reshape(-1, work.outputs)
    grads = {f"{last}.W": rows.T @ h.reshape(-1, h.shape[-1]), f"{last}.b": rows.sum(axis=0)}
    dh_all = dy @ params[f"{last}.W"]
    if work.last_only:
        dh_all = np.concatenate([np.zeros((work.T - 1, *dh_all.shape), dh_all.dtype), dh_all[None]])
    for index in reversed(range(last)):
        p = layer_params(params, index)
        layer_grads = {name: np.zeros_like(param) for name, param in p.items()}
        dstate = tuple(np.zeros_like(dh_all[0]) for _ in range(states))
        dx = []
        for dh, cache in zip(dh_all[::-1], all_caches[index][::-1], strict=True):
            dx_t, dstate, step_grads = step_backward((dstate[0] + dh, *dstate[1:]), cache, p)
            for name in layer_grads:
                layer_grads[name] += step_grads[name]
            dx.append(dx_t)
        grads |= {f"{index}.{name}": grad for name, grad in layer_grads.items()}
        dh_all = np.stack(dx[::-1])
    return grads


def mse(y: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    return np.mean((y - target) ** 2), 2 * (y - target) / y.size


def softmax_cross_entropy(y: np.ndarray, classes: np.ndarray) -> tuple[float, np.ndarray]:
    """Scores (T, B, C) and classes (T, B)."""
    scores, classes = y.reshape(-1, y.shape[-1]), classes.reshape(-1)
    rows = np.arange(len(scores))
    exp = np.exp(scores - scores.max(axis=1, keepdims=True))
    probs = exp / exp.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(probs[rows, classes]))
    dscores = probs.copy()
    dscores[rows, classes] -= 1
    return loss, (dscores / len(scores)).reshape(y.shape)


def loss_and_grads(
    params: Arrays, work: Workload, x: np.ndarray, target: np.ndarray
) -> tuple[float, np.ndarray, Arrays]:
    """The loss, y and all gradients."""
    y, caches = forward(params, work, x)
    loss, dy = (mse if work.loss == "mse" else softmax_cross_entropy)(y, target)
    return loss, y, backward(params, work, dy, caches)


# ---------------------------------------------------------------- updates


def adam(params: Arrays, grads: Arrays, m: Arrays, v: Arrays, t: int, lr: float = 1e-3) -> None:
    for name in params:
        m[name] = 0.9 * m[name] + 0.1 * grads[name]
        v[name] = 0.999 * v[name] + 0.001 * grads[name] ** 2
        m_hat = m[name] / (1 - 0.9**t)
        v_hat = v[name] / (1 - 0.999**t)
        params[name] -= lr * m_hat / (np.sqrt(v_hat) + 1e-8)


def momentum(params: Arrays, grads: Arrays, v: Arrays, lr: float = 1e-2) -> None:
    for name in params:
        v[name] = 0.9 * v[name] + grads[name]
        params[name] -= lr * v[name]


def prepare(work: Workload, mode: str) -> Callable[[], Any]:
    params = {name: param.copy() for name, param, _ in ours.network(work).named_params()}
    x, target = make_data(work)
    if mode == "infer":
        return lambda: forward(params, work, x, keep=False)[0]
    if mode == "stream":
        cell, dense = layer_params(params, 0), layer_params(params, 1)
        h = np.zeros((1, work.hidden[0]), np.float32)
        state = (h, h)

        def stream() -> np.ndarray:
            nonlocal state
            state, _ = lstm_step(x[0], state, cell)
            return state[0] @ dense["W"].T + dense["b"]

        return stream

    m = {name: np.zeros_like(p) for name, p in params.items()}
    v = {name: np.zeros_like(p) for name, p in params.items()}
    t = 0

    def train() -> float:
        nonlocal t
        t += 1
        loss, _, grads = loss_and_grads(params, work, x, target)
        if work.update == "adam":
            adam(params, grads, m, v, t)
        else:
            momentum(params, grads, v)
        return loss

    return train
