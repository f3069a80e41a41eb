"""Features before the batch, buffers made once, out= everywhere; nothing of the caller's is touched."""

import numpy as np


def lstm_forward(x, h0, c0, W_x, W_h, b):
    T, B, _ = x.shape
    H = h0.shape[1]
    xs = np.ascontiguousarray(x.transpose(0, 2, 1))
    h, c = np.empty((T + 1, H, B)), np.empty((T + 1, H, B))
    gates, squashed = np.empty((T, 4 * H, B)), np.empty((T, H, B))
    h[0], c[0] = h0.T, c0.T
    for t in range(T):
        a = gates[t]
        np.matmul(W_x, xs[t], out=a)
        a += W_h @ h[t]
        a += b[:, None]
        a[: 3 * H] *= 0.5
        np.tanh(a, out=a)
        a[: 3 * H] *= 0.5
        a[: 3 * H] += 0.5
        np.multiply(a[2 * H : 3 * H], c[t], out=c[t + 1])
        c[t + 1] += a[H : 2 * H] * a[3 * H :]
        np.tanh(c[t + 1], out=squashed[t])
        np.multiply(a[:H], squashed[t], out=h[t + 1])
    y = np.ascontiguousarray(h[1:].transpose(0, 2, 1))
    return y, h[T].T.copy(), c[T].T.copy(), (xs, h, c, gates, squashed, W_x, W_h)


def lstm_backward(dh, dh_T, dc_T, cache):
    xs, h, c, gates, squashed, W_x, W_h = cache
    T, H, B = squashed.shape
    up, mem = dh_T.T.copy(), dc_T.T.copy()
    d = np.empty((4 * H, B))
    dx = np.empty((T, xs.shape[1], B))
    dW_x, dW_h, db = np.zeros(W_x.shape), np.zeros(W_h.shape), np.zeros(4 * H)
    for t in range(T - 1, -1, -1):
        up += dh[t].T
        o, i, f, g = gates[t].reshape(4, H, B)
        do, di, df, dg = d.reshape(4, H, B)
        mem += up * o
        mem -= up * o * squashed[t] ** 2
        np.multiply(up, squashed[t], out=do)
        np.multiply(mem, g, out=di)
        np.multiply(mem, c[t], out=df)
        np.multiply(mem, i, out=dg)
        d[: 3 * H] *= gates[t, : 3 * H]
        d[: 3 * H] *= 1 - gates[t, : 3 * H]
        dg -= dg * g * g
        mem *= f
        np.matmul(W_h.T, d, out=up)
        np.matmul(W_x.T, d, out=dx[t])
        dW_x += d @ xs[t].T
        dW_h += d @ h[t].T
        db += d.sum(axis=1)
    return np.ascontiguousarray(dx.transpose(0, 2, 1)), up.T, mem.T, dW_x, dW_h, db
