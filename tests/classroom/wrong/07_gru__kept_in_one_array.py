# Looks like: every h_{t-1} is the last state: h was changed in place. Keep a copy of each.
import numpy as np


def sig(a):
    return 0.5 * (1 + np.tanh(a / 2))


def parts(M):
    H = M.shape[0] // 3
    return M[:H], M[H : 2 * H], M[2 * H :]


def gru_forward(x, h0, W_x, W_h, b_x, b_h, reset_after):
    Wr, Wz, Wn = parts(W_x)
    Ur, Uz, Un = parts(W_h)
    br, bz, bn = parts(b_x)
    cr, cz, cn = parts(b_h)
    h = h0.copy()
    hs = []
    steps = []
    for t in range(x.shape[0]):
        xt = x[t]
        hp = h
        r = sig(xt @ Wr.T + br + hp @ Ur.T + cr)
        z = sig(xt @ Wz.T + bz + hp @ Uz.T + cz)
        if reset_after:
            q = hp @ Un.T + cn
            n = np.tanh(xt @ Wn.T + bn + r * q)
        else:
            q = r * hp
            n = np.tanh(xt @ Wn.T + bn + q @ Un.T + cn)
        h[...] = (1 - z) * n + z * hp
        hs.append(h.copy())
        steps.append(dict(xt=xt, hp=hp, r=r, z=z, n=n, q=q))
    return np.stack(hs), dict(steps=steps, W=W_x.copy(), U=W_h.copy(), after=reset_after)


def gru_backward(dh, dh_T, cache):
    steps = cache["steps"]
    Wr, Wz, Wn = parts(cache["W"])
    Ur, Uz, Un = parts(cache["U"])
    T, B, H = dh.shape
    dx = np.zeros((T, B, Wr.shape[1]))
    dWr, dWz, dWn = np.zeros_like(Wr), np.zeros_like(Wz), np.zeros_like(Wn)
    dUr, dUz, dUn = np.zeros_like(Ur), np.zeros_like(Uz), np.zeros_like(Un)
    dbr, dbz, dbn, dcn = np.zeros(H), np.zeros(H), np.zeros(H), np.zeros(H)
    dnext = dh_T.copy()
    for t in range(T - 1, -1, -1):
        s = steps[t]
        xt, hp, r, z, n, q = s["xt"], s["hp"], s["r"], s["z"], s["n"], s["q"]
        g = dh[t] + dnext
        dn = g * (1 - z)
        dz = g * (hp - n)
        an = dn * (1 - n**2)
        az = dz * z * (1 - z)
        dhp = g * z
        if cache["after"]:
            dr = an * q
            dq = an * r
            dhp = dhp + dq @ Un
            dUn += dq.T @ hp
            dcn += dq.sum(0)
        else:
            dq = an @ Un
            dr = dq * hp
            dhp = dhp + dq * r
            dUn += an.T @ q
            dcn += an.sum(0)
        ar = dr * r * (1 - r)
        dhp = dhp + ar @ Ur + az @ Uz
        dUr += ar.T @ hp
        dUz += az.T @ hp
        dWr += ar.T @ xt
        dWz += az.T @ xt
        dWn += an.T @ xt
        dbr += ar.sum(0)
        dbz += az.sum(0)
        dbn += an.sum(0)
        dx[t] = ar @ Wr + az @ Wz + an @ Wn
        dnext = dhp
    dW = np.concatenate([dWr, dWz, dWn])
    dU = np.concatenate([dUr, dUz, dUn])
    return dx, dnext, dW, dU, np.concatenate([dbr, dbz, dbn]), np.concatenate([dbr, dbz, dcn])
