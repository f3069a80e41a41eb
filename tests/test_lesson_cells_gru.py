"""The plain cells and optimizers of lessons 07 and 08 compute what the library's fast ones do."""

import numpy as np
import pytest
from lesson_text import definitions

import numpylstm as nl


@pytest.fixture(scope="module")
def gru_lesson():
    return definitions("07_gru", "VARIANTS", "Params")


def relative(got, expected):
    return np.linalg.norm(got - expected) / np.linalg.norm(expected)


@pytest.mark.parametrize("T, B, D, H", [(1, 1, 1, 1), (2, 3, 2, 4), (9, 1, 5, 3)])
@pytest.mark.parametrize("reset_after", [False, True])
def test_the_plain_gru_equals_the_fast_one(gru_lesson, reset_after, T, B, D, H):
    forward, backward = gru_lesson.VARIANTS[reset_after]
    rng = np.random.default_rng(T)
    gru = nl.GRU(D, H, reset_after=reset_after)
    gru.theta = rng.standard_normal(gru.theta.size)
    x, h, dy, dh = (rng.standard_normal(shape) for shape in ((T, B, D), (B, H), (T, B, H), (B, H)))
    y, steps = forward(gru.params, x, h)
    dx, dh0, grads = backward(gru.params, dy, steps, dh)
    expected_y, _, cache = gru.forward(x, (h,))
    expected_dx, (expected_dh0,) = gru.backward(dy, cache, (dh,))
    for got, expected in ((y, expected_y), (dx, expected_dx), (dh0, expected_dh0)):
        assert got.shape == expected.shape and relative(got, expected) < 1e-12
    assert grads.keys() == gru.grads.keys()
    for name, grad in grads.items():
        assert relative(grad, gru.grads[name]) < 1e-12, name


def test_the_plain_optimizers_equal_the_fast_ones():
    optimizers = definitions("08_optimizers", "Memory", "Optimizer", "OPTIMIZERS").OPTIMIZERS
    assert len(optimizers) == 5
    rng = np.random.default_rng(3)
    for name, (plain, library) in optimizers.items():
        expected = rng.standard_normal(5)
        theta, memory, optimizer = expected.copy(), {}, library(0.03)
        for _ in range(40):
            grad = rng.standard_normal(5)
            before = grad.copy()
            theta = plain(theta, grad, memory, 0.03)
            optimizer.step(expected, grad)
            np.testing.assert_array_equal(grad, before, err_msg=name)
            assert relative(theta, expected) < 1e-12, name
