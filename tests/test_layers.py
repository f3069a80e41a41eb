import copy
import itertools
import pickle
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from strategies import Case, cases, cells, fill, layers, plain_layers, seeds

import numpylstm as nl
from numpylstm import (
    GRU,
    LSTM,
    MLP,
    RNN,
    Activation,
    Bidirectional,
    Colour,
    Compress,
    ConcatHidden,
    Context,
    Dense,
    Dropout,
    GaussianNoise,
    Grey,
    InitialState,
    Mask,
    Residual,
    Sequential,
    Standardize,
    VectorProduct,
)
from numpylstm.layers import sequential
from numpylstm.layers.state import map_state, state_arrays

# One of each, for D = 3. Where Hypothesis draws, it draws these and more; here each is sure to come.
EVERY_LAYER = {
    "lstm": lambda: LSTM(3, 4, seed=0),
    "lstm_no_bias": lambda: LSTM(3, 4, bias=False, seed=0),
    "lstm_peepholes": lambda: LSTM(3, 4, peepholes=True, seed=0),
    "lstm_peepholes_no_bias": lambda: LSTM(3, 4, peepholes=True, bias=False, seed=0),
    "lstm_recurrent_dropout": lambda: LSTM(3, 4, recurrent_dropout=0.4, peepholes=True, seed=0),
    "gru_reset_after": lambda: GRU(3, 4, seed=0),
    "gru_reset_after_no_bias": lambda: GRU(3, 4, bias=False, seed=0),
    "gru_reset_after_recurrent_dropout": lambda: GRU(3, 4, recurrent_dropout=0.4, seed=0),
    "gru_reset_before": lambda: GRU(3, 4, reset_after=False, seed=0),
    "gru_reset_before_no_bias": lambda: GRU(3, 4, reset_after=False, bias=False, seed=0),
    "gru_reset_before_recurrent_dropout": lambda: GRU(3, 4, reset_after=False, recurrent_dropout=0.4, seed=0),
    "rnn_tanh": lambda: RNN(3, 4, seed=0),
    "rnn_relu": lambda: RNN(3, 4, activation="relu", seed=0),
    "rnn_no_bias": lambda: RNN(3, 4, bias=False, seed=0),
    "rnn_recurrent_dropout": lambda: RNN(3, 4, recurrent_dropout=0.4, seed=0),
    "dense": lambda: Dense(3, 4, seed=0),
    "dense_no_bias": lambda: Dense(3, 4, bias=False, seed=0),
    "dense_identity": lambda: Dense(3, 4, activation="identity", seed=0),
    "dense_sigmoid": lambda: Dense(3, 4, activation="sigmoid", seed=0),
    "dense_tanh": lambda: Dense(3, 4, activation="tanh", seed=0),
    "dense_relu": lambda: Dense(3, 4, activation="relu", seed=0),
    "dense_softmax": lambda: Dense(3, 4, activation="softmax", seed=0),
    "identity": lambda: Activation("identity"),
    "sigmoid": lambda: Activation("sigmoid"),
    "tanh": lambda: Activation("tanh"),
    "relu": lambda: Activation("relu"),
    "softmax": lambda: Activation("softmax"),
    "dropout": lambda: Dropout(0.4, seed=0),
    "dropout_per_sequence": lambda: Dropout(0.4, per_sequence=True, seed=0),
    "noise": lambda: GaussianNoise(0.5, seed=0),
    "bidirectional_concat": lambda: Bidirectional(LSTM(3, 4, seed=0), GRU(3, 2, seed=1)),
    "bidirectional_sum": lambda: Bidirectional(LSTM(3, 4, seed=0), RNN(3, 4, seed=1), merge="sum"),
    "bidirectional_mean": lambda: Bidirectional(GRU(3, 4, seed=0), GRU(3, 4, seed=1), merge="mean"),
    "residual": lambda: Residual(LSTM(3, 3, seed=0)),
    "residual_dense": lambda: Residual(Dense(3, 3, activation="tanh", seed=0)),
    "initial_state": lambda: InitialState(Sequential(LSTM(3, 4), GRU(4, 2), seed=0)),
    "concat_hidden": lambda: ConcatHidden(LSTM(3, 4, seed=0), GRU(4, 2, seed=1), Dense(2, 3, seed=2)),
    "sequential": lambda: Sequential(LSTM(3, 4), Dropout(0.4), GRU(4, 4), Dense(4, 2), seed=0),
    "nested": lambda: Sequential(
        Residual(Sequential(LSTM(3, 4), Dense(4, 3))), Bidirectional(RNN(3, 2), LSTM(3, 2)), seed=0
    ),
    "compress": lambda: Compress(),
    "standardize": lambda: Standardize(3, mean=[0.5, 0, -1], deviation=[1, 2, 0.5]),
    "colour": lambda: Colour(),
    "grey": lambda: Grey(),
    "vector_product": lambda: VectorProduct(1, 4, seed=0),
    "vector_product_no_bias": lambda: VectorProduct(1, 4, bias=False, seed=0),
    "vector_product_tanh": lambda: VectorProduct(1, 4, activation="tanh", seed=0),
    "colour_network": lambda: Sequential(
        Colour(), VectorProduct(3, 4, activation="sigmoid"), VectorProduct(4, 3), Grey(), seed=0
    ),
    "context": lambda: Context(3, 1, 1),
    "context_before": lambda: Context(3, 2, 0),
    "context_after": lambda: Context(3, 0, 2),
    "context_wider_than_the_sequence": lambda: Context(3, 8, 9),
    "mask_ratio": lambda: Mask(Sequential(LSTM(3, 4), Dense(4, 6)), seed=0),
    "mask_softmax": lambda: Mask(Sequential(Compress(), GRU(3, 4), Dense(4, 6)), kind="softmax", seed=0),
    "mask_dense": lambda: Mask(Dense(3, 6, seed=0)),
    "separation": lambda: Mask(
        Sequential(
            Compress(), Standardize(3), Context(3), Dense(9, 4), Dropout(0.4), LSTM(4, 4), Dense(4, 6)
        ),
        seed=0,
    ),
    "mlp": lambda: MLP(3, 4, 2, activation="tanh", dropout=0.4, seed=0),
}
CELLS = [name for name in EVERY_LAYER if name.split("_")[0] in ("lstm", "gru", "rnn")]
every_layer = pytest.mark.parametrize("make", EVERY_LAYER.values(), ids=EVERY_LAYER)
every_cell = pytest.mark.parametrize("make", [EVERY_LAYER[name] for name in CELLS], ids=CELLS)
both_modes = pytest.mark.parametrize("training", [False, True], ids=["predicting", "training"])


def run(case: Case, training: bool = False) -> dict[str, np.ndarray]:
    """Everything that forward and backward of a case hand out, by name."""
    net, x, state, lengths, dy, dstate, seed = case
    net.zero_grads()
    y, final, cache = net.forward(x, state, lengths, training, np.random.default_rng(seed))
    dx, dinitial = net.backward(dy, cache, dstate)
    return results(net, y, final, dx, dinitial)


def results(net, y, final, dx, dinitial) -> dict[str, np.ndarray]:
    grads = {f"d{name}": grad.copy() for name, _, grad in net.named_params()}
    states = dict(state_arrays(final, "state")) | dict(state_arrays(dinitial, "dstate"))
    return {"y": y, "dx": dx} | states | grads


def assert_same(got, expected):
    assert got.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name)


def assert_close(got, expected, tolerance):
    """In norm, relative to each array's own, but never to less than 1 % of the norm of all together."""
    assert got.keys() == expected.keys()
    whole = np.sqrt(sum(np.linalg.norm(array) ** 2 for array in expected.values()))
    for name in expected:
        assert got[name].shape == expected[name].shape, name
        error = np.linalg.norm(got[name] - expected[name])
        assert error <= tolerance * max(np.linalg.norm(expected[name]), 0.01 * whole), name


def example(make, T=6, B=4, D=3, lengths=None) -> Case:
    return fill(make(), T, B, D, seed=1, lengths=None if lengths is None else np.array(lengths))


# Gradients: every parameter, the input and the initial state, against the complex step


def assert_gradients_right(case, training, **options):
    net, x, _, lengths, _, _, seed = case
    nl.gradcheck(net, x, lengths=lengths, training=training, tolerance=1e-11, seed=seed, **options).check()


@settings(max_examples=120)
@given(cases(plain_layers), st.booleans())
def test_gradients_of_layers(case, training):
    assert_gradients_right(case, training)


@settings(max_examples=100)
@given(cases(layers), st.booleans())
def test_gradients_of_networks(case, training):
    assert_gradients_right(case, training)


@every_layer
@pytest.mark.parametrize("lengths", [None, [4, 0, 2]], ids=["whole", "ragged"])
def test_gradients_of_every_option(make, lengths):
    assert_gradients_right(example(make, T=4, B=3, lengths=lengths), training=True)


# Kernels choose their way by the shape: narrow or wide, few sequences or many, more steps than a block.
LARGE = {
    "one_long_channel": dict(T=260, B=1, D=1, H=8),
    "many_sequences": dict(T=70, B=9, D=3, H=4),
    "long_and_many": dict(T=140, B=16, D=2, H=3),
    "wide_input": dict(T=5, B=3, D=100, H=6),
    "wide": dict(T=20, B=9, D=90, H=33),
    "block_and_one": dict(T=129, B=2, D=3, H=4),
}
large_shapes = pytest.mark.parametrize("shape", LARGE.values(), ids=LARGE)
CELL_KINDS = {
    "lstm": LSTM,
    "lstm_peepholes": lambda D, H, **options: LSTM(D, H, peepholes=True, **options),
    "gru_reset_after": GRU,
    "gru_reset_before": lambda D, H, **options: GRU(D, H, reset_after=False, **options),
    "rnn": RNN,
    "rnn_relu": lambda D, H, **options: RNN(D, H, activation="relu", **options),
}
cell_kinds = pytest.mark.parametrize("cell", CELL_KINDS.values(), ids=CELL_KINDS)


def large_example(cell, shape, ragged, **options) -> Case:
    T, B, D, H = shape.values()
    lengths = np.random.default_rng(2).integers(0, T + 1, B) if ragged else None
    # Weights drawn within 1 / sqrt(H) of zero keep long sequences from chaos and relu from overflow.
    net = cell(D, H, init="zeros", seed=0, **options)
    case = fill(net, T, B, D, seed=3, lengths=lengths)
    net.theta *= 1 / np.sqrt(D + H)
    return case


@large_shapes
@cell_kinds
@pytest.mark.parametrize("ragged", [False, True], ids=["whole", "ragged"])
def test_gradients_at_large_shapes(cell, shape, ragged):
    assert_gradients_right(
        large_example(cell, shape, ragged), training=False, method="directional", directions=1
    )


@cell_kinds
def test_gradients_of_many_sequences_with_recurrent_dropout(cell):
    case = large_example(cell, LARGE["many_sequences"], ragged=True, recurrent_dropout=0.3)
    assert_gradients_right(case, training=True, method="directional", directions=1)


