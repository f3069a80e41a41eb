"""14 Your own cell: its forward pass, and its backward pass from one's own derivation.

The equations stand at the end of README.md.
"""

from typing import Any

import numpy as np


def cell_forward(
    x: np.ndarray, state: tuple[np.ndarray, ...], params: dict[str, np.ndarray]
) -> tuple[np.ndarray, tuple[np.ndarray, ...], Any]:
    """x (T, B, D), state a tuple of (B, H), params by name -> h (T, B, H), the final state, cache."""
    # SOLUTION BEGINS
    # The cell of number 0:
    #     a_u = W_ux x_t + (V_ux x_t) (W_uh h_{t-1}) + b_u          u = soft(a_u)
    #     a_v = W_vx x_t + W_vh h_{t-1} + p_v u^2 + b_v             v = sigmoid(a_v)
    #     c_t = v c_{t-1} + (1 - v) (u - v h_{t-1})
    #     h_t = 0.8 h_{t-1} + 0.2 u soft(c_t)
    h, c = state
    steps, hs = [], []
    for x_t in x:
        left, right = x_t @ params["V_ux"].T, h @ params["W_uh"].T
        a_u = x_t @ params["W_ux"].T + left * right + params["b_u"]
        u = a_u / np.sqrt(1 + a_u**2)
        v = 1 / (
            1
            + np.exp(-(x_t @ params["W_vx"].T + h @ params["W_vh"].T + params["p_v"] * u**2 + params["b_v"]))
        )
        c_new = v * c + (1 - v) * (u - v * h)
        s = c_new / np.sqrt(1 + c_new**2)
        steps.append((x_t, h, c, left, right, a_u, u, v, c_new, s))
        h, c = 0.8 * h + 0.2 * u * s, c_new
        hs.append(h)
    return np.array(hs), (h, c), (steps, params)
    # SOLUTION ENDS


def cell_backward(dh: np.ndarray, dfinal: tuple[np.ndarray, ...], cache: Any) -> dict[str, np.ndarray]:
    """dh (T, B, H), dfinal a tuple of (B, H) -> "dx" (T, B, D), "dh0" (B, H), ..., "dW_ux" (H, D), ..."""
    # SOLUTION BEGINS
    steps, params = cache
    grads = {"d" + name: np.zeros(array.shape) for name, array in params.items()}
    dh_next, dc_next = dfinal
    dxs = []
    for (x_t, h, c, left, right, a_u, u, v, c_new, s), dh_t in zip(steps[::-1], dh[::-1], strict=True):
        d = dh_t + dh_next
        du = 0.2 * d * s
        dc = dc_next + 0.2 * d * u * (1 + c_new**2) ** -1.5
        dv = dc * (c - (u - v * h) - (1 - v) * h)
        du = du + dc * (1 - v)
        dh_next, dc_next = 0.8 * d - dc * (1 - v) * v, dc * v
        da_v = dv * v * (1 - v)
        du = du + 2 * da_v * params["p_v"] * u
        da_u = du * (1 + a_u**2) ** -1.5
        dh_next = dh_next + da_v @ params["W_vh"] + (da_u * left) @ params["W_uh"]
        dxs.append(da_v @ params["W_vx"] + da_u @ params["W_ux"] + (da_u * right) @ params["V_ux"])
        grads["dW_vx"] += da_v.T @ x_t
        grads["dW_vh"] += da_v.T @ h
        grads["dp_v"] += (da_v * u**2).sum(axis=0)
        grads["db_v"] += da_v.sum(axis=0)
        grads["dW_ux"] += da_u.T @ x_t
        grads["dV_ux"] += (da_u * right).T @ x_t
        grads["dW_uh"] += (da_u * left).T @ h
        grads["db_u"] += da_u.sum(axis=0)
    return {"dx": np.array(dxs[::-1]), "dh0": dh_next, "dc0": dc_next, **grads}
    # SOLUTION ENDS
