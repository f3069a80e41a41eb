import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special

from numpylstm import gradcheck
from numpylstm.activations import ACTIVATIONS, get_activation

every_activation = pytest.mark.parametrize("name", ACTIVATIONS)


def batches(limit):
    elements = st.floats(-limit, limit, allow_subnormal=False)
    return hnp.arrays(float, hnp.array_shapes(min_dims=1, max_dims=3, max_side=4), elements=elements)


# The same functions by other means.
EXPECTED = {
    "identity": lambda a: a,
    "sigmoid": special.expit,
    "tanh": lambda a: special.expit(2 * a) - special.expit(-2 * a),
    "relu": lambda a: np.maximum(a, 0),
    "softmax": lambda a: special.softmax(a, axis=-1),
}


def weighted(name, weights):
    """A scalar function of the pre-activation, and its gradient."""
    activation = get_activation(name)

    def function(a):
        y = activation.forward(a)
        return (weights * y).sum(), activation.backward(y, weights)

    return function


def test_every_activation_has_its_expected_values():
    assert EXPECTED.keys() == ACTIVATIONS.keys()


@every_activation
@given(batches(30))
def test_values(name, a):
    np.testing.assert_allclose(ACTIVATIONS[name].forward(a), EXPECTED[name](a), rtol=1e-13, atol=1e-15)


@every_activation
@given(batches(3))
def test_backward_is_the_derivative(name, a):
    # Farther out 1 - y of a saturated output has fewer digits, and so has whatever is written from it.
    weights = np.random.default_rng(a.size).standard_normal(a.shape)
    gradcheck(weighted(name, weights), a, tolerance=1e-11).check()


@every_activation
def test_backward_is_the_slope_of_the_real_function(name):
    a = np.random.default_rng(0).standard_normal((3, 4))
    weights = np.random.default_rng(1).standard_normal((3, 4))
    gradcheck(weighted(name, weights), a, method="central").check()


@every_activation
@given(batches(30))
def test_backward_of_saturated_outputs_is_right_to_rounding(name, a):
    weights = np.random.default_rng(a.size).standard_normal(a.shape)
    backward = weighted(name, weights)(a)[1]
    for index in np.ndindex(a.shape):
        step = np.zeros(a.shape, complex)
        step[index] = 1e-20j
        derivative = weighted(name, weights)(a + step)[0].imag / 1e-20
        assert abs(backward[index] - derivative) < 1e-14


@every_activation
def test_numbers_far_out_stay_finite(name):
    a = np.array([[-1000.0, 1000.0, 0.0], [1e300, -1e300, 1e300], [-745.0, 710.0, -0.0]])
    activation = ACTIVATIONS[name]
    for dtype, values in ((float, a), (np.float32, np.clip(a, -1e38, 1e38)), (complex, a + 1e-20j)):
        values = values.astype(dtype)
        y = activation.forward(values)
        assert y.dtype == dtype and np.isfinite(y).all()
        dx = activation.backward(y, np.ones_like(y))
        assert dx.dtype == dtype and np.isfinite(dx).all()


def test_sigmoid_goes_to_zero_and_one():
    np.testing.assert_array_equal(
        ACTIVATIONS["sigmoid"].forward(np.array([-1000.0, 0.0, 1000.0])), [0, 0.5, 1]
    )


def test_relu_is_flat_at_zero_and_below():
    y = ACTIVATIONS["relu"].forward(np.array([-2.0, -0.0, 0.0, 3.0]))
    np.testing.assert_array_equal(y, [0, 0, 0, 3])
    np.testing.assert_array_equal(ACTIVATIONS["relu"].backward(y, np.full(4, 5.0)), [0, 0, 0, 5])


def test_relu_of_complex_numbers_branches_on_the_real_part():
    y = ACTIVATIONS["relu"].forward(np.array([-2 + 1j, 1j, 3 - 1j]))
    np.testing.assert_array_equal(y, [0, 0, 3 - 1j])


def test_softmax_is_a_distribution_over_the_last_axis_and_blind_to_a_common_shift():
    a = np.random.default_rng(0).standard_normal((4, 3, 5))
    y = ACTIVATIONS["softmax"].forward(a)
    assert (y > 0).all()
    np.testing.assert_allclose(y.sum(axis=-1), 1, rtol=1e-14)
    np.testing.assert_allclose(ACTIVATIONS["softmax"].forward(a + 1000), y, rtol=1e-11)


@every_activation
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_precision_is_kept_and_inputs_are_left_alone(name, dtype):
    a = np.random.default_rng(0).standard_normal((3, 4)).astype(dtype)
    dy = np.random.default_rng(1).standard_normal((3, 4)).astype(dtype)
    for array in (a, dy):
        array.flags.writeable = False
    y = ACTIVATIONS[name].forward(a)
    y.flags.writeable = False
    assert y.dtype == dtype
    assert ACTIVATIONS[name].backward(y, dy).dtype == dtype


@every_activation
def test_activations_are_found_by_name(name):
    assert get_activation(name) is ACTIVATIONS[name]


def test_no_name_is_the_identity():
    assert get_activation(None) is ACTIVATIONS["identity"]


@pytest.mark.parametrize("name", ["swish", "Tanh", "relu "])
def test_an_unknown_name_is_refused(name):
    sentence = f"^expected an activation of identity, sigmoid, tanh, relu, softmax, got '{name}'$"
    with pytest.raises(ValueError, match=sentence):
        get_activation(name)