@pytest.mark.parametrize("activation", [None, "relu", "softmax"])
@pytest.mark.parametrize("shape", [(7, 3, 100), (70, 9, 3), (200, 2, 3), (9, 3), (3, 120)], ids=str)
def test_gradients_of_dense_at_large_shapes(shape, activation):
    net = Dense(shape[-1], 85, activation=activation, seed=0)
    x = np.random.default_rng(0).standard_normal(shape)
    nl.gradcheck(net, x, method="directional", directions=1, tolerance=1e-11).check()


def test_gradients_of_an_mlp_on_rows_without_time():
    net = MLP(3, 5, 4, 2, activation="relu", output_activation="softmax", dropout=0.3, seed=0)
    x = np.random.default_rng(0).standard_normal((6, 3))
    nl.gradcheck(net, x, training=True, tolerance=1e-11).check()


# Forward passes against the textbook: plain loops over steps, one gate at a time, rows of examples


def by_gate(layer, name):
    """A parameter's row blocks by gate; zeros where the layer goes without."""
    shape = {"W_x": (layer.input_size,), "W_h": (layer.hidden_size,)}.get(name, ())
    whole = layer.params.get(name, np.zeros((len(layer.gates) * layer.hidden_size, *shape)))
    return dict(zip(layer.gates, np.split(whole, len(layer.gates)), strict=True))


def lstm_by_the_book(layer, x, h, c, mask=1):
    W_x, W_h, b = (by_gate(layer, name) for name in ("W_x", "W_h", "b"))
    p_i, p_f, p_o = layer.params.get("p", np.zeros((3, layer.hidden_size)))
    y = []
    for x_t in x:
        a = {gate: x_t @ W_x[gate].T + (h * mask) @ W_h[gate].T + b[gate] for gate in "ifgo"}
        i = expit(a["i"] + p_i * c)
        f = expit(a["f"] + p_f * c)
        g = np.tanh(a["g"])
        c = f * c + i * g
        o = expit(a["o"] + p_o * c)
        h = o * np.tanh(c)
        y.append(h)
    return np.array(y), (h, c)


def gru_by_the_book(layer, x, h, mask=1):
    W_x, W_h, b_x, b_h = (by_gate(layer, name) for name in ("W_x", "W_h", "b_x", "b_h"))
    y = []
    for x_t in x:
        seen = h * mask
        r = expit(x_t @ W_x["r"].T + b_x["r"] + seen @ W_h["r"].T + b_h["r"])
        z = expit(x_t @ W_x["z"].T + b_x["z"] + seen @ W_h["z"].T + b_h["z"])
        if layer.reset_after:
            from_h = r * (seen @ W_h["n"].T + b_h["n"])
        else:
            from_h = (r * seen) @ W_h["n"].T + b_h["n"]
        n = np.tanh(x_t @ W_x["n"].T + b_x["n"] + from_h)
        h = (1 - z) * n + z * h
        y.append(h)
    return np.array(y), (h,)


def rnn_by_the_book(layer, x, h, mask=1):
    W_x, W_h, b = layer.params["W_x"], layer.params["W_h"], layer.params.get("b", 0)
    y = []
    for x_t in x:
        a = x_t @ W_x.T + (h * mask) @ W_h.T + b
        h = np.tanh(a) if layer.activation == "tanh" else np.maximum(a, 0)
        y.append(h)
    return np.array(y), (h,)


BY_THE_BOOK = {LSTM: lstm_by_the_book, GRU: gru_by_the_book, RNN: rnn_by_the_book}


def assert_by_the_book(case):
    y, state, _ = case.net.forward(case.x, case.state)
    y_book, state_book = BY_THE_BOOK[type(case.net)](case.net, case.x, *case.state)
    got = dict(zip(("y", *state._fields), (y, *state), strict=True))
    expected = dict(zip(("y", *state._fields), (y_book.reshape(y.shape), *state_book), strict=True))
    assert_close(got, expected, 1e-13)


@settings(max_examples=200)
@given(cases(cells, ragged=False))
def test_cells_compute_the_textbook_equations(case):
    assert_by_the_book(case)


@every_cell
def test_every_option_of_the_cells_computes_the_textbook_equations(make):
    assert_by_the_book(example(make))


@large_shapes
@cell_kinds
def test_cells_compute_the_textbook_equations_at_large_shapes(cell, shape):
    assert_by_the_book(large_example(cell, shape, ragged=False))


@cell_kinds
def test_recurrent_dropout_hides_the_same_entries_of_h_at_all_steps(cell):
    layer = cell(3, 3, recurrent_dropout=0.5)
    case = fill(layer, T=5, B=1, D=3, seed=0)
    masks = list(itertools.product([0.0, 2.0], repeat=3))
    possible = [BY_THE_BOOK[type(layer)](layer, case.x, *case.state, mask)[0] for mask in masks]
    drawn = set()
    for seed in range(40):
        y = layer.forward(case.x, case.state, training=True, rng=np.random.default_rng(seed))[0]
        [mask] = [
            mask for mask, y_book in zip(masks, possible, strict=True) if np.allclose(y, y_book, atol=1e-12)
        ]
        drawn.add(mask)
    assert len(drawn) == 8  # each entry is drawn for itself
    y = layer.forward(case.x, case.state)[0]
    np.testing.assert_allclose(y, BY_THE_BOOK[type(layer)](layer, case.x, *case.state)[0], atol=1e-12)


def test_recurrent_dropout_draws_for_each_sequence_with_its_probability():
    layer = RNN(1, 50, bias=False, activation="relu", recurrent_dropout=0.3)
    layer.theta[...] = 0
    layer.params["W_h"][...] = np.eye(50)
    y = layer.forward(
        np.zeros((3, 200, 1)), [np.ones((200, 50))], training=True, rng=np.random.default_rng(0)
    )[0]
    mask = y[0]
    np.testing.assert_allclose(np.unique(mask), [0, 1 / 0.7])
    np.testing.assert_allclose(y[2], mask**3)
    assert abs((mask == 0).mean() - 0.3) < 0.02
    assert not np.array_equal(mask[0], mask[1])


# Known answers, with weights set by hand


def lstm_with_gates(i, f, o, W_g=1.0):
    """One unit; its gates stand open (1) or shut (0) whatever comes; the candidate is tanh(W_g x)."""
    lstm = LSTM(1, 1, init="zeros")
    lstm.params["W_x"][lstm.gates.index("g")] = W_g
    for gate, opened in {"i": i, "f": f, "o": o}.items():
        lstm.params["b"][lstm.gates.index(gate)] = 1000 if opened else -1000
    return lstm


X = np.random.default_rng(0).standard_normal((9, 2, 1))
STATE = (np.full((2, 1), 0.25), np.array([[0.5], [-2.0]]))


def test_lstm_with_all_gates_open_sums_up():
    y, (h, c), _ = lstm_with_gates(i=1, f=1, o=1).forward(X, STATE)
    total = STATE[1] + np.cumsum(np.tanh(X), axis=0)
    np.testing.assert_allclose(y, np.tanh(total), rtol=0, atol=1e-15)
    np.testing.assert_allclose(c, total[-1], rtol=1e-15)
    np.testing.assert_array_equal(h, y[-1])


def test_lstm_that_sums_up_sends_every_step_the_gradient_of_all_later_ones():
    lstm = lstm_with_gates(i=1, f=1, o=1)
    y, _, cache = lstm.forward(X, STATE)
    dy, dc = np.random.default_rng(1).standard_normal((2, 9, 2, 1))
    dx, (dh0, dc0) = lstm.backward(dy, cache, (np.zeros((2, 1)), dc[0]))
    later = dc[0] + np.cumsum((dy * (1 - y**2))[::-1], axis=0)[::-1]
    np.testing.assert_allclose(dx, later * (1 - np.tanh(X) ** 2), rtol=1e-13)
    np.testing.assert_allclose(dc0, later[0], rtol=1e-13)
    np.testing.assert_array_equal(dh0, 0)
    dW_g = (later * (1 - np.tanh(X) ** 2) * X).sum()
    np.testing.assert_allclose(lstm.grads["W_x"][lstm.gates.index("g")], [dW_g], rtol=1e-13)


def test_lstm_with_the_forget_gate_shut_has_no_memory():
    y, (_, c), _ = lstm_with_gates(i=1, f=0, o=1).forward(X, STATE)
    np.testing.assert_allclose(y, np.tanh(np.tanh(X)), rtol=0, atol=1e-15)
    np.testing.assert_allclose(c, np.tanh(X[-1]), rtol=0, atol=1e-15)


def test_lstm_with_the_input_gate_shut_holds_its_cell():
    y, (_, c), _ = lstm_with_gates(i=0, f=1, o=1).forward(X, STATE)
    np.testing.assert_array_equal(c, STATE[1])
    np.testing.assert_allclose(y, np.broadcast_to(np.tanh(STATE[1]), y.shape), rtol=0, atol=1e-15)


def test_lstm_with_the_output_gate_shut_is_silent():
    y, (h, c), _ = lstm_with_gates(i=1, f=1, o=0).forward(X, STATE)
    np.testing.assert_array_equal(y, 0)
    np.testing.assert_array_equal(h, 0)
    np.testing.assert_allclose(c, STATE[1] + np.tanh(X).sum(axis=0), rtol=1e-15)


def test_lstm_peepholes_are_rows_i_f_o():
    """Each peephole alone shuts its own gate where the cell is far below zero, and opens it above."""
    c0 = np.array([[5.0], [-5.0]])
    x = np.full((1, 2, 1), 0.7)
    above, below = (np.array([True, False])[:, None], np.array([False, True])[:, None])
    for row, expected in enumerate(
        [
            c0 + np.where(above, np.tanh(0.7), 0),  # i
            np.where(below, 0, c0) + np.tanh(0.7),  # f
            c0 + np.tanh(0.7),  # o acts on h alone
        ]
    ):
        lstm = LSTM(1, 1, peepholes=True, init="zeros")
        lstm.params["W_x"][lstm.gates.index("g")] = 1
        for gate in "ifo":
            lstm.params["b"][lstm.gates.index(gate)] = 0 if gate == "ifo"[row] else 1000
        lstm.params["p"][row] = 300
        _, (h, c), _ = lstm.forward(x, (np.zeros((2, 1)), c0))
        np.testing.assert_allclose(c, expected, atol=1e-14)
        np.testing.assert_allclose(h, np.where(below, 0, np.tanh(c)) if row == 2 else np.tanh(c), atol=1e-14)


