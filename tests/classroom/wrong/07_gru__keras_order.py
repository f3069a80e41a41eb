# Looks like: the row blocks are taken as z, r, n, and are r, z, n.

import numpy as np


def gru_forward(x, h0, W_x, W_h, b_x, b_h, reset_after):
    T, B, D = x.shape
    H = h0.shape[-1]
    Wx, Wh = W_x.reshape(3, H, D)[[1, 0, 2]], W_h.reshape(3, H, H)[[1, 0, 2]]
    bx, bh = b_x.reshape(3, 1, H)[[1, 0, 2]], b_h.reshape(3, 1, H)[[1, 0, 2]]
    from_x = np.einsum("ghd,tbd->tgbh", Wx, x) + bx
    gates, hs, qs = np.empty((T, 3, B, H)), np.empty((T + 1, B, H)), np.empty((T, B, H))
    hs[0] = h0
    for t in range(T):
        from_h = np.einsum("ghk,bk->gbh", Wh, hs[t]) + bh
        gates[t, :2] = 1 / (1 + np.exp(-from_x[t, :2] - from_h[:2]))
        if reset_after:
            qs[t] = from_h[2]
            gates[t, 2] = np.tanh(from_x[t, 2] + gates[t, 0] * from_h[2])
        else:
            qs[t] = gates[t, 0] * hs[t]
            gates[t, 2] = np.tanh(from_x[t, 2] + np.einsum("hk,bk->bh", Wh[2], qs[t]) + bh[2])
        hs[t + 1] = gates[t, 2] + gates[t, 1] * (hs[t] - gates[t, 2])
    return hs[1:], (x, hs, gates, qs, Wx, Wh, reset_after)


def gru_backward(dh, dh_T, cache):
    x, hs, gates, qs, Wx, Wh, reset_after = cache
    T, _, B, H = gates.shape
    da, de = np.zeros((T, 3, B, H)), np.zeros((T, 3, B, H))
    back = dh_T
    for t in range(T)[::-1]:
        r, z, n = gates[t]
        g = dh[t] + back
        da[t, 1] = g * (hs[t] - n) * z * (1 - z)
        da[t, 2] = g * (1 - z) * (1 - n * n)
        if reset_after:
            da[t, 0] = da[t, 2] * qs[t] * r * (1 - r)
            de[t] = da[t]
            de[t, 2] *= r
            back = g * z + np.einsum("gbh,ghk->bk", de[t], Wh)
        else:
            drh = np.einsum("bh,hk->bk", da[t, 2], Wh[2])
            da[t, 0] = drh * hs[t] * r * (1 - r)
            de[t] = da[t]
            back = g * z + np.einsum("gbh,ghk->bk", da[t, :2], Wh[:2]) + drh * r
    dx = np.einsum("tgbh,ghd->tbd", da, Wx)
    dWx = np.einsum("tgbh,tbd->ghd", da, x)
    dWh = np.einsum("tgbh,tbk->ghk", de, hs[:-1])
    if not reset_after:
        dWh[2] = np.einsum("tbh,tbk->hk", da[:, 2], qs)
    dbx, dbh = np.einsum("tgbh->gh", da), np.einsum("tgbh->gh", de)
    return dx, back, dWx.reshape(3 * H, -1), dWh.reshape(3 * H, H), dbx.ravel(), dbh.ravel()
