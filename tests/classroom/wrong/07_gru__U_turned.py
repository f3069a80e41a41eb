# Looks like: dh is multiplied by the transposed blocks of W_h.

import numpy as np


def sigmoid(a):
    return np.where(a >= 0, 1 / (1 + np.exp(-np.abs(a))), np.exp(-np.abs(a)) / (1 + np.exp(-np.abs(a))))


def gru_forward(x, h0, W_x, W_h, b_x, b_h, reset_after):
    Wr, Wz, Wn = np.vsplit(W_x, 3)
    Ur, Uz, Un = np.vsplit(W_h, 3)
    br, bz, bn = np.split(b_x, 3)
    cr, cz, cn = np.split(b_h, 3)
    h, tape = h0, []
    out = np.zeros((x.shape[0], *h0.shape))
    for t in range(x.shape[0]):
        prev = h
        r = sigmoid(x[t] @ Wr.T + br + prev @ Ur.T + cr)
        z = sigmoid(x[t] @ Wz.T + bz + prev @ Uz.T + cz)
        if reset_after:
            u = prev @ Un.T + cn
            n = np.tanh(x[t] @ Wn.T + bn + r * u)
        else:
            u = r * prev
            n = np.tanh(x[t] @ Wn.T + bn + u @ Un.T + cn)
        h = z * prev + (1 - z) * n
        out[t] = h
        tape.append({"x": x[t], "prev": prev, "r": r, "z": z, "n": n, "u": u})
    return out, {"tape": tape, "W": (Wr, Wz, Wn), "U": (Ur, Uz, Un), "after": reset_after}


def gru_backward(dh, dh_T, cache):
    Wr, Wz, Wn = cache["W"]
    Ur, Uz, Un = cache["U"]
    dWr, dWz, dWn = np.zeros_like(Wr), np.zeros_like(Wz), np.zeros_like(Wn)
    dUr, dUz, dUn = np.zeros_like(Ur), np.zeros_like(Uz), np.zeros_like(Un)
    dbr = dbz = dbn = dcn = np.zeros(len(Ur))
    dnext = dh_T.copy()
    dx = np.zeros((len(dh), dh.shape[1], Wr.shape[1]))
    for t in range(len(dh) - 1, -1, -1):
        step = cache["tape"][t]
        x, prev, r, z, n, u = (step[name] for name in ("x", "prev", "r", "z", "n", "u"))
        dnext = dnext + dh[t]
        dz = dnext * (prev - n)
        dn = dnext * (1 - z)
        dprev = dnext * z
        daz = dz * z * (1 - z)
        dan = dn * (1 - n**2)
        if cache["after"]:
            dr = dan * u
            du = dan * r
            dprev = dprev + du @ Un.T
            dUn += du.T @ prev
            dcn = dcn + du.sum(0)
        else:
            du = dan @ Un
            dr = du * prev
            dprev = dprev + du * r
            dUn += dan.T @ u
            dcn = dcn + dan.sum(0)
        dar = dr * r * (1 - r)
        dprev = dprev + dar @ Ur.T + daz @ Uz.T
        dUr += dar.T @ prev
        dUz += daz.T @ prev
        dWr += dar.T @ x
        dWz += daz.T @ x
        dWn += dan.T @ x
        dbr, dbz, dbn = dbr + dar.sum(0), dbz + daz.sum(0), dbn + dan.sum(0)
        dx[t] = dar @ Wr + daz @ Wz + dan @ Wn
        dnext = dprev
    dW_x, dW_h = np.vstack((dWr, dWz, dWn)), np.vstack((dUr, dUz, dUn))
    return dx, dnext, dW_x, dW_h, np.hstack((dbr, dbz, dbn)), np.hstack((dbr, dbz, dcn))
