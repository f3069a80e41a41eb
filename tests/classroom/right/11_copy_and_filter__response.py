"""The impulse response as a triangular matrix; correlation by FFT."""

import numpy as np


def one_pole(x, a, y0):
    t = np.arange(len(x))
    lag = t[:, None] - t
    response = np.where(lag >= 0, (1 - a) * a ** np.maximum(lag, 0), 0.0)
    return response @ x + y0 * a ** (t + 1)


def one_pole_lstm(a):
    eps = 1e-5
    logit = np.log(a) - np.log1p(-a)
    b = np.array([0.0, -logit, logit, 0.0])  # half open: w makes up for it
    return eps * np.eye(4)[:, 3:], 0 * np.eye(4)[:, 3:], b, 2 / eps


def esr_db(output, target):
    return np.float64(20 * np.log10(np.linalg.norm(target - output) / np.linalg.norm(target)))


def delay(before, after):
    n = len(before)
    spectrum = np.fft.rfft(after, 2 * n) * np.conj(np.fft.rfft(before, 2 * n))
    sums = np.fft.irfft(spectrum, 2 * n)
    k = np.argmax(sums)
    return k if k < n else k - 2 * n
