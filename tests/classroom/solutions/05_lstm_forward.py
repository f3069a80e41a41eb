"""Exercise 05: an LSTM, forward. The equations and the shapes stand in README.md."""

import numpy as np


def lstm_step(
    x: np.ndarray, h: np.ndarray, c: np.ndarray, W_x: np.ndarray, W_h: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One step.

    x (B, D), h and c (B, H), W_x (4H, D), W_h (4H, H), b (4H,), row blocks o, i, f, g.
    Returns h_t and c_t, both (B, H).
    """
    # SOLUTION BEGINS
    units = h.shape[1]
    pre = b + x.dot(W_x.T) + h.dot(W_h.T)
    open_out, let_in, keep = (1 / (1 + np.exp(-pre[:, k * units : (k + 1) * units])) for k in range(3))
    proposal = np.tanh(pre[:, 3 * units :])
    memory = keep * c + let_in * proposal
    return open_out * np.tanh(memory), memory
    # SOLUTION ENDS


def lstm_forward(
    x: np.ndarray,
    h0: np.ndarray,
    c0: np.ndarray,
    W_x: np.ndarray,
    W_h: np.ndarray,
    b: np.ndarray,
    lengths: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A sequence x (T, B, D) from the state h0, c0 (B, H).

    Returns y (T, B, H), every h_t, and the final h and c (B, H). With lengths (B,) the steps from lengths[k]
    on are padding in sequence k: they hold the state and yield 0 in y.
    """
    # SOLUTION BEGINS
    steps, batch = x.shape[:2]
    outputs = np.zeros((steps, batch, h0.shape[1]))
    now_h, now_c = h0, c0
    for t in range(steps):
        next_h, next_c = lstm_step(x[t], now_h, now_c, W_x, W_h, b)
        running = np.ones((batch, 1), dtype=bool) if lengths is None else (t < lengths)[:, None]
        now_h, now_c = np.where(running, next_h, now_h), np.where(running, next_c, now_c)
        outputs[t] = np.where(running, next_h, 0.0)
    return outputs, now_h, now_c
    # SOLUTION ENDS
