"""The plain cells of lessons 00 to 03 are the library's: same numbers forward and backward."""

import numpy as np
import pytest
from lesson_text import definitions

import numpylstm as nl

SHAPES = [(1, 1, 1, 1), (1, 3, 2, 4), (6, 1, 3, 2), (5, 3, 2, 4)]  # T, B, D, H
TOLERANCE = {"rtol": 1e-12, "atol": 1e-14}


def recurrent_problem(layer, T, B, D, H):
    """Input, a state, and gradients into all outputs and the last state; nothing is zero."""
    rng = np.random.default_rng(7)
    layer.theta[...] = 0.5 * rng.standard_normal(layer.theta.shape)
    state = [0.5 * rng.standard_normal((B, H)) for _ in layer.state_type._fields]
    dstate = [rng.standard_normal((B, H)) for _ in state]
    return rng.standard_normal((T, B, D)), state, rng.standard_normal((T, B, H)), dstate


@pytest.mark.parametrize("T, B, D, H", SHAPES)
def test_the_step_of_lesson_00_is_an_lstm(T, B, D, H):
    lesson, lstm = definitions("00_doctor_and_shapes"), nl.LSTM(D, H, seed=0)
    x, (h, c), _, _ = recurrent_problem(lstm, T, B, D, H)
    y, state, _ = lstm.forward(x, (h, c))
    for x_t, y_t in zip(x, y, strict=True):
        h, c, a = lesson.lstm_step(lstm.params, x_t, h, c)
        assert a.shape == (B, 4 * H)
        np.testing.assert_allclose(h, y_t, **TOLERANCE)
    np.testing.assert_allclose(c, state.c, **TOLERANCE)


@pytest.mark.parametrize("T, B, D, H", SHAPES)
def test_the_lstm_of_lesson_01_is_the_library_s(T, B, D, H):
    lesson, lstm = definitions("01_wrong_gradients"), nl.LSTM(D, H, seed=0)
    x, (h0, c0), dy, (dh, dc) = recurrent_problem(lstm, T, B, D, H)
    y, state, cache = lstm.forward(x, (h0, c0))
    dx, dstate = lstm.backward(dy, cache, (dh, dc))

    h, c, plain_cache = lesson.forward(lstm.params, x, h0, c0)
    grads = lesson.backward(dy, plain_cache, dh, dc)
    np.testing.assert_allclose(h, y, **TOLERANCE)
    np.testing.assert_allclose(c, state.c, **TOLERANCE)
    expected = dict(lstm.grads) | {"x": dx, "h0": dstate.h, "c0": dstate.c}
    assert grads.keys() == expected.keys()
    for name, grad in expected.items():
        np.testing.assert_allclose(grads[name], grad, err_msg=name, **TOLERANCE)


def test_a_slip_of_lesson_01_changes_what_it_says_and_nothing_else():
    lesson, lstm = definitions("01_wrong_gradients"), nl.LSTM(2, 4, seed=0)
    x, (h0, c0), dy, (dh, dc) = recurrent_problem(lstm, 5, 3, 2, 4)
    _, _, cache = lesson.forward(lstm.params, x, h0, c0)
    right = lesson.backward(dy, cache, dh, dc)
    wrong = lesson.with_slip("da.sum(axis=0)", "2 * da.sum(axis=0)")(dy, cache, dh, dc)
    np.testing.assert_array_equal(wrong["b"], 2 * right["b"])
    assert all(np.array_equal(wrong[name], right[name]) for name in right if name != "b")


@pytest.mark.parametrize("sizes", [(2, 3), (2, 5, 3), (4, 6, 5, 3)])
def test_the_mlp_of_lesson_02_is_the_library_s(sizes):
    lesson, net = definitions("02_mlp"), nl.MLP(*sizes, seed=0)
    rng = np.random.default_rng(7)
    net.theta[...] = rng.standard_normal(net.theta.shape)
    x, dy = rng.standard_normal((8, sizes[0])), rng.standard_normal((8, sizes[-1]))
    y, _, cache = net.forward(x)
    dx, _ = net.backward(dy, cache)

    layers = [(dense.params["W"], dense.params["b"]) for dense in net.layers]
    scores, given = lesson.forward(layers, x)
    np.testing.assert_allclose(scores, y, **TOLERANCE)
    grads, plain_dx = lesson.backward(layers, given, dy)
    np.testing.assert_allclose(plain_dx, dx, **TOLERANCE)
    for (dW, db), dense in zip(grads, net.layers, strict=True):
        np.testing.assert_allclose(dW, dense.grads["W"], **TOLERANCE)
        np.testing.assert_allclose(db, dense.grads["b"], **TOLERANCE)


def test_the_cross_entropy_of_lesson_02_is_the_library_s():
    rng = np.random.default_rng(7)
    a, classes = 30 * rng.standard_normal((9, 4)), rng.integers(4, size=9)
    value, da = definitions("02_mlp").cross_entropy(a, classes)
    expected, expected_da = nl.losses.softmax_cross_entropy(a, classes)
    assert value == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(da, expected_da, **TOLERANCE)


@pytest.mark.parametrize("T, B, D, H", SHAPES)
def test_the_rnn_of_lesson_03_is_the_library_s(T, B, D, H):
    lesson, rnn = definitions("03_gradient_checking"), nl.RNN(D, H, seed=0)
    x, (h0,), dy, (dh,) = recurrent_problem(rnn, T, B, D, H)
    y, _, cache = rnn.forward(x, (h0,))
    dx, dstate = rnn.backward(dy, cache, (dh,))

    h = lesson.forward(rnn.params, x, h0)
    grads = lesson.backward(rnn.params, x, h, dy, dh)
    np.testing.assert_allclose(h[1:], y, **TOLERANCE)
    expected = dict(rnn.grads) | {"x": dx, "h0": dstate.h}
    assert grads.keys() == expected.keys()
    for name, grad in expected.items():
        np.testing.assert_allclose(grads[name], grad, err_msg=name, **TOLERANCE)


@pytest.mark.parametrize(
    "way, h, digits",
    [
        ("forward_difference", 1e-8, 6),
        ("central_difference", 1e-5, 9),
        ("richardson", 1e-3, 11),
        ("complex_step", 1e-20, 15),
    ],
)
def test_the_ways_of_lesson_03_give_the_digits_they_promise(way, h, digits):
    function = getattr(definitions("03_gradient_checking"), way)
    x = 0.7
    assert function(lambda x: np.sin(x) * np.exp(x), x, h) == pytest.approx(
        np.exp(x) * (np.sin(x) + np.cos(x)), rel=10.0**-digits, abs=0
    )
