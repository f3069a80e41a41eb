"""Mu-law: known answers, and what holds for any number of classes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpylstm.audio import mulaw

derandomized = settings(derandomize=True, deadline=None, max_examples=80)
class_counts = st.integers(2, 2000)


@pytest.mark.parametrize(
    "x, number",
    # (ln(1 + 255 |x|) / ln 256 = 0, 0.8757..., 0.0400..., 1, then (1 ± f) 127.5
    [(0.0, 128), (0.5, 239), (-0.5, 16), (1e-3, 133), (1.0, 255), (-1.0, 0), (7.0, 255), (-7.0, 0)],
)
def test_known_classes_of_256(x, number):
    assert mulaw.encode(x) == number


@pytest.mark.parametrize("number, x", [(0, -1.0), (255, 1.0), (128, (256 ** (1 / 255) - 1) / 255)])
def test_known_samples_of_256(number, x):
    assert mulaw.decode(number) == pytest.approx(x, rel=1e-12)


def test_nine_classes_by_hand():
    # mu = 8: |f| = 0, 1/4, 1/2, 3/4, 1, and (9^|f| - 1) / 8
    expected = [(9**f - 1) / 8 for f in (0, 0.25, 0.5, 0.75, 1)]
    np.testing.assert_allclose(mulaw.decode(np.arange(4, 9), 9), expected, rtol=1e-12)
    np.testing.assert_allclose(mulaw.decode([2], 9), [-0.25], rtol=1e-12)


@derandomized
@given(class_counts)
def test_every_class_comes_back_and_mirrors(classes):
    numbers = np.arange(classes)
    samples = mulaw.decode(numbers, classes)
    np.testing.assert_array_equal(mulaw.encode(samples, classes), numbers)
    np.testing.assert_allclose(samples, -samples[::-1], atol=1e-15)
    assert (np.diff(samples) > 0).all() and samples[-1] == pytest.approx(1)


@derandomized
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), class_counts)
def test_a_sample_gets_the_nearest_class_on_the_curve(samples, classes):
    mu = classes - 1

    def curve(x):
        return np.sign(x) * np.log1p(mu * np.abs(x)) / math.log(1 + mu)

    x = np.array(samples)
    numbers = mulaw.encode(x, classes)
    assert numbers.shape == x.shape and numbers.dtype.kind == "i"
    assert np.abs(curve(mulaw.decode(numbers, classes)) - curve(x)).max() <= 1 / mu + 1e-9


def test_quiet_sound_is_finer_than_loud_sound():
    steps = np.diff(mulaw.decode(np.arange(128, 256)))
    assert (np.diff(steps) > 0).all() and steps[-1] > 100 * steps[0]


def test_any_shape_goes_through():
    x = np.linspace(-1, 1, 24).reshape(2, 3, 4).astype(np.float32)
    assert mulaw.encode(x, 16).shape == mulaw.decode(mulaw.encode(x, 16), 16).shape == (2, 3, 4)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: mulaw.encode(0.0, 1), "at least 2 classes, got 1"),
        (lambda: mulaw.decode(0, 0), "at least 2 classes, got 0"),
        (lambda: mulaw.encode([0.0, math.nan]), "finite"),
        (lambda: mulaw.encode([1j]), "real"),
        (lambda: mulaw.decode([0.5]), "whole numbers, got float64"),
        (lambda: mulaw.decode([-1, 3]), "0 to 255, got -1 to 3"),
        (lambda: mulaw.decode([8], 8), "0 to 7, got 8"),
    ],
)
def test_what_is_no_sample_and_no_class_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