@pytest.mark.parametrize("reset_after", [True, False])
def test_gru_update_gate_chooses_between_the_old_state_and_the_candidate(reset_after):
    gru = GRU(1, 1, reset_after=reset_after, init="zeros")
    r, z, n = (gru.gates.index(gate) for gate in "rzn")
    gru.params["W_x"][n], gru.params["W_h"][n], gru.params["b_h"][n] = 1, 0.5, 0.25
    x, h0 = X[:1], STATE[1]
    gru.params["b_x"][z] = 1000
    np.testing.assert_array_equal(gru.forward(x, [h0])[0][0], h0)
    gru.params["b_x"][z], gru.params["b_x"][r] = -1000, 1000
    np.testing.assert_allclose(gru.forward(x, [h0])[0], np.tanh(x + 0.5 * h0 + 0.25), rtol=0, atol=1e-15)
    # With the reset gate shut nothing comes from h; b_hn is shut away only where the gate acts after.
    gru.params["b_x"][r] = -1000
    expected = np.tanh(x + (0 if reset_after else 0.25))
    np.testing.assert_allclose(gru.forward(x, [h0])[0], expected, rtol=0, atol=1e-15)


def test_relu_rnn_with_identity_weights_sums_up():
    rnn = RNN(1, 1, activation="relu", bias=False)
    rnn.theta[...] = 1
    y = rnn.forward(np.abs(X))[0]
    np.testing.assert_allclose(y, np.cumsum(np.abs(X), axis=0), rtol=1e-15)


# Containers are what they say they are made of


def sequence(D=3, T=6, B=4):
    return np.random.default_rng(5).standard_normal((T, B, D))


def test_sequential_is_one_layer_after_the_other():
    lstm, dense = LSTM(3, 4, seed=0), Dense(4, 2, seed=1)
    hidden, state, _ = lstm.forward(sequence())
    y = dense.forward(hidden)[0]
    got, states, _ = Sequential(lstm, dense).forward(sequence())
    np.testing.assert_array_equal(got, y)
    assert_same(dict(state_arrays(states)), dict(state_arrays((state, ()))))


def test_residual_adds_its_input():
    lstm = LSTM(3, 3, seed=0)
    y = lstm.forward(sequence())[0]
    np.testing.assert_array_equal(Residual(lstm).forward(sequence())[0], sequence() + y)


def test_concat_hidden_puts_all_outputs_of_a_stack_side_by_side():
    first, second = LSTM(3, 4, seed=0), GRU(4, 2, seed=1)
    y1 = first.forward(sequence())[0]
    y2 = second.forward(y1)[0]
    got = ConcatHidden(first, second).forward(sequence())[0]
    np.testing.assert_array_equal(got, np.concatenate([y1, y2], axis=2))


@pytest.mark.parametrize("merge", ["concat", "sum", "mean"])
def test_bidirectional_reads_each_sequence_from_both_ends(merge):
    there, back = LSTM(3, 4, seed=0), GRU(3, 4, seed=1)
    net = Bidirectional(there.copy(), back.copy(), merge=merge)
    x, lengths = sequence(T=6, B=3), [6, 0, 4]
    y, (state_there, state_back), _ = net.forward(x, None, lengths)
    for b, length in enumerate(lengths):
        piece = x[:length, b : b + 1]
        y_there, end, _ = there.forward(piece)
        y_back, start, _ = back.forward(piece[::-1])
        pair = y_there[:, 0], y_back[::-1, 0]
        expected = {"concat": np.hstack(pair), "sum": pair[0] + pair[1], "mean": (pair[0] + pair[1]) / 2}[
            merge
        ]
        np.testing.assert_allclose(y[:length, b], expected, atol=1e-14)
        np.testing.assert_allclose(state_there.c[b], end.c[0], atol=1e-14)
        np.testing.assert_allclose(state_back.h[b], start.h[0], atol=1e-14)


def test_mlp_is_a_stack_of_dense_layers_with_dropout_between():
    net = MLP(3, 5, 4, 2, activation="relu", output_activation="sigmoid", dropout=0.5, init="pytorch", seed=0)
    assert [type(layer) for layer in net.layers] == [Dense, Dropout, Dense, Dropout, Dense]
    dense = net.layers[::2]
    assert [(d.input_size, d.output_size, d.activation) for d in dense] == [
        (3, 5, "relu"),
        (5, 4, "relu"),
        (4, 2, "sigmoid"),
    ]
    assert [layer.p for layer in net.layers[1::2]] == [0.5, 0.5]
    x = sequence()[0]
    W, b = zip(*[(d.params["W"], d.params["b"]) for d in dense], strict=True)
    hidden = np.maximum(np.maximum(x @ W[0].T + b[0], 0) @ W[1].T + b[1], 0)
    np.testing.assert_allclose(net.predict(x), expit(hidden @ W[2].T + b[2]), atol=1e-15)


def test_dense_treats_every_step_alike():
    dense = Dense(3, 4, activation="softmax", init="pytorch", seed=0)
    y = dense.forward(sequence())[0]
    for t, x_t in enumerate(sequence()):
        np.testing.assert_allclose(y[t], dense.forward(x_t)[0], rtol=1e-14)
        a = np.exp(x_t @ dense.params["W"].T + dense.params["b"])
        np.testing.assert_allclose(y[t], a / a.sum(axis=1, keepdims=True), rtol=1e-13)


# Precision


def single(case):
    """The case in float32, and the same numbers in float64."""
    net32 = case.net.astype(np.float32)

    def rounded(array):
        return array.astype(np.float32)

    x, state, dy, dstate = (map_state(rounded, part) for part in (case.x, case.state, case.dy, case.dstate))
    case32 = case._replace(net=net32, x=x, state=state, dy=dy, dstate=dstate)

    def double(array):
        return array.astype(float)

    x, state, dy, dstate = (map_state(double, part) for part in (x, state, dy, dstate))
    return case32, case._replace(net=net32.astype(float), x=x, state=state, dy=dy, dstate=dstate)


@settings(max_examples=150)
@given(cases(layers), st.booleans())
def test_float32_agrees_with_float64(case, training):
    case32, case64 = single(case)
    got, expected = run(case32, training), run(case64, training)
    assert {array.dtype for array in got.values()} == {np.dtype(np.float32)}
    assert {array.dtype for array in expected.values()} == {np.dtype(float)}
    assert_close(got, expected, 1e-5)


@every_layer
@both_modes
def test_float32_agrees_with_float64_in_every_option(make, training):
    case32, case64 = single(example(make, lengths=[6, 0, 3, 1]))
    got = run(case32, training)
    assert {array.dtype for array in got.values()} == {np.dtype(np.float32)}
    assert_close(got, run(case64, training), 1e-5)


@large_shapes
@cell_kinds
def test_float32_agrees_with_float64_at_large_shapes(cell, shape):
    case32, case64 = single(large_example(cell, shape, ragged=True))
    assert_close(run(case32), run(case64), 1e-5)


@every_layer
@both_modes
def test_a_float64_signal_in_a_float32_layer_is_computed_in_float32(make, training):
    case = example(make)
    case = case._replace(net=case.net.astype(np.float32))
    assert {array.dtype for array in run(case, training).values()} == {np.dtype(np.float32)}


@every_layer
def test_complex_numbers_are_never_cut_to_their_real_part(make):
    case = example(make, lengths=[6, 0, 3, 1])
    net = case.net.astype(np.complex128)
    assert net.dtype == net.grad.dtype == np.complex128
    assert net.forward(case.x, case.state, case.lengths)[0].dtype == np.complex128
    y = case.net.forward(case.x + 1e-20j, case.state, case.lengths)[0]
    assert y.dtype == np.complex128
    assert np.abs(y.imag).max() > 0
    single = case.net.astype(np.float32).forward((case.x + 1e-20j).astype(np.complex64))[0]
    assert single.dtype == np.complex64


@every_cell
def test_a_complex_state_is_never_cut_to_its_real_part(make):
    case = example(make)
    y, final, _ = case.net.forward(case.x, map_state(lambda s: s + 1e-20j, case.state))
    for array in (y, *final):
        assert array.dtype == np.complex128
        assert np.abs(array.imag).max() > 0


@every_layer
def test_whole_numbers_are_a_signal_too(make):
    case = example(make)
    x = np.round(3 * case.x).astype(int)
    np.testing.assert_array_equal(case.net.forward(x)[0], case.net.forward(x.astype(float))[0])
    np.testing.assert_array_equal(case.net.forward(x.tolist())[0], case.net.forward(x.astype(float))[0])


def test_dtype_is_float64_unless_asked_otherwise():
    assert LSTM(1, 1).dtype == MLP(1, 1).dtype == Dropout(0.1).dtype == np.float64
    assert GRU(1, 1, dtype=np.float32).params["W_h"].dtype == np.float32
    assert Dense(1, 1, dtype=np.complex64).grads["W"].dtype == np.complex64


def test_a_network_takes_the_precision_of_its_layers_with_parameters():
    single = RNN(1, 1, dtype=np.float32)
    assert Sequential(single.copy(), Dropout(0.5)).dtype == np.float32
    assert Sequential(single.copy(), Dense(1, 1)).dtype == np.float64
    assert Sequential(Activation("tanh", dtype=np.float32)).dtype == np.float32
    assert Residual(single).dtype == np.float32


def test_a_network_turns_all_its_layers_to_the_precision_asked_for():
    net = Sequential(LSTM(1, 2), Residual(Dense(2, 2)), dtype=np.float32, seed=0)
    assert {net.dtype, *(param.dtype for _, param, _ in net.named_params())} == {np.dtype(np.float32)}
    assert all(layer.dtype == np.float32 for layer in (*net.layers, net.layers[1].layers[0]))


@every_layer
def test_astype_rounds_the_same_parameters_and_leaves_the_original(make):
    net = make()
    before = net.theta.copy()
    other = net.astype(np.float32)
    assert other.dtype == other.grad.dtype == np.float32
    np.testing.assert_array_equal(other.theta, before.astype(np.float32))
    assert net.dtype == np.float64
    np.testing.assert_array_equal(net.theta, before)


# Sequences in pieces


def pieces(T, cuts):
    bounds = [0, *sorted(min(cut, T) for cut in cuts), T]
    return [slice(start, stop) for start, stop in itertools.pairwise(bounds)]


def run_in_pieces(case, cuts):
    """As `run`, but forward and backward go from piece to piece, states and their gradients handed on."""
    net, x, state, lengths, dy, dstate, _ = case
    net.zero_grads()
    ys, caches, dxs = [], [], []
    parts = pieces(len(x), cuts)
    for part in parts:
        rest = None if lengths is None else np.clip(lengths - part.start, 0, part.stop - part.start)
        y, state, cache = net.forward(x[part], state, rest)
        ys.append(y)
        caches.append(cache)
    for part, cache in zip(reversed(parts), reversed(caches), strict=True):
        dx, dstate = net.backward(dy[part], cache, dstate)
        dxs.append(dx)
    return results(net, np.concatenate(ys), state, np.concatenate(dxs[::-1]), dstate)


@settings(max_examples=150)
@given(cases(layers, causal=True), st.lists(st.integers(0, 6), max_size=3))
def test_any_pieces_with_carried_state_give_the_outputs_and_gradients_of_the_whole(case, cuts):
    assert_close(run_in_pieces(case, cuts), run(case), 1e-12)


