"""Filters written down as networks, against SciPy's own."""

from typing import Any

import numpy as np
import pytest
import scipy.signal
import strategies
from hypothesis import given
from hypothesis import strategies as st

import numpylstm as nl
from numpylstm.audio.esr import esr_db
from numpylstm.datasets.plucked import plucked_string
from numpylstm.tasks.iir import from_iir, state_space, total

RATE = 48_000


def peaking(frequency: float, gain_db: float, Q: float) -> np.ndarray:
    """The peaking equaliser of the Audio EQ Cookbook (Bristow-Johnson)."""
    A, w = 10 ** (gain_db / 40), 2 * np.pi * frequency / RATE
    alpha = np.sin(w) / (2 * Q)
    b, a = [1 + alpha * A, -2 * np.cos(w), 1 - alpha * A], [1 + alpha / A, -2 * np.cos(w), 1 - alpha / A]
    return np.array([[*b, *a]]) / a[0]


def design(name: str, order: Any, frequency: Any, kind: str = "low") -> np.ndarray:
    ripple = {"butter": (), "bessel": (), "cheby1": (1,), "cheby2": (60,), "ellip": (0.5, 80)}[name]
    return getattr(scipy.signal, name)(order, *ripple, frequency, kind, output="sos", fs=RATE)


def resonance(name: str, frequency: float, Q: float) -> np.ndarray:
    return scipy.signal.tf2sos(*getattr(scipy.signal, name)(frequency, Q, fs=RATE))


FILTERS = {
    **{f"order {n}": design("butter", n, 1000) for n in range(1, 9)},
    **{f"high, order {n}": design("butter", n, 300, "high") for n in (1, 4, 8)},
    "low at 20 Hz": design("butter", 8, 20),
    "high at 20 Hz": design("butter", 8, 20, "high"),
    "low near Nyquist": design("butter", 8, 23_900),
    "high near Nyquist": design("butter", 5, 23_900, "high"),
    "band at 20 Hz": design("butter", 2, (20, 40), "band"),
    "band-stop": design("cheby1", 4, (500, 1000), "stop"),
    "chebyshev": design("cheby1", 8, 50),
    "inverse chebyshev": design("cheby2", 7, 10_000),
    "elliptic": design("ellip", 8, 50),
    "bessel": design("bessel", 6, 1000),
    "notch": resonance("iirnotch", 50, 30),
    "resonance": resonance("iirpeak", 50, 30),
    "resonance at 20 Hz": resonance("iirpeak", 20, 30),
    "peak of 18 dB": peaking(30, 18, 30),
    "dip of 18 dB": peaking(5000, -18, 10),
    "double pole": np.array([[1, 0, 0, 1, -1.8, 0.81]]),
    "real poles": np.array([[1, 0.3, -0.2, 1, -0.49, -0.495]]),
    "no poles": np.array([[0.5, -0.3, 0.2, 1, 0, 0]]),
    "a gain": np.array([[-2.5, 0, 0, 1, 0, 0]]),
    "nothing": np.array([[0, 0, 0, 1, -0.5, 0], [1, 0.2, 0, 1, -0.3, 0.1]]),
}
CELLS = ["lstm", "gru"]


def signals() -> np.ndarray:
    """Full-scale noise, a square wave and a plucked string, (T, 3, 1), with a long silence inside."""
    rng = np.random.default_rng(0)
    T = 9000
    string = plucked_string(T / RATE, RATE)
    square = np.sign(np.sin(2 * np.pi * 60 * np.arange(T) / RATE))
    x = np.column_stack([rng.uniform(-1, 1, T), square, string / np.abs(string).max()])
    x[5000:7500] = 0
    return x[:, :, None]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("dtype, at_most", [(np.float64, -170), (np.float32, -80)])
