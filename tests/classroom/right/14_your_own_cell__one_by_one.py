"""The cell of number 0: one sequence at a time, vectors and outer products."""

import numpy as np


def one_forward(x, h, c, p):
    steps, hs = [], []
    for k in range(len(x)):
        left, right = p["V_ux"].dot(x[k]), p["W_uh"].dot(h)
        a_u = p["W_ux"].dot(x[k]) + left * right + p["b_u"]
        root = np.sqrt(1 + a_u * a_u)
        u = a_u / root
        v = 0.5 + 0.5 * np.tanh((p["W_vx"].dot(x[k]) + p["W_vh"].dot(h) + p["p_v"] * u * u + p["b_v"]) / 2)
        c1 = u + v * (c - u - (1 - v) * h)
        root_c = np.sqrt(1 + c1 * c1)
        steps.append(
            dict(x=x[k], h=h, c=c, left=left, right=right, root=root, u=u, v=v, c1=c1, root_c=root_c)
        )
        h, c = 0.8 * h + 0.2 * u * c1 / root_c, c1
        hs.append(h)
    return hs, h, c, steps


def cell_forward(x, state, params):
    runs = [one_forward(x[:, k], state[0][k], state[1][k], params) for k in range(x.shape[1])]
    h = np.stack([np.stack(run[0]) for run in runs], axis=1)
    final = np.stack([run[1] for run in runs]), np.stack([run[2] for run in runs])
    return h, final, {"steps": [run[3] for run in runs], "params": params}


def cell_backward(dh, dfinal, cache):
    p = cache["params"]
    grads = {"d" + name: np.zeros_like(array) for name, array in p.items()}
    T, B, _ = dh.shape
    grads["dx"] = np.zeros((T, B, p["W_ux"].shape[1]))
    grads["dh0"], grads["dc0"] = dfinal[0].copy(), dfinal[1].copy()
    for k, steps in enumerate(cache["steps"]):
        for t in range(T - 1, -1, -1):
            s = steps[t]
            d = grads["dh0"][k] + dh[t, k]
            dc = grads["dc0"][k] + d * 0.2 * s["u"] / s["root_c"] ** 3
            da_v = dc * (s["c"] - s["u"] - (1 - 2 * s["v"]) * s["h"]) * s["v"] * (1 - s["v"])
            du = d * 0.2 * s["c1"] / s["root_c"] + dc * (1 - s["v"]) + 2 * da_v * p["p_v"] * s["u"]
            da_u = du / s["root"] ** 3
            grads["dh0"][k] = 0.8 * d - dc * (1 - s["v"]) * s["v"]
            grads["dh0"][k] += p["W_vh"].T.dot(da_v) + p["W_uh"].T.dot(da_u * s["left"])
            grads["dc0"][k] = dc * s["v"]
            for name, row, column in (
                ("dW_vx", da_v, s["x"]),
                ("dW_vh", da_v, s["h"]),
                ("dW_ux", da_u, s["x"]),
                ("dV_ux", da_u * s["right"], s["x"]),
                ("dW_uh", da_u * s["left"], s["h"]),
            ):
                grads[name] += np.outer(row, column)
                if column is s["x"]:
                    grads["dx"][t, k] += p[name[1:]].T.dot(row)
            grads["dp_v"] += da_v * s["u"] ** 2
            grads["db_v"] += da_v
            grads["db_u"] += da_u
    return grads
