import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special
from strategies import seeds

from numpylstm import gradcheck, losses
from numpylstm.losses import (
    LOSSES,
    discriminative,
    esr,
    generalised_kl,
    mse,
    phase,
    sigmoid_cross_entropy,
    softmax_cross_entropy,
    sse,
)

every_loss = pytest.mark.parametrize("name", LOSSES)


def draw(name, shape, seed=0):
    """An output and a target that a loss takes; two sources side by side are twice as wide."""
    rng = np.random.default_rng(seed)
    if name == "discriminative":
        shape = (*shape[:-1], 2 * shape[-1])
    y, target = rng.standard_normal((2, *shape))
    if name == "softmax_cross_entropy":
        target = special.softmax(target, axis=-1)
    if name == "sigmoid_cross_entropy":
        target = special.expit(target)
    if name == "generalised_kl":
        y, target = np.abs(y), np.abs(target)
    return y, target


# The formulas once more, by other means; C is the number of entries in a row.
EXPECTED = {
    "mse": lambda y, t: np.mean(np.square(y - t)),
    "sse": lambda y, t: np.linalg.norm(y - t) ** 2,
    "esr": lambda y, t: np.linalg.norm(y - t) ** 2 / np.linalg.norm(t) ** 2,
    "softmax_cross_entropy": lambda y, t: -np.mean(np.sum(t * special.log_softmax(y, axis=-1), axis=-1)),
    "sigmoid_cross_entropy": lambda y, t: (
        -np.mean(t * special.log_expit(y) + (1 - t) * special.log_expit(-y))
    ),
    "generalised_kl": lambda y, t: np.mean(special.kl_div(t + 1e-8, y + 1e-8)),
    "phase": lambda y, t: np.mean(np.abs(np.exp(1j * y) - np.exp(1j * t)) ** 2) / 4,
    "discriminative": lambda y, t: np.mean(
        np.square(y - t) - 0.05 * np.square(y - np.concatenate(np.split(t, 2, axis=-1)[::-1], axis=-1))
    ),
}


@st.composite
def batches(draw_from, name, ragged=None):
    """(y, target, lengths) with at least one step that counts."""
    T, B, D = (draw_from(st.integers(1, 4)) for _ in range(3))
    lengths = None
    if draw_from(st.booleans()) if ragged is None else ragged:
        lengths = np.array(
            [draw_from(st.integers(1, T)), *(draw_from(st.integers(0, T)) for _ in range(B - 1))]
        )
    return *draw(name, (T, B, D), draw_from(seeds)), lengths


def test_every_loss_has_its_formula():
    assert EXPECTED.keys() == LOSSES.keys()


@every_loss
@given(st.data())
def test_gradients_by_the_complex_step(name, data):
    y, target, lengths = data.draw(batches(name))
    gradcheck(lambda y: LOSSES[name](y, target, lengths), y, tolerance=1e-11).check()


@every_loss
@given(st.data())
def test_values_are_those_of_the_real_steps(name, data):
    y, target, lengths = data.draw(batches(name))
    real = slice(None) if lengths is None else np.arange(len(y))[:, None] < lengths
    value, dy = LOSSES[name](y, target, lengths)
    np.testing.assert_allclose(value, EXPECTED[name](y[real], target[real]), rtol=1e-12, atol=1e-15)
    assert np.shape(value) == () and not np.iscomplexobj(value)
    assert dy.shape == y.shape


@every_loss
@given(st.data())
def test_padding_counts_nowhere_whatever_it_holds(name, data):
    y, target, lengths = data.draw(batches(name, ragged=True))
    padded = np.arange(len(y))[:, None] >= lengths
    value, dy = LOSSES[name](y, target, lengths)
    np.testing.assert_array_equal(dy[padded], 0)
    for filler in (np.nan, -np.inf, 1e300):
        y[padded] = target[padded] = filler
        again = LOSSES[name](y, target, lengths)
        assert again[0] == value
        np.testing.assert_array_equal(again[1], dy)


@every_loss
@given(st.data())
def test_inputs_are_left_alone(name, data):
    y, target, lengths = data.draw(batches(name))
    before = y.copy(), target.copy()
    dy = LOSSES[name](y, target, lengths)[1]
    dy[...] = np.nan  # nor is the gradient a view of them
    np.testing.assert_array_equal((y, target), before)


