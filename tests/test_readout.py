"""The read-out at its optimum, the gradient of what is left, and the training by it."""

from typing import Any

import numpy as np
import pytest
import tqdm
from scipy.signal import lfilter

import numpylstm as nl
from numpylstm.tasks.readout import Lanes, fit_projected, projected, refit, validation_error


def random_lanes(T: int = 23, B: int = 3, dtype: Any = float) -> Lanes:
    """Noise and what an echo makes of it; the first steps do not count, some count five times."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((T, B, 1))
    target = np.tanh(x) + 0.5 * np.concatenate([np.zeros((2, B, 1)), x[:-2]])
    weight = np.ones((T, B))
    weight[:4, 1:] = 0
    weight[:3, 0] = 5
    return Lanes(x.astype(dtype), target.astype(dtype), weight, 7.5)


# ---------------------------------------------------------------------------------- least squares


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_refitted_read_out_is_the_least_squares_solution(dtype):
    rng = np.random.default_rng(0)
    states = rng.standard_normal((200, 3))
    wanted = states @ rng.standard_normal((3, 2)) + 1.5 + 0.1 * rng.standard_normal((200, 2))
    layer = nl.Dense(3, 2, dtype=dtype, seed=0)
    refit(layer, states.astype(dtype), wanted.astype(dtype))
    expected = np.linalg.lstsq(np.column_stack([states, np.ones(200)]), wanted, rcond=None)[0]
    np.testing.assert_allclose(layer.params["W"], expected[:3].T, rtol=1e-5)
    np.testing.assert_allclose(layer.params["b"], expected[3], rtol=1e-5)


def test_weights_count_as_if_rows_stood_there_as_often_as_their_squares():
    rng = np.random.default_rng(0)
    states, wanted = rng.standard_normal((40, 3)), rng.standard_normal((40, 1))
    times = rng.integers(0, 4, 40)
    weighted, repeated = nl.Dense(3, 1, seed=0), nl.Dense(3, 1, seed=0)
    refit(weighted, states, wanted, share=0, weight=np.sqrt(times)[:, None])
    refit(repeated, np.repeat(states, times, axis=0), np.repeat(wanted, times, axis=0), share=0)
    np.testing.assert_allclose(weighted.theta, repeated.theta, rtol=1e-10)


def test_the_ridge_keeps_weights_small_where_states_hardly_differ():
    rng = np.random.default_rng(0)
    state = rng.standard_normal((200, 1))
    states = np.hstack([state, state + 1e-7 * rng.standard_normal((200, 1))])
    wanted = state + 0.1 * rng.standard_normal((200, 1))
    layer = nl.Dense(2, 1, seed=0)
    refit(layer, states, wanted, share=0)
    assert np.abs(layer.params["W"]).max() > 1e3
    refit(layer, states, wanted)
    assert np.abs(layer.params["W"]).max() < 2
    np.testing.assert_allclose(layer.params["W"].sum(), 1, atol=0.05)


@pytest.mark.parametrize("pre_emphasis", [0.0, 0.85])
def test_the_read_out_that_is_left_is_the_weighted_least_squares_optimum(pre_emphasis):
    lanes, body, readout = random_lanes(), nl.GRU(1, 4, seed=0), nl.Dense(4, 1, seed=0)
    value, _ = projected(body, readout, lanes, pre_emphasis=pre_emphasis, share=0)(body.theta)

    def emphasized(signal):
        return signal[1:] - pre_emphasis * signal[:-1] if pre_emphasis else signal

    # A bias is a column of ones that goes through the same filter.
    states = body.predict(lanes.x)
    columns = emphasized(np.concatenate([states, np.ones_like(lanes.x)], axis=2))
    weight = np.minimum(lanes.weight[1:], lanes.weight[:-1]) if pre_emphasis else lanes.weight
    columns = (columns * weight[:, :, None]).reshape(-1, 5)
    wanted = (emphasized(lanes.target) * weight[:, :, None]).reshape(-1, 1)
    expected, _, _, _ = np.linalg.lstsq(columns, wanted, rcond=None)
    np.testing.assert_allclose(readout.theta, expected[:, 0], rtol=1e-8)
    assert value == pytest.approx(np.square(columns @ expected - wanted).sum() / lanes.energy, rel=1e-10)


# ----------------------------------------------------------------------------------- the gradient


def bodies() -> dict[str, nl.Layer]:
    return {
        "LSTM": nl.LSTM(1, 5, seed=0),
        "LSTM with peepholes": nl.LSTM(1, 3, peepholes=True, seed=0),
        "GRU": nl.GRU(1, 5, seed=0),
        "two layers": nl.Sequential(nl.GRU(1, 3, seed=0), nl.LSTM(3, 4, seed=1), seed=0),
    }


def gradient_error(body: nl.Layer, lanes: Lanes, **options: Any) -> float:
    """Norm of the difference between gradient and complex step, over the gradient's norm."""
    body.theta[...] += 0.3 * np.random.default_rng(2).standard_normal(body.theta.size)
    units = body.predict(lanes.x).shape[2]
    _, grad = projected(body, nl.Dense(units, 1, seed=0), lanes, **options)(body.theta)
    grad = grad.copy()
    complex_body = body.astype(complex)
    f = projected(complex_body, nl.Dense(units, 1, seed=0).astype(complex), lanes, **options)
    expected = np.empty_like(grad)
    for k in range(len(grad)):
        theta = body.theta.astype(complex)
        theta[k] += 1e-20j
        expected[k] = f(theta)[0].imag / 1e-20
    assert np.linalg.norm(grad) > 0.01, "or nothing would be shown"
    return float(np.linalg.norm(grad - expected) / np.linalg.norm(grad))


