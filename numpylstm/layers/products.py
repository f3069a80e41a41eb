"""The one product that every layer with weights needs on its way back."""

import numpy as np


def sum_outer(a: np.ndarray, s: np.ndarray) -> np.ndarray:
    """Sum over t of a_t s_t^T: (T, A, B), (T, S, B) -> (A, S), the gradient of the weights of a product."""
    T, A, B = a.shape
    S = s.shape[1]
    if A * S > 8192 or B < 8:
        return np.tensordot(
            a, s, axes=((0, 2), (0, 2))
        )  # one product; the reordering it costs is small beside it
    total = np.zeros((A, S), np.result_type(a, s))
    for start in range(0, T, 64):  # narrow layers: small products of so few steps that they stay in the cache
        part = slice(start, start + 64)
        total += np.matmul(a[part], s[part].swapaxes(1, 2)).sum(axis=0)
    return total
