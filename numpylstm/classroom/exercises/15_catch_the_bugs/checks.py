"""Checks of 15: which bugs the student's tests catch, and whether they let correct LSTMs pass."""

from typing import Any

import numpy as np

import numpylstm as nl
from numpylstm.classroom import Student, catching, planted

MARKS = 10


class Library:
    """the library's fast one"""

    def __init__(self, rng: np.random.Generator) -> None:
        pass

    def forward(self, x: Any, h0: Any, c0: Any, W_x: Any, W_h: Any, b: Any) -> tuple[Any, ...]:
        lstm = nl.LSTM(x.shape[2], h0.shape[1], init="zeros", dtype=np.result_type(x, h0, c0, W_x, W_h, b))
        for name, array in (("W_x", W_x), ("W_h", W_h), ("b", b)):
            lstm.params[name][...] = array
        h, (h_T, c_T), cache = lstm.forward(x, (h0, c0))
        return h, h_T, c_T, (lstm, cache)

    def backward(self, dh: Any, dh_T: Any, dc_T: Any, cache: Any) -> tuple[Any, ...]:
        lstm, cache = cache
        lstm.zero_grads()
        dx, (dh0, dc0) = lstm.backward(dh, cache, (dh_T, dc_T))
        return dx, dh0, dc0, *(lstm.grads[name].copy() for name in ("W_x", "W_h", "b"))


RIGHT = (*planted.RIGHT, Library)


def public(student: Student, rng: np.random.Generator) -> None:
    """correct LSTMs pass, and bugs are caught"""
    catching.put_to_the_test(student, planted.PUBLIC, rng, RIGHT)


def hidden(student: Student, rng: np.random.Generator) -> None:
    """correct LSTMs pass, and other bugs are caught"""
    catching.put_to_the_test(student, planted.HIDDEN, rng, RIGHT, named=False)


# One check each: the share of its points is that of the bugs caught, and nothing is earned beside it.
CHECKS = (public,)
HIDDEN = (hidden,)
