"""Sequential without a history: blocks that the backward pass goes through again."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Case, cases, layers, seeds

import numpylstm as nl
from numpylstm import GRU, LSTM, RNN, Bidirectional, Dense, Dropout, GaussianNoise, Residual, Sequential
from numpylstm.layers import sequential
from numpylstm.layers.sequential import BlocksCache
from numpylstm.layers.state import map_state, state_arrays


def everything(net, case: Case, limit: float) -> dict[str, np.ndarray]:
    """All that a forward and a backward pass give, by name."""
    net.history_limit = limit
    net.zero_grads()
    y, state, cache = net.forward(case.x, case.state, case.lengths, training=True)
    assert isinstance(cache, BlocksCache) == (limit == 0)
    dx, dstate = net.backward(case.dy, cache, case.dstate)
    return {"y": y, "dx": dx, "grad": net.grad.copy()} | dict(
        [*state_arrays(state, "state"), *state_arrays(dstate, "dstate")]
    )


def long_case(net, D: int, O: int, seed: int = 0, T: int = 75, B: int = 4, ragged: bool = True) -> Case:
    rng = np.random.default_rng(seed)
    random = lambda a: rng.standard_normal(a.shape)  # noqa: E731
    zero = net.initial_state(B)
    lengths = np.array([T, 0, 17, T - 3]) if ragged else None
    x, dy = rng.standard_normal((T, B, D)), rng.standard_normal((T, B, O))
    return Case(net, x, map_state(random, zero), lengths, dy, map_state(random, zero), seed)


NETS = {
    "lstm": lambda: Sequential(LSTM(3, 4, peepholes=True), Dense(4, 2, activation="tanh"), seed=0),
    "gru": lambda: Sequential(GRU(3, 4), GRU(4, 3, reset_after=False), Dense(3, 2), seed=0),
    "rnn": lambda: Sequential(RNN(3, 4), RNN(4, 2, activation="relu"), seed=0),
    "residual": lambda: Sequential(Residual(Sequential(LSTM(3, 4), Dense(4, 3))), GRU(3, 2), seed=0),
}


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
def test_redone_blocks_give_what_a_kept_history_gives(make, ragged, monkeypatch):
    monkeypatch.setattr(sequential, "block_of", lambda step_bytes: 16)  # 75 steps: four blocks and a rest
    net = make()
    case = long_case(net, 3, 2, ragged=ragged)
    kept, redone = everything(net, case, math.inf), everything(net, case, 0)
    assert kept.keys() == redone.keys()
    for name in kept:
        np.testing.assert_allclose(redone[name], kept[name], rtol=1e-12, atol=1e-13, err_msg=name)


def test_redone_blocks_take_classes(monkeypatch):
    monkeypatch.setattr(sequential, "block_of", lambda step_bytes: 7)
    net = Sequential(LSTM(5, 4), Dense(4, 2), seed=0)
    case = long_case(net, 5, 2)
    classes = np.random.default_rng(1).integers(0, 5, case.x.shape[:2])
    case = case._replace(x=classes)
    kept, redone = everything(net, case, math.inf), everything(net, case, 0)
    assert kept.pop("dx") is None and redone.pop("dx") is None
    for name in kept:
        np.testing.assert_allclose(redone[name], kept[name], rtol=1e-12, atol=1e-13, err_msg=name)


@settings(max_examples=40)
@given(cases(lambda D: layers(D, causal=True)), st.integers(1, 5), seeds)
def test_any_causal_network_may_be_redone_in_blocks_of_any_size(case, steps, seed):
    net = Sequential(case.net.copy())
    case = case._replace(net=net, state=(case.state,), dstate=(case.dstate,))
    if net._draws() or len(case.x) == 0 or not case.x.shape[1]:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequential, "block_of", lambda step_bytes: steps)
        net.history_limit = math.inf
        kept = everything(net, case, math.inf)
        if net._kept_per_step() == 0:
            return  # nothing is kept that could be saved
        redone = everything(net, case, 0)
    for name in kept:
        np.testing.assert_allclose(redone[name], kept[name], rtol=1e-11, atol=1e-12, err_msg=name)


def test_the_complex_step_goes_through_redone_blocks(monkeypatch):
    monkeypatch.setattr(sequential, "block_of", lambda step_bytes: 2)
    net = Sequential(LSTM(2, 3), Dense(3, 1), seed=0)
    net.history_limit = 0
    report = nl.gradcheck(net, np.random.default_rng(0).standard_normal((5, 3, 2)), lengths=[5, 2, 3])
    assert report.passed, report


def test_the_library_redoes_blocks_where_the_history_would_be_larger_than_the_limit():
    net = Sequential(LSTM(1, 8), Dense(8, 1), dtype=np.float32, seed=0)
    x = np.zeros((100, 4, 1), np.float32)
    history = net._kept_per_step() * x[:, :, 0].size * 4
    for limit, kind in [(net.history_limit, list), (history - 1, BlocksCache), (history, list)]:
        net.history_limit = limit
        assert isinstance(net.forward(x)[2], kind)


@pytest.mark.parametrize("noisy", [Dropout(0.5), GaussianNoise(0.1), LSTM(3, 3, recurrent_dropout=0.5)])
def test_what_is_drawn_is_drawn_once(noisy):
    net = Sequential(LSTM(3, 3), noisy.copy(), Dense(3, 1), seed=0)
    net.history_limit = 0
    x = np.ones((20, 2, 3))
    assert isinstance(net.forward(x, training=True)[2], list)
    assert isinstance(net.forward(x)[2], BlocksCache)  # without training nothing is drawn


def test_a_network_that_needs_the_last_step_first_keeps_its_history():
    net = Sequential(Bidirectional(LSTM(3, 2), LSTM(3, 2)), seed=0)
    net.history_limit = 0
    assert isinstance(net.forward(np.ones((20, 2, 3)))[2], list)


def test_the_caller_may_use_the_memory_of_x_again_before_a_backward_in_blocks():
    net = NETS["lstm"]()
    case = long_case(net, 3, 2)
    expected = everything(net, case, 0)["grad"]
    net.zero_grads()
    x = case.x.copy()
    _, _, cache = net.forward(x, case.state, case.lengths)
    x[...] = np.nan
    net.backward(case.dy, cache, case.dstate)
    np.testing.assert_array_equal(net.grad, expected)


def test_a_dy_that_does_not_fit_is_refused_before_anything_is_added():
    net = NETS["lstm"]()
    net.history_limit = 0
    _, _, cache = net.forward(np.ones((40, 2, 3)))
    with pytest.raises(ValueError, match=r"expected dy of shape \(40, 2, 2\), got \(39, 2, 2\)"):
        net.backward(np.ones((39, 2, 2)), cache)
    assert not net.grad.any()


def test_without_a_history_a_long_training_step_takes_little_memory():
    T, B = 6000, 10
    x = np.random.default_rng(0).standard_normal((T, B, 1)).astype(np.float32)

    def peak(limit: float) -> int:
        net = Sequential(LSTM(1, 32), Dense(32, 1), dtype=np.float32, seed=0)
        net.history_limit = limit
        tracemalloc.start()
        try:
            y, _, cache = net.forward(x, training=True)
            net.backward(nl.losses.mse(y, x)[1], cache)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    history = 10 * 32 * 4 * T * B
    assert peak(math.inf) > history > 6 * peak(0)


# Without the gradient by x


def features_first():
    return Sequential(
        nl.Compress(), nl.Context(3, 2, 0), Sequential(nl.Activation("tanh"), Dense(9, 2)), seed=0
    )


@pytest.mark.parametrize("limit", [0, math.inf])
@pytest.mark.parametrize(
    "make",
    [
        *NETS.values(),
        lambda: Sequential(Dropout(0.5), Dense(3, 2), seed=0),
        lambda: Dense(3, 2, seed=0),
        features_first,
    ],
    ids=[*NETS, "dropout first", "dense", "features first"],
)
def test_add_gradients_adds_what_backward_adds(make, limit):
    net = make()
    net.history_limit = limit
    case = long_case(net, 3, 2, ragged=False)
    grads = []
    for add in (net.backward, net.add_gradients):
        net.zero_grads()
        _, _, cache = net.forward(case.x, case.state, training=True, rng=np.random.default_rng(0))
        assert add(case.dy, cache, case.dstate) is None or add == net.backward
        grads.append(net.grad.copy())
    np.testing.assert_array_equal(*grads)


def test_a_gradient_nobody_asks_for_is_left_out():
    x, dy = np.ones((5, 2, 3)), np.ones((5, 2, 4))
    for layer in (LSTM(3, 4, seed=0), GRU(3, 4, seed=0), RNN(3, 4, seed=0), Dense(3, 4, seed=0)):
        assert layer.backward(dy, layer.forward(x)[2], need_dx=False)[0] is None
        net = Sequential(layer)
        assert net.backward(dy, net.forward(x)[2], need_dx=False)[0] is None


def test_below_the_first_parameters_nothing_is_done_for_a_gradient_nobody_asks_for(monkeypatch):
    net, x = features_first(), np.ones((5, 2, 3))
    cache = net.forward(x)[2]
    for layer in (nl.Context, nl.Compress, nl.Activation):
        monkeypatch.setattr(layer, "backward", lambda *args: pytest.fail("the work was done"))
    net.add_gradients(np.ones((5, 2, 2)), cache)
    assert net.grad.any()


def test_a_network_without_parameters_has_no_gradients_to_add():
    net = Sequential(nl.Compress(), nl.Context(3))
    net.add_gradients(np.ones((5, 2, 9)), net.forward(np.ones((5, 2, 3)))[2])


def test_a_cell_of_one_s_own_need_not_know_of_it():
    class Own(LSTM):
        def backward(self, dy, cache, dstate=None):
            return super().backward(dy, cache, dstate)

    net, x = Sequential(Own(3, 4), Dense(4, 2), seed=0), np.ones((5, 2, 3))
    assert not Own.spares_dx and LSTM.spares_dx
    net.add_gradients(np.ones((5, 2, 2)), net.forward(x)[2])
    assert net.grad.any()


@pytest.mark.parametrize("limit", [-1, math.nan, None, "1e9"])
def test_a_limit_that_is_no_number_of_bytes_is_refused(limit):
    net = NETS["lstm"]()
    with pytest.raises(ValueError, match=r"^expected a history_limit in bytes, 0 to infinity, got "):
        net.history_limit = limit
    assert net.history_limit == 1 << 29


# Layers of one's own


class Twice(LSTM):
    """Its forward is not that of an LSTM."""

    def forward(self, *args, **options):
        y, state, cache = super().forward(*args, **options)
        return 2 * y, state, cache


class LastStep(nl.Layer):
    """Gives a sequence of one step, whatever it is given."""

    def __init__(self):
        super().__init__({}, float)

    def forward(self, x, state=None, lengths=None, training=False, rng=None):
        return x[-1:].copy(), (), None


def test_a_forward_of_one_s_own_is_what_runs_everywhere():
    x = np.random.default_rng(0).standard_normal((3000, 8, 3))
    for net in (Twice(3, 4, seed=0), Sequential(Twice(3, 4), Dense(4, 2), seed=0), Sequential(LastStep())):
        if isinstance(net, Sequential):
            net.history_limit = 0
        y, _, cache = net.forward(x)
        assert not isinstance(cache, BlocksCache)
        np.testing.assert_array_equal(net.predict(x), y)
    stream, net = Twice(3, 4, seed=0).stream(8), Twice(3, 4, seed=0)
    y = np.concatenate([stream.process(block) for block in np.split(x[:20], [1, 7])])
    np.testing.assert_allclose(y, net.forward(x[:20])[0], rtol=1e-12, atol=1e-14)


# A cache that is not its own


@pytest.mark.parametrize("make", [LSTM, GRU, RNN])
def test_the_cache_of_a_cell_of_another_size_is_refused(make):
    cell, dy = make(4, 3, seed=0), np.ones((5, 2, 3))
    other = make(4, 2, seed=0).forward(np.ones((5, 2, 4)))[2]
    with pytest.raises(ValueError, match=r"^expected the cache of a layer of 3 units, got one of 2$"):
        cell.backward(dy, other)
    other = make(1, 3, seed=0).forward(np.ones((5, 2, 1)))[2]
    with pytest.raises(
        ValueError, match=r"^expected the cache of a layer of 4 input features, got one of 1$"
    ):
        cell.backward(dy, other)
    assert not cell.grad.any()


@pytest.mark.parametrize(
    "make",
    [
        *(NETS["lstm"], lambda: Residual(LSTM(3, 3, seed=0)), lambda: nl.ConcatHidden(LSTM(3, 2, seed=0))),
        *(lambda: Bidirectional(LSTM(3, 2, seed=0), LSTM(3, 2, seed=0)), lambda: Dropout(0.5)),
        *(lambda: nl.Activation("tanh"), lambda: GaussianNoise(0.1)),
    ],
)
@pytest.mark.parametrize("cache", [None, [], (1, 2, 3, 4)])
def test_what_is_no_cache_of_a_container_is_refused_in_one_sentence(make, cache):
    with pytest.raises(ValueError, match=r"^expected the cache of \w+\.forward"):
        make().backward(np.ones((5, 2, 3)), cache)
