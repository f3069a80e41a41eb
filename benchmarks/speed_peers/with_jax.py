"""JAX: cells by hand in `lax.scan`, the whole step compiled.

The input's product is taken for all steps at once outside the scan, the recurrent one inside.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from . import ours
from .workloads import Workload, make_data


def starting_params(work: Workload) -> list[dict[str, jax.Array]]:
    """Ours, transposed: for each recurrent layer W_x (D, 4H), W_h (H, 4H), b (4H,); W, b of the Dense."""
    layers = ours.network(work).layers
    return [{name: jnp.asarray(param.T) for name, param in layer.params.items()} for layer in layers]


def lstm(p: dict, x: jax.Array, state: tuple) -> tuple[tuple, jax.Array]:
    """x (T, B, D) -> the final state and y (T, B, H)."""

    def step(state: tuple, from_x: jax.Array) -> tuple[tuple, jax.Array]:
        h, c = state
        a_o, a_i, a_f, a_g = jnp.split(from_x + h @ p["W_h"], 4, axis=-1)
        c = jax.nn.sigmoid(a_f) * c + jax.nn.sigmoid(a_i) * jnp.tanh(a_g)
        h = jax.nn.sigmoid(a_o) * jnp.tanh(c)
        return (h, c), h

    return jax.lax.scan(step, state, x @ p["W_x"] + p["b"])


def gru(p: dict, x: jax.Array, state: tuple) -> tuple[tuple, jax.Array]:
    def step(state: tuple, from_x: jax.Array) -> tuple[tuple, jax.Array]:
        (h,) = state
        from_h = h @ p["W_h"] + p["b_h"]
        x_r, x_z, x_n = jnp.split(from_x, 3, axis=-1)
        h_r, h_z, h_n = jnp.split(from_h, 3, axis=-1)
        z = jax.nn.sigmoid(x_z + h_z)
        n = jnp.tanh(x_n + jax.nn.sigmoid(x_r + h_r) * h_n)
        h = (1 - z) * n + z * h
        return (h,), h

    return jax.lax.scan(step, state, x @ p["W_x"] + p["b_x"])


def zero_states(work: Workload) -> list[tuple]:
    count = 2 if work.cell == "LSTM" else 1
    return [tuple(jnp.zeros((work.B, H)) for _ in range(count)) for H in work.hidden]


def forward(params: list, work: Workload, x: jax.Array, states: list) -> tuple[jax.Array, list]:
    """x (T, B, D) -> y (T, B, outputs) or (B, outputs), and the final states."""
    new_states = []
    for p, state in zip(params[:-1], states, strict=True):
        state, x = (lstm if work.cell == "LSTM" else gru)(p, x, state)
        new_states.append(state)
    y = (x[-1] if work.last_only else x) @ params[-1]["W"] + params[-1]["b"]
    return (jax.nn.sigmoid(y) if work.activation == "sigmoid" else y), new_states


def loss_of(params: list, work: Workload, x: jax.Array, target: jax.Array) -> jax.Array:
    y, _ = forward(params, work, x, zero_states(work))
    if work.loss == "mse":
        return jnp.mean((y - target) ** 2)
    log_probs = jax.nn.log_softmax(y)
    return -jnp.mean(jnp.take_along_axis(log_probs, target[..., None], axis=-1))


def update(work: Workload, params: Any, grads: Any, moments: tuple) -> tuple[Any, tuple]:
    m, v, t = moments
    t = t + 1
    if work.update == "momentum":
        v = jax.tree.map(lambda v, g: 0.9 * v + g, v, grads)
        return jax.tree.map(lambda p, v: p - 1e-2 * v, params, v), (m, v, t)
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
    root = jnp.sqrt(1 - 0.999**t)
    rate = 1e-3 * root / (1 - 0.9**t)
    params = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-8 * root), params, m, v)
    return params, (m, v, t)


def prepare(work: Workload, mode: str) -> Callable[[], Any]:
    x, target = (jnp.asarray(array) for array in make_data(work))
    params = starting_params(work)
    if mode == "infer":
        run = jax.jit(lambda params, x: forward(params, work, x, zero_states(work))[0])
        return lambda: run(params, x).block_until_ready()
    if mode == "stream":
        run = jax.jit(lambda params, x, states: forward(params, work, x, states))
        states = zero_states(work)

        def stream() -> jax.Array:
            nonlocal states
            y, states = run(params, x, states)
            return y.block_until_ready()

        return stream

    # The buffers of the old parameters and moments may be written over by the new ones.
    @partial(jax.jit, donate_argnums=(0, 1))
    def run_train(params: list, moments: tuple, x: jax.Array, target: jax.Array) -> tuple:
        loss, grads = jax.value_and_grad(loss_of)(params, work, x, target)
        return loss, *update(work, params, grads, moments)

    # Momentum needs one set of moments, Adam two.
    m = jax.tree.map(jnp.zeros_like, params) if work.update == "adam" else ()
    moments = (m, jax.tree.map(jnp.zeros_like, params), jnp.float32(0))

    def train() -> float:
        nonlocal params, moments
        loss, params, moments = jax.block_until_ready(run_train(params, moments, x, target))
        return float(loss)

    return train