@pytest.mark.parametrize("pre_emphasis", [0.0, 0.85])
@pytest.mark.parametrize("name", bodies())
def test_the_gradient_is_that_of_the_error_with_the_read_out_following(name, pre_emphasis):
    # The complex step lets the read-out follow theta; the gradient leaves that term out.
    body, lanes = bodies()[name], random_lanes()
    assert gradient_error(body, lanes, pre_emphasis=pre_emphasis, share=0) < 1e-10


def test_the_ridge_spoils_the_gradient_by_little():
    body, lanes = nl.LSTM(1, 5, seed=0), random_lanes()
    assert 1e-11 < gradient_error(body, lanes, share=1e-7) < 1e-5


def test_a_read_out_beside_its_optimum_would_give_a_wrong_gradient():
    assert gradient_error(nl.LSTM(1, 5, seed=0), random_lanes(), share=1.0) > 1e-3


def test_float32_stays_float32():
    body = nl.GRU(1, 4, dtype=np.float32, seed=0)
    value, grad = projected(body, nl.Dense(4, 1, dtype=np.float32), random_lanes(dtype=np.float32))(
        body.theta
    )
    assert grad is body.grad and grad.dtype == value.dtype == np.float32


def test_another_point_is_taken_over_into_the_body():
    body, lanes = nl.GRU(1, 4, seed=0), random_lanes()
    f = projected(body, nl.Dense(4, 1), lanes)
    other = 1.1 * body.theta
    value, _ = f(other)
    np.testing.assert_array_equal(body.theta, other)
    assert value == f(body.theta)[0]


def test_what_does_not_count_is_not_asked_for():
    lanes = random_lanes()
    spoilt = Lanes(
        lanes.x, np.where(lanes.weight[:, :, None] > 0, lanes.target, 1e9), lanes.weight, lanes.energy
    )
    for pre_emphasis in (0.0, 0.85):
        body = nl.GRU(1, 4, seed=0)
        values = [
            projected(body, nl.Dense(4, 1), each, pre_emphasis=pre_emphasis)(body.theta)[0]
            for each in (lanes, spoilt)
        ]
        assert values[0] == values[1]


# ----------------------------------------------------------------------------------- the training


def filtered(samples: int, seed: int, dtype: Any = np.float32) -> Lanes:
    """Noise through a two-pole low-pass filter, side by side, the first 32 steps not counted."""
    x = 0.1 * np.random.default_rng(seed).standard_normal((samples, 4, 1))
    target = lfilter([0.3], [1, -0.9, 0.3], x, axis=0)
    weight = np.ones((samples, 4))
    weight[:32] = 0
    return Lanes(x.astype(dtype), target.astype(dtype), weight, float(np.square(target[32:]).sum()))


def network(cell: Any = nl.LSTM, units: int = 6) -> tuple[nl.Layer, nl.Dense]:
    return cell(1, units, dtype=np.float32, seed=0), nl.Dense(units, 1, dtype=np.float32, seed=0)


@pytest.mark.parametrize("cell", [nl.LSTM, nl.GRU])
def test_a_linear_filter_is_learned(cell):
    body, readout = network(cell)
    train, validation = filtered(400, 0), filtered(400, 1)
    history = fit_projected(body, readout, train, validation, iterations=80, progress=False)
    error = validation_error(body, readout, validation)
    assert 10 * np.log10(error) < -45
    assert error == min(history.validation_loss) < 0.01 * history.validation_loss[0]


