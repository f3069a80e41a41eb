"""A GRU, forward and backward through time, in both variants of its reset gate. NumPy alone.

T steps, B sequences, D inputs, H units. x (T, B, D), h0 (B, H), W_x (3H, D), W_h (3H, H), b_x (3H,),
b_h (3H,); their row blocks are those of r, z, n, in this order: W_x[:H] belongs to r.

    r = sigmoid(W_xr x_t + b_xr + W_hr h_{t-1} + b_hr)              reset gate
    z = sigmoid(W_xz x_t + b_xz + W_hz h_{t-1} + b_hz)              update gate
    n = tanh(W_xn x_t + b_xn + r (W_hn h_{t-1} + b_hn))             candidate, reset_after=True
    n = tanh(W_xn x_t + b_xn + W_hn (r h_{t-1}) + b_hn)             candidate, reset_after=False
    h_t = (1 - z) n + z h_{t-1}
"""

import numpy as np


def gru_forward(x, h0, W_x, W_h, b_x, b_h, reset_after):
    """Run the equations above over all steps.

    Returns:
        h (T, B, H), the hidden state after every step, and a cache: whatever your gru_backward will need.
    """
    # SOLUTION BEGINS
    H = h0.shape[1]
    before, steps, states = h0, [], []
    for x_t in x:
        from_x = np.dot(x_t, W_x.T) + b_x
        gates = 1 / (1 + np.exp(-from_x[:, : 2 * H] - np.dot(before, W_h[: 2 * H].T) - b_h[: 2 * H]))
        r, z = gates[:, :H], gates[:, H:]
        if reset_after:
            q = np.dot(before, W_h[2 * H :].T) + b_h[2 * H :]
            n = np.tanh(from_x[:, 2 * H :] + r * q)
        else:
            q = r * before
            n = np.tanh(from_x[:, 2 * H :] + np.dot(q, W_h[2 * H :].T) + b_h[2 * H :])
        steps.append((x_t, before, r, z, n, q))
        before = (1 - z) * n + z * before
        states.append(before)
    return np.array(states), (steps, W_x, W_h, reset_after)
    # SOLUTION ENDS


def gru_backward(dh, dh_T, cache):
    """The gradients of a loss.

    Args:
        dh: (T, B, H), the gradient of the loss by every h_t, as the layers above hand it down.
        dh_T: (B, H), one more gradient by the last h, as a later part of the sequence hands it back.

    Returns:
        dx, dh0, dW_x, dW_h, db_x, db_h, each of the shape of what it is the gradient by.
    """
    # SOLUTION BEGINS
    steps, W_x, W_h, reset_after = cache
    H = dh_T.shape[1]
    dx, dW_x, dW_h = [], np.zeros_like(W_x), np.zeros_like(W_h)
    db_x, db_h = np.zeros(3 * H), np.zeros(3 * H)
    carried = dh_T
    for dh_t, (x_t, before, r, z, n, q) in zip(dh[::-1], steps[::-1], strict=True):
        total = dh_t + carried
        da_z = total * (before - n) * z * (1 - z)
        da_n = total * (1 - z) * (1 - n**2)
        if reset_after:
            da_r = da_n * q * r * (1 - r)
            to_h = np.hstack([da_r, da_z, da_n * r])
            carried = total * z + np.dot(to_h, W_h)
            dW_h += np.dot(to_h.T, before)
            db_h += to_h.sum(axis=0)
        else:
            dq = np.dot(da_n, W_h[2 * H :])
            da_r = dq * before * r * (1 - r)
            gates = np.hstack([da_r, da_z])
            carried = total * z + np.dot(gates, W_h[: 2 * H]) + dq * r
            dW_h[: 2 * H] += np.dot(gates.T, before)
            dW_h[2 * H :] += np.dot(da_n.T, q)
            db_h += np.hstack([gates, da_n]).sum(axis=0)
        to_x = np.hstack([da_r, da_z, da_n])
        dx.append(np.dot(to_x, W_x))
        dW_x += np.dot(to_x.T, x_t)
        db_x += to_x.sum(axis=0)
    return np.array(dx[::-1]), carried, dW_x, dW_h, db_x, db_h
    # SOLUTION ENDS
