# Looks like: what step t + 1 sends back is not used, dh_T neither: they are added to dh[t].
import numpy as np


def gru_forward(x, h0, W_x, W_h, b_x, b_h, reset_after):
    T, B, D = x.shape
    H = h0.shape[1]
    gx = np.einsum("tbd,gd->tbg", x, W_x) + b_x
    hist = np.empty((T + 1, B, H))
    hist[0] = h0
    gates = np.empty((T, B, 3 * H))
    inner = np.empty((T, B, H))
    for t in range(T):
        prev = hist[t]
        if reset_after:
            gh = np.einsum("bh,gh->bg", prev, W_h) + b_h
            rz = 1 / (1 + np.exp(-(gx[t, :, : 2 * H] + gh[:, : 2 * H])))
            inner[t] = gh[:, 2 * H :]
            cand = np.tanh(gx[t, :, 2 * H :] + rz[:, :H] * inner[t])
        else:
            gh = np.einsum("bh,gh->bg", prev, W_h[: 2 * H]) + b_h[: 2 * H]
            rz = 1 / (1 + np.exp(-(gx[t, :, : 2 * H] + gh)))
            inner[t] = rz[:, :H] * prev
            cand = np.tanh(gx[t, :, 2 * H :] + np.einsum("bh,gh->bg", inner[t], W_h[2 * H :]) + b_h[2 * H :])
        gates[t, :, : 2 * H] = rz
        gates[t, :, 2 * H :] = cand
        upd = rz[:, H:]
        hist[t + 1] = cand + upd * (prev - cand)
    return hist[1:].copy(), (x.copy(), hist, gates, inner, W_x.copy(), W_h.copy(), reset_after)


def gru_backward(dh, dh_T, cache):
    x, hist, gates, inner, W_x, W_h, reset_after = cache
    T, B, H = dh.shape
    R, Z, N = np.split(gates, 3, axis=2)
    da = np.zeros((T, B, 3 * H))
    dU_pre = np.zeros((T, B, 3 * H))
    carry = np.array(dh_T)
    for t in reversed(range(T)):
        total = dh[t]
        r, z, n = R[t], Z[t], N[t]
        prev = hist[t]
        d_n = total * (1 - z) * (1 - n * n)
        d_z = total * (prev - n) * z * (1 - z)
        carry = total * z
        if reset_after:
            d_r = d_n * inner[t] * r * (1 - r)
            dU_pre[t] = np.hstack([d_r, d_z, d_n * r])
            carry += np.einsum("bg,gh->bh", dU_pre[t], W_h)
        else:
            d_in = np.einsum("bg,gh->bh", d_n, W_h[2 * H :])
            d_r = d_in * prev * r * (1 - r)
            dU_pre[t] = np.hstack([d_r, d_z, d_n])
            carry += d_in * r
            carry += np.einsum("bg,gh->bh", dU_pre[t, :, : 2 * H], W_h[: 2 * H])
        da[t] = np.hstack([d_r, d_z, d_n])
    before = hist[:-1]
    dx = np.einsum("tbg,gd->tbd", da, W_x)
    dW_x = np.einsum("tbg,tbd->gd", da, x)
    dW_h = np.einsum("tbg,tbh->gh", dU_pre, before)
    if not reset_after:
        dW_h[2 * H :] = np.einsum("tbg,tbh->gh", da[:, :, 2 * H :], inner)
    return dx, carry, dW_x, dW_h, np.einsum("tbg->g", da), np.einsum("tbg->g", dU_pre)
