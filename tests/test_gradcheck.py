import copy
import inspect
import re
import textwrap
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from strategies import Case, cases, layers

from numpylstm import (
    GRU,
    LSTM,
    MLP,
    RNN,
    Activation,
    Bidirectional,
    ConcatHidden,
    Dense,
    Dropout,
    GaussianNoise,
    GradcheckError,
    Residual,
    Sequential,
    activations,
    gradcheck,
    losses,
)
from numpylstm.layers.state import map_state


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def sequence(T=4, B=3, D=3):
    return np.random.default_rng(0).standard_normal((T, B, D))


# Two cells of nobody's library: all that gradcheck asks for is forward, backward, params and grads


class State(NamedTuple):
    h: np.ndarray
    c: np.ndarray


class TextbookLSTM:
    """An LSTM with peepholes, gates in rows i, f, g, o, one step after the other."""

    def __init__(self, D=3, H=2, seed=0):
        rng = np.random.default_rng(seed)
        shapes = {"W_x": (4 * H, D), "W_h": (4 * H, H), "b": (4 * H,), "p": (3, H)}
        self.H = H
        self.params = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
        self.grads = {name: np.zeros(shape) for name, shape in shapes.items()}

    def forward(self, x, state=None):
        h, c = state or State(*np.zeros((2, x.shape[1], self.H)))
        W_x, W_h, b, (p_i, p_f, p_o) = self.params.values()
        y, steps = [], []
        for x_t in x:
            h_before, c_before = h, c
            a_i, a_f, a_g, a_o = np.split(x_t @ W_x.T + h @ W_h.T + b, 4, axis=1)
            i = sigmoid(a_i + p_i * c)
            f = sigmoid(a_f + p_f * c)
            g = np.tanh(a_g)
            c = f * c + i * g
            o = sigmoid(a_o + p_o * c)
            h = o * np.tanh(c)
            y.append(h)
            steps.append((h_before, c_before, i, f, g, o, h, c))
        return np.array(y), State(h, c), (x, steps)

    def backward(self, dy, cache, dstate):
        x, steps = cache
        T = len(x)
        W_x, W_h, _, (p_i, p_f, p_o) = self.params.values()
        dx = np.zeros_like(x)
        dh, dc = dstate
        for t in reversed(range(T)):
            h_before, c_before, i, f, g, o, h, c = steps[t]  # noqa: RUF059 - for the errors below
            tanh_c = np.tanh(c)
            dh = dh + dy[t]
            da_o = dh * tanh_c * o * (1 - o)
            dc = dc + dh * o * (1 - tanh_c**2) + p_o * da_o
            da_i = dc * g * i * (1 - i)
            da_f = dc * c_before * f * (1 - f)
            da_g = dc * i * (1 - g**2)
            da = np.hstack([da_i, da_f, da_g, da_o])
            self.grads["W_x"] += da.T @ x[t]
            self.grads["W_h"] += da.T @ h_before
            self.grads["b"] += da.sum(axis=0)
            self.grads["p"][0] += (da_i * c_before).sum(axis=0)
            self.grads["p"][1] += (da_f * c_before).sum(axis=0)
            self.grads["p"][2] += (da_o * c).sum(axis=0)
            dx[t] = da @ W_x
            dh = da @ W_h
            dc = dc * f + p_i * da_i + p_f * da_f
        return dx, State(dh, dc)


class TextbookGRU:
    """A GRU with the reset gate after the product, gates in rows r, z, n. Its state is a bare array."""

    def __init__(self, D=3, H=2, seed=0):
        rng = np.random.default_rng(seed)
        shapes = {"W_x": (3 * H, D), "W_h": (3 * H, H), "b_x": (3 * H,), "b_h": (3 * H,)}
        self.H = H
        self.params = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
        self.grads = {name: np.zeros(shape) for name, shape in shapes.items()}

    def forward(self, x, h=None):
        h = np.zeros((x.shape[1], self.H)) if h is None else h
        W_x, W_h, b_x, b_h = self.params.values()
        y, steps = [], []
        for x_t in x:
            h_before = h
            x_r, x_z, x_n = np.split(x_t @ W_x.T + b_x, 3, axis=1)
            q_r, q_z, q_n = np.split(h @ W_h.T + b_h, 3, axis=1)
            r = sigmoid(x_r + q_r)
            z = sigmoid(x_z + q_z)
            n = np.tanh(x_n + r * q_n)
            h = (1 - z) * n + z * h
            y.append(h)
            steps.append((h_before, r, z, n, q_n, h))
        return np.array(y), h, (x, steps)

    def backward(self, dy, cache, dh):
        x, steps = cache
        W_x, W_h, _, _ = self.params.values()
        dx = np.zeros_like(x)
        for t in reversed(range(len(x))):
            h_before, r, z, n, q_n, h = steps[t]  # noqa: RUF059 - for the errors below
            dh = dh + dy[t]
            da_z = dh * (h_before - n) * z * (1 - z)
            da_n = dh * (1 - z) * (1 - n**2)
            da_r = da_n * q_n * r * (1 - r)
            da = np.hstack([da_r, da_z, da_n])
            dq = np.hstack([da_r, da_z, da_n * r])
            self.grads["W_x"] += da.T @ x[t]
            self.grads["W_h"] += dq.T @ h_before
            self.grads["b_x"] += da.sum(axis=0)
            self.grads["b_h"] += dq.sum(axis=0)
            dx[t] = da @ W_x
            dh = dh * z + dq @ W_h
        return dx, dh


