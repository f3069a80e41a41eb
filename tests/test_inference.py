"""Running forward only: predict and streams give what forward gives, and disturb nothing."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import cases, cells, layers, seeds

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
    Grey,
    Mask,
    Residual,
    Sequential,
    Standardize,
    VectorProduct,
)
from numpylstm.layers import base
from numpylstm.layers.state import map_state, state_arrays

# What can stream, for D = 3.
NETS = {
    "lstm": lambda: LSTM(3, 4, seed=0),
    "lstm_peepholes": lambda: LSTM(3, 4, peepholes=True, seed=0),
    "lstm_wide": lambda: LSTM(3, 80, seed=0),
    "gru": lambda: GRU(3, 4, seed=0),
    "gru_before": lambda: GRU(3, 4, reset_after=False, seed=0),
    "gru_wide": lambda: GRU(3, 80, seed=0),
    "rnn": lambda: RNN(3, 4, seed=0),
    "rnn_wide": lambda: RNN(3, 100, seed=0),
    "dense": lambda: Dense(3, 4, activation="tanh", seed=0),
    "softmax": lambda: Dense(3, 4, activation="softmax", seed=0),
    "activation": lambda: Activation("tanh"),
    "mlp": lambda: MLP(3, 5, 2, activation="sigmoid", dropout=0.5, seed=0),
    "stack": lambda: Sequential(LSTM(3, 4), Dropout(0.5), GRU(4, 5), Dense(5, 2), seed=0),
    "stack_wide_input": lambda: Sequential(Dense(3, 130), LSTM(130, 5), RNN(5, 3), seed=0),
    "residual": lambda: Residual(LSTM(3, 3), seed=0),
    "concat_hidden": lambda: ConcatHidden(LSTM(3, 4), GRU(4, 2), Dense(2, 3), seed=0),
    "features": lambda: Sequential(Compress(), Standardize(3, deviation=[1, 2, 3]), Context(3, 4, 0)),
    "vector_product": lambda: VectorProduct(1, 4, activation="tanh", seed=0),
    "colour": lambda: Sequential(Colour(), VectorProduct(3, 4, activation="sigmoid"), Grey(), seed=0),
    "mask": lambda: Mask(Sequential(Context(3, 2, 0), LSTM(9, 4), Dense(4, 6)), seed=0),
    "mask_softmax": lambda: Mask(Sequential(GRU(3, 4), Dense(4, 6)), kind="softmax", seed=0),
    "nested": lambda: Sequential(Residual(Sequential(GRU(3, 4), Dense(4, 3))), LSTM(3, 2), seed=0),
}
# What takes classes from 0 to 6.
CLASS_NETS = {
    "lstm": lambda: LSTM(7, 5, seed=0),
    "lstm_wide": lambda: LSTM(7, 80, peepholes=True, seed=0),
    "lstm_many_classes": lambda: LSTM(200, 5, seed=0),
    "gru": lambda: GRU(7, 5, seed=0),
    "gru_before": lambda: GRU(7, 5, reset_after=False, seed=0),
    "rnn": lambda: RNN(7, 5, seed=0),
    "stack": lambda: Sequential(LSTM(7, 5), GRU(5, 4), Dense(4, 7, activation="softmax"), seed=0),
    "concat_hidden": lambda: Sequential(ConcatHidden(LSTM(7, 4), RNN(4, 2)), Dense(6, 7), seed=0),
}
every_net = pytest.mark.parametrize("make", NETS.values(), ids=NETS)
every_class_net = pytest.mark.parametrize("make", CLASS_NETS.values(), ids=CLASS_NETS)
every_kind = pytest.mark.parametrize(
    ("make", "classes"),
    [(make, False) for make in NETS.values()] + [(make, True) for make in CLASS_NETS.values()],
    ids=[*NETS, *(f"{name}_of_classes" for name in CLASS_NETS)],
)


def signal(T=24, B=2, D=3, seed=0):
    return np.random.default_rng(seed).standard_normal((T, B, D))


def classes_of(T=24, B=2, seed=0):
    return np.random.default_rng(seed).integers(0, 7, (T, B))


def sequence(classes, **sizes):
    return classes_of(**sizes) if classes else signal(**sizes)


def close(got, expected, tolerance=1e-12):
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


def same_state(got, expected, tolerance=1e-12):
    got, expected = dict(state_arrays(got)), dict(state_arrays(expected))
    assert got.keys() == expected.keys()
    for name in expected:
        close(got[name], expected[name], tolerance)


def blocks(T, cuts):
    bounds = [0, *sorted(min(cut, T) for cut in cuts), T]
    return [slice(*pair) for pair in itertools.pairwise(bounds)]


def stream_through(stream, x, cuts):
    return np.concatenate([stream.process(x[part]) for part in blocks(len(x), cuts)])


SPLITS = {
    "whole": [],
    "in two": [9],
    "samples": range(24),
    "one first": [1],
    "empty ones": [0, 0, 5, 5],
    "mixed": [1, 2, 9, 10],
}
every_split = pytest.mark.parametrize("cuts", SPLITS.values(), ids=SPLITS)


# The same as forward


@settings(max_examples=150)
@given(cases(layers), st.sampled_from([1, 2, 7, 8192]), st.booleans())
def test_predict_is_forward_for_any_network_and_block(case, columns, with_state):
    state = case.state if with_state else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "PREDICT_COLUMNS", columns)
        got = case.net.predict(case.x, state, case.lengths)
    close(got, case.net.forward(case.x, state, case.lengths)[0])


@settings(max_examples=150)
@given(cases(layers, causal=True, ragged=False), st.lists(st.integers(0, 6), max_size=6))
def test_a_stream_is_forward_for_any_network_and_split(case, cuts):
    stream = case.net.stream(case.x.shape[1])
    stream.state = case.state
    y, final, _ = case.net.forward(case.x, case.state)
    close(stream_through(stream, case.x, cuts), y)
    same_state(stream.state, final)


@settings(max_examples=100)
@given(cells(5) | cells(5, st.just(100)), seeds, st.integers(0, 8), st.integers(1, 9), st.data())
def test_predict_and_streams_are_forward_for_classes(net, seed, T, B, data):
    net = Sequential(net, Dense(net.hidden_size, 2), seed=seed)
    x = np.random.default_rng(seed).integers(0, 5, (T, B))
    y, final, _ = net.forward(x)
    close(net.predict(x), y)
    stream = net.stream(B)
    close(stream_through(stream, x, data.draw(st.lists(st.integers(0, T), max_size=4))), y)
    same_state(stream.state, final)


@every_kind
@every_split
@pytest.mark.parametrize("B", [1, 9])
def test_a_stream_of_any_split_is_forward(make, classes, cuts, B):
    net, x = make(), sequence(classes, B=B)
    y, final, _ = net.forward(x)
    stream = net.stream(B)
    close(stream_through(stream, x, cuts), y)
    same_state(stream.state, final)


@every_kind
@pytest.mark.parametrize("columns", [1, 50, 8192])
def test_predict_with_lengths_and_a_state_is_forward(make, classes, columns, monkeypatch):
    monkeypatch.setattr(base, "PREDICT_COLUMNS", columns)
    net, x = make(), sequence(classes, B=4)
    lengths = [24, 0, 1, 13]
    state = map_state(lambda s: np.full(s.shape, 0.3), net.initial_state(4))
    expected = net.forward(x, state, lengths)[0]
    close(net.predict(x, state, lengths), expected)
    close(net.predict(x, state, lengths, batch_size=3), expected)
    assert not net.predict(x, state, lengths)[np.arange(24)[:, None] >= lengths].any()


@every_kind
def test_a_runner_holds_the_state_of_sequences_that_have_ended(make, classes):
    """Who runs blocks with lengths may ask for the state at any of their ends."""
    net, x = make(), sequence(classes, B=4)
    lengths = np.array([24, 0, 1, 13])
    inner = x if classes else x.swapaxes(1, 2)
    runner = net._runner(inner, net.initial_state(4))
    for part in blocks(24, [5, 6]):
        runner.run(inner[part], np.clip(lengths - part.start, 0, part.stop - part.start))
    same_state(runner.state, net.forward(x, lengths=lengths)[1])


@pytest.mark.parametrize(
    ("name", "lengths"),
    [(name, lengths) for name in CLASS_NETS for lengths in ([24, 3], [24, 0])],
)
def test_predict_does_not_mind_impossible_classes_in_the_padding(name, lengths):
    net, x = CLASS_NETS[name](), classes_of()
    expected = net.forward(x, lengths=lengths)[0]
    x[np.arange(24)[:, None] >= lengths] = -5
    np.testing.assert_array_equal(net.forward(x, lengths=lengths)[0], expected)
    close(net.predict(x, lengths=lengths), expected)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: Dense(3, 4, dtype=np.float32, seed=0), id="dense"),
        pytest.param(lambda: LSTM(3, 4, dtype=np.float32, seed=0), id="lstm"),
        pytest.param(lambda: Sequential(GRU(3, 4), dtype=np.float32, seed=0), id="stack"),
        pytest.param(lambda: Residual(LSTM(3, 3), dtype=np.float32, seed=0), id="residual"),
    ],
)
def test_predict_does_not_warn_of_what_is_in_the_padding(make):
    net, x = make(), signal(B=3)
    x[:, 0], x[:, 1] = 1e300, np.inf
    x[0, 1, 0] = -np.inf
    net.forward(x, lengths=[0, 0, 24])
    net.predict(x, lengths=[0, 0, 24])


def test_bidirectional_predicts_as_forward_in_one_block(monkeypatch):
    monkeypatch.setattr(base, "PREDICT_COLUMNS", 1)
    net, x = Sequential(Bidirectional(LSTM(3, 4), GRU(3, 2)), Dense(6, 2), seed=0), signal(B=4)
    for lengths in (None, [24, 0, 1, 13]):
        close(net.predict(x, lengths=lengths), net.forward(x, lengths=lengths)[0])


@every_net
def test_blocks_may_turn_complex_and_real_again(make):
    net, x = make(), signal().astype(complex)
    x[10:15] += 1j * signal()[10:15]
    y, final, _ = net.forward(x)
    for cuts in ([], range(24)):
        stream, out = net.stream(2), []
        for part in blocks(24, [10, 15, *cuts]):
            block = x[part] if 10 <= part.start < 15 else x[part].real
            out.append(stream.process(block))
        assert np.iscomplexobj(np.concatenate(out))
        close(np.concatenate(out), y)
        same_state(stream.state, final)
    assert not np.iscomplexobj(net.stream(2).process(x.real))


@every_net
def test_a_float64_signal_in_a_float32_network_gives_float32(make):
    net = make().astype(np.float32)
    assert net.predict(signal()).dtype == np.float32
    for cuts in SPLITS.values():
        stream = net.stream(2)
        assert stream_through(stream, signal(), cuts).dtype == np.float32
        assert all(array.dtype == np.float32 for _, array in state_arrays(stream.state))
    close(stream_through(net.stream(2), signal(), [5]), make().forward(signal())[0], 1e-5)


def test_the_precision_of_blocks_may_change():
    net, x = LSTM(3, 4, seed=0), np.arange(24 * 6).reshape(24, 2, 3) % 5
    stream, kinds = net.stream(2), [float, np.float32, int, np.uint8]
    y = [stream.process(x[t : t + 1].astype(kinds[t % 4])) for t in range(24)]
    close(np.concatenate(y), net.forward(x)[0])


# The state of a stream


@every_kind
def test_a_state_set_in_the_middle_resumes_exactly(make, classes):
    net, x = make(), sequence(classes)
    stream = net.stream(2)
    stream.process(x[:7])
    middle = stream.state
    kept = map_state(np.copy, middle)
    rest = stream_through(stream, x[7:], [1, 2, 9])
    stream.process(x)
    same_state(middle, kept, 0)  # a state that was handed out stays what it was
    for other in (stream, net.stream(2)):
        other.state = middle
        same_state(other.state, kept, 0)
        np.testing.assert_array_equal(stream_through(other, x[7:], [1, 2, 9]), rest)
        same_state(middle, kept, 0)  # and one handed in is not written into
    close(rest, net.forward(x[7:], middle)[0])


@every_kind
def test_reset_forgets_the_past(make, classes):
    net, x = make(), sequence(classes)
    stream = net.stream(2)
    first = stream_through(stream, x, [3])
    stream.reset()
    same_state(stream.state, net.initial_state(2), 0)
    np.testing.assert_array_equal(stream_through(stream, x, [3]), first)


@every_kind
def test_the_state_is_there_before_the_first_block_and_after_an_empty_one(make, classes):
    net, x = make(), sequence(classes)
    stream = net.stream(2)
    same_state(stream.state, net.initial_state(2), 0)
    y = stream.process(x[:0])
    assert y.shape == net.forward(x[:0])[0].shape
    same_state(stream.state, net.initial_state(2), 0)


# What a call may change: nothing


@every_kind
def test_outputs_are_the_callers_own(make, classes):
    net, x = make(), sequence(classes)
    stream = net.stream(2)
    parts = blocks(24, [1, 2, 3, 8, 13, 18])
    out = [stream.process(x[part]) for part in parts]
    out += [net.predict(x), net.predict(x[:1])]
    before = [y.copy() for y in out]
    for part in parts:
        stream.process(x[part][::-1])
    net.predict(x[::-1])
    net.predict(x[-1:])
    for y, was in zip(out, before, strict=True):
        np.testing.assert_array_equal(y, was)
    for y, z in itertools.combinations(out, 2):
        assert not np.shares_memory(y, z)


@every_kind
def test_writing_into_an_output_does_not_change_the_next(make, classes):
    net, x = make(), sequence(classes)
    stream, expected = net.stream(2), net.forward(x)[0]
    for t in range(24):
        y = stream.process(x[t : t + 1])
        close(y, expected[t : t + 1])
        y[...] = np.nan
        net.predict(x)[...] = np.nan
    close(net.predict(x), expected)


@every_kind
def test_predict_and_streams_do_not_write_into_what_they_are_given(make, classes):
    net, x = make(), sequence(classes)
    state = map_state(lambda s: np.full(s.shape, 0.3), net.initial_state(2))
    lengths = np.array([24, 5])
    given = [x, net.theta.copy(), lengths, *(s for _, s in state_arrays(state))]
    before = [array.copy() for array in given]
    for array in given:
        array.flags.writeable = False
    net.predict(x, state, lengths)
    stream = net.stream(2)
    stream.state = state
    stream_through(stream, x, [1, 2, 9])
    for array, was in zip([x, net.theta, *given[2:]], before, strict=True):
        np.testing.assert_array_equal(array, was)


@every_kind
def test_two_streams_of_one_network_and_training_between_do_not_disturb_each_other(make, classes):
    net = make()
    xs = [sequence(classes, seed=seed) for seed in (1, 2, 3)]
    expected = [net.forward(x)[0] for x in xs]
    streams, out = [net.stream(2), net.stream(2)], [[], []]
    for part in blocks(24, [1, 2, 3, 8, 13, 18]):
        for index in (0, 1):
            out[index].append(streams[index].process(xs[index][part]))
            y, _, cache = net.forward(xs[2][part])
            net.predict(xs[2][part])
            net.backward(np.ones_like(y), cache)
    for index in (0, 1):
        close(np.concatenate(out[index]), expected[index])


@pytest.mark.parametrize(
    "make",
    [pytest.param(NETS[name], id=name) for name in NETS if name != "activation"],
)
def test_a_stream_keeps_its_weights_until_reset(make):
    net, x = make(), signal()
    old, new = net.copy(), net.copy()
    new.theta *= 0.5
    stream = net.stream(2)
    y = [stream.process(x[:5])]
    net.theta *= 0.5
    y += [stream.process(x[5:6]), stream.process(x[6:])]
    close(np.concatenate(y), old.predict(x))
    stream.reset()
    close(stream.process(x), new.predict(x))


@every_kind
def test_two_threads_may_predict_with_one_network_at_once(make, classes):
    net, gate = make(), threading.Barrier(2)
    xs = [sequence(classes, seed=seed) for seed in range(4)]
    expected = [net.predict(x) for x in xs]

    def task(number):
        stream = net.stream(2)
        gate.wait()
        for turn in range(6):
            index = (turn + 2 * number) % 4
            np.testing.assert_array_equal(net.predict(xs[index]), expected[index])
            stream.reset()
            close(stream_through(stream, xs[index], [1, 9]), expected[index])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(task, range(2)))


# What does not fit is refused


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("T", [1, 2])
@pytest.mark.parametrize("width", [1, 5])
@pytest.mark.parametrize(
    "name",
    ["lstm", "lstm_wide", "gru", "rnn", "dense", "concat_hidden", "stack", "stack_wide_input"],
)
def test_blocks_of_another_width_are_refused_naming_the_shapes(name, width, T, before):
    net, x = NETS[name](), signal()
    stream, expected = net.stream(2), net.predict(x)
    stream.process(x[:before])
    for _ in range(2):
        with pytest.raises(ValueError) as error:
            stream.process(np.ones((T, 2, width)))
        sentence = str(error.value)
        assert sentence.startswith("expected x of shape (T, B, 3)")
        assert sentence.endswith(f"got ({T}, 2, {width})") or sentence.endswith(f"got (1, 2, {width})")
    close(stream.process(x[before:]), expected[before:])  # as if nothing had been


def test_a_state_of_another_shape_is_refused():
    stream = LSTM(3, 4, seed=0).stream(2)
    stream.state = (np.zeros((2, 5)), np.zeros((2, 4)))
    for _ in range(2):
        with pytest.raises(ValueError, match=r"^expected state\.h of shape \(2, 4\), got \(2, 5\)$"):
            stream.process(signal())


@every_net
@pytest.mark.parametrize("shape", [(4, 3, 3), (4, 1, 3), (3,), (2, 2, 2, 3), ()])
def test_blocks_of_another_batch_or_number_of_axes_are_refused(make, shape):
    net, x = make(), signal()
    stream, expected = net.stream(2), net.predict(x)
    stream.process(x[:5])
    with pytest.raises(ValueError, match=r"^expected a block of shape \(n, 2, D\), got \("):
        stream.process(np.ones(shape))
    close(stream.process(x[5:]), expected[5:])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Bidirectional(LSTM(3, 4), LSTM(3, 4)),
        lambda: Sequential(LSTM(3, 3), Residual(Bidirectional(LSTM(3, 3), GRU(3, 3), merge="sum"))),
    ],
)
def test_what_needs_the_whole_sequence_is_refused(make):
    net = make()
    with pytest.raises(
        ValueError, match=f"^{type(net).__name__} needs the whole sequence at once and cannot"
    ):
        net.stream()


@every_class_net
@pytest.mark.parametrize("T", [1, 3])
@pytest.mark.parametrize("wrong", [-1, 200])
def test_a_class_out_of_range_in_a_later_block_is_refused(make, T, wrong):
    net, x = make(), classes_of()
    stream, expected = net.stream(2), net.predict(x)
    stream.process(x[:5])
    block = x[5 : 5 + T].copy()
    block[-1, 1] = wrong
    for _ in range(2):
        with pytest.raises(ValueError, match=f"^expected classes from 0 to .*{wrong}"):
            stream.process(block)
    close(stream.process(x[5:]), expected[5:])  # as if nothing had been


@pytest.mark.parametrize("place", [5, 15, 23])
@every_class_net
def test_predict_refuses_a_class_out_of_range_in_any_block(make, place, monkeypatch):
    monkeypatch.setattr(base, "PREDICT_COLUMNS", 8)
    net, x = make(), classes_of()
    x[place, 1] = 1000
    with pytest.raises(ValueError, match=r"^expected classes from 0 to (6|199), got [01] to 1000$"):
        net.predict(x)


def test_classes_where_there_are_none_to_take_are_refused():
    with pytest.raises(ValueError):
        Dense(3, 4).stream(2).process(classes_of())
    with pytest.raises(ValueError):
        LSTM(3, 4).stream(2).process(np.ones((5, 2)))


# A plain signal


@every_split
@pytest.mark.parametrize("outputs", [1, 2])
def test_a_plain_signal_goes_through_sample_by_sample(cuts, outputs):
    net, x = Sequential(LSTM(1, 4), Dense(4, outputs), seed=0), signal(B=1, D=1)
    expected = net.forward(x)[0]
    y = stream_through(net.stream(), x[:, 0, 0], cuts)
    close(y, expected[:, 0, 0] if outputs == 1 else expected)