@pytest.mark.parametrize("name", FILTERS)
def test_the_network_is_the_filter(name, dtype, at_most, cell):
    sos, x = FILTERS[name], signals().astype(dtype)
    y = from_iir(sos, cell=cell, dtype=dtype).predict(x)
    target = scipy.signal.sosfilt(sos, x.astype(float), axis=0)
    assert y.dtype == dtype
    largest = total(*sos)
    for signal in range(3):
        error = np.sqrt(np.mean(np.square(y[:, signal] - target[:, signal])))
        assert error <= 10 ** (at_most / 20) * largest
    if name != "nothing":
        assert esr_db(y[:, 0], target[:, 0]) < at_most
    else:
        assert not y.any()


@given(
    orders=st.integers(1, 8),
    kind=st.sampled_from(["low", "high"]),
    name=st.sampled_from(["butter", "cheby1", "cheby2", "ellip", "bessel"]),
    frequency=st.floats(20, 0.4999 * RATE),
    cell=st.sampled_from(CELLS),
    seed=strategies.seeds,
)
def test_any_filter_of_any_order_is_within_the_bound(orders, kind, name, frequency, cell, seed):
    sos = design(name, orders, frequency, kind)
    x = np.sign(np.random.default_rng(seed).standard_normal((2000, 1, 1)))
    net = from_iir(sos, cell=cell)
    error = net.predict(x) - scipy.signal.sosfilt(sos, x, axis=0)
    assert np.abs(error).max() <= 1.1e-10 * total(*sos)  # a tenth for the rounding of both


@given(
    radii=st.lists(st.floats(0, 0.999), min_size=1, max_size=3),
    angles=st.lists(st.floats(0, np.pi), min_size=3, max_size=3),
    zeros=st.lists(st.floats(-2, 2), min_size=9, max_size=9),
    cell=st.sampled_from(CELLS),
)
def test_sections_with_poles_and_zeros_anywhere(radii, angles, zeros, cell):
    rows = [
        [*b, 1, -2 * r * np.cos(angle), r * r]
        for r, angle, b in zip(radii, angles, np.reshape(zeros, (3, 3)), strict=False)
    ]
    sos = np.array(rows)
    x = np.random.default_rng(0).uniform(-1, 1, (1000, 1, 1))
    net = from_iir(sos, cell=cell)
    error = net.predict(x) - scipy.signal.sosfilt(sos, x, axis=0)
    assert np.abs(error).max() <= 1.1e-10 * total(*sos)


@pytest.mark.parametrize("cell", CELLS)
def test_no_input_within_one_takes_a_unit_beyond_eps_and_the_worst_one_takes_it_there(cell):
    sos = design("ellip", 4, 2000)
    _, _, eps, _ = state_space(sos, 1e-10)
    net = from_iir(sos, cell=cell)
    T = 3000
    impulse = np.zeros((T, 1, 1))
    impulse[0] = 1
    responses = net.layers[0].predict(impulse)[:, 0]
    for unit in range(responses.shape[1]):
        worst = np.sign(responses[::-1, unit])[:, None, None]
        h = np.abs(net.layers[0].predict(worst)[:, 0])
        assert h.max() <= eps * (1 + 1e-6)
        assert h[-1, unit] == pytest.approx(eps, rel=1e-3)


@pytest.mark.parametrize("cell", CELLS)
def test_a_stream_in_blocks_is_the_filter_with_its_state_carried(cell):
    sos = FILTERS["low at 20 Hz"]
    x = np.random.default_rng(0).uniform(-1, 1, 3000)
    net = from_iir(sos, cell=cell)
    stream = net.stream()
    y = np.concatenate([stream.process(block) for block in np.split(x, [1, 2, 50, 1000, 1001])])
    assert esr_db(y, scipy.signal.sosfilt(sos, x)) < -170
    stream.reset()
    np.testing.assert_array_equal(stream.process(x[:100]), net.predict(x[:100, None, None])[:, 0, 0])


