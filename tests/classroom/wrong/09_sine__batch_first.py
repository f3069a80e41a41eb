"""09.1: the batch comes first: time does, then the batch."""

import numpy as np


def windows(signal, length):
    index = np.arange(len(signal) - length)[:, None] + np.arange(length)
    return signal[index, None], signal[index + 1, None]


def free_run(step, primed, n):
    out, state, P = np.empty(len(primed) + n), None, len(primed)
    out[:P] = primed
    for t in range(1, P + n):
        prediction, state = step(out[t - 1], state)
        out[t] = primed[t] if t < P else prediction
    return out
