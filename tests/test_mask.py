"""Masks share out what came in: to two sources that sum to it."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.special import softmax as scipy_softmax
from strategies import seeds

import numpylstm as nl
from numpylstm import GRU, LSTM, Compress, Context, Dense, Mask, Residual, Sequential, Standardize
from numpylstm.layers.state import map_state, state_arrays

kinds = pytest.mark.parametrize("kind", ["ratio", "softmax"])


def magnitudes(T=7, B=3, F=4, seed=0):
    return np.abs(np.random.default_rng(seed).standard_normal((T, B, F)))


def scored_by(scores, kind, **options):
    """A Mask whose scores are given: the layer inside is a bias alone."""
    dense = Dense(len(scores) // 2, len(scores), init="zeros")
    dense.params["b"][...] = scores
    return Mask(dense, kind=kind, **options)


def separation(kind="ratio", after=0, dtype=float):
    """The whole network from magnitudes to sources, as the separation task builds it."""
    inside = Sequential(
        Compress(), Standardize(4), Context(4, 2, after), Dense((3 + after) * 4, 5), LSTM(5, 6), Dense(6, 8)
    )
    return Mask(inside, kind=kind, dtype=dtype, seed=0)


@kinds
@given(seeds, st.sampled_from([0.1, 1.0, 1e3]))
def test_both_sources_are_the_mask_times_the_mixture_and_sum_to_it(kind, seed, size):
    a1, a2 = size * np.random.default_rng(seed).standard_normal((2, 4))
    x = magnitudes(seed=seed)
    y = scored_by(np.concatenate([a1, a2]), kind).forward(x)[0]
    m = np.abs(a1) / (np.abs(a1) + np.abs(a2)) if kind == "ratio" else scipy_softmax([a1, a2], axis=0)[0]
    np.testing.assert_allclose(y[..., :4], m * x, rtol=1e-10, atol=1e-7)
    np.testing.assert_allclose(y[..., 4:], (1 - m) * x, rtol=1e-10, atol=1e-7)
    np.testing.assert_allclose(y[..., :4] + y[..., 4:], x, rtol=4e-16)
    assert y.min() >= 0


@kinds
def test_sums_are_exact_and_no_source_is_negative_in_float32_through_a_whole_network(kind):
    net, x = separation(kind, dtype=np.float32), magnitudes(T=50).astype(np.float32)
    y = net.predict(x)
    assert y.dtype == np.float32 and y.min() >= 0
    np.testing.assert_allclose(y[..., :4] + y[..., 4:], x, rtol=2e-7)


def test_scores_of_nothing_share_out_evenly_and_divide_by_nothing():
    net = scored_by(np.zeros(8), "ratio")
    x = magnitudes()
    y, _, cache = net.forward(x)
    np.testing.assert_array_equal(y, 0.5 * np.concatenate([x, x], axis=-1))
    assert np.isfinite(net.backward(np.ones_like(y), cache)[0]).all()


def test_eps_rounds_the_corner_of_the_magnitude():
    a1, a2 = 0.3, -0.4
    y = scored_by(np.array([a1, a2]), "ratio", eps=1.0).forward(np.ones((1, 1, 1)))[0]
    np.testing.assert_allclose(y[0, 0, 0], 1.09**0.5 / (1.09**0.5 + 1.16**0.5), rtol=1e-14)
    nl.gradcheck(Mask(Dense(4, 8, seed=0), eps=1.0), magnitudes(), tolerance=1e-11).check()


def test_softmax_of_extreme_scores_stays_finite():
    y = scored_by(np.array([1e4, -1e4, -1e4, 1e4]), "softmax").forward(np.ones((1, 1, 2)))[0]
    np.testing.assert_array_equal(y[0, 0], [1, 0, 0, 1])


@kinds
@pytest.mark.parametrize("lengths", [None, [7, 0, 3]], ids=["whole", "ragged"])
@pytest.mark.parametrize("after", [0, 1])
def test_gradients_of_a_whole_separation_network(kind, lengths, after):
    net, x = separation(kind, after), magnitudes()
    net.layers[0].layers[1].fit(net.layers[0].layers[0].predict(x))
    net.theta[...] += 0.3 * np.random.default_rng(0).standard_normal(net.theta.size)
    report = nl.gradcheck(net, x, lengths=lengths, tolerance=1e-11).check()  # a state that is not zero
    assert {"state.0.2.frames", "state.0.4.h", "x"} <= report.errors.keys()


@kinds
def test_the_way_round_the_layer_has_a_gradient_of_its_own(kind):
    """With scores that ignore x, dx is the mask times dy."""
    a = np.array([0.5, -1.0, 2.0, 0.25])
    net, x = scored_by(a, kind), magnitudes(F=2)
    dy = np.random.default_rng(1).standard_normal((7, 3, 4))
    m = np.abs(a[:2]) / (np.abs(a[:2]) + np.abs(a[2:])) if kind == "ratio" else expit(a[:2] - a[2:])
    dx, _ = net.backward(dy, net.forward(x)[2])
    np.testing.assert_allclose(dx, m * dy[..., :2] + (1 - m) * dy[..., 2:], rtol=1e-13)


def test_add_gradients_adds_what_backward_adds():
    net, x = separation(), magnitudes()
    dy = np.random.default_rng(1).standard_normal((7, 3, 8))
    cache = net.forward(x)[2]
    net.backward(dy, cache)
    expected = net.grad.copy()
    net.zero_grads()
    net.add_gradients(dy, cache)
    np.testing.assert_array_equal(net.grad, expected)
    assert expected.any()


@pytest.mark.parametrize("fault", ["mask", "direct"])
def test_a_planted_error_is_seen(monkeypatch, fault):
    backward = Mask._backward

    def wrong(self, dy, cache):
        da, dx = backward(self, dy, cache)
        return (1.0001 * da, dx) if fault == "mask" else (da, 0 * dx)

    monkeypatch.setattr(Mask, "_backward", wrong)
    report = nl.gradcheck(Mask(Dense(4, 8, seed=0)), magnitudes())
    assert report.wrong == (["x", "0.W", "0.b"] if fault == "mask" else ["x"])


@kinds
@pytest.mark.parametrize("cuts", [[1, 2, 3], [4], []], ids=str)
def test_a_stream_of_any_split_is_forward(kind, cuts):
    net, x = separation(kind), magnitudes(T=20)
    y, final, _ = net.forward(x)
    stream = net.stream(3)
    out = np.concatenate([stream.process(block) for block in np.split(x, cuts)])
    np.testing.assert_allclose(out, y, rtol=1e-12, atol=1e-15)
    for (name, got), (_, expected) in zip(state_arrays(stream.state), state_arrays(final), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-15, err_msg=name)


def test_one_file_is_the_whole_network(tmp_path):
    net, x = separation(after=1, dtype=np.float32), magnitudes().astype(np.float32)
    net.layers[0].layers[1].fit(net.layers[0].layers[0].predict(x))
    net.save(tmp_path / "model.safetensors")
    loaded = nl.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict(x), net.predict(x))
    assert loaded.config() == net.config()
    fresh = separation(after=1, dtype=np.float32)
    fresh.theta[...] = net.theta
    assert not np.array_equal(fresh.predict(x), net.predict(x))  # the statistics were in the file


@kinds
def test_a_mask_can_be_learnt(kind):
    """The first source is what lies in the lower bins, the second the rest."""
    rng = np.random.default_rng(0)
    voice = rng.random((10, 16, 6)) * [1, 1, 1, 0, 0, 0]
    rest = rng.random((10, 16, 6)) * [0, 0, 0, 1, 1, 1]
    net = Mask(Dense(6, 12), kind=kind, seed=0)
    target = np.concatenate([voice, rest], axis=-1)
    loss = nl.losses.discriminative
    history = nl.fit(
        net, (voice + rest, target), loss=loss, optimizer=nl.Adam(0.05), epochs=60, progress=False
    )
    error = nl.losses.mse(net.predict(voice + rest), target)[0]
    assert error < 1e-3 < history.train_loss[0]


def test_rows_without_time():
    net, x = Mask(Dense(4, 8, seed=0)), magnitudes()[0]
    np.testing.assert_allclose(net.predict(x), net.forward(x[None])[0][0], rtol=1e-14)
    nl.gradcheck(net, x, tolerance=1e-11).check()


def test_inside_and_around_other_containers():
    net = Sequential(Residual(GRU(4, 4)), Mask(Sequential(GRU(4, 3), Dense(3, 8))), Dense(8, 2), seed=0)
    nl.gradcheck(net, magnitudes(), lengths=[7, 0, 3], tolerance=1e-11).check()
    net.history_limit = 0  # redone in blocks
    state = map_state(lambda s: np.full(s.shape, 0.3), net.initial_state(3))
    nl.gradcheck(net, magnitudes(), state=state, lengths=[7, 0, 3], tolerance=1e-11).check()


REFUSED = {
    "one score": (
        lambda: Mask(Dense(4, 4)).forward(magnitudes()),
        "expected a layer with two scores (7, 3, 8) for an input (7, 3, 4), got (7, 3, 4)",
    ),
    "one score, predicted": (
        lambda: Mask(Dense(4, 4)).predict(magnitudes()),
        "expected a layer with two scores (7, 3, 8) for an input (7, 3, 4), got (7, 3, 4)",
    ),
    "dy of one source": (
        lambda: (net := Mask(Dense(4, 8))).backward(magnitudes(), net.forward(magnitudes())[2]),
        "expected dy of shape (7, 3, 8), got (7, 3, 4)",
    ),
    "kind": (lambda: Mask(Dense(4, 8), kind="soft"), "expected kind 'ratio' or 'softmax', got 'soft'"),
    "eps of nothing": (lambda: Mask(Dense(4, 8), eps=0), "expected eps of at least 1e-18, got 0"),
    "eps": (lambda: Mask(Dense(4, 8), eps=np.nan), "expected eps of at least 1e-18, got nan"),
    "no cache": (
        lambda: Mask(Dense(4, 8)).backward(magnitudes(F=8), ()),
        "expected the cache of Mask.forward, the third of y, state, cache, got a tuple",
    ),
}


@pytest.mark.parametrize(("call", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        call()