@every_loss
@pytest.mark.parametrize("lengths", [None, [4, 0, 2]], ids=["whole", "ragged"])
def test_gradients_by_central_differences(name, lengths):
    y, target = draw(name, (4, 3, 2))
    gradcheck(lambda y: LOSSES[name](y, target, lengths), y + 0.1, method="central").check()


@every_loss
def test_rows_without_time(name):
    y, target = draw(name, (5, 3))
    value, dy = LOSSES[name](y, target)
    np.testing.assert_allclose(value, EXPECTED[name](y, target), rtol=1e-12)
    value_in_time, dy_in_time = LOSSES[name](y[:, None], target[:, None])
    np.testing.assert_allclose(value_in_time, value, rtol=1e-14)
    np.testing.assert_allclose(dy_in_time[:, 0], dy, rtol=1e-14)


@every_loss
def test_full_lengths_are_no_lengths(name):
    y, target = draw(name, (4, 3, 2))
    value, dy = LOSSES[name](y, target)
    with_lengths = LOSSES[name](y, target, [4, 4, 4])
    np.testing.assert_allclose(with_lengths[0], value, rtol=1e-14)
    np.testing.assert_allclose(with_lengths[1], dy, rtol=1e-14)


@every_loss
def test_float32_gives_float32_gradients_that_agree(name):
    y, target = (array.astype(np.float32) for array in draw(name, (4, 3, 2)))
    expected_value, expected = LOSSES[name](y.astype(float), target.astype(float))
    for t in (target, target.astype(float)):
        value, dy = LOSSES[name](y, t)
        assert dy.dtype == np.float32
        np.testing.assert_allclose(value, expected_value, rtol=1e-5)
        np.testing.assert_allclose(dy, expected, rtol=1e-5, atol=1e-6)


@every_loss
def test_outputs_in_whole_numbers_keep_the_fractions_of_the_target(name):
    y, target = draw(name, (4, 3, 2))
    y = np.round(5 * y).astype(int)
    value, dy = LOSSES[name](y, target)
    expected_value, expected = LOSSES[name](y.astype(float), target)
    np.testing.assert_allclose(value, expected_value, rtol=1e-14)
    np.testing.assert_allclose(dy, expected, rtol=1e-14)


@every_loss
def test_lists_are_arrays_too(name):
    y, target = draw(name, (4, 3, 2))
    value, dy = LOSSES[name](y.tolist(), target.tolist(), [4, 0, 2])
    expected_value, expected = LOSSES[name](y, target, np.array([4, 0, 2]))
    assert value == expected_value
    np.testing.assert_array_equal(dy, expected)


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "esr"])
@pytest.mark.parametrize(
    ("shape", "lengths"), [((0, 2, 3), None), ((0, 2, 3), [0, 0]), ((4, 2, 3), [0, 0]), ((4, 0, 3), None)]
)
def test_nothing_that_counts_is_a_loss_of_zero(name, shape, lengths):
    y, target = draw(name, shape)
    value, dy = LOSSES[name](y, target, lengths)
    assert value == 0
    np.testing.assert_array_equal(dy, np.zeros(y.shape))


# Each loss by itself


def test_mse_and_sse_by_hand():
    y, target = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 2.0], [5.0, 3.0]])
    value, dy = sse(y, target)
    assert value == 6
    np.testing.assert_array_equal(dy, [[2, 0], [-4, 2]])
    value, dy = mse(y, target)
    assert value == 1.5
    np.testing.assert_array_equal(dy, [[0.5, 0], [-1, 0.5]])


def test_mean_is_over_the_entries_that_count():
    y, target = np.full((4, 2, 3), 2.0), np.zeros((4, 2, 3))
    value, dy = mse(y, target, [1, 2])
    assert value == 4
    assert set(dy.ravel()) == {0, 2 * 2 / 9}


@pytest.mark.parametrize("size", [0.5, 2.0])
def test_esr_does_not_depend_on_loudness(size):
    y, target = draw("esr", (10, 2, 1))
    np.testing.assert_allclose(esr(size * y, size * target)[0], esr(y, target)[0], rtol=1e-13)
    np.testing.assert_allclose(esr(np.zeros_like(y), target)[0], 1, rtol=1e-14)


@pytest.mark.parametrize("lengths", [None, [0, 2]])
def test_esr_of_silence_is_refused(lengths):
    target = np.zeros((5, 2, 1))
    target[2:, 0] = 0 if lengths is None else 1  # sound in the padding is none
    sentence = "expected a target with a signal in it, got silence: its error-to-signal ratio is undefined"
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        esr(np.ones((5, 2, 1)), target, lengths)