@large_shapes
@cell_kinds
def test_pieces_of_a_large_batch_give_the_whole(cell, shape):
    case = large_example(cell, shape, ragged=True)
    T = shape["T"]
    assert_close(run_in_pieces(case, [1, T // 2, T // 2 + 1]), run(case), 1e-12)


@settings(max_examples=100)
@given(cases(layers, causal=True, ragged=False), st.lists(st.integers(0, 6), max_size=3))
def test_a_stream_of_any_pieces_gives_the_whole(case, cuts):
    stream = case.net.stream(case.x.shape[1])
    y = np.concatenate([stream.process(case.x[part]) for part in pieces(len(case.x), cuts)])
    expected, state, _ = case.net.forward(case.x)
    named = {"y": expected} | dict(state_arrays(state))
    assert_close({"y": y} | dict(state_arrays(stream.state)), named, 1e-12)
    stream.reset()
    again = stream.process(case.x)
    assert_close({"y": again}, {"y": expected}, 1e-12)


def test_a_stream_takes_a_plain_signal_sample_by_sample():
    net = Sequential(LSTM(1, 4), Dense(4, 1), seed=0)
    signal = sequence(D=1, T=50, B=1)
    stream = net.stream()
    y = np.concatenate([stream.process(signal[t : t + 1, 0, 0]) for t in range(50)])
    np.testing.assert_allclose(y, net.predict(signal)[:, 0, 0], rtol=1e-12, atol=1e-15)


def test_a_stream_of_a_plain_signal_keeps_several_outputs_apart():
    net = LSTM(1, 4, seed=0)
    assert net.stream().process(np.zeros(5)).shape == (5, 1, 4)


# Padding


@settings(max_examples=150)
@given(cases(layers, ragged=True))
def test_a_padded_batch_is_its_sequences_one_by_one(case):
    net, x, state, lengths, dy, dstate, _ = case
    whole = run(case)
    whole_grads = net.grad.copy()
    grads = np.zeros_like(net.grad)
    for b, length in enumerate(lengths):

        def one(array, b=b):
            return array[b : b + 1]

        alone = run(
            case._replace(
                x=x[:length, b : b + 1],
                dy=dy[:length, b : b + 1],
                state=map_state(one, state),
                dstate=map_state(one, dstate),
                lengths=None,
            )
        )
        grads += net.grad
        values = [name for name in whole if name in ("y", "dx") or "state" in name]
        cut = {n: one(whole[n]) if "state" in n else whole[n][:length, b : b + 1] for n in values}
        assert_close(cut, {n: alone[n] for n in values}, 1e-12)
    assert_close({"grads": whole_grads}, {"grads": grads}, 1e-12)


@settings(max_examples=150)
@given(cases(layers, ragged=True), st.booleans())
def test_nothing_in_the_padding_has_an_effect(case, training):
    real = (np.arange(len(case.x))[:, None] < case.lengths)[:, :, None]
    clean = run(case, training)
    for filler in (np.nan, 1e30, -np.inf):
        x, dy = np.where(real, case.x, filler), np.where(real, case.dy, np.nan)
        assert_same(run(case._replace(x=x, dy=dy), training), clean)


@settings(max_examples=100)
@given(cases(layers, ragged=True), st.booleans())
def test_padded_steps_yield_zero_and_get_no_gradient(case, training):
    result = run(case, training)
    padded = np.arange(len(case.x))[:, None] >= case.lengths
    np.testing.assert_array_equal(result["y"][padded], 0)
    np.testing.assert_array_equal(result["dx"][padded], 0)


@every_layer
@both_modes
def test_padding_of_every_option(make, training):
    case = example(make, lengths=[6, 0, 3, 1])
    padded = np.arange(6)[:, None] >= case.lengths
    clean = run(case, training)
    np.testing.assert_array_equal(clean["y"][padded], 0)
    np.testing.assert_array_equal(clean["dx"][padded], 0)
    case.x[padded] = case.dy[padded] = np.nan
    assert_same(run(case, training), clean)


@every_cell
def test_a_sequence_of_no_steps_holds_its_state(make):
    case = example(make, lengths=[6, 0, 3, 1])
    _, final, cache = case.net.forward(case.x, case.state, case.lengths)
    _, dinitial = case.net.backward(case.dy, cache, case.dstate)
    for before, after in [*zip(case.state, final, strict=True), *zip(case.dstate, dinitial, strict=True)]:
        np.testing.assert_array_equal(after[1], before[1])
        assert not np.array_equal(after[0], before[0])


@given(cases(layers, ragged=False))
def test_full_lengths_are_no_lengths(case):
    T, B, _ = case.x.shape
    assert_close(run(case._replace(lengths=np.full(B, T, np.uint8))), run(case), 1e-13)


@every_layer
@pytest.mark.parametrize("kind", [list, tuple, np.uint8, np.int32], ids=["list", "tuple", "uint8", "int32"])
def test_lengths_may_be_whole_numbers_of_any_kind(make, kind):
    lengths = [6, 0, 3, 1]
    case = example(make, lengths=lengths)
    assert_same(run(case._replace(lengths=kind(lengths))), run(case))


@settings(max_examples=100)
@given(cases(layers), st.randoms(use_true_random=False))
def test_the_order_of_a_batch_does_not_matter(case, random):
    order = random.sample(range(case.x.shape[1]), case.x.shape[1])

    def shuffle(array):
        return array[order]

    shuffled = case._replace(
        x=case.x[:, order],
        dy=case.dy[:, order],
        state=map_state(shuffle, case.state),
        dstate=map_state(shuffle, case.dstate),
        lengths=None if case.lengths is None else case.lengths[order],
    )
    expected = {
        name: array[:, order] if name in ("y", "dx") else array[order] if "state" in name else array
        for name, array in run(case).items()
    }
    assert_close(run(shuffled), expected, 1e-12)


@every_layer
@pytest.mark.parametrize("shape", [(0, 2, 3), (4, 0, 3), (0, 0, 3)], ids=str)
def test_no_steps_or_no_sequences_are_allowed(make, shape):
    case = example(make, T=shape[0], B=shape[1])
    result = run(case)
    assert result["y"].shape == case.dy.shape
    assert result["dx"].shape == shape
    assert not case.net.grad.any()
    assert case.net.predict(case.x).shape == case.dy.shape
    if shape[0] == 0:
        for name, array in state_arrays(case.state):
            np.testing.assert_array_equal(result[name], array)


# Prediction


@settings(max_examples=100)
@given(cases(layers), st.integers(1, 5))
def test_predict_is_forward_whatever_the_batch_size(case, batch_size):
    net, x, state, lengths, *_ = case
    expected = net.forward(x, state, lengths)[0]
    # Not to the last bit: a product of one step, or of a smaller batch, may be another routine of the BLAS.
    for size in (None, batch_size):
        np.testing.assert_allclose(net.predict(x, state, lengths, size), expected, rtol=1e-12, atol=1e-13)


@settings(max_examples=60)
@given(cases(layers), st.integers(1, 3))
def test_predict_in_float32_does_not_depend_on_the_batch_size(case, batch_size):
    net = case.net.astype(np.float32)
    whole = net.predict(case.x, case.state, case.lengths)
    parts = net.predict(case.x, case.state, case.lengths, batch_size)
    assert parts.dtype == np.float32
    np.testing.assert_allclose(parts, whole, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda: LSTM(2, 3, peepholes=True),
        lambda: GRU(2, 3),
        lambda: Sequential(RNN(2, 3), Residual(LSTM(3, 3)), Dense(3, 2, activation="softmax")),
        lambda: ConcatHidden(GRU(2, 3, reset_after=False), Dense(3, 2)),
        lambda: Bidirectional(LSTM(2, 3), GRU(2, 3)),
    ],
    ids=["lstm", "gru", "sequential", "concat_hidden", "bidirectional"],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_predict_of_a_long_sequence_is_forward(make, dtype):
    net = make()
    T, lengths = 2 * 1024 + 5, np.array([2053, 2048, 2049, 1024, 1, 0])
    case = fill(net, T, 6, 2, seed=0, lengths=lengths)
    net = net.astype(dtype)
    tolerance = 1e-6 if dtype == np.float32 else 1e-12
    for state, ends in [(None, None), (case.state, lengths)]:
        expected = net.forward(case.x, state, ends)[0]
        for batch_size in (None, 4):
            got = net.predict(case.x, state, ends, batch_size)
            np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


def test_predict_takes_rows_without_time():
    net = MLP(3, 4, 2, seed=0)
    x = sequence()[:, 0]
    np.testing.assert_allclose(net.predict(x, batch_size=2), net.forward(x)[0], rtol=1e-14)


def test_noise_does_not_act_in_prediction():
    net = Sequential(
        LSTM(3, 3, recurrent_dropout=0.9),
        Dropout(0.9),
        Dropout(0.9, per_sequence=True),
        GaussianNoise(9),
        seed=0,
    )
    quiet = LSTM(3, 3)
    quiet.theta[...] = net.theta
    x = sequence()
    np.testing.assert_array_equal(net.predict(x), quiet.predict(x))
    np.testing.assert_array_equal(net.forward(x)[0], quiet.predict(x))


# What a call may change: nothing but the gradients


@settings(max_examples=100)
@given(cases(layers), st.booleans())
def test_forward_and_backward_leave_their_inputs_alone(case, training):
    inputs = {"x": case.x, "dy": case.dy, "theta": case.net.theta}
    inputs |= dict(state_arrays(case.state)) | dict(state_arrays(case.dstate, "dstate"))
    if case.lengths is not None:
        inputs["lengths"] = case.lengths
    before = {name: array.copy() for name, array in inputs.items()}
    run(case, training)
    assert_same(inputs, before)
    for name, array in inputs.items():
        if name != "theta":
            array.flags.writeable = False
    run(case, training)


@every_layer
@both_modes
@pytest.mark.parametrize("lengths", [None, [6, 0, 3, 1]], ids=["whole", "ragged"])
def test_every_option_leaves_its_inputs_alone(make, training, lengths):
    case = example(make, lengths=lengths)
    expected = run(case, training)
    before = copy.deepcopy(case)
    run(case, training)
    assert_same({"x": case.x, "dy": case.dy}, {"x": before.x, "dy": before.dy})
    assert_same(dict(state_arrays(case.state)), dict(state_arrays(before.state)))
    assert_same(dict(state_arrays(case.dstate)), dict(state_arrays(before.dstate)))
    assert_same(run(case, training), expected)


@every_layer
@both_modes
def test_the_layout_of_the_inputs_in_memory_does_not_matter(make, training):
    case = example(make, lengths=[6, 0, 3, 1])
    fortran = map_state(np.asfortranarray, case.state)
    every_other = np.zeros((6, 8, case.dy.shape[2] * 2))[:, ::2, ::2]
    every_other[...] = case.dy
    feature_first = case.x.transpose(2, 0, 1).copy().transpose(1, 2, 0)
    moved = case._replace(x=feature_first, state=fortran, dy=every_other)
    assert_close(run(moved, training), run(case, training), 1e-13)


@settings(max_examples=100)
@given(cases(layers), seeds, st.booleans())
def test_two_forwards_before_either_backward_are_as_good_as_one_at_a_time(case, seed, training):
    first = case
    second = fill(case.net.copy(), *case.x.shape, seed, case.lengths)._replace(net=case.net)
    expected = run(first, training), run(second, training)

    def forward(case):
        return case.net.forward(case.x, case.state, case.lengths, training, np.random.default_rng(case.seed))

    forwards = forward(first), forward(second)
    for case, (y, final, cache), wanted in zip((first, second), forwards, expected, strict=True):
        case.net.zero_grads()
        dx, dinitial = case.net.backward(case.dy, cache, case.dstate)
        assert_same(results(case.net, y, final, dx, dinitial), wanted)


@every_layer
@both_modes
def test_a_cache_serves_two_backwards(make, training):
    case = example(make, lengths=[6, 0, 3, 1])
    expected = run(case, training)
    y, final, cache = case.net.forward(
        case.x, case.state, case.lengths, training, np.random.default_rng(case.seed)
    )
    for _ in range(2):
        case.net.zero_grads()
        dx, dinitial = case.net.backward(case.dy, cache, case.dstate)
        assert_same(results(case.net, y, final, dx, dinitial), expected)


@every_layer
@both_modes
def test_what_was_handed_out_is_not_written_into_by_later_calls(make, training):
    case = example(make)
    first = run(case, training)
    kept = {name: array.copy() for name, array in first.items()}
    run(case._replace(x=2 * case.x, dy=3 * case.dy, seed=case.seed + 1), training)
    assert_same(first, kept)


@every_layer
@pytest.mark.parametrize(
    "take", [lambda y: y[1:3, 0], lambda y: y.T[:, ::-1], memoryview], ids=["piece", "turned", "memory"]
)
def test_a_piece_of_what_was_handed_out_is_not_written_into_either(make, take):
    case = example(make)
    piece = take(case.net.forward(case.x)[0])
    kept = np.array(piece)
    for factor in (2, 3):
        run(case._replace(x=factor * case.x))
    np.testing.assert_array_equal(np.asarray(piece), kept)


@every_layer
def test_threads_may_use_one_network_at_once(make):
    case = example(make, T=40)
    inputs = [factor * case.x for factor in range(1, 9)]
    expected = [case.net.predict(x) for x in inputs]

    def task(index):
        y, _, cache = case.net.forward(inputs[index % 8])
        return index % 8, y, case.net.predict(inputs[index % 8]), cache

    with ThreadPoolExecutor(4) as pool:
        for index, y, predicted, _ in pool.map(task, range(48)):
            np.testing.assert_array_equal(y, expected[index])
            np.testing.assert_array_equal(predicted, expected[index])


@every_layer
@both_modes
@pytest.mark.parametrize("lengths", [None, [6, 0, 3, 1]], ids=["whole", "ragged"])
def test_what_was_handed_out_may_be_written_into(make, training, lengths):
    """Neither the cache nor the caller's own arrays hang on the outputs."""
    case = example(make, lengths=lengths)
    expected = {name: array.copy() for name, array in run(case, training).items()}
    x, dy = case.x.copy(), case.dy.copy()
    case.net.zero_grads()
    y, final, cache = case.net.forward(
        case.x, case.state, case.lengths, training, np.random.default_rng(case.seed)
    )
    for array in (y, *(array for _, array in state_arrays(final))):
        array[...] = np.nan
    dx, dinitial = case.net.backward(case.dy, cache, case.dstate)
    got = results(case.net, y, final, dx, dinitial)
    gradients = [name for name in expected if name.startswith("d")]
    assert_same({name: got[name] for name in gradients}, {name: expected[name] for name in gradients})
    for array in (dx, *(array for _, array in state_arrays(dinitial))):
        array[...] = np.nan
    assert_same({"x": case.x, "dy": case.dy}, {"x": x, "dy": dy})
    assert not any(np.isnan(array).any() for _, array in state_arrays((case.state, case.dstate)))


@settings(max_examples=60)
@given(cases(layers), st.booleans())
def test_backward_adds_into_the_gradients(case, training):
    run(case, training)
    once = case.net.grad.copy()
    start = np.random.default_rng(0).standard_normal(once.size)
    rng = np.random.default_rng(case.seed)
    case.net.grad[...] = start
    _, _, cache = case.net.forward(case.x, case.state, case.lengths, training, rng)
    np.testing.assert_array_equal(case.net.grad, start)  # forward has no part in it
    case.net.backward(case.dy, cache, case.dstate)
    np.testing.assert_allclose(case.net.grad, start + once, rtol=1e-12, atol=1e-12)
    case.net.zero_grads()
    assert not case.net.grad.any()


@every_layer
def test_zero_grads_keeps_the_vector_and_its_views(make):
    net = make()
    vector, grads = net.grad, [grad for _, _, grad in net.named_params()]
    vector[...] = 1
    net.zero_grads()
    assert net.grad is vector
    assert not any(grad.any() for grad in grads)


# The state


@given(cases(layers), st.integers(0, 7))
def test_pack_and_unpack_are_each_others_inverse_for_any_batch(case, batch):
    rng = np.random.default_rng(case.seed)
    state = map_state(lambda s: rng.standard_normal(s.shape), case.net.initial_state(batch))
    names = dict(state_arrays(state))
    if not names:
        with refuses("expected a state with at least one array, got an empty one"):
            nl.pack_state(state)
        assert nl.unpack_state(np.zeros((batch, 0)), case.net) == state
        return
    packed = nl.pack_state(state)
    assert packed.shape == (batch, sum(array.shape[1] for array in names.values()))
    again = nl.unpack_state(packed, case.net)
    assert type(again) is type(state)
    assert_same(dict(state_arrays(again)), names)
    np.testing.assert_array_equal(nl.pack_state(again), packed)


def test_state_is_a_named_tuple():
    y, state, _ = LSTM(3, 4, seed=0).forward(sequence())
    assert isinstance(state, nl.LSTMState) and state._fields == ("h", "c")
    np.testing.assert_array_equal(state.h, y[-1])
    for cell in (GRU(3, 4, seed=0), RNN(3, 4, seed=0)):
        y, state, _ = cell.forward(sequence())
        assert isinstance(state, nl.GRUState | nl.RNNState) and state._fields == ("h",)
        np.testing.assert_array_equal(state.h, y[-1])


def starts(layer, path=""):
    """Names of the starts that a state stands in for: across bands there are none, they begin anew."""
    if isinstance(layer, nl.AcrossBands):
        return set()
    own = {f"d{path}start"} & {f"d{path}{name}" for name in layer.params}
    return own.union(*(starts(part, f"{path}{index}.") for index, part in enumerate(layer.layers)))


@given(cases(layers))
def test_no_state_is_the_initial_state_and_that_is_zeros_unless_it_is_a_parameter(case):
    start = case.net.initial_state(case.x.shape[1])
    of_parameters = starts(case.net)
    if not of_parameters:
        assert not any(array.any() for _, array in state_arrays(start))
    given_start = run(case._replace(state=start, dstate=map_state(np.zeros_like, start)))
    none = run(case._replace(state=None, dstate=None))
    for name in of_parameters:  # which have a gradient only where no state is handed in
        assert not given_start.pop(name).any()
        none.pop(name)
    assert_same(none, given_start)


def test_a_state_may_be_a_plain_list_and_have_gaps():
    net = Sequential(LSTM(3, 4, seed=0), GRU(4, 2, seed=1))
    case = fill(net, 6, 4, 3, seed=1)
    (h, c), (g,) = case.state
    plain = run(case._replace(state=[[h, c], [g]]))
    assert_same(plain, run(case))
    zeros = np.zeros_like(h)
    gaps = run(case._replace(state=((None, c), None)))
    assert_same(gaps, run(case._replace(state=((zeros, c), (np.zeros_like(g),)))))


# An initial state that is a parameter


STARTING = {
    "lstm": lambda: InitialState(LSTM(3, 4, seed=0)),
    "gru_in_single": lambda: InitialState(GRU(3, 4, dtype=np.float32, seed=0)),
    "network": lambda: InitialState(Sequential(LSTM(3, 4), Dense(4, 3), GRU(3, 2), seed=0)),
    "inside_residual": lambda: Residual(InitialState(Sequential(LSTM(3, 4), Dense(4, 3), seed=0))),
    "second_in_sequential": lambda: Sequential(LSTM(3, 4), InitialState(LSTM(4, 2)), Dense(2, 3), seed=0),
    "first_in_concat_hidden": lambda: ConcatHidden(InitialState(RNN(3, 2)), GRU(2, 3), seed=0),
    "within_another": lambda: InitialState(Sequential(InitialState(GRU(3, 2)), LSTM(2, 3), seed=0)),
}
every_start = pytest.mark.parametrize("make", STARTING.values(), ids=STARTING)


def starts_of(net):
    return {name: (param, grad) for name, param, grad in net.named_params() if name.endswith("start")}


def set_starts(net, seed=3):
    for param, _ in starts_of(net).values():
        param[...] = np.random.default_rng(seed).standard_normal(param.size)
    return net


@every_start
@pytest.mark.parametrize("lengths", [None, [5, 0, 2]], ids=["whole", "ragged"])
@pytest.mark.parametrize("blocks", [False, True], ids=["kept", "redone"])
def test_the_gradient_by_an_initial_state_is_that_of_the_complex_step(make, lengths, blocks, monkeypatch):
    monkeypatch.setattr(sequential, "block_of", lambda step_bytes: 2)
    net = set_starts(make().astype(float))
    for layer in (net, *net.layers):  # those that are no Sequential keep their history in any case
        if isinstance(layer, Sequential) and blocks:
            layer.history_limit = 0
    case = fill(net, 5, 3, 3, seed=1, lengths=None if lengths is None else np.array(lengths))

    def loss(net):
        y, state, cache = net.forward(case.x, None, case.lengths)
        final = sum((s * d).sum() for (_, s), (_, d) in zip(state_arrays(state), dstates, strict=True))
        return (y * case.dy).sum() + final, cache

    dstates = list(state_arrays(case.dstate))
    net.zero_grads()
    net.backward(case.dy, loss(net)[1], case.dstate)
    for name, (param, grad) in starts_of(net).items():
        stepped = []
        for k in range(param.size):
            other = net.astype(complex)
            starts_of(other)[name][0][k] += 1e-30j
            stepped.append(loss(other)[0].imag / 1e-30)
        np.testing.assert_allclose(grad, stepped, rtol=1e-12, atol=1e-13, err_msg=name)
        assert grad.any() or name == "0.0.start", "only one inside another has no say"


def test_gradcheck_checks_an_initial_state_where_the_state_is_left_to_it():
    class Forgetful(InitialState):
        def backward(self, dy, cache, dstate=None):
            return super().backward(dy, (cache[0], False), dstate)

    for kind, right in ((InitialState, True), (Forgetful, False)):
        net = set_starts(kind(Sequential(LSTM(3, 4), GRU(4, 2), seed=0)))
        handed_in = nl.gradcheck(net, sequence())
        assert handed_in.passed and "state.0.0.h" in handed_in.errors
        left = nl.gradcheck(net, sequence(), state=(None,))
        assert left.wrong == ([] if right else ["start"])
        assert "state.0.0.h" not in left.errors and (left.errors["start"] > 0.5) is not right


@every_start
def test_what_starts_from_its_own_state_starts_there_everywhere(make, tmp_path):
    net = set_starts(make())
    x = sequence(T=7)
    whole = net.forward(x, net.initial_state(4))[0]
    tolerance = {"rtol": 0, "atol": 1e-12 if net.dtype == float else 1e-6}
    zeros = net.forward(x, map_state(np.zeros_like, net.initial_state(4)))[0]
    assert np.abs(whole - zeros).max() > 1e-3
    np.testing.assert_array_equal(net.forward(x)[0], whole)
    np.testing.assert_allclose(net.predict(x), whole, **tolerance)
    np.testing.assert_allclose(net.predict(x, batch_size=3), whole, **tolerance)
    stream = net.stream(4)
    for _ in range(2):
        pieces = [stream.process(x[:1]), stream.process(x[1:5]), stream.process(x[5:])]
        np.testing.assert_allclose(np.concatenate(pieces), whole, **tolerance)
        stream.reset()
    net.save(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(nl.load(tmp_path / "net.safetensors").forward(x)[0], whole)


@every_start
def test_a_state_that_is_handed_in_leaves_the_initial_states_gradient_alone(make):
    net = set_starts(make())
    y, state, cache = net.forward(sequence())
    net.backward(np.ones_like(y), cache)
    first = net.grad.copy()
    y, _, cache = net.forward(sequence(), state)
    net.backward(np.ones_like(y), cache)
    for name, (_, grad) in starts_of(net).items():
        grad[...] = 0
        y, _, cache = net.forward(sequence(), state)
        net.backward(np.ones_like(y), cache)
        assert not grad.any(), name
    assert first.any()


def test_an_initial_state_can_be_learnt():
    teacher = set_starts(InitialState(LSTM(1, 3, seed=0)))
    pupil = teacher.copy()
    pupil.params["start"][...] = 0
    x = 0.1 * sequence(D=1, T=12)
    settings = {"loss": nl.losses.mse, "optimizer": nl.Adam(0.03), "epochs": 200, "progress": False}
    history = nl.fit(pupil, (x, teacher.predict(x)), **settings)
    assert history.train_loss[-1] < 1e-2 * history.train_loss[0]


# Parameters: one vector, many names


def assert_views_intact(net):
    """Vector and named arrays are the same memory, in the network and in every layer inside."""
    for vector, arrays in [
        (net.theta, [param for _, param, _ in net.named_params()]),
        (net.grad, [grad for _, _, grad in net.named_params()]),
    ]:
        vector[...] = np.arange(vector.size)
        assert sum(array.size for array in arrays) == vector.size
        if arrays:
            np.testing.assert_array_equal(np.concatenate([array.ravel() for array in arrays]), vector)
        for array in arrays:
            array[...] = -1 - array
        np.testing.assert_array_equal(vector, -1 - np.arange(vector.size))
    for layer in net.layers:
        if layer.theta.size:
            assert np.shares_memory(layer.theta, net.theta) and np.shares_memory(layer.grad, net.grad)
        assert_views_intact(layer)


@settings(max_examples=60)
@given(cases(layers))
def test_named_parameters_are_views_into_one_vector(case):
    assert_views_intact(case.net)


@every_layer
def test_named_parameters_of_every_option_are_views_into_one_vector(make):
    assert_views_intact(make())


def test_parameters_have_the_shapes_of_the_contract():
    def shapes(layer):
        assert {name: grad.shape for name, grad in layer.grads.items()} == {
            name: param.shape for name, param in layer.params.items()
        }
        return {name: param.shape for name, param in layer.params.items()}

    assert shapes(LSTM(3, 5, peepholes=True)) == {"W_x": (20, 3), "W_h": (20, 5), "b": (20,), "p": (3, 5)}
    assert shapes(LSTM(3, 5, bias=False)) == {"W_x": (20, 3), "W_h": (20, 5)}
    assert shapes(GRU(3, 5)) == {"W_x": (15, 3), "W_h": (15, 5), "b_x": (15,), "b_h": (15,)}
    assert shapes(GRU(3, 5, bias=False)) == {"W_x": (15, 3), "W_h": (15, 5)}
    assert shapes(RNN(3, 5)) == {"W_x": (5, 3), "W_h": (5, 5), "b": (5,)}
    assert shapes(RNN(3, 5, bias=False)) == {"W_x": (5, 3), "W_h": (5, 5)}
    assert shapes(Dense(3, 5)) == {"W": (5, 3), "b": (5,)}
    assert shapes(Dense(3, 5, bias=False)) == {"W": (5, 3)}
    assert sorted(LSTM(1, 1).gates) == ["f", "g", "i", "o"]
    assert sorted(GRU(1, 1).gates) == ["n", "r", "z"]


def test_names_of_parameters_inside_a_network():
    net = Sequential(LSTM(3, 4), Residual(Dense(4, 4)))
    assert [name for name, *_ in net.named_params()] == ["0.W_x", "0.W_h", "0.b", "1.0.W", "1.0.b"]


def test_a_network_takes_over_the_parameters_of_its_layers():
    lstm, dense = LSTM(3, 4, seed=0), Dense(4, 2, seed=1)
    values = np.concatenate([lstm.theta, dense.theta])
    net = Sequential(lstm, dense)
    np.testing.assert_array_equal(net.theta, values)
    net.theta[...] = 7
    assert (lstm.params["W_h"] == 7).all() and (dense.params["b"] == 7).all()


COPIES = {
    "copy": lambda net: net.copy(),
    "deepcopy": copy.deepcopy,
    "astype": lambda net: net.astype(net.dtype),
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
}
every_copy = pytest.mark.parametrize("make_copy", COPIES.values(), ids=COPIES)


@every_copy
@settings(max_examples=30)
@given(cases(layers))
def test_copies_compute_the_same_and_share_nothing(make_copy, case):
    other = make_copy(case.net)
    assert repr(other) == repr(case.net) and type(other) is type(case.net)
    assert_same(run(case._replace(net=other)), run(case))
    before = run(case)
    theta, grad = case.net.theta.copy(), case.net.grad.copy()
    assert_views_intact(other)  # writes into all of the copy
    np.testing.assert_array_equal(case.net.theta, theta)
    np.testing.assert_array_equal(case.net.grad, grad)
    assert_views_intact(case.net)
    case.net.theta[...] = theta
    assert_same(run(case), before)


@every_copy
@every_layer
def test_copies_of_every_option_keep_their_views(make, make_copy):
    case = example(make)
    other = make_copy(case.net)
    assert_same(run(case._replace(net=other), training=True), run(case, training=True))
    theta = case.net.theta.copy()
    assert_views_intact(other)
    np.testing.assert_array_equal(case.net.theta, theta)


@every_copy
def test_a_copy_of_a_layer_in_a_network_shares_nothing_with_the_network(make_copy):
    net = Sequential(LSTM(3, 4), Dense(4, 2), seed=0)
    other = make_copy(net.layers[0])
    assert not np.shares_memory(other.theta, net.theta) and not np.shares_memory(other.grad, net.grad)
    theta = net.theta.copy()
    assert_views_intact(other)
    np.testing.assert_array_equal(net.theta, theta)


def test_a_layer_used_twice_is_refused_and_its_copy_accepted():
    lstm = LSTM(3, 3, seed=0)
    sentence = re.escape(f"{lstm!r} already belongs to a network: hand in layer.copy()")
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        Sequential(lstm, lstm)
    lstm = LSTM(3, 3, seed=0)
    net = Sequential(lstm)
    for again in (Sequential, Residual, ConcatHidden, lambda layer: Bidirectional(LSTM(3, 3), layer)):
        with pytest.raises(ValueError, match=f"^{sentence}$"):
            again(lstm)
    other = Sequential(lstm.copy(), lstm.astype(float))
    assert not np.shares_memory(net.theta, other.theta)
    with pytest.raises(ValueError, match="already belongs to a network"):
        Sequential(net, net)


def test_a_refused_network_leaves_its_layers_free():
    first, taken = LSTM(3, 3, seed=0), LSTM(3, 3, seed=0)
    Sequential(taken)
    for refused in ([first, first], [first, taken]):
        with pytest.raises(ValueError, match="already belongs to a network"):
            Sequential(*refused)
    Sequential(first)


# Starting values


@pytest.mark.parametrize("cell", [LSTM, GRU, RNN])
def test_recurrent_weights_start_orthogonal_gate_by_gate(cell):
    layer = cell(3, 8, seed=0)
    blocks = by_gate(layer, "W_h")
    for W_h in blocks.values():
        np.testing.assert_allclose(W_h @ W_h.T, np.eye(8), atol=1e-14)
    assert len({W_h.tobytes() for W_h in blocks.values()}) == len(layer.gates)


def test_reflections_start_as_often_as_rotations():
    signs = [RNN(1, 1, seed=seed).params["W_h"].item() for seed in range(200)]
    assert set(np.round(signs, 12)) == {-1, 1}
    assert abs(np.mean(signs)) < 0.25


@pytest.mark.parametrize("cell", [LSTM, GRU, RNN])
def test_input_weights_start_glorot_uniform_gate_by_gate(cell):
    layer = cell(200, 50, seed=0)
    limit = np.sqrt(6 / (200 + 50))
    for W_x in by_gate(layer, "W_x").values():
        assert 0.99 * limit < np.abs(W_x).max() <= limit
        assert abs(W_x.std() / (limit / np.sqrt(3)) - 1) < 0.02


def test_dense_weights_start_glorot_uniform():
    W = Dense(200, 50, seed=0).params["W"]
    limit = np.sqrt(6 / 250)
    assert 0.99 * limit < np.abs(W).max() <= limit
    assert abs(W.std() / (limit / np.sqrt(3)) - 1) < 0.02


def test_biases_and_peepholes_start_at_zero_but_for_the_forget_gate():
    lstm = LSTM(3, 5, peepholes=True, seed=0)
    b = by_gate(lstm, "b")
    np.testing.assert_array_equal(b["f"], 1)
    for name in "igo":
        np.testing.assert_array_equal(b[name], 0)
    np.testing.assert_array_equal(lstm.params["p"], 0)
    np.testing.assert_array_equal(by_gate(LSTM(3, 5, forget_bias=-2.5), "b")["f"], -2.5)
    for layer in (GRU(3, 5), RNN(3, 5), Dense(3, 5)):
        for name, param in layer.params.items():
            assert param.any() != name.startswith("b"), (layer, name)


@pytest.mark.parametrize(
    ("layer", "fan"),
    [
        (LSTM(9, 64, peepholes=True, init="pytorch", seed=0), 64),
        (GRU(9, 64, init="pytorch", seed=0), 64),
        (RNN(9, 64, init="pytorch", seed=0), 64),
        (Dense(64, 49, init="pytorch", seed=0), 64),
    ],
    ids=["lstm", "gru", "rnn", "dense"],
)
def test_pytorch_starting_values_are_uniform_within_one_over_root_fan(layer, fan):
    limit = 1 / np.sqrt(fan)
    for name, param in layer.params.items():
        assert 0.8 * limit < np.abs(param).max() <= limit, name
    assert abs(layer.theta.std() / (limit / np.sqrt(3)) - 1) < 0.05
    assert abs(layer.theta.mean()) < 0.05 * limit


@pytest.mark.parametrize("cell", [LSTM, GRU, RNN])
def test_tensorflow_starting_values_are_one_glorot_matrix_for_all_gates(cell):
    layer = cell(80, 40, init="tensorflow", seed=0)
    limit = np.sqrt(6 / (80 + 40 + len(layer.gates) * 40))
    for W in (*by_gate(layer, "W_x").values(), *by_gate(layer, "W_h").values()):
        assert 0.98 * limit < np.abs(W).max() <= limit
        assert abs(W.std() / (limit / np.sqrt(3)) - 1) < 0.05
    for name in layer.params:
        if name.startswith("b"):
            assert {gate for gate, b in by_gate(layer, name).items() if b.any()} <= {"f"}
    if cell is LSTM:
        np.testing.assert_array_equal(by_gate(layer, "b")["f"], 1)


@pytest.mark.parametrize("layer", [LSTM, GRU, RNN, Dense])
def test_zeros_starting_values(layer):
    assert not layer(3, 4, init="zeros").theta.any()


SEEDED = {
    "lstm": lambda seed: LSTM(3, 4, seed=seed),
    "gru_pytorch": lambda seed: GRU(3, 4, init="pytorch", seed=seed),
    "rnn": lambda seed: RNN(3, 4, seed=seed),
    "dense": lambda seed: Dense(3, 4, seed=seed),
    "sequential": lambda seed: Sequential(LSTM(3, 4), Dense(4, 2), seed=seed),
    "bidirectional": lambda seed: Bidirectional(LSTM(3, 4), GRU(3, 4), seed=seed),
    "residual": lambda seed: Residual(LSTM(3, 3), seed=seed),
    "initial_state": lambda seed: InitialState(GRU(3, 4), seed=seed),
    "concat_hidden": lambda seed: ConcatHidden(LSTM(3, 4), LSTM(4, 4), seed=seed),
    "mlp": lambda seed: MLP(3, 4, 2, seed=seed),
}


@pytest.mark.parametrize("make", SEEDED.values(), ids=SEEDED)
def test_seeds_reproduce_the_starting_values(make):
    np.testing.assert_array_equal(make(5).theta, make(5).theta)
    np.testing.assert_array_equal(make(5).theta, make(np.random.default_rng(5)).theta)
    assert not np.array_equal(make(5).theta, make(6).theta)
    assert not np.array_equal(make(None).theta, make(None).theta)


@pytest.mark.parametrize("make", SEEDED.values(), ids=SEEDED)
def test_starting_values_are_the_same_in_both_precisions(make):
    net = make(5)
    single = net.astype(np.float32)
    single.initialize(np.random.default_rng(5))
    net.initialize(np.random.default_rng(5))
    np.testing.assert_array_equal(single.theta, net.theta.astype(np.float32))


def test_equal_layers_of_one_network_start_with_different_values():
    net = Sequential(LSTM(4, 4), LSTM(4, 4), seed=0)
    first, second = (layer.params["W_h"] for layer in net.layers)
    assert not np.array_equal(first, second)


def test_no_seed_keeps_the_values_of_the_layers():
    dense = Dense(3, 4, seed=0)
    values = dense.theta.copy()
    np.testing.assert_array_equal(Sequential(dense).theta, values)


@pytest.mark.parametrize("init", ["default", "pytorch", "tensorflow", "zeros"])
@pytest.mark.parametrize("layer", [LSTM, GRU, RNN, Dense])
def test_initialize_draws_all_parameters_anew(layer, init):
    net = layer(3, 4, init=init, seed=0)
    net.theta[...] = 9
    net.initialize(np.random.default_rng(1))
    np.testing.assert_array_equal(net.theta, layer(3, 4, init=init, seed=1).theta)


# Dropout and noise


def test_dropout_drops_its_share_and_scales_the_rest():
    y = Dropout(0.3, seed=0).forward(np.ones((50, 20, 30)), training=True)[0]
    np.testing.assert_allclose(np.unique(y), [0, 1 / 0.7])
    assert abs((y == 0).mean() - 0.3) < 0.01
    assert not np.array_equal(y[0], y[1]) and not np.array_equal(y[:, 0], y[:, 1])


def test_dropout_per_sequence_drops_the_same_at_every_step():
    y = Dropout(0.3, per_sequence=True, seed=0).forward(np.ones((5, 100, 80)), training=True)[0]
    np.testing.assert_array_equal(y, np.broadcast_to(y[0], y.shape))
    assert abs((y == 0).mean() - 0.3) < 0.02
    assert not np.array_equal(y[0, 0], y[0, 1])


def test_noise_has_its_standard_deviation():
    noise = GaussianNoise(0.25, seed=0).forward(np.full((50, 20, 30), 2.0), training=True)[0] - 2
    assert abs(noise.std() / 0.25 - 1) < 0.02 and abs(noise.mean()) < 0.01
    assert not np.array_equal(noise[0], noise[1])


NOISY = {
    "dropout": lambda seed: Dropout(0.5, seed=seed),
    "dropout_per_sequence": lambda seed: Dropout(0.5, per_sequence=True, seed=seed),
    "noise": lambda seed: GaussianNoise(0.5, seed=seed),
    "in_a_network": lambda seed: Sequential(Activation("tanh"), Dropout(0.5), seed=seed),
}


@pytest.mark.parametrize("make", NOISY.values(), ids=NOISY)
def test_seeds_reproduce_the_noise(make):
    x = sequence()

    def twice(net):
        return [net.forward(x, training=True)[0] for _ in range(2)]

    first, second = twice(make(5)), twice(make(5))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[0], first[1])  # drawn anew each time
    assert not np.array_equal(first[0], twice(make(6))[0])
    assert not np.array_equal(twice(make(None)), twice(make(None)))


def test_seeds_reproduce_recurrent_dropout():
    def twice(seed):
        lstm = LSTM(3, 8, recurrent_dropout=0.5, seed=seed)
        lstm.initialize(np.random.default_rng(seed))
        lstm.theta[...] = 0.3
        return [lstm.forward(sequence(), training=True)[0] for _ in range(2)]

    np.testing.assert_array_equal(twice(5), twice(5))
    assert not np.array_equal(*twice(5))
    assert not np.array_equal(twice(5), twice(6))


@pytest.mark.parametrize("make", NOISY.values(), ids=NOISY)
def test_a_generator_handed_in_goes_before_the_layers_own(make):
    x, net = sequence(), make(5)
    draws = [net.forward(x, training=True, rng=np.random.default_rng(seed))[0] for seed in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_two_noisy_layers_draw_from_one_generator_in_turn():
    net = Sequential(Dropout(0.5), Dropout(0.5), seed=0)
    y = net.forward(np.ones((50, 20, 10)), training=True, rng=np.random.default_rng(0))[0]
    assert abs((y == 0).mean() - 0.75) < 0.02


def test_sigma_may_be_lowered_between_calls():
    noise = GaussianNoise(1.0, seed=0)
    noise.sigma = 0.0
    np.testing.assert_array_equal(noise.forward(sequence(), training=True)[0], sequence())


# What is refused, in one sentence that names what was expected and what came


def refuses(sentence):
    return pytest.raises(ValueError, match=f"^{re.escape(sentence)}$")


def backward(net, dy, dstate=None, x=None):
    return net.backward(dy, net.forward(np.zeros((20, 8, 12)) if x is None else x)[2], dstate)


def two_layers():
    return Sequential(LSTM(12, 4), Dense(4, 2))


ZEROS = np.zeros((20, 8, 12))
REFUSED = {
    "lstm_x_width": (
        lambda: LSTM(12, 4).forward(np.zeros((20, 8, 7))),
        "expected x of shape (T, B, 12), got (20, 8, 7)",
    ),
    "gru_x_width": (
        lambda: GRU(12, 4).forward(ZEROS[..., :7]),
        "expected x of shape (T, B, 12), got (20, 8, 7)",
    ),
    "rnn_x_width": (
        lambda: RNN(12, 4).forward(ZEROS[..., :7]),
        "expected x of shape (T, B, 12), got (20, 8, 7)",
    ),
    "x_without_time": (lambda: LSTM(12, 4).forward(ZEROS[0]), "expected x of shape (T, B, 12), got (8, 12)"),
    "x_of_four_axes": (
        lambda: LSTM(12, 4).forward(ZEROS[None]),
        "expected x of shape (T, B, 12), got (1, 20, 8, 12)",
    ),
    "x_of_words": (
        lambda: LSTM(12, 4).forward([["a"]]),
        "expected x to be an array of numbers, got dtype <U1",
    ),
    "x_of_objects": (
        lambda: Sequential(LSTM(12, 4)).forward([[None]]),
        "expected x to be an array of numbers, got dtype object",
    ),
    "x_in_a_network": (
        lambda: two_layers().forward(ZEROS[..., :7]),
        "expected x of shape (T, B, 12), got (20, 8, 7)",
    ),
    "widths_that_do_not_fit": (
        lambda: Sequential(LSTM(12, 4), LSTM(5, 4)).forward(ZEROS),
        "layer 1, LSTM: expected x of shape (T, B, 5), got (20, 8, 4)",
    ),
    "predict_x": (
        lambda: two_layers().predict(ZEROS[..., :7]),
        "expected x of shape (T, B, 12), got (20, 8, 7)",
    ),
    "dense_x_width": (
        lambda: Dense(12, 4).forward(ZEROS[..., :7]),
        "expected x of shape (T, B, 12) or (B, 12), got (20, 8, 7)",
    ),
    "dense_x_one_axis": (
        lambda: Dense(12, 4).forward(ZEROS[0, 0]),
        "expected x of shape (T, B, 12) or (B, 12), got (12,)",
    ),
    "activation_x_one_axis": (
        lambda: Activation("tanh").forward(ZEROS[0, 0]),
        "expected x of shape (T, B, D) or (B, D), got (12,)",
    ),
    "dropout_x_one_axis": (
        lambda: Dropout(0.5).forward(ZEROS[0, 0]),
        "expected x of shape (T, B, D) or (B, D), got (12,)",
    ),
    "bidirectional_x_without_time": (
        lambda: Bidirectional(LSTM(12, 4), LSTM(12, 4)).forward(ZEROS[0]),
        "expected x of shape (T, B, D), got (8, 12)",
    ),
    "state_h_width": (
        lambda: LSTM(12, 4).forward(ZEROS, (np.zeros((8, 5)), np.zeros((8, 4)))),
        "expected state.h of shape (8, 4), got (8, 5)",
    ),
    "state_c_batch": (
        lambda: LSTM(12, 4).forward(ZEROS, (np.zeros((8, 4)), np.zeros((1, 4)))),
        "expected state.c of shape (8, 4), got (1, 4)",
    ),
    "state_members": (
        lambda: LSTM(12, 4).forward(ZEROS, (np.zeros((8, 4)),)),
        "expected state to be a tuple of 2 (h, c), got 1 members",
    ),
    "state_array": (
        lambda: GRU(12, 4).forward(ZEROS, np.zeros((8, 4))),
        "expected state to be a tuple of 1 (h), got ndarray",
    ),
    "state_words": (
        lambda: GRU(12, 4).forward(ZEROS, ("zeros",)),
        "expected state.h to be an array of numbers, got dtype <U5",
    ),
    "state_of_a_network": (
        lambda: two_layers().forward(ZEROS, (None,)),
        "expected state to be a tuple of 2 (layer 0, layer 1), got 1 members",
    ),
    "state_of_a_residual": (
        lambda: Residual(LSTM(12, 12)).forward(ZEROS, np.zeros((8, 12))),
        "expected state to be a tuple of 1 (layer 0), got ndarray",
    ),
    "state_of_predict": (
        lambda: two_layers().predict(ZEROS, ((np.zeros((8, 4)), np.zeros((8, 5))), ())),
        "expected state.0.c of shape (8, 4), got (8, 5)",
    ),
    "lengths_fractions": (
        lambda: LSTM(12, 4).forward(ZEROS, None, np.ones(8)),
        "expected lengths of shape (8,) in whole numbers, got float64 (8,)",
    ),
    "lengths_count": (
        lambda: LSTM(12, 4).forward(ZEROS, None, [1, 2, 3]),
        "expected lengths of shape (8,) in whole numbers, got int64 (3,)",
    ),
    "lengths_one_number": (
        lambda: Dense(12, 4).forward(ZEROS, None, 5),
        "expected lengths of shape (8,) in whole numbers, got int64 ()",
    ),
    "lengths_too_long": (
        lambda: GRU(12, 4).forward(ZEROS, None, [1] * 7 + [21]),
        "expected lengths from 0 to 20, got 1 to 21",
    ),
    "lengths_negative": (
        lambda: Residual(RNN(12, 12)).forward(ZEROS, None, [-1] + [20] * 7),
        "expected lengths from 0 to 20, got -1 to 20",
    ),
    "lengths_of_bidirectional": (
        lambda: Bidirectional(LSTM(12, 4), LSTM(12, 4)).forward(ZEROS, None, [21] * 8),
        "expected lengths from 0 to 20, got 21 to 21",
    ),
    "lengths_without_time": (
        lambda: Dense(12, 4).forward(ZEROS[0], None, [1] * 8),
        "lengths need a sequence x of shape (T, B, D), got (8, 12)",
    ),
    "lstm_dy": (
        lambda: backward(LSTM(12, 4), np.zeros((20, 8, 5))),
        "expected dy of shape (20, 8, 4), got (20, 8, 5)",
    ),
    "gru_dy": (
        lambda: backward(GRU(12, 4), np.zeros((19, 8, 4))),
        "expected dy of shape (20, 8, 4), got (19, 8, 4)",
    ),
    "rnn_dy": (lambda: backward(RNN(12, 4), np.zeros((8, 4))), "expected dy of shape (20, 8, 4), got (8, 4)"),
    "dense_dy": (
        lambda: backward(Dense(12, 4), np.zeros((20, 8, 1))),
        "expected dy of shape (20, 8, 4), got (20, 8, 1)",
    ),
    "activation_dy": (
        lambda: backward(Activation("relu"), np.zeros((20, 8, 1))),
        "expected dy of shape (20, 8, 12), got (20, 8, 1)",
    ),
    "dropout_dy": (
        lambda: backward(Dropout(0.5), np.zeros((20, 8, 1))),
        "expected dy of shape (20, 8, 12), got (20, 8, 1)",
    ),
    "noise_dy": (
        lambda: backward(GaussianNoise(0.5), np.zeros((20, 8, 1))),
        "expected dy of shape (20, 8, 12), got (20, 8, 1)",
    ),
    "residual_dy": (
        lambda: backward(Residual(GRU(12, 12)), np.zeros((20, 8, 1))),
        "expected dy of shape (20, 8, 12), got (20, 8, 1)",
    ),
    "concat_hidden_dy": (
        lambda: backward(ConcatHidden(GRU(12, 3), RNN(3, 4)), np.zeros((20, 8, 8))),
        "expected dy of shape (..., 7), got (20, 8, 8)",
    ),
    "bidirectional_dy": (
        lambda: backward(Bidirectional(GRU(12, 3), RNN(12, 4)), np.zeros((20, 8, 8))),
        "expected dy of shape (20, 8, 7), got (20, 8, 8)",
    ),
    "dy_words": (
        lambda: backward(LSTM(12, 4), ["a"]),
        "expected dy to be an array of numbers, got dtype <U1",
    ),
    "dstate_shape": (
        lambda: backward(LSTM(12, 4), np.zeros((20, 8, 4)), (np.zeros((8, 5)), None)),
        "expected dstate.h of shape (8, 4), got (8, 5)",
    ),
    "dstate_members": (
        lambda: backward(two_layers(), np.zeros((20, 8, 2)), (None, None, None)),
        "expected dstate to be a tuple of 2 (layer 0, layer 1), got 3 members",
    ),
    "input_size_zero": (lambda: LSTM(0, 4), "expected input_size to be a positive whole number, got 0"),
    "hidden_size_negative": (
        lambda: GRU(4, -1),
        "expected hidden_size to be a positive whole number, got -1",
    ),
    "hidden_size_fraction": (
        lambda: RNN(4, 2.5),
        "expected hidden_size to be a positive whole number, got 2.5",
    ),
    "input_size_word": (lambda: Dense("4", 1), "expected input_size to be a positive whole number, got '4'"),
    "output_size_none": (
        lambda: Dense(4, None),
        "expected output_size to be a positive whole number, got None",
    ),
    "output_size_true": (
        lambda: Dense(4, True),
        "expected output_size to be a positive whole number, got True",
    ),
    "dense_activation": (
        lambda: Dense(1, 1, activation="swish"),
        "expected an activation of identity, sigmoid, tanh, relu, softmax, got 'swish'",
    ),
    "activation_name": (
        lambda: Activation("Tanh"),
        "expected an activation of identity, sigmoid, tanh, relu, softmax, got 'Tanh'",
    ),
    "rnn_activation": (
        lambda: RNN(1, 1, activation="sigmoid"),
        "expected activation 'tanh' or 'relu', got 'sigmoid'",
    ),
    "dropout_one": (lambda: Dropout(1), "expected p in [0, 1), got 1"),
    "dropout_negative": (lambda: Dropout(-0.1), "expected p in [0, 1), got -0.1"),
    "dropout_nan": (lambda: Dropout(float("nan")), "expected p in [0, 1), got nan"),
    "recurrent_dropout": (
        lambda: LSTM(1, 1, recurrent_dropout=1.0),
        "expected recurrent_dropout in [0, 1), got 1.0",
    ),
    "sigma": (lambda: GaussianNoise(-1), "expected sigma of at least 0, got -1"),
    "sigma_nan": (lambda: GaussianNoise(float("nan")), "expected sigma of at least 0, got nan"),
    "init": (
        lambda: GRU(1, 1, init="xavier"),
        "expected init 'default', 'pytorch', 'tensorflow' or 'zeros', got 'xavier'",
    ),
    "dense_init": (
        lambda: Dense(1, 1, init=None),
        "expected init 'default', 'pytorch', 'tensorflow' or 'zeros', got None",
    ),
    "dtype": (lambda: LSTM(1, 1, dtype=int), "expected a floating or complex dtype, got int64"),
    "network_dtype": (
        lambda: Sequential(LSTM(1, 1), dtype="int32"),
        "expected a floating or complex dtype, got int32",
    ),
    "no_layer": (lambda: Sequential(LSTM(1, 1), "tanh"), "expected layers, got str 'tanh'"),
    "no_layers": (lambda: Sequential(), "expected at least one layer, got none"),
    "merge": (
        lambda: Bidirectional(LSTM(1, 1), LSTM(1, 1), merge="add"),
        "expected merge 'concat', 'sum' or 'mean', got 'add'",
    ),
    "merge_widths": (
        lambda: Bidirectional(LSTM(12, 2), LSTM(12, 3), merge="sum").forward(ZEROS),
        "expected two outputs of one shape to merge, got (20, 8, 2), (20, 8, 3)",
    ),
    "residual_width": (
        lambda: Residual(LSTM(12, 4)).forward(ZEROS),
        "expected a layer whose output is as wide as its input (20, 8, 12), got (20, 8, 4)",
    ),
    "mlp_sizes": (lambda: MLP(3), "expected an input size and an output size at least, got (3,)"),
    "batch_size": (
        lambda: LSTM(12, 4).predict(ZEROS, batch_size=0),
        "expected a batch_size of at least 1, got 0",
    ),
    "stream_batch": (
        lambda: LSTM(12, 4).stream(2).process(ZEROS),
        "expected a block of shape (n, 2, D), got (20, 8, 12)",
    ),
    "stream_width": (
        lambda: LSTM(12, 4).stream().process(np.zeros(5)),
        "expected x of shape (T, B, 12), got (5, 1, 1)",
    ),
    "stream_bidirectional": (
        lambda: Bidirectional(LSTM(1, 1), LSTM(1, 1)).stream(),
        "Bidirectional needs the whole sequence at once and cannot stream",
    ),
    "stream_bidirectional_inside": (
        lambda: Sequential(Residual(Bidirectional(LSTM(1, 1), LSTM(1, 1), merge="sum"))).stream(),
        "Sequential needs the whole sequence at once and cannot stream",
    ),
    "initial_state_of_nothing": (
        lambda: InitialState(Dense(3, 3)),
        "expected a layer that remembers something, got Dense",
    ),
    "packed_width": (
        lambda: nl.unpack_state(np.zeros((3, 7)), LSTM(12, 4)),
        "expected a packed state of shape (B, 8), got (3, 7)",
    ),
    "packed_axes": (
        lambda: nl.unpack_state(np.zeros(8), LSTM(12, 4)),
        "expected a packed state of shape (B, 8), got (8,)",
    ),
}


@pytest.mark.parametrize(("call", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(call, sentence):
    with refuses(sentence):
        call()


def test_a_refused_backward_leaves_the_gradients_alone():
    lstm = LSTM(12, 4, seed=0)
    lstm.grad[...] = 3
    with refuses("expected dy of shape (20, 8, 4), got (20, 8, 5)"):
        backward(lstm, np.zeros((20, 8, 5)))
    assert (lstm.grad == 3).all()


@every_layer
def test_the_representation_is_the_call_that_makes_the_layer(make):
    net = make()
    again = eval(repr(net), vars(nl))
    assert again.config() == net.config()
    assert [name for name, *_ in again.named_params()] == [name for name, *_ in net.named_params()]
