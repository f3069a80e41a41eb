import numpy as np


def one_pole(x, a, y0):
    y = (1 - a) * x
    y[0] += a * y0
    for t in range(1, y.size):
        y[t] += a * y[t - 1]
    return y


def one_pole_lstm(a):
    eps = 1e-6
    rows = {"o": 45.0, "i": 45.0, "f": -np.log(1 / a - 1), "g": 0.0}
    W_x = np.array([[0.0], [0.0], [0.0], [-(1 - a) * eps]])
    return W_x, np.zeros((4, 1)), np.array(list(rows.values())), -1 / eps


def esr_db(output, target):
    return float(10 * np.log10(np.sum(np.square(target - output)) / np.sum(np.square(target))))


def delay(before, after):
    n = len(before)
    padded = np.concatenate([np.zeros(n - 1), after, np.zeros(n - 1)])
    sums = [padded[k : k + n] @ before for k in range(2 * n - 1)]
    return np.int64(np.argmax(sums) - (n - 1))