def test_there_is_an_entry_every_so_many_iterations():
    body, readout = network()
    lanes = filtered(100, 0)
    history = fit_projected(body, readout, lanes, lanes, iterations=12, every=4, progress=False)
    assert (history.unit, history.every) == ("iteration", 4)
    assert [row["iteration"] for row in history.rows()] == [0, 4, 8, 12]
    assert all(
        row.keys() == {"iteration", "train_loss", "validation_loss", "seconds"} for row in history.rows()
    )
    assert history.stopped is None and not history.diverged and history.updates >= 12
    assert history.seconds == sorted(history.seconds) and history.seconds[0] >= 0
    assert history.best_epoch == np.argmin(history.validation_loss)
    # The same data on both sides, no pre-emphasis: the same error, but for the rounding of float32.
    np.testing.assert_allclose(history.train_loss, history.validation_loss, rtol=1e-2)


@pytest.mark.parametrize("iterations", [1, 3])
def test_few_iterations_count_too(iterations):
    body, readout = network()
    before, lanes = body.theta.copy(), filtered(100, 0)
    history = fit_projected(body, readout, lanes, lanes, iterations=iterations, progress=False)
    assert [row["iteration"] for row in history.rows()] == [0, iterations]
    assert history.validation_loss[1] < history.validation_loss[0]
    assert not np.array_equal(body.theta, before)


def test_what_does_best_on_validation_is_kept(monkeypatch):
    body, readout = network()
    seen, errors = [], iter([5.0, 4.0, 1.0, 2.0, 3.0])

    def judge(body, readout, lanes):
        seen.append((body.theta.copy(), readout.theta.copy()))
        return next(errors)

    monkeypatch.setattr("numpylstm.tasks.readout.validation_error", judge)
    lanes = filtered(100, 0)
    history = fit_projected(body, readout, lanes, lanes, iterations=8, every=2, progress=False)
    assert history.best_epoch == 2 and history.validation_loss == [5, 4, 1, 2, 3]
    np.testing.assert_array_equal(body.theta, seen[2][0])
    np.testing.assert_array_equal(readout.theta, seen[2][1])
    assert not np.array_equal(seen[2][0], seen[4][0])


def test_it_ends_at_the_goal():
    body, readout = network()
    lanes = filtered(100, 0)
    history = fit_projected(body, readout, lanes, lanes, iterations=60, goal=1e-2, progress=False)
    assert "goal is reached" in history.stopped
    assert history.validation_loss[-1] <= 1e-2 < min(history.validation_loss[:-1])
    assert f"after {5 * (len(history.validation_loss) - 1)} iterations" in history.stopped
    assert validation_error(body, readout, lanes) == history.validation_loss[-1]


def test_who_is_at_the_goal_is_not_trained():
    body, readout = network()
    before, lanes = body.theta.copy(), filtered(100, 0)
    history = fit_projected(body, readout, lanes, lanes, iterations=60, goal=10.0, progress=False)
    assert history.stopped == "the goal is reached after 0 iterations" and len(history.train_loss) == 1
    np.testing.assert_array_equal(body.theta, before)


def test_it_ends_where_validation_gains_nothing_any_more(monkeypatch):
    errors = iter([5.0, 4.0, *[3.98] * 100])  # half a hundredth is no gain
    monkeypatch.setattr("numpylstm.tasks.readout.validation_error", lambda *args: next(errors))
    lanes = filtered(100, 0)
    options = {"iterations": 60, "every": 2, "patience": 6, "progress": False}
    history = fit_projected(*network(), lanes, lanes, **options)
    assert history.stopped == "no gain in the last 6 iterations of 8"
    assert len(history.validation_loss) == 5 and history.best_epoch == 2


def test_an_error_beyond_all_numbers_is_told_and_trains_nothing():
    body, readout = network()
    before, lanes = body.theta.copy(), filtered(100, 0)
    lanes.target[50] = 3e38
    with np.errstate(all="ignore"):
        history = fit_projected(body, readout, lanes, filtered(100, 1), iterations=5, progress=False)
    assert history.diverged and "stopped at iteration 0" in history.stopped
    np.testing.assert_array_equal(body.theta, before)


def test_progress_is_shown_on_standard_error_with_its_title(capsys, monkeypatch):
    bar = tqdm.tqdm
    monkeypatch.setattr(tqdm, "tqdm", lambda **options: bar(**options | {"delay": 0, "mininterval": 0}))
    lanes = filtered(60, 0)
    fit_projected(*network(), lanes, lanes, iterations=1, title="trial 1 of 4")
    out, err = capsys.readouterr()
    assert out == "" and "trial 1 of 4" in err and "dB" in err


def test_the_validation_error_is_weighted_and_in_float64():
    body, readout = network()
    lanes = random_lanes(dtype=np.float32)
    output = readout.predict(body.predict(lanes.x)).astype(float)
    expected = np.square((output - lanes.target) * lanes.weight[:, :, None]).sum() / lanes.energy
    assert validation_error(body, readout, lanes) == pytest.approx(expected, rel=1e-6)
    readout.theta[...] = 1e30
    assert 1e60 < validation_error(body, readout, lanes) < np.inf
