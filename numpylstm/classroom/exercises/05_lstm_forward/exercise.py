"""Exercise 05: an LSTM, forward. The equations and the shapes stand in README.md."""

import numpy as np


def lstm_step(
    x: np.ndarray, h: np.ndarray, c: np.ndarray, W_x: np.ndarray, W_h: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """One step.

    x (B, D), h and c (B, H), W_x (4H, D), W_h (4H, H), b (4H,), row blocks o, i, f, g.
    Returns h_t and c_t, both (B, H).
    """
    raise NotImplementedError("write this part")


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
    raise NotImplementedError("write this part")
