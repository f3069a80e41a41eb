"""The plain cell of each lesson does what the library's fast layer does."""

import numpy as np
import pytest
from lesson_text import definitions

import numpylstm as nl


def material(layer, T, B=3):
    """x, dy, and an initial state and a gradient by the final state that are not zero, parameters neither."""
    rng = np.random.default_rng(T)
    layer.theta[...] += 0.3 * rng.standard_normal(layer.theta.size)
    states = [[rng.standard_normal((B, 4)) for _ in layer.initial_state(B)] for _ in range(2)]
    return rng.standard_normal((T, B, 2)), rng.standard_normal((T, B, 4)), *states


def expected(layer, x, dy, state, dstate):
    """y, the final state, and every gradient by the fast layer: x, the initial state, the parameters."""
    y, final, cache = layer.forward(x, state)
    dx, dstart = layer.backward(dy, cache, dstate)
    return y, final, [dx, *dstart, *(layer.grads[name] for name in ("W_x", "W_h", "b"))]


def assert_same(ours, fast):
    assert len(ours) == len(fast)
    for index, (one, other) in enumerate(zip(ours, fast, strict=True)):
        assert one == pytest.approx(other, abs=1e-12), index


@pytest.mark.parametrize("T", [1, 2, 7])
def test_the_rnn_of_lesson_04(T):
    lesson, rnn = definitions("04_rnn"), nl.RNN(2, 4, seed=0)
    x, dy, state, dstate = material(rnn, T)
    y, final, gradients = expected(rnn, x, dy, state, dstate)
    h = lesson.rnn_forward(x, *state, **rnn.params)
    assert_same([h[1:], h[-1]], [y, *final])
    ours = lesson.rnn_backward(dy, *dstate, x, h, rnn.params["W_x"], rnn.params["W_h"])
    assert_same(ours, gradients)


@pytest.mark.parametrize("T", [1, 2, 7])
@pytest.mark.parametrize("lesson", ["05_lstm_forward", "06_lstm_backward"])
def test_the_lstm_of_lessons_05_and_06(lesson, T):
    cell, lstm = definitions(lesson), nl.LSTM(2, 4, seed=0)
    x, dy, state, dstate = material(lstm, T)
    fast, final, gradients = expected(lstm, x, dy, state, dstate)
    y, h, c, kept = cell.lstm_forward(x, *state, **lstm.params)
    assert_same([y, h, c], [fast, *final])
    if hasattr(cell, "lstm_backward"):
        ours = cell.lstm_backward(dy, *dstate, kept, lstm.params["W_x"], lstm.params["W_h"])
        assert_same(ours, gradients)
    else:
        gates = nl.diagnostics.gate_activations(lstm, x, state)
        assert_same([*kept.values()], [gates[name] for name in kept])


def test_a_lesson_that_teaches_the_backward_pass_has_one():
    assert hasattr(definitions("06_lstm_backward"), "lstm_backward") and hasattr(
        definitions("04_rnn"), "rnn_backward"
    )