@pytest.mark.parametrize("method", ["complex", "directional", "central"])
@pytest.mark.parametrize("cell", [TextbookLSTM, TextbookGRU])
def test_a_class_of_ones_own_is_checked(cell, method):
    report = gradcheck(cell(), sequence(), method=method)
    assert report.passed, report
    states = ["state.h", "state.c"] if cell is TextbookLSTM else ["state"]
    assert list(report.errors) == ["x", *states, *cell().params]


def with_text(cls, old, new):
    """The class with one piece of its backward pass replaced."""
    source = textwrap.dedent(inspect.getsource(cls.backward))
    assert source.count(old) == 1, f"{old!r} does not stand once in {cls.__name__}.backward"
    namespace = dict(globals())
    exec(source.replace(old, new), namespace)
    return type(cls.__name__, (cls,), {"backward": namespace["backward"]})


ALL = {"x", "state.h", "state.c", "W_x", "W_h", "b", "p"}
LSTM_ERRORS = {
    # what is wrong: (right, wrong, the tensors it spoils)
    "recurrent_term_missing": ("dh = da @ W_h", "dh = np.zeros_like(dh)", ALL),
    "cell_not_carried": ("dc = dc * f + p_i", "dc = p_i", ALL),
    "forget_gate_forgotten": ("dc = dc * f +", "dc = dc +", ALL),
    "gates_swapped": ("[da_i, da_f, da_g, da_o]", "[da_f, da_i, da_g, da_o]", ALL),
    "gates_swapped_in_one_gradient": (
        "+= da.T @ x[t]",
        "+= np.hstack([da_f, da_i, da_g, da_o]).T @ x[t]",
        {"W_x"},
    ),
    "new_h_for_the_one_before": ("da.T @ h_before", "da.T @ h", {"W_h"}),
    "new_c_for_the_one_before": ("dc * c_before", "dc * c", ALL),
    "tanh_of_c_missing": ("dh * tanh_c", "dh * c", ALL),
    "slope_of_tanh_c_missing": (" * (1 - tanh_c**2)", "", ALL),
    "output_gate_missing_in_dc": ("dh * o * (1 - tanh_c**2)", "dh * (1 - tanh_c**2)", ALL),
    "slope_of_the_candidate_wrong": ("(1 - g**2)", "(1 - g)", ALL),
    "slope_of_a_sigmoid_forgotten": ("i * (1 - i)", "i", ALL),
    "candidate_for_input_gate": ("dc * i * (1 - g**2)", "dc * g * (1 - g**2)", ALL),
    "dc_replaced_instead_of_added": ("dc = dc + dh", "dc = dh", ALL),
    "peephole_of_o_missing_in_dc": (" + p_o * da_o", "", ALL),
    "peepholes_of_i_and_f_not_carried": (" + p_i * da_i + p_f * da_f", "", ALL),
    "peephole_of_o_sees_the_old_cell": ("(da_o * c)", "(da_o * c_before)", {"p"}),
    "peephole_gradient_in_the_wrong_row": ('self.grads["p"][1]', 'self.grads["p"][0]', {"p"}),
    "bias_of_one_sequence": ("da.sum(axis=0)", "da[0]", {"b"}),
    "bias_averaged_over_the_batch": ("da.sum(axis=0)", "da.mean(axis=0)", {"b"}),
    "weights_divided_by_steps": ("da.T @ h_before", "da.T @ h_before / T", {"W_h"}),
    "input_gradient_one_step_off": ("dx[t]", "dx[t - 1]", {"x"}),
    "gradient_of_the_final_h_dropped": ("dh, dc = dstate", "dh, dc = 0, dstate[1]", ALL),
    "gradient_of_the_final_c_dropped": ("dh, dc = dstate", "dh, dc = dstate[0], 0", ALL),
    "initial_h_gets_no_gradient": ("State(dh, dc)", "State(np.zeros_like(dh), dc)", {"state.h"}),
    "initial_states_exchanged": ("State(dh, dc)", "State(dc, dh)", {"state.h", "state.c"}),
    "first_step_left_out": ("range(T)", "range(1, T)", ALL),
    "steps_in_the_order_of_time": ("reversed(range(T))", "range(T)", ALL),
    "dy_of_all_but_the_last_step_lost": ("dh + dy[t]", "dh + dy[t] * (t == T - 1)", ALL),
}
ALL_GRU = {"x", "state", "W_x", "W_h", "b_x", "b_h"}
GRU_ERRORS = {
    "update_gate_not_carried": ("dh = dh * z + dq", "dh = dq", ALL_GRU),
    "recurrent_term_missing": (" + dq @ W_h", "", ALL_GRU),
    "recurrent_term_without_reset_gate": ("dq @ W_h", "da @ W_h", ALL_GRU),
    "gates_exchanged": ("dh * (1 - z) * (1 - n**2)", "dh * z * (1 - n**2)", ALL_GRU),
    "sign_of_the_update_gate": ("(h_before - n)", "(n - h_before)", ALL_GRU),
    "candidate_in_reset_gate": ("da_n * q_n", "da_n * n", ALL_GRU),
    "reset_gate_forgotten_in_W_h": ("dq.T @ h_before", "da.T @ h_before", {"W_h"}),
    "reset_gate_forgotten_in_b_h": ("dq.sum(axis=0)", "da.sum(axis=0)", {"b_h"}),
    "new_h_for_the_one_before": ("dq.T @ h_before", "dq.T @ h", {"W_h"}),
    "final_gradient_dropped": ("dh = dh + dy[t]", "dh = (dh if t < len(x) - 1 else 0) + dy[t]", ALL_GRU),
}


