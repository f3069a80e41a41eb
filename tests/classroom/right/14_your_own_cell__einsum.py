"""The cell of number 0: arrays for all steps made once, written in place; sums over time at the end."""

import numpy as np


def cell_forward(x, state, params):
    T, B, H = *x.shape[:2], len(params["b_u"])
    h, c = np.empty((2, T + 1, B, H))
    h[0], c[0] = state
    from_x = {name: np.einsum("hd,tbd->tbh", params[name], x) for name in ("W_ux", "V_ux", "W_vx")}
    a_u, u, v, s = np.empty((4, T, B, H))
    for t in range(T):
        np.multiply(from_x["V_ux"][t], np.einsum("kh,bh->bk", params["W_uh"], h[t]), out=a_u[t])
        a_u[t] += from_x["W_ux"][t]
        a_u[t] += params["b_u"]
        np.divide(a_u[t], np.hypot(1, a_u[t]), out=u[t])
        np.einsum("kh,bh->bk", params["W_vh"], h[t], out=v[t])
        v[t] += from_x["W_vx"][t] + params["p_v"] * u[t] ** 2 + params["b_v"]
        np.exp(-v[t], out=v[t])
        v[t] += 1
        np.reciprocal(v[t], out=v[t])
        c[t + 1] = v[t] * c[t] + (1 - v[t]) * (u[t] - v[t] * h[t])
        s[t] = c[t + 1] / np.hypot(1, c[t + 1])
        h[t + 1] = 0.8 * h[t] + 0.2 * u[t] * s[t]
    kept = {"x": x.copy(), "h": h, "c": c, "a_u": a_u, "u": u, "v": v, "s": s, "left": from_x["V_ux"]}
    return h[1:].copy(), (h[T].copy(), c[T].copy()), (kept, params)


def cell_backward(dh, dfinal, cache):
    k, params = cache
    T = len(dh)
    da_u, da_v = np.empty_like(k["a_u"]), np.empty_like(k["a_u"])
    d, dc = dfinal[0].copy(), dfinal[1].copy()
    for t in range(T)[::-1]:
        h, u, v, s = k["h"][t], k["u"][t], k["v"][t], k["s"][t]
        d += dh[t]
        dc += 0.2 * d * u * np.hypot(1, k["c"][t + 1]) ** -3
        inner = u - v * h
        da_v[t] = dc * (k["c"][t] - inner - (1 - v) * h) * v * (1 - v)
        da_u[t] = (0.2 * d * s + dc * (1 - v) + 2 * da_v[t] * params["p_v"] * u) * np.hypot(
            1, k["a_u"][t]
        ) ** -3
        d *= 0.8
        d -= dc * (1 - v) * v
        d += da_v[t] @ params["W_vh"]
        d += (da_u[t] * k["left"][t]) @ params["W_uh"]
        dc *= v
    # W_uh h once more, for V_ux.
    by_right = da_u * np.einsum("kh,tbh->tbk", params["W_uh"], k["h"][:-1])
    grads = {"dh0": d, "dc0": dc, "db_u": da_u.sum((0, 1)), "db_v": da_v.sum((0, 1))}
    grads["dp_v"] = np.einsum("tbh,tbh->h", da_v, k["u"] ** 2)
    grads["dx"] = da_u @ params["W_ux"] + da_v @ params["W_vx"] + by_right @ params["V_ux"]
    for name, da, what in (
        ("dW_ux", da_u, k["x"]),
        ("dW_vx", da_v, k["x"]),
        ("dV_ux", by_right, k["x"]),
        ("dW_vh", da_v, k["h"][:-1]),
        ("dW_uh", da_u * k["left"], k["h"][:-1]),
    ):
        grads[name] = np.einsum("tbk,tbj->kj", da, what)
    return grads