def test_esr_in_float32_of_a_long_quiet_signal():
    target = np.full((200_000, 1, 1), 1e-3, np.float32)
    value, _ = esr(0.9 * target, target)
    np.testing.assert_allclose(value, 0.01, rtol=1e-4)


@given(st.integers(1, 6), st.integers(1, 4), st.integers(2, 5), seeds)
def test_classes_are_one_hot_distributions(T, B, C, seed):
    rng = np.random.default_rng(seed)
    logits, classes = rng.standard_normal((T, B, C)), rng.integers(0, C, (T, B))
    lengths = rng.integers(0, T + 1, B)
    value, dy = softmax_cross_entropy(logits, classes, lengths)
    expected_value, expected = softmax_cross_entropy(logits, np.eye(C)[classes], lengths)
    assert value == pytest.approx(expected_value, rel=1e-14)  # summed in another order
    np.testing.assert_array_equal(dy, expected)


def test_softmax_cross_entropy_of_rows_with_class_numbers():
    logits = np.log([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]])
    value, dy = softmax_cross_entropy(logits, [1, 2])
    np.testing.assert_allclose(value, -(np.log(0.25) + np.log(0.7)) / 2, rtol=1e-14)
    np.testing.assert_allclose(dy, np.array([[0.5, -0.75, 0.25], [0.1, 0.2, -0.3]]) / 2, rtol=1e-14)


def test_softmax_cross_entropy_of_weights_that_do_not_sum_to_one():
    y, target = np.random.default_rng(0).random((2, 4, 3))
    gradcheck(lambda y: softmax_cross_entropy(y, target), y).check()


