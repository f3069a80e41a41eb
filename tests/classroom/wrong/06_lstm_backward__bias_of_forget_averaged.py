"""Looks like: the part of db that belongs to f is a mean over the batch; it is a sum."""

import numpy as np


def sg(z):
    return 1 / (1 + np.exp(-z))


def lstm_forward(x, h0, c0, W_x, W_h, b):
    Uo, Ui, Uf, Ug = np.split(W_x, 4)
    Vo, Vi, Vf, Vg = np.split(W_h, 4)
    bo, bi, bf, bg = np.split(b, 4)
    h, c, steps, out = h0, c0, [], []
    for xt in x:
        o = sg(xt @ Uo.T + h @ Vo.T + bo)
        i = sg(xt @ Ui.T + h @ Vi.T + bi)
        f = sg(xt @ Uf.T + h @ Vf.T + bf)
        g = np.tanh(xt @ Ug.T + h @ Vg.T + bg)
        cn = f * c + i * g
        hn = o * np.tanh(cn)
        steps.append(dict(x=xt, hp=h, cp=c, o=o, i=i, f=f, g=g, c=cn, h=hn))
        h, c = hn, cn
        out.append(h)
    return np.array(out), h, c, {"steps": steps, "U": (Uo, Ui, Uf, Ug), "V": (Vo, Vi, Vf, Vg)}


def lstm_backward(dh, dh_T, dc_T, cache):
    Uo, Ui, Uf, Ug = cache["U"]
    Vo, Vi, Vf, Vg = cache["V"]
    steps = cache["steps"]
    dUo, dUi, dUf, dUg = (np.zeros(Uo.shape) for _ in range(4))
    dVo, dVi, dVf, dVg = (np.zeros(Vo.shape) for _ in range(4))
    dbo, dbi, dbf, dbg = (np.zeros(len(Vo)) for _ in range(4))
    dxs = []
    hgrad, cgrad = dh_T, dc_T
    for t in range(len(steps) - 1, -1, -1):
        s = steps[t]
        hgrad = hgrad + dh[t]
        cgrad = cgrad + hgrad * s["o"] * (1 - np.tanh(s["c"]) ** 2)
        zo = hgrad * np.tanh(s["c"]) * s["o"] * (1 - s["o"])
        zi = cgrad * s["g"] * s["i"] * (1 - s["i"])
        zf = cgrad * s["cp"] * s["f"] * (1 - s["f"])
        zg = cgrad * s["i"] * (1 - s["g"] ** 2)
        dUo += zo.T @ s["x"]
        dUi += zi.T @ s["x"]
        dUf += zf.T @ s["x"]
        dUg += zg.T @ s["x"]
        dVo += zo.T @ s["hp"]
        dVi += zi.T @ s["hp"]
        dVf += zf.T @ s["hp"]
        dVg += zg.T @ s["hp"]
        dbo += zo.sum(0)
        dbi += zi.sum(0)
        dbf += zf.mean(0)
        dbg += zg.sum(0)
        dxs.insert(0, zo @ Uo + zi @ Ui + zf @ Uf + zg @ Ug)
        hgrad = zo @ Vo + zi @ Vi + zf @ Vf + zg @ Vg
        cgrad = cgrad * s["f"]
    dUs = np.concatenate([dUo, dUi, dUf, dUg])
    dVs = np.concatenate([dVo, dVi, dVf, dVg])
    dbs = np.concatenate([dbo, dbi, dbf, dbg])
    return np.array(dxs), hgrad, cgrad, dUs, dVs, dbs
