# Looks like: right to 5 digits: float32 on the way, a little added, or differences for a derivative.

import numpy as np


def gru_forward(x, h0, W_x, W_h, b_x, b_h, reset_after):
    T, B = x.shape[:2]
    H = len(h0[0])
    R, Z, N = slice(0, H), slice(H, 2 * H), slice(2 * H, None)
    a = x @ W_x.T
    a += b_x
    h = np.empty((T + 1, B, H))
    h[0] = h0
    q = np.empty((T, B, H))
    for t in range(T):
        a[t, :, : 2 * H] += h[t] @ W_h[: 2 * H].T + b_h[: 2 * H]
        a[t, :, : 2 * H] *= -1
        np.exp(a[t, :, : 2 * H], out=a[t, :, : 2 * H])
        a[t, :, : 2 * H] += 1
        np.reciprocal(a[t, :, : 2 * H], out=a[t, :, : 2 * H])
        if reset_after:
            np.matmul(h[t], W_h[N].T, out=q[t])
            q[t] += b_h[N]
            a[t, :, N] += a[t, :, R] * q[t]
        else:
            np.multiply(a[t, :, R], h[t], out=q[t])
            a[t, :, N] += q[t] @ W_h[N].T
            a[t, :, N] += b_h[N]
        np.tanh(a[t, :, N], out=a[t, :, N])
        np.subtract(h[t], a[t, :, N], out=h[t + 1])
        h[t + 1] *= a[t, :, Z]
        h[t + 1] += a[t, :, N]
    return h[1:].copy(), (x, h, a, q, W_x, W_h, reset_after)


def gru_backward(dh, dh_T, cache):
    x, h, a, q, W_x, W_h, reset_after = cache
    T, B, H = q.shape
    r, z, n = a[:, :, :H], a[:, :, H : 2 * H], a[:, :, 2 * H :]
    da = np.empty((T, B, 3 * H), np.float32)
    da[:, :, :H] = r * (1 - r) * (q if reset_after else h[:-1])
    da[:, :, H : 2 * H] = z * (1 - z) * (h[:-1] - n)
    da[:, :, 2 * H :] = (1 - z) * (1 - n**2)
    de = np.empty((T, B, 3 * H))
    g = np.array(dh_T)
    for t in range(T - 1, -1, -1):
        g += dh[t]
        da[t, :, H:] *= np.hstack([g, g])
        g *= z[t]
        if reset_after:
            da[t, :, :H] *= da[t, :, 2 * H :]
            de[t] = da[t]
            de[t, :, 2 * H :] *= r[t]
            g += de[t] @ W_h
        else:
            down = da[t, :, 2 * H :] @ W_h[2 * H :]
            da[t, :, :H] *= down
            de[t] = da[t]
            g += da[t, :, : 2 * H] @ W_h[: 2 * H]
            g += down * r[t]
    rows, rows_e = da.reshape(T * B, 3 * H), de.reshape(T * B, 3 * H)
    dW_h = rows_e.T @ h[:-1].reshape(T * B, H)
    if not reset_after:
        dW_h[2 * H :] = rows[:, 2 * H :].T @ q.reshape(T * B, H)
    rows = rows.astype(float)
    return da.astype(float) @ W_x, g, rows.T @ x.reshape(T * B, -1), dW_h, rows.sum(0), rows_e.sum(0)