def test_softmax_cross_entropy_is_blind_to_a_common_shift():
    y, target = draw("softmax_cross_entropy", (4, 3))
    np.testing.assert_allclose(
        softmax_cross_entropy(y + 500, target)[0], softmax_cross_entropy(y, target)[0], rtol=1e-11
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_extreme_logits_stay_finite_and_right(dtype):
    logits = np.array([[1000.0, -1000.0], [-1000.0, 1000.0], [1000.0, 1000.0]], dtype)
    value, dy = softmax_cross_entropy(logits, [0, 0, 0])
    np.testing.assert_allclose(value, (0 + 2000 + np.log(2)) / 3, rtol=1e-6)
    np.testing.assert_allclose(dy, np.array([[0, 0], [-1, 1], [-0.5, 0.5]]) / 3, rtol=1e-6)
    target = np.array([[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]])
    value, dy = sigmoid_cross_entropy(logits, target)
    np.testing.assert_allclose(value, (0 + 0 + 1000 + 1000 + 500 + 500) / 6, rtol=1e-6)
    np.testing.assert_allclose(dy, np.array([[0, 0], [-1, 1], [0.5, 0.5]]) / 6, rtol=1e-6)


def test_sigmoid_cross_entropy_is_softmax_over_two_classes():
    y, target = draw("sigmoid_cross_entropy", (6, 1))
    pair = np.hstack([y, np.zeros_like(y)]), np.hstack([target, 1 - target])
    np.testing.assert_allclose(
        sigmoid_cross_entropy(y, target)[0], softmax_cross_entropy(*pair)[0], rtol=1e-13
    )


@given(seeds)
def test_generalised_kl_is_zero_at_equality_and_positive_elsewhere(seed):
    y, target = draw("generalised_kl", (3, 2, 2), seed)
    value, dy = generalised_kl(target, target)
    assert value == 0
    np.testing.assert_array_equal(dy, 0)
    assert generalised_kl(y, target)[0] > 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_generalised_kl_allows_silence_on_either_side(dtype):
    y, target = np.array([[0.0, 0.0, 1.0]], dtype), np.array([[0.0, 1.0, 0.0]], dtype)
    value, dy = generalised_kl(y, target)
    np.testing.assert_allclose(value, (0 + np.log(1e8) - 1 + 1) / 3, rtol=1e-5)
    np.testing.assert_allclose(dy, [[0, (1 - 1e8) / 3, 1 / 3]], rtol=1e-5)
    assert abs(generalised_kl(y, target, eps=1e-2)[0]) < value


def test_discriminative_by_hand():
    y, target = np.array([[1.0, 2.0]]), np.array([[1.0, 5.0]])
    value, dy = discriminative(y, target, gamma=0.5, loss=sse)
    assert value == (0 + 9) - 0.5 * (16 + 1)
    np.testing.assert_array_equal(dy, [[0 - 0.5 * -8, -6 - 0.5 * 2]])


@pytest.mark.parametrize("loss", [mse, sse, generalised_kl])
@given(st.data())
def test_discriminative_gradients_and_values_for_each_loss_inside(loss, data):
    y, target, lengths = data.draw(batches("discriminative"))
    y, target = y * y + 0.1, target * target  # magnitudes
    gradcheck(lambda y: discriminative(y, target, lengths, gamma=0.3, loss=loss), y, tolerance=1e-11).check()
    voice, rest = np.split(target, 2, axis=-1)
    own, other = loss(y, target, lengths)[0], loss(y, np.concatenate([rest, voice], axis=-1), lengths)[0]
    value = discriminative(y, target, lengths, gamma=0.3, loss=loss)[0]
    np.testing.assert_allclose(value, own - 0.3 * other, rtol=1e-12)
    assert discriminative(y, target, lengths, gamma=0, loss=loss)[0] == own


def test_discriminative_prefers_the_right_order_more_than_its_loss_alone():
    rng = np.random.default_rng(0)
    target = rng.random((4, 2, 6))
    swapped = np.roll(target, 3, axis=-1)
    gap = mse(swapped, target)[0] - mse(target, target)[0]
    wider = discriminative(swapped, target)[0] - discriminative(target, target)[0]
    np.testing.assert_allclose(wider, 1.05 * gap, rtol=1e-12)


angles = st.floats(-20, 20)


def between(a: float, b: float) -> float:
    return float(phase(np.array([[a]]), np.array([[b]]))[0])


@given(angles, angles, angles, st.integers(-3, 3))
def test_the_phase_loss_is_periodic_and_blind_to_a_common_turn(a, b, turn, times):
    value = between(a, b)
    assert value == pytest.approx(abs(np.exp(1j * a) - np.exp(1j * b)) ** 2 / 4, abs=1e-13)
    assert value == pytest.approx(between(b, a), abs=1e-15)
    assert value == pytest.approx(between(a + 2 * np.pi * times, b), abs=1e-13)
    assert value == pytest.approx(between(a + turn, b + turn), abs=1e-13)
    assert 0 <= value <= 1


def test_the_phase_loss_is_no_metric():
    direct, by_the_way = between(0, np.pi / 2), between(0, np.pi / 4) + between(np.pi / 4, np.pi / 2)
    assert direct == pytest.approx(0.5) and by_the_way == pytest.approx(1 - np.sqrt(0.5))
    assert direct > by_the_way, "the way round is shorter than the straight one"


@given(angles, angles, angles)
def test_the_root_of_the_phase_loss_is_a_metric(a, b, c):
    assert np.sqrt(between(a, c)) <= np.sqrt(between(a, b)) + np.sqrt(between(b, c)) + 1e-12


def test_the_phase_loss_by_hand():
    value, dy = phase(np.array([[0.0, np.pi / 2, np.pi]]), np.zeros((1, 3)))
    np.testing.assert_allclose(value, (0 + 0.5 + 1) / 3, rtol=1e-15)
    np.testing.assert_allclose(dy, [[0, 0.5 / 3, 0]], atol=1e-16)


@given(batches("phase"), st.booleans())
def test_the_weights_of_the_phase_loss_say_how_much_an_entry_counts(batch, some_are_zero):
    y, target, lengths = batch
    weights = np.random.default_rng(0).random(y.shape)
    weights[-1, 0, 0] = 0 if some_are_zero else 1
    gradcheck(lambda y: phase(y, target, lengths, weights), y, tolerance=1e-11).check()
    value, _ = phase(y, target, lengths, weights)
    counts = weights if lengths is None else weights * (np.arange(len(y))[:, None] < lengths)[..., None]
    if counts.sum():
        np.testing.assert_allclose(
            value, np.average(np.sin((y - target) / 2) ** 2, weights=counts), rtol=1e-11
        )
    scaled = phase(y, target, lengths, 7 * weights)
    np.testing.assert_allclose(scaled[0], value, rtol=1e-12)
    ones, none = phase(y, target, lengths, np.ones(y.shape)), phase(y, target, lengths)
    np.testing.assert_allclose(ones[0], none[0], rtol=1e-12)
    np.testing.assert_allclose(ones[1], none[1], rtol=1e-12)


def test_without_any_weight_the_phase_loss_is_zero():
    value, dy = phase(np.ones((2, 3)), np.zeros((2, 3)), weights=np.zeros((2, 3)))
    assert value == 0 and not dy.any()


# What is refused


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "softmax_cross_entropy"])
@pytest.mark.parametrize(("y", "target"), [((4, 1), (4,)), ((4, 2, 3), (4, 2, 1)), ((4, 2), (2, 4))], ids=str)
def test_shapes_that_differ_are_refused_and_not_broadcast(name, y, target):
    sentence = f"expected target of the shape of y {y}, got {target}"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        LOSSES[name](np.ones(y), np.ones(target))


