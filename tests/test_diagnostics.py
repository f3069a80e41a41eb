"""What the diagnostics say is what the layers do, and every check fires on the fault it is there for."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from strategies import fill

import numpylstm as nl
from numpylstm import diagnostics, plots_inside
from numpylstm.diagnostics.step_sheet import by_gate
from numpylstm.layers.state import state_arrays

GOLDEN = Path(__file__).parent / "data" / "step_sheet.txt"

CELLS = {
    "LSTM": lambda: nl.LSTM(2, 3, seed=0),
    "LSTM with peepholes": lambda: nl.LSTM(2, 3, peepholes=True, seed=1),
    "LSTM with peepholes, no bias": lambda: nl.LSTM(2, 3, peepholes=True, bias=False, seed=2),
    "GRU": lambda: nl.GRU(2, 3, seed=3),
    "GRU of the paper": lambda: nl.GRU(2, 3, reset_after=False, seed=4),
    "GRU without bias": lambda: nl.GRU(2, 3, bias=False, seed=5),
    "RNN": lambda: nl.RNN(2, 3, seed=6),
    "RNN, relu": lambda: nl.RNN(2, 3, activation="relu", bias=False, seed=7),
}


def case(name, T=6, B=2):
    """A cell with random parameters, a batch, states that are not zero, gradients by y and the last state."""
    return fill(CELLS[name](), T, B, 2, seed=8)


# ---------------------------------------------------------------- the step sheet


@pytest.mark.parametrize("name", CELLS)
def test_every_value_of_the_step_sheets_is_the_fast_layers(name):
    layer, x, state, _, dy, dstate, _ = case(name)
    y, final, cache = layer.forward(x, state)
    layer.zero_grads()
    dx, dstart = layer.backward(dy, cache, dstate)
    activations = diagnostics.gate_activations(layer, x, state)
    total = {name: np.zeros_like(array) for name, array in by_gate(layer).items()}
    for b in range(x.shape[1]):
        steps = diagnostics.step_values(layer, x, state, dy=dy, dstate=dstate, sequence=b)
        for t, values in enumerate(steps):
            assert values["h_t"] == pytest.approx(y[t, b], abs=1e-12)
            assert values["dx_t"] == pytest.approx(dx[t, b], abs=1e-12)
            assert values["dh_later"] == pytest.approx(
                steps[t + 1]["dh_{t-1}"] if t + 1 < len(steps) else dstate[0][b], abs=1e-12
            )
            for gate, array in activations.items():
                at = gate if gate in values else f"{gate}_t"
                assert values[at] == pytest.approx(array[t, b], abs=1e-12), gate
            for parameter in total:
                total[parameter] += values[f"d{parameter}"]
        for part, start, end in zip(("h", "c"), dstart, final, strict=False):
            assert steps[0][f"d{part}_{{t-1}}"] == pytest.approx(start[b], abs=1e-12)
            assert steps[-1][f"{part}_t"] == pytest.approx(end[b], abs=1e-12)
    for parameter, array in layer.params.items():
        array[...] = layer.grads[parameter]  # so that by_gate cuts the gradients as it does the parameters
    for parameter, gradient in by_gate(layer).items():
        assert total[parameter] == pytest.approx(gradient, abs=1e-12), parameter
        assert np.abs(gradient).max() > 1e-3, "a gradient that is 0 would show nothing"


def entries(sheet):
    """The numbers of a sheet by name, read back from its text."""
    found, name = {}, None
    for line in sheet.splitlines():
        if line.startswith("    "):
            found[name].append([float(number) for number in line.split()])
        elif " = " in line and line.endswith(")"):
            name = line.split(" = ")[0]
            found[name] = []
    return found


@pytest.mark.parametrize("name", CELLS)
def test_a_step_sheet_is_text_that_shows_these_values(name):
    layer, x, state, _, dy, dstate, _ = case(name)
    sheet = diagnostics.step_sheet(layer, x, state, t=4, dy=dy, dstate=dstate, sequence=1)
    values = diagnostics.step_values(layer, x, state, dy=dy, dstate=dstate, sequence=1)[4]
    shown = entries(sheet)
    assert [*shown] == [*by_gate(layer), *values]
    for key, value in (by_gate(layer) | values).items():
        assert np.array(shown[key]) == pytest.approx(np.atleast_2d(value), abs=6e-7, rel=6e-6), key
        assert f"{key} = " in sheet
    assert sheet == diagnostics.step_sheet(layer, x, state, t=4, dy=dy, dstate=dstate, sequence=1)
    assert sheet.endswith("\n") and all(line == line.rstrip() for line in sheet.split("\n"))
    assert "-0.000000 " not in sheet and "e+00" not in sheet


def test_a_step_sheet_looks_as_it_did():
    # Numbers that no generator draws. Write it anew by `GOLDEN.write_text(sheet, encoding="utf-8")`, if it
    # is meant to look otherwise.
    lstm = nl.LSTM(2, 3, peepholes=True, seed=0)
    lstm.theta[...] = np.sin(1.7 * np.arange(lstm.theta.size))
    x = np.cos(0.9 * np.arange(16)).reshape(4, 2, 2)
    state = (0.1 * np.arange(6).reshape(2, 3), 0.2 - 0.1 * np.arange(6).reshape(2, 3))
    dstate = (np.full((2, 3), 0.5), np.full((2, 3), -0.25))
    dy = np.sin(np.arange(24)).reshape(4, 2, 3)
    sheet = diagnostics.step_sheet(lstm, x, state, t=2, dy=dy, dstate=dstate, sequence=1)
    assert sheet == GOLDEN.read_text(encoding="utf-8")


def test_a_step_sheet_of_one_unit_has_what_that_unit_needs():
    lstm, x, state, _, dy, dstate, _ = case("LSTM with peepholes")
    sheet = diagnostics.step_sheet(lstm, x, state, t=3, dy=dy, dstate=dstate, unit=2)
    shown = {name: np.array(rows).squeeze() for name, rows in entries(sheet).items()}
    whole = entries(diagnostics.step_sheet(lstm, x, state, t=3, dy=dy, dstate=dstate))
    assert shown["a_f"] == pytest.approx(np.array(whole["a_f"])[0, 2])
    a_f = shown["W_xf"] @ shown["x_t"] + shown["W_hf"] @ shown["h_{t-1}"] + shown["b_f"]
    assert shown["a_f"] == pytest.approx(a_f + shown["p_f"] * shown["c_{t-1}"], abs=1e-5)
    assert shown["dc"] * shown["g"] == pytest.approx(shown["di"], abs=1e-5)


def test_without_dy_the_loss_is_the_sum_of_the_outputs():
    gru, x, state, *_ = case("GRU")
    sheet = diagnostics.step_sheet(gru, x, state, t=0)
    assert sheet == diagnostics.step_sheet(gru, x, state, t=0, dy=np.ones((6, 2, 3)))


def test_numbers_that_round_to_zero_have_one_sign_and_small_lines_keep_their_digits():
    rnn = nl.RNN(1, 2, init="zeros")
    sheet = diagnostics.step_sheet(rnn, np.ones((1, 1, 1)), t=0, dy=np.array([[[-1e-9, 0.5]]]))
    assert entries(sheet)["da"] == [[0.0, 0.5]] and "-0.000000" not in sheet
    sheet = diagnostics.step_sheet(rnn, np.ones((1, 1, 1)), t=0, dy=np.array([[[-1.25e-9, 2e-10]]]))
    assert "    -1.25000e-09  +2.00000e-10\n" in sheet


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": nl.Dense(2, 3)}, "expected an LSTM, GRU or RNN layer, got Dense"),
        ({"x": np.zeros((6, 2, 5))}, r"expected x of shape \(T, B, 2\), got \(6, 2, 5\)"),
        ({"t": 6}, "expected t from 0 to 5, got 6"),
        ({"t": -1}, "expected t from 0 to 5, got -1"),
        ({"sequence": 2}, "expected sequence from 0 to 1, got 2"),
        ({"unit": 3}, "expected unit from 0 to 2, got 3"),
        ({"dy": np.zeros((6, 2, 4))}, r"expected dy of shape \(6, 2, 3\), got \(6, 2, 4\)"),
        ({"state": (np.zeros((1, 3)),) * 2}, r"expected state.h of shape \(2, 3\), got \(1, 3\)"),
        ({"dstate": (np.zeros((2, 3)),)}, "expected dstate to be a tuple of 2"),
    ],
)
def test_a_step_sheet_refuses_what_does_not_fit(change, message):
    arguments = {"layer": nl.LSTM(2, 3, seed=0), "x": np.zeros((6, 2, 2)), "t": 0} | change
    with pytest.raises(ValueError, match=message):
        diagnostics.step_sheet(**arguments)


# ---------------------------------------------------------------- gates


def test_gates_that_are_held_open_or_closed_are_found_saturated():
    lstm = nl.LSTM(2, 4, seed=0)
    for gate, value in {"i": 9.0, "f": -9.0, "o": 0.0, "g": 0.0}.items():
        lstm._by_gate("b")[lstm.gates.index(gate)] = value
    lstm._by_gate("b")[lstm.gates.index("g"), 1] = -9.0
    lstm._by_gate("b")[lstm.gates.index("o"), 3] = 9.0
    x = 0.1 * np.random.default_rng(0).standard_normal((20, 3, 2))
    found = diagnostics.gate_saturation(lstm, x)
    assert [*found] == ["i", "f", "g", "o"]
    shares = {name: (gate.low.tolist(), gate.high.tolist()) for name, gate in found.items()}
    none, always = [0.0] * 4, [1.0] * 4
    assert shares == {
        "i": (none, always),
        "f": (always, none),
        "g": ([0, 1, 0, 0], none),
        "o": (none, [0, 0, 0, 1]),
    }


def test_saturation_counts_by_the_thresholds_it_is_given():
    gru, x, state, *_ = case("GRU", T=50, B=3)
    z = diagnostics.gate_activations(gru, x, state)["z"]
    found = diagnostics.gate_saturation(gru, x, state, low=0.4, high=0.7)
    assert [*found] == ["r", "z", "n"]
    assert found["z"].low == pytest.approx((z < 0.4).mean(axis=(0, 1))) and (found["z"].low > 0).all()
    assert found["z"].high == pytest.approx((z > 0.7).mean(axis=(0, 1))) and (found["z"].high > 0).all()
    with pytest.raises(ValueError, match=r"expected 0 < low < high < 1, got 0.9 and 0.1"):
        diagnostics.gate_saturation(gru, x, low=0.9, high=0.1)


def test_a_relu_that_is_never_on_is_at_its_one_stop():
    rnn = nl.RNN(2, 2, activation="relu", seed=0)
    rnn.params["b"][...] = [-50, 50]
    rnn.params["W_h"][...] = 0
    found = diagnostics.gate_saturation(rnn, np.ones((5, 1, 2)))["h"]
    assert found.low.tolist() == [1, 0] and found.high.tolist() == [0, 0]


def test_gates_of_other_layers_are_refused():
    with pytest.raises(ValueError, match="expected an LSTM, GRU or RNN layer, got Dense"):
        diagnostics.gate_activations(nl.Dense(2, 3), np.zeros((1, 1, 2)))


# ---------------------------------------------------------------- how far gradients reach


@pytest.mark.parametrize("name", CELLS)
def test_gradient_by_lag_is_that_of_the_last_steps_alone(name):
    layer, x, state, _, _, dstate, _ = case(name)
    layer.grad[...] = 7.0
    norms = diagnostics.gradient_by_lag(layer, x, state, dstate)
    assert (layer.grad == 7.0).all(), "the layer handed in stays as it is"
    for lag in range(len(x) + 1):
        start = layer.forward(x[: len(x) - lag], state)[1]
        y, _, cache = layer.forward(x[len(x) - lag :], start)
        _, expected = layer.copy().backward(np.zeros_like(y), cache, dstate)
        for part, array in state_arrays(expected, ""):
            assert norms[part[1:]][lag] == pytest.approx(np.linalg.norm(array, axis=1), rel=1e-10)


def test_gradient_by_lag_of_a_network_needs_a_gradient_by_its_state():
    net = nl.Sequential(nl.LSTM(2, 3), nl.GRU(3, 4), nl.Dense(4, 1), seed=0)
    x = np.random.default_rng(1).standard_normal((7, 2, 2))
    dstate = ((np.ones((2, 3)), np.ones((2, 3))), (np.ones((2, 4)),), ())
    norms = diagnostics.gradient_by_lag(net, x, dstate=dstate)
    assert {key: value.shape for key, value in norms.items()} == dict.fromkeys(("0.h", "0.c", "1.h"), (8, 2))
    with pytest.raises(ValueError, match="expected dstate for a Sequential, got None"):
        diagnostics.gradient_by_lag(net, x)
    with pytest.raises(ValueError, match="expected a layer that remembers something, got Dense"):
        diagnostics.gradient_by_lag(nl.Dense(2, 3), x)


def test_what_looks_ahead_has_no_gradient_by_lag():
    both = nl.Bidirectional(nl.LSTM(2, 3, seed=0), nl.LSTM(2, 3, seed=1))
    for net in (both, nl.Sequential(both, nl.Dense(6, 1), seed=0)):
        dstate = net.initial_state(1)
        with pytest.raises(
            ValueError, match=f"expected a layer that reads forwards alone, got a {type(net).__name__}"
        ):
            diagnostics.gradient_by_lag(net, np.ones((4, 1, 2)), dstate=dstate)


def test_the_gradient_falls_by_what_theory_says():
    x = np.zeros((40, 1, 2))
    rnn = nl.RNN(2, 5, seed=0)  # an orthogonal W_h, and at h = 0 the tanh is a straight line
    rnn.params["W_h"] *= 0.9
    norms = diagnostics.gradient_by_lag(rnn, x)["h"][:, 0]
    assert norms == pytest.approx(0.9 ** np.arange(41), rel=1e-10)
    lstm = nl.LSTM(2, 5, forget_bias=2.0, seed=0)
    lstm.params["W_h"][...] = 0  # then nothing but the forget gate leads from cell to cell
    norms = diagnostics.gradient_by_lag(lstm, x, dstate=(np.zeros((1, 5)), np.ones((1, 5))))["c"][:, 0]
    f = 1 / (1 + np.exp(-2.0))
    assert norms == pytest.approx(np.sqrt(5) * f ** np.arange(41), rel=1e-10)


def test_connectivity_is_the_derivative_by_the_complex_step():
    net = nl.Sequential(nl.GRU(2, 3), nl.Dense(3, 2), seed=0)
    rng = np.random.default_rng(0)
    x, state = rng.standard_normal((5, 2, 2)), ((rng.standard_normal((2, 3)),), ())
    found = diagnostics.connectivity(net, x, state=state)
    complex_net, expected = net.astype(complex), np.zeros((5, 5, 2))
    for s in range(5):
        for d in range(2):
            moved = x.astype(complex)
            moved[s, :, d] += 1e-30j
            expected[:, s] += np.square(complex_net.forward(moved, state)[0].imag / 1e-30).sum(axis=2)
    assert found == pytest.approx(np.sqrt(expected), rel=1e-10)
    assert (found[2, 3:] == 0).all() and (found[2, :3] > 0).all()
    assert diagnostics.connectivity(net, x, 3, state) == pytest.approx(found[3], rel=1e-12)


def test_connectivity_reaches_forwards_only_where_a_network_reads_backwards():
    net = nl.Bidirectional(nl.RNN(1, 2, seed=0), nl.RNN(1, 2, seed=1))
    assert (diagnostics.connectivity(net, np.ones((4, 1, 1))) > 0).all()
    with pytest.raises(ValueError, match="expected t from 0 to 3, got 4"):
        diagnostics.connectivity(net, np.ones((4, 1, 1)), 4)
    with pytest.raises(ValueError, match=r"expected x of shape \(T, B, D\), got \(4, 1\)"):
        diagnostics.connectivity(net, np.ones((4, 1)))


# ---------------------------------------------------------------- the learning-rate finder


def a_task(B=24):
    """y_t is the sum of one input now and the other one step before: it takes a memory of one step."""
    x = np.random.default_rng(0).standard_normal((8, B, 2))
    before = np.concatenate([np.zeros((1, B, 1)), x[:-1, :, 1:]])
    return x, x[:, :, :1] + before


def a_network():
    return nl.Sequential(nl.LSTM(2, 8), nl.Dense(8, 1), seed=0)


@pytest.mark.parametrize("make", [nl.Adam, nl.SGD])
def test_the_suggested_rate_learns_more_than_a_smaller_and_a_larger_one(make):
    batch, net = a_task(), a_network()
    optimizer = make(0.123, schedule=nl.Exponential(0.5))
    theta, grad = net.theta.copy(), net.grad.copy()
    found = diagnostics.learning_rate_finder(
        net, batch, loss=nl.losses.mse, optimizer=optimizer, lowest=1e-5, highest=100.0, steps=60
    )
    assert (net.theta == theta).all() and (net.grad == grad).all()
    assert (optimizer.lr, optimizer.updates) == (0.123, 0)
    assert found.rates[:2] == pytest.approx([1e-5, 1e-5 * 1e7 ** (1 / 59)])
    assert len(found.rates) == len(found.losses) == len(found.smoothed) < 60, (
        "it ends where the loss runs away"
    )

    def loss_after(rate):
        trained, adam = net.copy(), make(rate)
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(60):
                try:
                    loss, _ = nl.train_step(trained, *batch, loss=nl.losses.mse, optimizer=adam)
                except FloatingPointError:
                    return np.inf
        return loss

    assert found.suggestion is not None
    best = loss_after(found.suggestion)
    assert best < 0.2 * found.losses[0]
    assert 2 * best < min(loss_after(found.suggestion / 30), loss_after(found.suggestion * 30))


def test_no_rate_is_suggested_where_none_made_the_loss_fall():
    found = diagnostics.learning_rate_finder(
        a_network(), a_task(), loss=nl.losses.mse, lowest=1e-12, highest=1e-9, steps=10
    )
    assert found.suggestion is None and len(found.rates) == 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lowest": 1.0, "highest": 0.1}, "expected rates with 0 < lowest < highest, got 1.0 and 0.1"),
        ({"steps": 1}, "expected at least 2 steps, got 1"),
        ({"optimizer": nl.Adam}, "expected an optimizer such as"),
    ],
)
def test_a_search_refuses_what_makes_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        diagnostics.learning_rate_finder(a_network(), a_task(), loss=nl.losses.mse, **options)


# ---------------------------------------------------------------- the checks before a training


class Uphill(nl.SGD):
    def step(self, theta, grad):
        super().step(theta, -grad)


def standing_still():
    optimizer = nl.Adam()
    optimizer.lr = 0.0
    return optimizer


def saturated():
    net = a_network()
    net.layers[0].theta *= 60
    return net


def shuffled(x, target):
    return x, target[:, np.random.default_rng(1).permutation(target.shape[1])]


# What is wrong, and the checks that have to fire; others may, for one fault shows in many places.
FAULTS = {
    "the targets are shuffled": ({"data": shuffled}, {"input counts"}),
    "the rate is 0": ({"optimizer": standing_still()}, {"direction", "update to weight", "learnt by heart"}),
    "the rate is 100": ({"optimizer": nl.Adam(100.0)}, {"update to weight", "learnt by heart"}),
    "the rate is 100, SGD": ({"optimizer": nl.SGD(100.0)}, {"update to weight", "learnt by heart"}),
    "the input is 0": ({"data": lambda x, target: (0 * x, target)}, {"input counts"}),
    "the weights are huge": ({"net": saturated()}, {"saturation"}),
    "the sign of the update": ({"optimizer": Uphill(0.1)}, {"direction", "learnt by heart"}),
    "a target far from 0": ({"data": lambda x, target: (x, target + 20)}, {"initial loss"}),
    "a target with nothing in it": ({"data": lambda x, target: (x, 0 * target)}, {"initial loss"}),
}


def checked(data=lambda x, target: (x, target), net=None, optimizer=None, loss=nl.losses.mse):
    return diagnostics.check_training(
        net or a_network(),
        *data(*a_task()),
        loss=loss,
        optimizer=optimizer or nl.Adam(2e-2),
        updates=60,
        progress=False,
    )


def test_a_sound_training_passes_every_check():
    net, optimizer = a_network(), nl.Adam(2e-2)
    theta, grad = net.theta.copy(), net.grad.copy()
    report = checked(net=net, optimizer=optimizer)
    assert report.passed, str(report)
    assert str(report).startswith("6 of 6 checks passed\nok    initial loss")
    assert "FAIL" not in str(report) and str(report).count("\n") == 6
    assert (net.theta == theta).all() and (net.grad == grad).all() and optimizer.updates == 0


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_fires_the_check_that_is_there_for_it(fault):
    options, expected = FAULTS[fault]
    report = checked(**options)
    fired = {check.name for check in report.checks if not check.passed}
    assert expected <= fired, str(report)
    assert not report.passed
    for name in expected:
        assert f"FAIL  {name}" in str(report) and report[name].meaning.split("\n")[0] in str(report)


def test_a_fault_is_said_in_words_that_fit_it():
    assert "a sign is wrong" in checked(optimizer=Uphill(0.1))["direction"].meaning
    assert "Nothing is updated" in checked(optimizer=standing_still())["direction"].meaning
    assert "The rate is too\nhigh" in checked(optimizer=nl.SGD(100.0))["update to weight"].meaning
    assert (
        "a NaN or an infinity" in checked(data=lambda x, target: (x, target * np.nan))["initial loss"].meaning
    )
    trained = a_network()
    for _ in range(200):
        nl.train_step(trained, *a_task(), loss=nl.losses.mse, optimizer=nl.SGD(0.3))
    assert "it has been trained already" in checked(net=trained)["initial loss"].meaning
    assert "The loss rises" in checked(optimizer=nl.SGD(100.0))["learnt by heart"].meaning


def test_sound_classifiers_pass_every_check_and_theory_is_the_logarithm_of_the_classes():
    x, target = a_task()
    classes = (target[:, :, 0] > -0.7).astype(int) + (target[:, :, 0] > 0.7)
    net = nl.Sequential(nl.GRU(2, 8), nl.Dense(8, 3), seed=0)
    report = diagnostics.check_training(
        net, x, classes, loss=nl.losses.softmax_cross_entropy, optimizer=nl.Adam(2e-2), updates=60
    )
    assert report.passed, str(report)
    assert "theory 1.099, log 3, all classes alike" in str(report)

    mlp = nl.MLP(2, 16, 1, seed=0)
    report = diagnostics.check_training(
        mlp,
        x[0],
        (x[0, :, :1] > 0).astype(float),
        loss=nl.losses.sigmoid_cross_entropy,
        optimizer=nl.Adam(2e-2),
        updates=60,
    )
    assert report.passed, str(report)
    assert "theory 0.6931, log 2, a coin tossed" in str(report) and "the same 4 examples" in str(report)


def test_units_that_are_never_on_and_stops_inside_a_network_are_found():
    x = np.random.default_rng(0).standard_normal((4, 6, 2))
    net = nl.Sequential(nl.RNN(2, 3), nl.MLP(3, 4, 4, 1), nl.Activation("sigmoid"), seed=0)
    net.layers[1].layers[1].params["b"][...] = [-99, -99, -99, 9]
    net.layers[1].layers[2].params["b"][...] = -50
    shares = diagnostics.sanity.saturated(net, x)
    assert shares["1.1.Dense"] == 0.75 and shares["2.Activation"] == 1.0
    assert shares["0.RNN"] < 0.5 and "1.2.Dense" not in shares


def test_checks_refuse_what_they_cannot_judge():
    x, target = a_task()
    with pytest.raises(ValueError, match="expected at least 2 sequences, one of them to hold back, got 1"):
        diagnostics.check_training(a_network(), x[:, :1], target[:, :1], loss=nl.losses.mse)
    with pytest.raises(ValueError, match="expected at least 10 updates, got 9"):
        diagnostics.check_training(a_network(), x, target, loss=nl.losses.mse, updates=9)


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (
            lambda x, y: diagnostics.gradient_by_lag(nl.LSTM, x),
            "expected a layer or network .* the class LSTM",
        ),
        (lambda x, y: diagnostics.connectivity(None, x), "expected a layer or network .* got NoneType"),
        (lambda x, y: diagnostics.connectivity(cell(), x, 1.5), "expected t from 0 to 3, got 1.5"),
        (lambda x, y: diagnostics.connectivity(cell(), x + 0j), "real numbers, got dtype complex128"),
        (lambda x, y: diagnostics.connectivity(cell(), x[:0]), "at least one step, got .0, 2, 2."),
        (lambda x, y: diagnostics.gradient_by_lag(cell(), x + 0j), "real numbers, got dtype complex128"),
        (lambda x, y: diagnostics.step_sheet(cell(), x + 0j, t=0), "real numbers, got dtype complex128"),
        (lambda x, y: diagnostics.step_sheet(cell(), x[:0], t=0), "at least one step of one sequence"),
        (lambda x, y: diagnostics.gate_saturation(cell(), x[:, :0]), "at least one step of one sequence"),
        (lambda x, y: check(nl.LSTM, x, y), "expected a layer or network .* the class LSTM"),
        (lambda x, y: check(cell(), x, y, loss="mse"), "expected a loss such as losses.mse, got 'mse'"),
        (lambda x, y: check(cell(), x, y, updates=10.5), "expected updates to be a positive whole number"),
        (lambda x, y: search(nl.LSTM, (x, y)), "expected a layer or network .* the class LSTM"),
        (lambda x, y: search(cell(), (x, y), loss=None), "expected a loss such as losses.mse, got None"),
        (lambda x, y: search(cell(), (x, y), steps=2.5), "expected steps to be a positive whole number"),
    ],
)
def test_what_is_no_network_no_sequence_or_no_number_is_refused_in_one_sentence(question, message):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=message):
        question(rng.standard_normal((4, 2, 2)), rng.standard_normal((4, 2, 3)))


def cell():
    return nl.LSTM(2, 3, seed=0)


def check(net, x, target, **options):
    return diagnostics.check_training(net, x, target, **{"loss": nl.losses.mse} | options)


def search(net, batch, **options):
    return diagnostics.learning_rate_finder(net, batch, **{"loss": nl.losses.mse} | options)


# ---------------------------------------------------------------- figures


def test_the_figures_show_the_arrays_with_axes_and_units():
    lstm, x, *_ = case("LSTM", T=9)
    found = {name: values[:, 0] for name, values in diagnostics.gate_activations(lstm, x).items()}
    figure = plots_inside.activity({"x": x[:, 0, 0]}, found, rate=1000)
    assert figure.axes[6].get_xlabel() == "time (ms)" and figure.axes[0].get_ylabel() == "amplitude"
    shown = figure.axes[2].images[0]
    assert (shown.get_array() == found["f"].T).all() and shown.get_clim() == (0, 1)
    assert figure.axes[3].images[0].get_clim() == (-1, 1)

    norms = diagnostics.gradient_by_lag(lstm, x)
    (ax,) = plots_inside.gradient_by_lag(norms).axes
    assert ax.get_yscale() == "log" and "steps" in ax.get_xlabel()
    assert ax.lines[1].get_ydata() == pytest.approx(
        np.exp(np.log(np.maximum(norms["c"], 1e-300)).mean(axis=1))
    )

    derivatives = diagnostics.connectivity(lstm, x)[:, :, 0]
    picture = np.asarray(plots_inside.connectivity(derivatives).axes[0].images[0].get_array())
    assert 10 ** picture[8, :] * derivatives.max() == pytest.approx(
        np.maximum(derivatives[8], 1e-6 * derivatives.max())
    )
    assert len(plots_inside.connectivity(derivatives[8]).axes[0].lines) == 1

    rates = diagnostics.LearningRates(
        np.array([1e-3, 1e-2]), np.array([2.0, 1.0]), np.array([2.0, 1.5]), 1e-3
    )
    (ax,) = plots_inside.learning_rates(rates).axes
    assert ax.get_xscale() == "log" and len(ax.lines) == 3
    assert len(plots_inside.learning_rates(rates._replace(suggestion=None)).axes[0].lines) == 2

    figure = plots_inside.saturation(diagnostics.gate_saturation(lstm, x), "gates")
    assert [ax.get_title() for ax in figure.axes] == ["i", "f", "g", "o"]
    assert isinstance(figure, Figure) and "%" in figure.axes[0].get_xlabel()
