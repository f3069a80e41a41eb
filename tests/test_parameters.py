import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

import numpylstm as nl
from numpylstm.parameters import size_of, views

names = st.text(min_size=1, max_size=3)
shapes = st.dictionaries(names, st.lists(st.integers(0, 4), max_size=3).map(tuple), max_size=5)


@given(shapes, seeds)
def test_views_cut_the_vector_in_order_and_leave_nothing_over(shapes, seed):
    vector = np.random.default_rng(seed).standard_normal(size_of(shapes))
    named = views(vector, shapes)
    assert list(named) == list(shapes)
    assert {name: array.shape for name, array in named.items()} == shapes
    np.testing.assert_array_equal(np.concatenate([[], *(array.ravel() for array in named.values())]), vector)


@given(shapes)
def test_views_and_vector_are_the_same_memory(shapes):
    vector = np.zeros(size_of(shapes), np.float32)
    named = views(vector, shapes)
    vector[...] = np.arange(vector.size)
    for array in named.values():
        assert array.dtype == np.float32
        array *= -1
    np.testing.assert_array_equal(vector, -np.arange(vector.size))


def test_views_of_views_still_share():
    theta = np.zeros(10)
    views(theta[2:8], {"W": (2, 3)})["W"][1, 2] = 5
    assert theta[7] == 5 and theta.sum() == 5


@pytest.mark.parametrize(
    ("shapes", "size"),
    [({}, 0), ({"b": (3,)}, 3), ({"W": (2, 3), "b": (2,)}, 8), ({"a": (), "e": (0, 5)}, 1)],
)
def test_size_counts_all_elements(shapes, size):
    assert size_of(shapes) == size


@pytest.mark.parametrize(
    "vector", [np.zeros(7), np.zeros(9), np.zeros((8, 1)), np.zeros((2, 4)), np.zeros(())]
)
def test_a_vector_of_another_size_is_refused(vector):
    sentence = f"expected a vector of 8 parameters, got shape {vector.shape}"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        views(vector, {"W": (2, 3), "b": (2,)})


def test_assigning_to_a_name_or_to_theta_writes_into_the_vector():
    net = nl.Sequential(nl.LSTM(2, 3), nl.Dense(3, 1), seed=0)
    theta, y = net.theta, net.forward(np.ones((2, 1, 2)))[0]
    net.theta = net.theta * 2
    net.grad -= 1
    assert net.theta is theta and (net.grad == -1).all()
    assert not np.array_equal(net.forward(np.ones((2, 1, 2)))[0], y)
    net.layers[1].params["b"] = np.array([7.0])
    assert theta[-1] == 7
    with pytest.raises(ValueError):
        net.theta = np.zeros(3)
    with pytest.raises(KeyError):
        net.layers[1].params["bias"] = np.array([7.0])