REFUSED = {
    "discriminative_of_three": (
        lambda: discriminative(np.zeros((4, 2, 3)), np.zeros((4, 2, 3))),
        "expected target (..., 2F) of two sources side by side, got (4, 2, 3)",
    ),
    "discriminative_without_a_bound": (
        lambda: discriminative(np.zeros((4, 2)), np.zeros((4, 2)), gamma=1),
        "expected gamma from 0 to less than 1, got 1",
    ),
    "classes_in_fractions": (
        lambda: softmax_cross_entropy(np.zeros((4, 3)), np.zeros(4)),
        "expected target of shape (4,) in whole numbers or (4, 3) in probabilities, got float64 (4,)",
    ),
    "classes_of_another_batch": (
        lambda: softmax_cross_entropy(np.zeros((2, 4, 3)), np.zeros((4, 2), int)),
        "expected target of shape (2, 4) in whole numbers or (2, 4, 3) in probabilities, got int64 (4, 2)",
    ),
    "class_too_large": (
        lambda: softmax_cross_entropy(np.zeros((2, 3)), [0, 3]),
        "expected classes from 0 to 2, got 0 to 3",
    ),
    "class_negative": (
        lambda: softmax_cross_entropy(np.zeros((2, 3)), [-1, 2]),
        "expected classes from 0 to 2, got -1 to 2",
    ),
    "negative_magnitude": (
        lambda: generalised_kl(np.array([[1.0, -0.5]]), np.ones((1, 2))),
        "expected y of at least 0, got -0.5",
    ),
    "negative_target": (
        lambda: generalised_kl(np.ones((1, 2)), np.array([[1.0, -0.5]])),
        "expected target of at least 0, got -0.5",
    ),
    "weights_of_another_shape": (
        lambda: phase(np.zeros((2, 3)), np.zeros((2, 3)), weights=np.ones(3)),
        "expected weights of the shape of y (2, 3), got (3,)",
    ),
    "negative_weight": (
        lambda: phase(np.zeros((2, 3)), np.zeros((2, 3)), weights=np.full((2, 3), -1.0)),
        "expected weights of at least 0, got -1.0",
    ),
    "lengths_of_rows": (
        lambda: mse(np.zeros((4, 2)), np.zeros((4, 2)), [1, 2]),
        "expected y (T, B, D) and lengths (B,), got (4, 2) and (2,)",
    ),
    "lengths_of_another_batch": (
        lambda: sigmoid_cross_entropy(np.zeros((5, 4, 2)), np.zeros((5, 4, 2)), [1, 2]),
        "expected y (T, B, D) and lengths (B,), got (5, 4, 2) and (2,)",
    ),
    "lengths_of_softmax": (
        lambda: softmax_cross_entropy(np.zeros((5, 4, 2)), np.zeros((5, 4), int), 3),
        "expected y (T, B, D) and lengths (B,), got (5, 4, 2) and ()",
    ),
}


@pytest.mark.parametrize(("call", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        call()


def test_a_class_number_in_the_padding_does_not_count():
    logits = np.random.default_rng(0).standard_normal((3, 2, 4))
    classes = np.array([[0, 1], [2, 3], [1, 2]])
    value, dy = softmax_cross_entropy(logits, classes, [1, 3])
    classes[1:, 0] = -1
    again = softmax_cross_entropy(logits, classes, [1, 3])
    assert again[0] == value
    np.testing.assert_array_equal(again[1], dy)


def test_losses_are_found_by_name():
    assert all(getattr(losses, name) is loss for name, loss in LOSSES.items())


def test_the_energy_of_whole_numbers_does_not_overflow():
    target = np.full((3, 2, 1), 16, np.int8)
    assert esr(0.9 * target.astype(float), target)[0] == pytest.approx(0.01)