@pytest.mark.parametrize("method", ["complex", "directional", "central"])
@pytest.mark.parametrize(("right", "wrong", "spoiled"), LSTM_ERRORS.values(), ids=LSTM_ERRORS)
def test_errors_in_an_lstm_are_found_and_named(right, wrong, spoiled, method):
    report = gradcheck(with_text(TextbookLSTM, right, wrong)(), sequence(), method=method)
    assert not report.passed
    assert set(report.wrong) == spoiled, report


@pytest.mark.parametrize("method", ["complex", "directional", "central"])
@pytest.mark.parametrize(("right", "wrong", "spoiled"), GRU_ERRORS.values(), ids=GRU_ERRORS)
def test_errors_in_a_gru_are_found_and_named(right, wrong, spoiled, method):
    report = gradcheck(with_text(TextbookGRU, right, wrong)(), sequence(), method=method)
    assert not report.passed
    assert set(report.wrong) == spoiled, report


WRITES = {
    "dy": ("dh = dh + dy[t]", "dy[t] += dh; dh = dy[t].copy()"),
    "dstate.h": ("dh = dh + dy[t]", "dh += dy[t]"),
    "x": ("dx = np.zeros_like(x)", "dx = x; x = x.copy()"),
    "W_h": ("da_i = dc", "W_h *= 0.5; da_i = dc"),
}


@pytest.mark.parametrize(("name", "texts"), WRITES.items(), ids=WRITES)
def test_a_backward_that_writes_into_its_input_is_told_so(name, texts):
    report = gradcheck(with_text(TextbookLSTM, *texts)(), sequence())
    assert not report.passed
    assert report.changed == [name]
    assert report.diagnosis.endswith(f"forward or backward wrote into its input: {name}.")


# The package's own layers with a wrong backward, made wrong from outside


def wrong(cls, backward):
    """The class with another backward; `right(self, ...)` inside it is the original."""
    return type(cls.__name__, (cls,), {"backward": lambda *args: backward(cls.backward, *args)})


def spoil_grads(name, change):
    """A backward whose gradient of one parameter is changed."""

    def backward(right, self, dy, cache, dstate=None):
        before = self.grads[name].copy()
        result = right(self, dy, cache, dstate)
        self.grads[name][...] = before + change(self, self.grads[name] - before, dy)
        return result

    return backward


def swap_gates(self, grad, dy):
    blocks = grad.reshape(len(self.gates), self.hidden_size, -1)
    return blocks[[1, 0, *range(2, len(self.gates))]].reshape(grad.shape)


def drop_final_gradient(right, self, dy, cache, dstate=None):
    return right(self, dy, cache, None)


def forget_initial_gradient(right, self, dy, cache, dstate=None):
    dx, dinitial = right(self, dy, cache, dstate)
    return dx, dinitial._replace(h=np.zeros_like(dinitial.h))


def write_into_dy(right, self, dy, cache, dstate=None):
    result = right(self, dy, cache, dstate)
    dy *= 2
    return result


def step_by_step(cls, hand_on):
    """The class run one step at a time; `hand_on` changes the gradient by the state between two steps."""

    def forward(self, x, state=None, lengths=None, training=False, rng=None):
        ys, caches = [], []
        for t in range(len(x)):
            rest = None if lengths is None else np.clip(np.subtract(lengths, t), 0, 1)
            y, state, cache = cls.forward(self, x[t : t + 1], state, rest)
            ys.append(y)
            caches.append(cache)
        return np.concatenate(ys), state, caches

    def backward(self, dy, caches, dstate=None):
        dxs = []
        for t in reversed(range(len(dy))):
            dx, dstate = cls.backward(self, dy[t : t + 1], caches[t], dstate)
            dxs.append(dx)
            if t:
                dstate = hand_on(t, dstate)
        return np.concatenate(dxs[::-1]), dstate

    return type(cls.__name__, (cls,), {"forward": forward, "backward": backward})


def no_recurrent_term(t, dstate):
    return dstate._replace(h=np.zeros_like(dstate.h))


def no_memory(t, dstate):
    return dstate._replace(c=np.zeros_like(dstate.c))


def truncated(t, dstate):
    return map_state(np.zeros_like, dstate) if t == 2 else dstate


def doubled(t, dstate):
    return map_state(lambda array: 2 * array, dstate)


def leak_from_padding(right, self, dy, cache, dstate=None):
    dx, dinitial = right(self, dy, cache, dstate)
    dx = dx.copy()
    dx[3:, 1] += dy[3:, 1, :1]
    return dx, dinitial


CELLS = {
    "lstm": lambda cls=LSTM: cls(3, 2, seed=0),
    "lstm_peepholes": lambda cls=LSTM: cls(3, 2, peepholes=True, seed=0),
    "gru": lambda cls=GRU: cls(3, 2, seed=0),
    "gru_reset_before": lambda cls=GRU: cls(3, 2, reset_after=False, seed=0),
    "rnn": lambda cls=RNN: cls(3, 2, seed=0),
    "rnn_relu": lambda cls=RNN: cls(3, 2, activation="relu", seed=0),
}
every_cell = pytest.mark.parametrize("make", CELLS.values(), ids=CELLS)


def everything(net):
    states = [f"state.{name}" for name in net.initial_state(1)._fields]
    return {"x", *states, *net.params}


