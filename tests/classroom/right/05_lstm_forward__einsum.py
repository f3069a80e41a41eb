import numpy as np


def lstm_step(x, h, c, W_x, W_h, b):
    H = h.shape[-1]
    a = np.einsum("bd,gkd->gbk", x, W_x.reshape(4, H, -1))
    a = a + np.einsum("bj,gkj->gbk", h, W_h.reshape(4, H, H)) + b.reshape(4, 1, H)
    o, i, f = np.exp(-np.logaddexp(0, -a[:3]))
    c_t = f * c + i * np.tanh(a[3])
    return o * np.tanh(c_t), c_t


def lstm_forward(x, h0, c0, W_x, W_h, b, lengths=None):
    if lengths is None:
        lengths = np.full(x.shape[1], x.shape[0])
    ys, h, c = [], h0, c0
    for t, x_t in enumerate(x):
        m = (lengths > t).astype(float)[:, np.newaxis]
        h_t, c_t = lstm_step(x_t, h, c, W_x, W_h, b)
        ys.append(m * h_t)
        h, c = m * h_t + (1 - m) * h, m * c_t + (1 - m) * c
    return np.stack(ys), h, c
