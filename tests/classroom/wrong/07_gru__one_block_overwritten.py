# Looks like: the rows of n in dW_h are overwritten at every step; they add up.

import numpy as np


def sg(a):
    return 1 / (1 + np.exp(-a))


def gru_forward(x, h0, W_x, W_h, b_x, b_h, reset_after):
    T, B, D = x.shape
    H = h0.shape[1]
    out = np.zeros((T, B, H))
    hp = h0
    steps = []
    Wr, Wz, Wn = W_x[:H], W_x[H : 2 * H], W_x[2 * H :]
    Ur, Uz, Un = W_h[:H], W_h[H : 2 * H], W_h[2 * H :]
    for t in range(T):
        r = sg(x[t] @ Wr.T + b_x[:H] + hp @ Ur.T + b_h[:H])
        z = sg(x[t] @ Wz.T + b_x[H : 2 * H] + hp @ Uz.T + b_h[H : 2 * H])
        if reset_after:
            q = hp @ Un.T + b_h[2 * H :]
            n = np.tanh(x[t] @ Wn.T + b_x[2 * H :] + r * q)
        else:
            q = r * hp
            n = np.tanh(x[t] @ Wn.T + b_x[2 * H :] + q @ Un.T + b_h[2 * H :])
        h = (1 - z) * n + z * hp
        steps.append((r, z, n, q, hp, h))
        out[t] = h
        hp = h
    return out, (x, W_x, W_h, steps, reset_after, out, h0)


def gru_backward(dh, dh_T, cache):
    x, W_x, W_h, steps, reset_after, out, h0 = cache
    T, B, H = dh.shape
    Wr, Wz, Wn = W_x[:H], W_x[H : 2 * H], W_x[2 * H :]
    Ur, Uz, Un = W_h[:H], W_h[H : 2 * H], W_h[2 * H :]
    dx = np.zeros(x.shape)
    dWr, dWz, dWn = np.zeros_like(Wr), np.zeros_like(Wz), np.zeros_like(Wn)
    dUr, dUz, dUn = np.zeros_like(Ur), np.zeros_like(Uz), np.zeros_like(Un)
    dbr = np.zeros(H)
    dbz = np.zeros(H)
    dbn = np.zeros(H)
    ebr = np.zeros(H)
    ebz = np.zeros(H)
    ebn = np.zeros(H)
    carry = dh_T.copy()
    for t in reversed(range(T)):
        r, z, n, q, hp, h = steps[t]
        g = dh[t] + carry
        dn = g * (1 - z)
        dz = g * (hp - n)
        an = dn * (1 - n**2)
        az = dz * z * (1 - z)
        carry = g * z
        if reset_after:
            dr = an * q
            dq = an * r
            carry = carry + dq @ Un
            dUn = dq.T @ hp
            ebn += dq.sum(0)
        else:
            dq = an @ Un
            dr = dq * hp
            carry = carry + dq * r
            dUn = an.T @ q
            ebn += an.sum(0)
        ar = dr * r * (1 - r)
        carry = carry + ar @ Ur
        carry = carry + az @ Uz
        dUr += ar.T @ hp
        dUz += az.T @ hp
        dWr += ar.T @ x[t]
        dWz += az.T @ x[t]
        dWn += an.T @ x[t]
        dbr += ar.sum(0)
        dbz += az.sum(0)
        dbn += an.sum(0)
        ebr += ar.sum(0)
        ebz += az.sum(0)
        dx[t] = ar @ Wr + az @ Wz + an @ Wn
    return (
        dx,
        carry,
        np.concatenate([dWr, dWz, dWn]),
        np.concatenate([dUr, dUz, dUn]),
        np.concatenate([dbr, dbz, dbn]),
        np.concatenate([ebr, ebz, ebn]),
    )