def perturbed(net):
    """Random biases and peepholes as well: at zero they hide errors."""
    net.theta[...] += 0.5 * np.random.default_rng(7).standard_normal(net.theta.size)
    return net


def check_cell(make, mutate, lengths=(4, 0, 2)):
    """The report on the mutated cell; the right one passes the same check, see below."""
    net = perturbed(make(mutate(make.__defaults__[0])))
    return gradcheck(net, sequence(), lengths=lengths), net


@every_cell
def test_one_step_at_a_time_is_right_as_long_as_all_is_handed_on(make):
    report, _ = check_cell(make, lambda cls: step_by_step(cls, lambda t, dstate: dstate))
    assert report.passed, report


@every_cell
@pytest.mark.parametrize("hand_on", [no_recurrent_term, truncated, doubled])
def test_errors_in_what_one_step_hands_to_the_one_before_are_found(make, hand_on):
    report, net = check_cell(make, lambda cls: step_by_step(cls, hand_on))
    assert set(report.wrong) == everything(net), report


@pytest.mark.parametrize("name", ["lstm", "lstm_peepholes"])
def test_a_cell_gradient_that_is_not_handed_on_is_found(name):
    report, net = check_cell(CELLS[name], lambda cls: step_by_step(cls, no_memory))
    assert set(report.wrong) == everything(net), report


@every_cell
def test_a_dropped_gradient_of_the_final_state_is_found(make):
    report, net = check_cell(make, lambda cls: wrong(cls, drop_final_gradient))
    assert set(report.wrong) == everything(net), report


@every_cell
def test_a_forgotten_gradient_of_the_initial_state_is_found(make):
    report, _ = check_cell(make, lambda cls: wrong(cls, forget_initial_gradient))
    assert report.wrong == ["state.h"]


@every_cell
def test_an_overwritten_dy_is_found(make):
    report, _ = check_cell(make, lambda cls: wrong(cls, write_into_dy))
    assert not report.passed
    assert (report.wrong, report.changed) == ([], ["dy"])


@every_cell
def test_padded_steps_that_leak_a_gradient_are_found(make):
    report, _ = check_cell(make, lambda cls: wrong(cls, leak_from_padding), lengths=[4, 2, 3])
    assert report.wrong == ["x"]
    assert report.tensors["x"].where == (3, 1, 0)
    assert report.tensors["x"].expected == 0 != report.tensors["x"].got


GRADIENT_ERRORS = {
    "divided_by_steps": lambda self, grad, dy: grad / len(dy),
    "divided_by_batch": lambda self, grad, dy: grad / dy.shape[1],
    "wrong_sign": lambda self, grad, dy: -grad,
    "lost": lambda self, grad, dy: 0 * grad,
    "off_in_the_ninth_digit": lambda self, grad, dy: grad * (1 + 1e-9),
    "one_entry_off": lambda self, grad, dy: (
        grad + 1e-6 * (np.arange(grad.size) == grad.size - 1).reshape(grad.shape)
    ),
}


@every_cell
@pytest.mark.parametrize("change", GRADIENT_ERRORS.values(), ids=GRADIENT_ERRORS)
def test_an_error_in_the_gradient_of_one_parameter_is_named(make, change):
    for name in make().params:
        report, _ = check_cell(make, lambda cls, name=name: wrong(cls, spoil_grads(name, change)))
        assert report.wrong == [name], report


@pytest.mark.parametrize("name", ["lstm", "lstm_peepholes", "gru", "gru_reset_before"])
def test_gates_swapped_in_a_gradient_are_found(name):
    for param in ("W_x", "W_h"):
        report, _ = check_cell(
            CELLS[name], lambda cls, param=param: wrong(cls, spoil_grads(param, swap_gates))
        )
        assert report.wrong == [param]


def test_the_first_wrong_index_is_named():
    def change(self, grad, dy):
        grad = grad.copy()
        grad[4, 1] += 1
        grad[5, 0] += 1
        return grad

    report, _ = check_cell(CELLS["lstm"], lambda cls: wrong(cls, spoil_grads("W_h", change)))
    assert report.tensors["W_h"].where == (4, 1)
    assert report.tensors["W_h"].got == pytest.approx(report.tensors["W_h"].expected + 1)


ACTIVATION_ERRORS = {
    "relu_at_the_wrong_sign": ("relu", lambda y, dy: np.where(y.real > 0, 0, dy)),
    "relu_let_everything_through": ("relu", lambda y, dy: dy),
    "sigmoid_half_forgotten": ("sigmoid", lambda y, dy: dy * y),
    "sigmoid_of_the_output": ("sigmoid", lambda y, dy: dy * sigmoid(y) * (1 - sigmoid(y))),
    "tanh_not_squared": ("tanh", lambda y, dy: dy * (1 - y)),
    "softmax_diagonal_only": ("softmax", lambda y, dy: dy * y * (1 - y)),
    "softmax_summed_over_the_batch": (
        "softmax",
        lambda y, dy: y * (dy - (dy * y).sum(axis=0, keepdims=True)),
    ),
}


