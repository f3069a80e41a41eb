"""Vectors times vectors, and magnitudes as colours."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

import numpylstm as nl
from numpylstm import LSTM, Colour, Context, Dense, Grey, Sequential, VectorProduct
from numpylstm.activations import ACTIVATIONS, get_activation


def signal(T=7, B=3, D=6, seed=0):
    return np.random.default_rng(seed).standard_normal((T, B, D))


def vectors(x, size):
    """(..., 3 size) -> (..., size, 3)."""
    return np.stack(np.split(x, 3, axis=-1), axis=-1).reshape(*x.shape[:-1], size, 3)


@given(seeds, st.integers(1, 4), st.integers(1, 4), st.booleans())
def test_it_is_the_sum_of_cross_products(seed, D, H, bias):
    layer = VectorProduct(D, H, bias=bias, seed=seed)
    layer.theta[...] = np.random.default_rng(seed).standard_normal(layer.theta.size)
    x = signal(D=3 * D, seed=seed)
    W = np.moveaxis(layer.params["W"], 0, -1)  # (H, D, 3)
    a = np.cross(W[None, None], vectors(x, D)[:, :, None]).sum(axis=3)
    if bias:
        a += layer.params["b"].T
    np.testing.assert_allclose(vectors(layer.forward(x)[0], H), a, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(vectors(layer.predict(x), H), a, rtol=1e-12, atol=1e-13)


def test_the_unit_vectors_go_round():
    layer = VectorProduct(1, 1, bias=False)
    for w, x in ((0, 1), (1, 2), (2, 0)):
        layer.params["W"][...] = np.eye(3)[w].reshape(3, 1, 1)
        np.testing.assert_array_equal(layer.predict(np.eye(3)[[x]]), np.eye(3)[[3 - w - x]])
        np.testing.assert_array_equal(layer.predict(np.eye(3)[[w]]), np.zeros((1, 3)))


@pytest.mark.parametrize("activation", [None, *ACTIVATIONS])
def test_the_activation_acts_as_in_dense(activation):
    layer, plain = VectorProduct(2, 4, activation=activation, seed=0), VectorProduct(2, 4, seed=0)
    expected = get_activation(activation).forward(plain.predict(signal()))
    np.testing.assert_allclose(layer.predict(signal()), expected, rtol=1e-13)


@pytest.mark.parametrize("shape", [(7, 3, 120), (70, 9, 6), (200, 2, 6), (9, 6), (3, 120)], ids=str)
@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_gradients_at_large_shapes(shape, activation):
    net = VectorProduct(shape[-1] // 3, 35, activation=activation, seed=0)
    x = np.random.default_rng(0).standard_normal(shape)
    nl.gradcheck(net, x, method="directional", directions=1, tolerance=1e-11).check()


@pytest.mark.parametrize("fault", ["W", "x"])
def test_a_planted_error_is_seen(monkeypatch, fault):
    backward = VectorProduct.backward

    def wrong(self, dy, cache, dstate=None):
        dx, _ = backward(self, dy, cache)
        if fault == "W":
            self.grads["W"][1] *= -1  # as if W × x were x × W in one component
        return (dx if fault == "W" else np.roll(dx, 2, axis=-1)), ()

    net = VectorProduct(2, 2, activation="tanh", seed=0)
    assert nl.gradcheck(net, signal()).passed
    monkeypatch.setattr(VectorProduct, "backward", wrong)
    assert nl.gradcheck(net, signal()).wrong == [fault]


def test_starting_values_keep_the_size_of_what_goes_through():
    layer = VectorProduct(200, 200, seed=0)
    limit = np.sqrt(6 / 800)
    assert 0.99 * limit < np.abs(layer.params["W"]).max() <= limit
    assert not layer.params["b"].any()
    y = layer.predict(signal(D=600, T=40))
    np.testing.assert_allclose(y.std(), 1, rtol=0.05)
    alike = np.corrcoef(layer.params["W"].reshape(3, -1))
    np.testing.assert_allclose(alike, np.eye(3), atol=0.02)  # each component is drawn for itself


def test_pytorch_starting_values_are_within_one_over_root_fan():
    layer = VectorProduct(50, 20, init="pytorch", seed=0)
    assert 0.098 < np.abs(layer.theta).max() <= 0.1


def test_a_window_of_frames_and_a_colour_are_vectors():
    """The published pair: previous, current and next frame, or red, green and blue."""
    x = np.abs(signal(D=4))
    for front in (Context(4, 1, 1), Colour()):
        net = Sequential(
            front, VectorProduct(4, 5, activation="sigmoid"), VectorProduct(5, 4), Grey(), seed=0
        )
        assert net.predict(x).shape == x.shape
        nl.gradcheck(net, x, lengths=[7, 0, 3], tolerance=1e-11).check()


def test_a_file_brings_it_back(tmp_path):
    net = Sequential(
        Colour(0.1),
        VectorProduct(2, 3, bias=False, activation="tanh", init="pytorch"),
        LSTM(9, 6),
        Grey(0.1),
        dtype=np.float32,
        seed=0,
    )
    net.save(tmp_path / "model.safetensors")
    loaded = nl.load(tmp_path / "model.safetensors")
    assert loaded.config() == net.config()
    np.testing.assert_array_equal(loaded.predict(signal(D=2)), net.predict(signal(D=2)))


def test_it_can_be_learnt():
    """A rotation by a quarter turn about the third axis, and what stays of it along that axis: W × x."""
    x = signal(T=10, D=3)
    target = np.cross([0, 0, 1], x)
    net = VectorProduct(1, 1, seed=0)
    nl.fit(net, (x, target), loss=nl.losses.mse, optimizer=nl.Adam(0.05), epochs=200, progress=False)
    np.testing.assert_allclose(net.params["W"].ravel(), [0, 0, 1], atol=1e-3)


# Colour


@pytest.mark.parametrize("n", [0.0938, 0.3])
def test_a_magnitude_comes_back_from_its_colour(n):
    x = np.concatenate([np.linspace(0, 1, 1001), [n, 2 * n, np.nextafter(n, 0), np.nextafter(2 * n, 1)]])
    colour = Colour(n).predict(x[:, None])
    assert colour.min() == 0 and colour.max() == 1
    np.testing.assert_allclose(Grey(n).predict(colour)[:, 0], x, rtol=1e-15, atol=2e-16)


def test_colours_by_hand():
    n = 0.1
    x = np.array([0, 0.05, 0.1, 0.15, 0.2, 0.6, 1, 1.5, -1])[:, None]
    expected = [
        [0, 0, 0],
        [0.5, 0, 0],
        [1, 0, 0],
        [1, 0.5, 0],
        [1, 1, 0],
        [1, 1, 0.5],
        [1, 1, 1],
        [1, 1, 1],
        [0, 0, 0],
    ]
    np.testing.assert_allclose(Colour(n).predict(x), expected, rtol=1e-14, atol=1e-15)


def test_colours_stand_side_by_side():
    x = np.array([[0.05, 0.15]])
    np.testing.assert_allclose(Colour(0.1).predict(x), [[0.5, 1, 0, 0.5, 0, 0]], atol=1e-15)
    np.testing.assert_allclose(
        Grey(0.1).predict([[1.0, 2, 3, 4, 5, 6]]), [[0.1 * 4 + 0.8 * 5, 0.6 + 0.8 * 6]]
    )


def test_gradients_of_colour_at_the_corners_too():
    x = np.array([0, 0.1, 0.2, 1, 0.05, 0.15, 0.5, 2, -2]).reshape(3, 3, 1)
    nl.gradcheck(Colour(0.1), x, tolerance=1e-11).check()


# What is refused


REFUSED = {
    "no vectors": (
        lambda: VectorProduct(2, 3).forward(signal(D=4)),
        "expected x of shape (T, B, 6) or (B, 6), got (7, 3, 4)",
    ),
    "no vectors, predicted": (
        lambda: VectorProduct(2, 3).predict(signal(D=4)),
        "expected x of shape (T, B, 6) or (B, 6), got (7, 3, 4)",
    ),
    "size": (
        lambda: VectorProduct(2, 0),
        "expected output_size to be a positive whole number, got 0",
    ),
    "dy": (
        lambda: (net := VectorProduct(2, 3)).backward(signal(), net.forward(signal())[2]),
        "expected dy of shape (7, 3, 9), got (7, 3, 6)",
    ),
    "cache": (
        lambda: VectorProduct(2, 2).backward(signal(), Dense(6, 6).forward(signal())[2]),
        "expected the cache of VectorProduct.forward, the third of y, state, cache, got a DenseCache",
    ),
    "no colour": (
        lambda: Grey().forward(signal(D=4)),
        "expected x of red, green and blue (..., 3F), got (7, 3, 4)",
    ),
    "n": (lambda: Colour(0.5), "expected n above 0 and below 0.5, got 0.5"),
    "n of nothing": (lambda: Grey(0), "expected n above 0 and below 0.5, got 0"),
}


@pytest.mark.parametrize(("call", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        call()
