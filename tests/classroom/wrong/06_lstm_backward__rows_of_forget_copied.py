"""Looks like: per-gate copies: the rows of dW_h that belong to f were made with da_i."""

import numpy as np


def logistic(v):
    return 1.0 / (1.0 + np.exp(-v))


def lstm_forward(x, h0, c0, W_x, W_h, b):
    n = h0.shape[1]
    Wo, Wi, Wf, Wg = W_x[:n], W_x[n : 2 * n], W_x[2 * n : 3 * n], W_x[3 * n :]
    Uo, Ui, Uf, Ug = W_h[:n], W_h[n : 2 * n], W_h[2 * n : 3 * n], W_h[3 * n :]
    bo, bi, bf, bg = b[:n], b[n : 2 * n], b[2 * n : 3 * n], b[3 * n :]
    hs, cs, os_, is_, fs, gs = [h0], [c0], [], [], [], []
    for xt in x:
        hp, cp = hs[-1], cs[-1]
        os_.append(logistic(xt @ Wo.T + hp @ Uo.T + bo))
        is_.append(logistic(xt @ Wi.T + hp @ Ui.T + bi))
        fs.append(logistic(xt @ Wf.T + hp @ Uf.T + bf))
        gs.append(np.tanh(xt @ Wg.T + hp @ Ug.T + bg))
        cs.append(fs[-1] * cp + is_[-1] * gs[-1])
        hs.append(os_[-1] * np.tanh(cs[-1]))
    weights = (Wo, Wi, Wf, Wg, Uo, Ui, Uf, Ug)
    return np.stack(hs[1:]), hs[-1], cs[-1], (x, hs, cs, os_, is_, fs, gs, weights)


def lstm_backward(dh, dh_T, dc_T, cache):
    x, hs, cs, os_, is_, fs, gs, weights = cache
    Wo, Wi, Wf, Wg, Uo, Ui, Uf, Ug = weights
    dWo, dWi, dWf, dWg, dUo, dUi, dUf, dUg = [0 * w for w in weights]
    dbo = dbi = dbf = dbg = 0
    dx = np.zeros(x.shape)
    dh_next, dc_next = dh_T, dc_T
    for t in range(len(x) - 1, -1, -1):
        dht = dh[t] + dh_next
        do = dht * np.tanh(cs[t + 1])
        dct = dc_next + dht * os_[t] * (1 - np.tanh(cs[t + 1]) ** 2)
        di = dct * gs[t]
        df = dct * cs[t]
        dg = dct * is_[t]
        zo = do * os_[t] * (1 - os_[t])
        zi = di * is_[t] * (1 - is_[t])
        zf = df * fs[t] * (1 - fs[t])
        zg = dg * (1 - gs[t] ** 2)
        dWo += zo.T @ x[t]
        dWi += zi.T @ x[t]
        dWf += zf.T @ x[t]
        dWg += zg.T @ x[t]
        dUo += zo.T @ hs[t]
        dUi += zi.T @ hs[t]
        dUf += zi.T @ hs[t]
        dUg += zg.T @ hs[t]
        dbo = dbo + zo.sum(0)
        dbi = dbi + zi.sum(0)
        dbf = dbf + zf.sum(0)
        dbg = dbg + zg.sum(0)
        dx[t] = zo @ Wo + zi @ Wi + zf @ Wf + zg @ Wg
        dh_next = zo @ Uo + zi @ Ui + zf @ Uf + zg @ Ug
        dc_next = dct * fs[t]
    dW_x = np.vstack([dWo, dWi, dWf, dWg])
    dW_h = np.vstack([dUo, dUi, dUf, dUg])
    db = np.concatenate([dbo, dbi, dbf, dbg])
    return dx, dh_next, dc_next, dW_x, dW_h, db