@pytest.mark.parametrize(("name", "backward"), ACTIVATION_ERRORS.values(), ids=ACTIVATION_ERRORS)
def test_wrong_derivatives_of_activations_are_found(name, backward, monkeypatch):
    right = activations.ACTIVATIONS[name]
    dense = perturbed(Dense(3, 4, activation=name, seed=0))
    activation = Activation(name)
    assert gradcheck(dense, sequence()).passed and gradcheck(activation, sequence()).passed
    monkeypatch.setitem(activations.ACTIVATIONS, name, right._replace(backward=backward))
    assert set(gradcheck(dense, sequence()).wrong) == {"x", "W", "b"}
    assert gradcheck(activation, sequence()).wrong == ["x"]


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_wrong_derivatives_in_an_rnn_are_found(activation, monkeypatch):
    net = perturbed(RNN(3, 4, activation=activation, seed=0))
    assert gradcheck(net, sequence()).passed
    right = activations.ACTIVATIONS[activation]
    monkeypatch.setitem(activations.ACTIVATIONS, activation, right._replace(backward=lambda y, dy: dy))
    assert set(gradcheck(net, sequence()).wrong) == everything(net)


DENSE_ERRORS = {
    "bias_of_the_last_step": (spoil_grads("b", lambda self, grad, dy: dy[-1].sum(axis=0)), {"b"}),
    "weights_transposed": (spoil_grads("W", lambda self, grad, dy: grad.T), {"W"}),
    "input_gradient_through_W_not_transposed": (
        lambda right, self, dy, cache, dstate=None: (
            right(self, dy, cache)[0] * 0 + dy @ self.params["W"].T,
            (),
        ),
        {"x"},
    ),
    "activation_skipped": (
        lambda right, self, dy, cache, dstate=None: right(self, dy, cache._replace(y=np.zeros_like(cache.y))),
        {"x", "W", "b"},
    ),
}


@pytest.mark.parametrize(("backward", "spoiled"), DENSE_ERRORS.values(), ids=DENSE_ERRORS)
def test_errors_in_a_dense_layer_are_found(backward, spoiled):
    activation = "tanh" if "W" in spoiled and len(spoiled) == 3 else None
    assert gradcheck(Dense(3, 3, activation=activation, seed=0), sequence()).passed
    report = gradcheck(wrong(Dense, backward)(3, 3, activation=activation, seed=0), sequence())
    assert set(report.wrong) == spoiled, report


NETWORK_ERRORS = {
    "dropout_mask_forgotten": (wrong(Dropout, lambda right, self, dy, *_: (dy.copy(), ())), (0.5,)),
    "dropout_scale_forgotten": (wrong(Dropout, lambda right, *a: (right(*a)[0] * 0.5, ())), (0.5,)),
    "noise_scales_its_gradient": (wrong(GaussianNoise, lambda right, *a: (right(*a)[0] * 0.5, ())), (0.5,)),
    "residual_without_its_shortcut": (
        wrong(Residual, lambda right, self, dy, *a: (right(self, dy, *a)[0] - dy, ((),))),
        (Dense(3, 3, seed=0),),
    ),
}


@pytest.mark.parametrize(("cls", "arguments"), NETWORK_ERRORS.values(), ids=NETWORK_ERRORS)
def test_errors_in_layers_around_others_are_found(cls, arguments):
    report = gradcheck(cls(*copy.deepcopy(arguments)), sequence(), training=True)
    assert report.wrong == ["x"]
    assert gradcheck(cls.__base__(*copy.deepcopy(arguments)), sequence(), training=True).passed


def test_the_wrong_layer_of_a_network_is_named():
    wrong_gru = wrong(GRU, spoil_grads("W_h", swap_gates))
    net = Sequential(LSTM(3, 2), Residual(wrong_gru(2, 2)), Dense(2, 1), seed=0)
    report = gradcheck(net, sequence())
    assert report.wrong == ["1.0.W_h"]
    assert list(report.errors) == [
        *("x", "state.0.h", "state.0.c", "state.1.0.h"),
        *("0.W_x", "0.W_h", "0.b", "1.0.W_x", "1.0.W_h", "1.0.b_x", "1.0.b_h", "2.W", "2.b"),
    ]


# Right ones pass


@given(cases(layers))
def test_right_networks_pass_by_directions(case: Case):
    report = gradcheck(case.net, case.x, lengths=case.lengths, training=True, method="directional")
    assert report.passed, report