def test_both_reset_variants_of_the_gru_and_a_saved_network_are_the_filter(tmp_path):
    sos, x = FILTERS["order 4"], signals()
    target = scipy.signal.sosfilt(sos, x, axis=0)
    net = from_iir(sos, cell="gru")
    before = nl.GRU(1, net.layers[0].hidden_size, reset_after=False)
    before.theta[...] = net.layers[0].theta
    assert esr_db(nl.Sequential(before, net.layers[1].copy()).predict(x), target) < -170
    net.save(tmp_path / "filter.safetensors")
    assert esr_db(nl.load(tmp_path / "filter.safetensors").predict(x), target) < -170


@pytest.mark.parametrize(
    "cell, gates", [("lstm", "if"), ("lstm", "fo"), ("lstm", "io"), ("gru", "rz"), ("lstm", "ig")]
)
def test_a_swapped_gate_is_heard_unless_both_are_open(cell, gates):
    sos, x = FILTERS["order 2"], signals()
    net = from_iir(sos, cell=cell, seed=0)
    layer = net.layers[0]
    for name in ("W_x", "W_h", "b" if cell == "lstm" else "b_x"):
        first, second = (layer._by_gate(name)[layer.gates.index(gate)] for gate in gates)
        first[...], second[...] = second.copy(), first.copy()
    error = esr_db(net.predict(x), scipy.signal.sosfilt(sos, x, axis=0))
    assert error < -170 if gates == "io" else error > -20


@pytest.mark.parametrize("cell", CELLS)
def test_units_beyond_those_needed_are_random_and_not_yet_heard(cell):
    sos, x = FILTERS["order 4"], signals()
    net = from_iir(sos, cell=cell, hidden_size=12, seed=0)
    target = scipy.signal.sosfilt(sos, x, axis=0)
    assert esr_db(net.predict(x), target) < -170
    states = net.layers[0].predict(x)
    needed = 2 * len(sos) + 1
    assert (np.std(states[:, 0], axis=0)[needed:] > 0.01).all()
    assert not np.array_equal(net.theta, from_iir(sos, cell=cell, hidden_size=12, seed=1).theta)
    np.testing.assert_array_equal(
        net.theta, from_iir(sos, cell=cell, hidden_size=12, seed=np.random.default_rng(0)).theta
    )
    # A training can begin: the loss has a gradient by the read-out of the new units and by what they hear.
    y, _, cache = net.forward(x[:200])
    net.backward(nl.losses.mse(y, np.tanh(3 * target[:200]))[1], cache)
    assert net.layers[1].grads["W"][0, needed:].all()


@pytest.mark.parametrize(
    "sos, said",
    [
        (np.ones(6), r"\(n, 6\).*\(6,\)"),
        (np.ones((2, 5)), r"\(n, 6\).*\(2, 5\)"),
        (np.ones((0, 6)), r"\(n, 6\).*\(0, 6\)"),
        (np.ones((1, 6)) * 1j, "complex"),
        ([["a"] * 6], "real numbers"),
        ([[1, 0, 0, 1, np.nan, 0]], "finite"),
        ([[np.inf, 0, 0, 1, 0, 0]], "finite"),
        ([[1, 0, 0, 2, 0, 0]], "b_2, 1, a_1"),
        ([[1, 0, 0, 1, 0, 0], [1, 0, 0, 1, 0, 1]], "section 1 with a pole at 1$"),
        ([[1, 0, 0, 1, -2.5, 1]], "stable filter, got section 0 with a pole at 2$"),
        ([[1, 0, 0, 1, -1, 0]], "stable filter"),
    ],
)
def test_what_is_no_stable_filter_is_refused(sos, said):
    with pytest.raises(ValueError, match=said):
        from_iir(sos)


def test_too_few_units_and_an_unknown_cell_are_refused():
    with pytest.raises(ValueError, match="at least 9 for this filter, got 8"):
        from_iir(FILTERS["order 8"], hidden_size=8)
    with pytest.raises(ValueError, match="hidden_size"):
        from_iir(FILTERS["order 8"], hidden_size=9.5)
    with pytest.raises(ValueError, match="expected cell 'lstm' or 'gru', got 'rnn'"):
        from_iir(FILTERS["order 1"], cell="rnn")
