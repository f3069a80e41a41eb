"""09.1: target of windows has shape (1, 5, 1), expected (4, 5, 1)."""

import numpy as np


def windows(signal, length):
    index = np.arange(length)[:, None] + np.arange(len(signal) - length)
    return signal[index, None], signal[index[-1:] + 1, None]


def free_run(step, primed, n):
    out, state, P = np.empty(len(primed) + n), None, len(primed)
    out[:P] = primed
    for t in range(1, P + n):
        prediction, state = step(out[t - 1], state)
        out[t] = primed[t] if t < P else prediction
    return out