@pytest.mark.parametrize("method", ["complex", "directional", "central"])
@pytest.mark.parametrize("lengths", [None, [4, 0, 2]])
@every_cell
def test_right_cells_pass_by_every_method(make, lengths, method):
    report = gradcheck(perturbed(make()), sequence(), lengths=lengths, method=method, training=True)
    assert report.passed and not report.wrong and not report.changed
    assert report.method == method
    assert report.max_error < (1e-6 if method == "central" else 1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_float32_network_is_checked_as_exactly(dtype):
    net = Sequential(LSTM(3, 2), Dense(2, 2, activation="softmax"), dtype=dtype, seed=0)
    assert gradcheck(net, sequence().astype(dtype)).check().max_error < 1e-12
    assert net.dtype == dtype
    spoiled = wrong(Dense, spoil_grads("W", lambda self, grad, dy: grad * (1 + 1e-9)))
    net = Sequential(LSTM(3, 2), spoiled(2, 2, activation="softmax"), dtype=dtype, seed=0)
    assert gradcheck(net, sequence()).wrong == ["1.W"]


@pytest.mark.parametrize("shape", [(0, 2, 3), (4, 2, 3)], ids=["no steps", "zero weights"])
def test_gradients_of_nothing_pass(shape):
    net = Sequential(LSTM(3, 2, init="zeros"), Dense(2, 1, init="zeros", activation="softmax"))
    assert gradcheck(net, np.zeros(shape)).passed


def test_a_gradient_that_is_zero_but_for_rounding_is_not_wrong():
    """The classes of a softmax sum to 1 whatever its weights; only the final state has a say here."""
    net = Sequential(LSTM(3, 2), Dense(2, 3, activation="softmax", init="pytorch"), seed=0)
    report = gradcheck(net, sequence(), loss=lambda y: (y.sum(), np.ones_like(y)))
    assert report.passed, report
    assert report.errors["1.W"] > 0


def test_a_small_gradient_out_of_nothing_is_wrong():
    spoiled = wrong(Dense, spoil_grads("W", lambda self, grad, dy: grad + 1e-9))
    net = ConcatHidden(spoiled(3, 1, activation="softmax", seed=0), Dense(1, 4, seed=1))
    assert gradcheck(net, sequence()).wrong == ["0.W"]


def test_rows_without_time_are_checked():
    net = MLP(3, 4, 2, activation="sigmoid", dropout=0.3, seed=0)
    assert gradcheck(net, sequence()[0], training=True).passed


def test_dropout_and_noise_are_the_same_at_every_evaluation():
    net = Sequential(
        GaussianNoise(1.0),
        LSTM(3, 2, recurrent_dropout=0.5),
        Dropout(0.5),
        Dropout(0.5, per_sequence=True),
        seed=0,
    )
    for method in ("complex", "central"):
        assert gradcheck(net, sequence(), training=True, method=method).passed


def test_bidirectional_networks_are_checked():
    net = Bidirectional(LSTM(3, 2, seed=0), GRU(3, 2, seed=1), merge="mean")
    assert gradcheck(net, sequence(), lengths=[4, 0, 2]).passed
    forgets_to_turn = wrong(
        Bidirectional, lambda right, self, dy, cache, dstate=None: right(self, dy[::-1], cache, dstate)
    )
    net = forgets_to_turn(LSTM(3, 2, seed=0), GRU(3, 2, seed=1))
    assert {"x", "0.W_h", "1.W_h"} <= set(gradcheck(net, sequence()).wrong)


# The state, and what comes into it from above


SKIPS_THE_FIRST_STEP = with_text(TextbookLSTM, "da.T @ h_before", "da.T @ h_before * (t > 0)")


def test_the_initial_state_is_random_because_zero_hides_errors():
    zeros = State(*np.zeros((2, 3, 2)))
    assert gradcheck(SKIPS_THE_FIRST_STEP(), sequence(), state=zeros).passed
    assert gradcheck(SKIPS_THE_FIRST_STEP(), sequence()).wrong == ["W_h"]


def test_a_state_handed_in_is_the_one_checked():
    state = State(*np.random.default_rng(3).standard_normal((2, 3, 2)))
    before = copy.deepcopy(state)
    assert gradcheck(TextbookLSTM(), sequence(), state=state).passed
    assert gradcheck(LSTM(3, 2, seed=0), sequence(), state=tuple(state)).passed
    assert gradcheck(SKIPS_THE_FIRST_STEP(), sequence(), state=state).wrong == ["W_h"]
    np.testing.assert_array_equal(state, before)


def test_a_loss_of_ones_own():
    target = np.random.default_rng(1).standard_normal((4, 3, 2))
    net = LSTM(3, 2, seed=0)
    assert gradcheck(net, sequence(), loss=lambda y: losses.mse(y, target)).passed
    lengths = [4, 0, 2]
    assert gradcheck(net, sequence(), lengths=lengths, loss=lambda y: losses.sse(y, target, lengths)).passed

    def wrong_loss(y):
        value, dy = losses.mse(y, target)
        return value, dy / 2

    assert set(gradcheck(net, sequence(), loss=wrong_loss).wrong) == everything(net)


# Nothing is left behind


@pytest.mark.parametrize("method", ["complex", "directional", "central"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parameters_gradients_and_generators_are_as_before(method, dtype):
    def make():
        net = Sequential(LSTM(3, 2, recurrent_dropout=0.5), Dropout(0.5), Dense(2, 2), dtype=dtype, seed=0)
        net.grad[...] = np.arange(net.grad.size)
        return net

    net, fresh, x = make(), make(), sequence()
    gradcheck(net, x, method=method, training=True, lengths=[4, 0, 2])
    np.testing.assert_array_equal(net.theta, fresh.theta)
    np.testing.assert_array_equal(net.grad, fresh.grad)
    np.testing.assert_array_equal(x, sequence())
    assert net.dtype == dtype
    np.testing.assert_array_equal(net.forward(x, training=True)[0], fresh.forward(x, training=True)[0])


def test_gradients_of_a_class_of_ones_own_are_as_before():
    net, fresh = TextbookLSTM(), TextbookLSTM()
    for grad in net.grads.values():
        grad[...] = 3
    gradcheck(net, sequence())
    for name in net.params:
        np.testing.assert_array_equal(net.params[name], fresh.params[name])
        np.testing.assert_array_equal(net.grads[name], 3)


def test_gradients_are_as_before_even_if_backward_fails():
    def fails(right, self, *args):
        raise RuntimeError("not written yet")

    net = wrong(Dense, fails)(3, 2, seed=0)
    net.grad[...] = 3
    with pytest.raises(RuntimeError, match="not written yet"):
        gradcheck(net, sequence())
    np.testing.assert_array_equal(net.grad, 3)


def test_the_same_seed_gives_the_same_report():
    net = LSTM(3, 2, seed=0)
    reports = [gradcheck(net, sequence(), method="directional", seed=seed).errors for seed in (1, 1, 2)]
    assert reports[0] == reports[1] != reports[2]


# Functions


def test_functions_are_checked():
    y, target = np.random.default_rng(0).standard_normal((2, 4, 3, 2))
    for method in ("complex", "directional", "central"):
        report = gradcheck(lambda y: losses.mse(y, target), y, method=method)
        assert report.passed and list(report.errors) == ["x"]
    report = gradcheck(lambda y: (losses.mse(y, target)[0], 2 * (y - target)), y)
    assert report.wrong == ["x"]
    assert report.errors["x"] == pytest.approx(1 - 1 / 24)


def test_functions_of_one_number_are_checked():
    assert gradcheck(lambda a: (a**3, 3 * a**2), 2.0).passed
    report = gradcheck(lambda a: (a**3, 2 * a**2), 2.0)
    assert report.tensors["x"].where == ()
    assert report.tensors["x"].got == 8 and report.tensors["x"].expected == pytest.approx(12)


def test_a_function_that_writes_into_its_input_is_told_so():
    def square(y):
        value = (y * y).sum()
        y *= 2
        return value, y

    report = gradcheck(square, [1.0, 2.0])
    assert (report.wrong, report.changed, report.passed) == ([], ["x"], False)
    assert report.diagnosis == "forward or backward wrote into its input: x."


def test_a_function_that_drops_the_complex_part_is_told_so():
    def square(y):
        y = y.real
        return (y * y).sum(), 2 * y

    sentence = (
        "the value stays real when x is complex: a complex part is dropped on the way, "
        "so the complex step cannot see through; take method='central'"
    )
    for method in ("complex", "directional"):
        with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
            gradcheck(square, [1.0, 2.0], method=method)
    assert gradcheck(square, [1.0, 2.0], method="central").passed


def test_a_layer_that_drops_the_complex_part_is_told_so():
    class Real(TextbookGRU):
        def forward(self, x, h=None):
            y, h, cache = super().forward(x, h)
            return y.real, h.real, cache

    with pytest.raises(ValueError, match=r"^the value stays real when x is complex"):
        gradcheck(Real(), sequence())
    assert gradcheck(Real(), sequence(), method="central").passed


# Numbers that are none


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", ["complex", "directional", "central"])
def test_a_gradient_that_is_not_finite_fails(value, method):
    def change(self, grad, dy):
        grad = grad.copy()
        grad[1, 2] = value
        return grad

    net = wrong(Dense, spoil_grads("W", change))(3, 2, seed=0)
    report = gradcheck(net, sequence(), method=method)
    assert not report.passed
    assert report.wrong == ["W"]
    assert np.isnan(report.errors["W"]) and np.isnan(report.max_error)
    assert report.diagnosis.startswith("dW is wrong (not finite")
    if method != "directional":
        assert report.tensors["W"].where == (1, 2)
        np.testing.assert_equal(report.tensors["W"].got, value)
        assert np.isfinite(report.tensors["W"].expected)


def test_an_infinite_gradient_does_not_hide_another_error():
    def backward(right, self, dy, cache, dstate=None):
        dx, _ = right(self, dy, cache)
        self.grads["b"][0] = np.inf
        return 2 * dx, ()

    net = wrong(Dense, backward)(3, 2, seed=0)
    assert gradcheck(net, sequence()).wrong == ["x", "b"]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_value_that_is_not_finite_fails():
    assert not gradcheck(lambda y: (np.log(y).sum(), 1 / y), [1.0, 0.0]).passed


# The report


def quadratic(y):
    """x0 + x1^2 / 2 + x2^2 / 2, with the gradient by x1 doubled."""
    return y[0] + (y[1:] ** 2).sum() / 2, np.array([1, 2 * y[1], y[2]])


def test_a_wrong_gradient_is_reported_in_numbers():
    report = gradcheck(quadratic, [7.0, 3.0, 4.0])
    norm = np.sqrt(1 + 6**2 + 4**2)
    assert report.errors == {"x": pytest.approx(3 / norm)}
    assert report.max_error == report.errors["x"]
    assert report.tensors["x"].where == (1,)
    assert (report.tensors["x"].got, report.tensors["x"].expected) == (6, pytest.approx(3))
    assert report.diagnosis == "dx is wrong (off by 41 %; first at [1]: got 6, expected 3)."
    assert str(report).splitlines() == [
        "tensor      error  (complex, tolerance 1e-11)",
        "x         4.1e-01  WRONG",
        report.diagnosis,
    ]


def test_a_table_names_every_tensor_and_what_is_right():
    net = wrong(LSTM, forget_initial_gradient)(3, 2, seed=0)
    report = gradcheck(net, sequence())
    lines = str(report).splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == ["x", "state.h", "state.c", "W_x", "W_h", "b"]
    assert [line.split()[2] for line in lines[1:-1]] == ["ok", "WRONG", "ok", "ok", "ok", "ok"]
    assert lines[2].split()[1] == "1.0e+00"
    expected = report.tensors["state.h"].expected
    assert lines[-1].startswith(
        f"dstate.h is wrong (off by 100 %; first at [0, 0]: got 0, expected {expected:.12g}). "
        "dx, dstate.c, dW_x, dW_h, db right to "
    )


def test_a_small_error_is_given_as_a_power_of_ten():
    report = gradcheck(lambda y: ((y * y).sum(), 2 * y * (1 + 1e-7)), [1.0, 2.0])
    assert report.diagnosis.startswith(
        "dx is wrong (off by 1.0e-07; first at [0]: got 2.0000002, expected 2)"
    )


def test_a_right_gradient_is_reported_in_one_sentence():
    report = gradcheck(LSTM(3, 2, seed=0), sequence())
    assert report.diagnosis == f"all 6 gradients right to {report.max_error:.0e}."
    assert bool(report) is report.passed is True
    assert report.check() is report


def test_check_raises_with_the_whole_report():
    report = gradcheck(quadratic, [7.0, 3.0, 4.0])
    assert bool(report) is False
    with pytest.raises(GradcheckError) as raised:
        report.check()
    assert str(raised.value) == str(report)
    assert isinstance(raised.value, AssertionError)


def test_an_error_found_along_directions_has_no_index():
    report = gradcheck(quadratic, [7.0, 3.0, 4.0], method="directional")
    assert report.wrong == ["x"]
    assert report.tensors["x"].where is None
    assert "first at" not in report.diagnosis


def test_the_tolerance_decides():
    def almost(y):
        return (y * y).sum(), 2 * y * (1 + 1e-7)

    assert not gradcheck(almost, [1.0, 2.0]).passed
    report = gradcheck(almost, [1.0, 2.0], tolerance=1e-6)
    assert report.passed and report.tolerance == 1e-6
    assert gradcheck(almost, [1.0, 2.0], method="central").passed
    assert not gradcheck(almost, [1.0, 2.0], method="central", tolerance=1e-8).passed


def test_the_step_of_central_differences():
    def cube(y):
        return (y**3).sum(), 3 * y**2

    # The error of central differences is h^2 here, the third derivative being 6.
    report = gradcheck(cube, [1.0], method="central", step=1e-2)
    assert report.errors["x"] == pytest.approx(1e-4 / 3, rel=1e-3)
    assert gradcheck(cube, [1.0], method="central", step=1e-4).passed


# What is refused


REFUSED = {
    "method": (
        lambda: gradcheck(LSTM(3, 2), sequence(), method="exact"),
        "expected method 'complex', 'directional' or 'central', got 'exact'",
    ),
    "target": (lambda: gradcheck(5, sequence()), "expected a layer, a network or a function, got int"),
    "no_pair": (
        lambda: gradcheck(lambda y: y.sum(), [1.0]),
        "expected the function to return (value, gradient), got float64",
    ),
    "no_single_value": (
        lambda: gradcheck(lambda y: (y, y), [1.0, 2.0]),
        "expected a single value and a gradient of shape (2,), got shapes (2,) and (2,)",
    ),
    "gradient_of_another_shape": (
        lambda: gradcheck(lambda y: (y.sum(), 1.0), [1.0, 2.0]),
        "expected a single value and a gradient of shape (2,), got shapes () and ()",
    ),
    "dx_of_another_shape": (
        lambda: gradcheck(wrong(Dense, lambda right, *a: (right(*a)[0][:1], ()))(3, 2, seed=0), sequence()),
        "expected dx of shape (4, 3, 3), got (1, 3, 3)",
    ),
}


@pytest.mark.parametrize(("call", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_checked_is_refused_in_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        call()


# What else a layer promises


def broken_promise(backward):
    report = gradcheck(wrong(Dense, backward)(3, 2, seed=0), sequence())
    assert not report.passed and not report.wrong, report
    return report.diagnosis


def test_a_backward_that_overwrites_the_gradients_is_told_so():
    def overwrites(right, self, dy, cache, dstate=None):
        self.grad[...] = 0
        return right(self, dy, cache)

    assert "it has to add into it" in broken_promise(overwrites)


def test_a_backward_that_spoils_its_cache_is_told_so():
    def spoils(right, self, dy, cache, dstate=None):
        dx, dstate = right(self, dy, cache)
        dx = dx if np.isfinite(cache.x).all() else 2 * dx
        cache.x[...] = np.nan
        return dx, dstate

    assert "writes into its cache" in broken_promise(spoils)


def test_a_cache_kept_on_the_layer_is_found():
    class Forgetful(Dense):
        def forward(self, x, *args, **options):
            y, state, self.kept = super().forward(x, *args, **options)
            return y, state, None

        def backward(self, dy, cache, dstate=None):
            return super().backward(dy, self.kept)

    assert "W" in gradcheck(Forgetful(3, 2, seed=0), sequence()).wrong


@pytest.mark.parametrize("options", [{"directions": 0}, {"step": 0.0}, {"step": -1.0}])
def test_a_check_of_nothing_is_refused(options):
    with pytest.raises(ValueError, match="directions of at least 1 and a positive step"):
        gradcheck(Dense(3, 2, seed=0), sequence(), **options)


def test_a_class_in_place_of_a_layer_is_told_so():
    with pytest.raises(ValueError, match="got the class LSTM"):
        gradcheck(LSTM, sequence())


def test_classes_are_no_point_to_differentiate_at_but_all_else_is_checked():
    classes = np.random.default_rng(0).integers(0, 4, (6, 3))
    net = Sequential(LSTM(4, 3), Dense(3, 2), seed=0)
    report = gradcheck(net, classes, lengths=[6, 2, 0])
    assert report.passed, report
    assert set(report.errors) == {"state.0.h", "state.0.c", "0.W_x", "0.W_h", "0.b", "1.W", "1.b"}

    class Wrong(LSTM):
        def backward(self, *args):
            result = super().backward(*args)
            self.grads["W_x"][:, 1] *= 2
            return result

    assert gradcheck(Wrong(4, 3, seed=0), classes).wrong == ["W_x"]
