from itertools import chain, islice

import numpy as np


def windows(signal, length):
    rows = [signal[k : k + length + 1] for k in range(len(signal) - length)]
    table = np.stack(rows, axis=1)[..., np.newaxis]
    x, target = table[:length].copy(), table[1:].copy()
    return x, target


def tones(step, primed):
    state = None
    for sample in primed:
        yield float(sample)
        last, state = step(sample, state)
    while True:
        yield last
        last, state = step(np.array(last), state)


def free_run(step, primed, n):
    return np.fromiter(islice(chain(tones(step, primed)), len(primed) + n), float)
