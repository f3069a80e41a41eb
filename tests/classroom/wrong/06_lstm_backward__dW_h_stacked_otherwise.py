"""Looks like: the rows of dW_h alone are ordered i, f, o, g"""

import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def lstm_forward(x, h0, c0, W_x, W_h, b):
    steps, h, c = [], h0, c0
    for x_t in x:
        a_o, a_i, a_f, a_g = np.split(x_t @ W_x.T + h @ W_h.T + b, 4, axis=1)
        o, i, f, g = sigmoid(a_o), sigmoid(a_i), sigmoid(a_f), np.tanh(a_g)
        before, c = (h, c), f * c + i * g
        h = o * np.tanh(c)
        steps.append((x_t, *before, o, i, f, g, c, h))
    return np.array([step[-1] for step in steps]), h, c, (steps, W_x, W_h)


def lstm_backward(dh, dh_T, dc_T, cache):
    steps, W_x, W_h = cache
    T, B, H = dh.shape
    Wo, Wi, Wf, Wg = np.split(W_x, 4)
    Uo, Ui, Uf, Ug = np.split(W_h, 4)
    gWo = np.zeros_like(Wo)
    gWi = np.zeros_like(Wo)
    gWf = np.zeros_like(Wo)
    gWg = np.zeros_like(Wo)
    gUo = np.zeros_like(Uo)
    gUi = np.zeros_like(Uo)
    gUf = np.zeros_like(Uo)
    gUg = np.zeros_like(Uo)
    gbo = np.zeros(H)
    gbi = np.zeros(H)
    gbf = np.zeros(H)
    gbg = np.zeros(H)
    dx = np.zeros((T, B, Wo.shape[1]))
    d_h = dh_T.copy()
    d_c = dc_T.copy()
    for t in range(T - 1, -1, -1):
        x_t, h_prev, c_prev, o, i, f, g, c, h = steps[t]
        th = np.tanh(c)
        d_h = d_h + dh[t]
        d_o = d_h * th
        d_c = d_c + d_h * o * (1 - th**2)
        d_i = d_c * g
        d_f = d_c * c_prev
        d_g = d_c * i
        z_o = d_o * o * (1 - o)
        z_i = d_i * i * (1 - i)
        z_f = d_f * f * (1 - f)
        z_g = d_g * (1 - g**2)
        gWo += z_o.T @ x_t
        gWi += z_i.T @ x_t
        gWf += z_f.T @ x_t
        gWg += z_g.T @ x_t
        gUo += z_o.T @ h_prev
        gUi += z_i.T @ h_prev
        gUf += z_f.T @ h_prev
        gUg += z_g.T @ h_prev
        gbo += z_o.sum(0)
        gbi += z_i.sum(0)
        gbf += z_f.sum(0)
        gbg += z_g.sum(0)
        dx[t] = z_o @ Wo + z_i @ Wi + z_f @ Wf + z_g @ Wg
        d_h = z_o @ Uo + z_i @ Ui + z_f @ Uf + z_g @ Ug
        d_c = d_c * f
    return (
        dx,
        d_h,
        d_c,
        np.vstack([gWo, gWi, gWf, gWg]),
        np.vstack([gUi, gUf, gUo, gUg]),
        np.concatenate([gbo, gbi, gbf, gbg]),
    )
