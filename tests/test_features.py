"""Layers without anything to train: what a network hears in place of bare magnitudes."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

import numpylstm as nl
from numpylstm import LSTM, Compress, Context, Dense, Sequential, Standardize


def signal(T=7, B=3, D=4, seed=0):
    return np.random.default_rng(seed).standard_normal((T, B, D))


# Compress


@pytest.mark.parametrize("gain", [0.5, 10.0])
def test_compress_is_a_logarithm_and_odd(gain):
    x = np.abs(signal())
    np.testing.assert_allclose(Compress(gain).predict(x), np.log1p(gain * x), rtol=1e-13)
    np.testing.assert_allclose(Compress(gain).predict(-x), -np.log1p(gain * x), rtol=1e-13)
    assert Compress(gain).predict(np.zeros((1, 1))) == 0


def test_compress_of_large_magnitudes_stays_finite_in_float32():
    y = Compress(dtype=np.float32).predict(np.array([[1e30, 0]], np.float32))
    np.testing.assert_allclose(y, [[np.log(1e31), 0]], rtol=1e-6)


# Standardize


def test_standardize_fitted_has_mean_0_and_deviation_1():
    x = 3 * signal(T=50) * [1, 2, 3, 4] + [5, -6, 7, 8]
    layer = Standardize(4)
    np.testing.assert_array_equal(layer.predict(x), x)
    layer.fit(x)
    y = layer.predict(x)
    np.testing.assert_allclose(y.mean(axis=(0, 1)), 0, atol=1e-14)
    np.testing.assert_allclose(y.std(axis=(0, 1)), 1, rtol=1e-13)
    np.testing.assert_allclose(y, (x - x.mean((0, 1))) / x.std((0, 1)), rtol=1e-12, atol=1e-14)
    rows = Standardize(4)
    rows.fit(x.reshape(-1, 4))
    np.testing.assert_allclose(rows.deviation, layer.deviation, rtol=1e-13)


def test_standardize_is_not_fitted_to_the_padding():
    x, lengths = signal(T=50), np.array([50, 0, 20])
    padded = np.where((np.arange(50)[:, None] < lengths)[:, :, None], x, np.nan)
    layer, expected = Standardize(4), Standardize(4)
    layer.fit(padded, lengths)
    expected.fit(np.concatenate([x[:, 0], x[:20, 2]]))
    np.testing.assert_allclose(layer.mean, expected.mean, rtol=1e-13)
    np.testing.assert_allclose(layer.deviation, expected.deviation, rtol=1e-13)


def test_a_silent_feature_does_not_roar():
    x = signal() * [1, 1e-9, 0, 2]
    layer = Standardize(4)
    layer.fit(x)
    assert np.abs(layer.predict(x + 1e-3)).max() < 20
    layer.fit(np.zeros((3, 4)))
    assert layer.deviation == [1.0] * 4


def test_statistics_are_summed_in_double_precision():
    x = np.full((200_000, 3), 1000.1, np.float32)
    x[::2] += 0.25
    layer = Standardize(3, dtype=np.float32)
    layer.fit(x)
    np.testing.assert_allclose(layer.mean, x.astype(float).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(layer.deviation, x.astype(float).std(axis=0), rtol=1e-9)


def test_no_optimizer_moves_the_statistics():
    net = Sequential(Standardize(4, mean=[1, 2, 3, 4], deviation=[1, 2, 3, 4]), Dense(4, 2), seed=0)
    before = net.layers[0].config(), net.theta.copy()
    data = signal(), signal(D=2)
    for optimizer in (nl.SGD(0.1, momentum=0.9), nl.Adam(0.1), nl.RMSprop(0.1)):
        nl.fit(net, data, loss=nl.losses.mse, optimizer=optimizer, epochs=2, progress=False)
    nl.lbfgs(nl.objective(net, *data, loss=nl.losses.mse), net.theta, max_iterations=3)
    net.initialize(np.random.default_rng(1))
    assert net.layers[0].config() == before[0]
    assert not np.array_equal(net.theta, before[1])


def test_statistics_survive_copies_other_precisions_and_files(tmp_path):
    net = Sequential(Standardize(4), LSTM(4, 2), seed=0, dtype=np.float32)
    net.layers[0].fit(signal() * 7 + 3)
    net.save(tmp_path / "model.safetensors")
    expected = net.layers[0].config()
    assert expected["mean"] != [0.0] * 4
    for other in (
        net.copy(),
        net.astype(complex),
        net.astype(float),
        nl.load(tmp_path / "model.safetensors"),
    ):
        assert other.layers[0].config() == expected
        other.layers[0].fit(signal())
    assert net.layers[0].config() == expected


def test_the_representation_of_many_features_is_short():
    assert len(repr(Standardize(513))) < 200


# Context


def shifted_by_hand(x, before, after, lengths, frames=None):
    """Step by step, neighbour by neighbour."""
    T, B, D = x.shape
    y = np.zeros((T, B, (before + 1 + after) * D))
    for b in range(B):
        for t in range(lengths[b]):
            for k in range(-before, after + 1):
                part = slice((k + before) * D, (k + before + 1) * D)
                if 0 <= t + k < lengths[b]:
                    y[t, b, part] = x[t + k, b]
                elif t + k < 0 and frames is not None:
                    y[t, b, part] = frames[b].reshape(before, D)[before + t + k]
    return y


@given(seeds, st.integers(0, 6), st.integers(0, 5), st.integers(0, 5), st.booleans(), st.booleans())
def test_context_is_every_neighbour_beside_the_frame(seed, T, before, after, ragged, with_state):
    rng = np.random.default_rng(seed)
    x, frames = rng.standard_normal((T, 3, 2)), rng.standard_normal((3, before * 2))
    lengths = rng.integers(0, T + 1, 3) if ragged else np.full(3, T)
    layer, state = Context(2, before, after), (frames,) if with_state else None
    y, (last,), _ = layer.forward(x, state, lengths if ragged else None)
    np.testing.assert_array_equal(
        y, shifted_by_hand(x, before, after, lengths, frames if with_state else None)
    )
    for b, length in enumerate(lengths):
        told = frames[b] if with_state else np.zeros(before * 2)
        all_frames = np.concatenate([told, x[:length, b].ravel()])
        np.testing.assert_array_equal(last[b], all_frames[len(all_frames) - before * 2 :])


def test_context_by_hand():
    x = np.array([[[1.0]], [[2.0]], [[3.0]]])
    y = Context(1).predict(x)
    np.testing.assert_array_equal(y[:, 0], [[0, 1, 2], [1, 2, 3], [2, 3, 0]])


@pytest.mark.parametrize("cuts", [[], [1, 2, 3, 4], [2], [0, 5]], ids=str)
def test_a_stream_of_context_in_a_network_is_the_whole(cuts):
    net, x = Sequential(Context(4, 3, 0), LSTM(16, 5), Context(5, 1, 0), Dense(10, 2), seed=0), signal()
    y, final, _ = net.forward(x)
    stream = net.stream(3)
    out = np.concatenate([stream.process(block) for block in np.split(x, cuts)])
    np.testing.assert_allclose(out, y, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(stream.state[0].frames, final[0].frames)


def test_context_that_sees_ahead_cannot_stream():
    assert Context(4, 2, 0).causal and not Context(4, 0, 1).causal
    with pytest.raises(ValueError, match="needs the whole sequence at once and cannot stream"):
        Sequential(Context(4), Dense(12, 2)).stream()


def test_a_long_sequence_that_sees_ahead_is_predicted_in_one_piece(monkeypatch):
    monkeypatch.setattr(nl.layers.base, "PREDICT_COLUMNS", 1)
    net, x = Sequential(Context(4, 1, 2), Dense(16, 2), seed=0), signal(T=30)
    np.testing.assert_allclose(net.predict(x), net.forward(x)[0], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("fault", ["neighbour", "state"])
def test_a_planted_error_is_seen(monkeypatch, fault):
    backward = Context.backward

    def wrong(self, dy, cache, dstate=None):
        dx, dframes = backward(self, dy[..., ::-1] if fault == "neighbour" else dy, cache, dstate)
        return dx, dframes if fault == "neighbour" else type(dframes)(0 * dframes.frames)

    monkeypatch.setattr(Context, "backward", wrong)
    report = nl.gradcheck(Context(2, 2, 1), signal(D=2))
    assert "state.frames" in report.wrong and ("x" in report.wrong) == (fault == "neighbour")


# What is refused


REFUSED = {
    "gain": (lambda: Compress(0), "expected a gain above 0, got 0"),
    "infinite gain": (lambda: Compress(np.inf), "expected a gain above 0, got inf"),
    "means": (
        lambda: Standardize(3, mean=[1, 2]),
        "expected mean to be 3 finite numbers, got [1, 2]",
    ),
    "no deviation": (
        lambda: Standardize(2, deviation=[1, 0]),
        "expected deviation above 0, got 0.0",
    ),
    "NaN": (
        lambda: Standardize(2, mean=[np.nan, 0]),
        "expected mean to be 2 finite numbers, got [nan, 0]",
    ),
    "fit to nothing": (
        lambda: Standardize(4).fit(signal(), [0, 0, 0]),
        "expected x with something in it, got shape (0, 4)",
    ),
    "fit to NaN": (
        lambda: Standardize(1).fit(np.array([[1], [np.nan]])),
        "expected x of finite numbers, got NaN or infinity among them",
    ),
    "another width": (
        lambda: Standardize(3).forward(signal()),
        "expected x of shape (T, B, 3) or (B, 3), got (7, 3, 4)",
    ),
    "before": (lambda: Context(4, -1), "expected before in whole frames of at least 0, got -1"),
    "after": (lambda: Context(4, 1, 0.5), "expected after in whole frames of at least 0, got 0.5"),
    "no time": (
        lambda: Context(4).forward(signal()[0]),
        "expected x of shape (T, B, 4), got (3, 4)",
    ),
    "no time, predicted": (
        lambda: Context(4).predict(signal(D=3)),
        "expected x of shape (T, B, 4), got (7, 3, 3)",
    ),
    "frames": (
        lambda: Context(4).forward(signal(), (np.zeros((3, 8)),)),
        "expected state.frames of shape (3, 4), got (3, 8)",
    ),
    "dy": (
        lambda: (net := Context(4)).backward(signal(), net.forward(signal())[2]),
        "expected dy of shape (7, 3, 12), got (7, 3, 4)",
    ),
}


@pytest.mark.parametrize(("call", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        call()
