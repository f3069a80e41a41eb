"""Memory used again from call to call: never while somebody holds it, and always once nobody does."""

import copy
import gc
import pickle
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from numpylstm import (
    GRU,
    LSTM,
    RNN,
    Activation,
    Bidirectional,
    Colour,
    Compress,
    ConcatHidden,
    Context,
    Dense,
    Grey,
    Mask,
    Residual,
    Sequential,
    Standardize,
    VectorProduct,
)
from numpylstm.layers import buffers
from numpylstm.layers.buffers import Buffers
from numpylstm.layers.state import map_state, state_arrays

# name: (a new network, its input size). Wide ones make large products for many steps, narrow ones do not.
NETS = {
    "lstm_narrow": (lambda: LSTM(4, 3, seed=0), 4),
    "lstm_peepholes": (lambda: LSTM(4, 3, peepholes=True, seed=0), 4),
    "lstm_dropout": (lambda: LSTM(4, 3, recurrent_dropout=0.4, seed=0), 4),
    "lstm_wide": (lambda: LSTM(20, 70, seed=0), 20),
    "lstm_wide_dropout": (lambda: LSTM(20, 70, recurrent_dropout=0.4, seed=0), 20),
    "lstm_wide_input": (lambda: LSTM(200, 20, seed=0), 200),
    "gru_narrow": (lambda: GRU(4, 3, seed=0), 4),
    "gru_wide": (lambda: GRU(20, 70, seed=0), 20),
    "gru_wide_dropout": (lambda: GRU(20, 70, recurrent_dropout=0.4, seed=0), 20),
    "gru_before_narrow": (lambda: GRU(4, 3, reset_after=False, seed=0), 4),
    "gru_before_wide": (lambda: GRU(20, 70, reset_after=False, seed=0), 20),
    "gru_before_dropout": (lambda: GRU(4, 3, reset_after=False, recurrent_dropout=0.4, seed=0), 4),
    "rnn_narrow": (lambda: RNN(4, 3, seed=0), 4),
    "rnn_wide": (lambda: RNN(20, 100, seed=0), 20),
    "rnn_dropout": (lambda: RNN(4, 3, recurrent_dropout=0.4, seed=0), 4),
    "dense_narrow": (lambda: Dense(4, 3, seed=0), 4),
    "dense_tanh": (lambda: Dense(4, 3, activation="tanh", seed=0), 4),
    "dense_wide": (lambda: Dense(100, 100, seed=0), 100),
    "compress": (lambda: Compress(), 4),
    "standardize": (lambda: Standardize(4), 4),
    "colour": (lambda: Colour(), 4),
    "grey": (lambda: Grey(), 6),
    "vector_product": (lambda: VectorProduct(2, 3, activation="tanh", seed=0), 6),
    "vector_product_wide": (lambda: VectorProduct(40, 30, seed=0), 120),
    "context": (lambda: Context(4, 2, 1), 4),
    "mask": (lambda: Mask(Sequential(Context(4), LSTM(12, 3), Dense(3, 8)), seed=0), 4),
    "mask_dense": (lambda: Mask(Dense(4, 8), seed=0), 4),
    "sequential": (lambda: Sequential(LSTM(4, 3), GRU(3, 3), Dense(3, 2), seed=0), 4),
    "sequential_wide": (lambda: Sequential(LSTM(20, 70), RNN(70, 95), Dense(95, 90), seed=0), 20),
}
every_net = pytest.mark.parametrize(("make", "D"), NETS.values(), ids=NETS)


# Buffers themselves


class Counted:
    """Buffers that count how often fresh memory was made."""

    def __init__(self):
        self.buffers, self.made = Buffers(), 0

    def get(self, key="key", size=100):
        def make():
            self.made += 1
            a, b = np.zeros(size), np.zeros((2, size))
            return a, b, [b[0], b[1]]

        return self.buffers.get(key, make)


def test_memory_that_nobody_holds_is_handed_out_again():
    counted = Counted()
    address = counted.get()[0].ctypes.data
    for _ in range(5):
        a, _b, (b_0, _b_1) = counted.get()
        assert a.ctypes.data == address
        del a, _b, b_0, _b_1
    assert counted.made == 1


def test_memory_of_another_key_is_another():
    counted = Counted()
    first, second = counted.get("a"), counted.get("b")
    assert not np.shares_memory(first[0], second[0])
    del first, second
    counted.get("b")
    counted.get("a")
    assert counted.made == 2


HOLDS = {
    "tuple": lambda members: members,
    "tuple_in_a_list": lambda members: [members],
    "first": lambda members: members[0],
    "second": lambda members: members[1],
    "view": lambda members: members[0][3:5],
    "empty_view": lambda members: members[1][:, :0],
    "view_of_a_view": lambda members: members[1].T[2:][::-1, 1],
    "reshaped": lambda members: members[1].reshape(-1),
    "in_a_dict": lambda members: {"a": members[0]},
    "iterator": lambda members: iter(members[0]),
    "memoryview": lambda members: memoryview(members[1]),
    "subclass": lambda members: members[0].view(np.recarray),
    "closure": lambda members: lambda: members[0],
}


@pytest.mark.parametrize("hold", HOLDS.values(), ids=HOLDS)
def test_memory_that_somebody_holds_is_not_handed_out_again(hold):
    counted = Counted()
    held = hold(counted.get())
    for _ in range(3):
        counted.get()[0][...] = 1
    assert counted.made == 2
    del held
    gc.collect()
    first, second = counted.get(), counted.get()
    assert counted.made == 2
    assert not np.shares_memory(first[0], second[0])


def test_empty_is_of_the_shape_and_dtype_and_held_alike():
    memory = Buffers()
    first = memory.empty((2, 3), np.float32)
    address = first.ctypes.data
    assert (first.shape, first.dtype) == ((2, 3), np.float32)
    assert not np.shares_memory(first, memory.empty((2, 3), np.float32))
    assert memory.empty((2, 3), float).dtype == memory.empty((2, 3), complex).real.dtype == np.float64
    del first
    assert address in [memory.empty((2, 3), "f4").ctypes.data for _ in range(2)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128, "i8"])
def test_arrays_begin_at_cache_lines_of_one_piece_of_memory_and_do_not_overlap(dtype):
    shapes = [(3, 5), (), (0, 4), (7,), (2, 3, 33), (1,)]
    made = buffers.arrays(dtype, *shapes)
    assert [array.shape for array in made] == shapes
    assert {array.dtype for array in made} == {np.dtype(dtype)}
    assert all(array.ctypes.data % buffers.LINE == 0 and array.flags.c_contiguous for array in made)
    assert len({id(array.base) for array in made}) == 1
    for number, array in enumerate(made):
        array[...] = number
    assert all((array == number).all() for number, array in enumerate(made))
    assert made[0].base.nbytes <= sum(array.nbytes + buffers.LINE for array in made) + buffers.LINE


def test_a_view_of_one_of_the_arrays_made_together_keeps_them_all():
    memory = Buffers()

    def get():
        return memory.get("key", lambda: tuple(buffers.arrays(float, (5,), (2, 3))))

    first, second = get()
    address, view = first.ctypes.data, second.T[1:]
    del first, second
    assert get()[0].ctypes.data != address
    del view
    both = get(), get()
    assert address in [members[0].ctypes.data for members in both]


def test_what_somebody_holds_when_memory_is_made_does_not_count_as_nobody():
    memory, debugger = Buffers(), []

    def make():
        (array,) = buffers.arrays(float, (5,))
        debugger.append(array[1:])  # as a debugger does that has just walked through
        return (array,)

    view = memory.get("key", make)[0][2:]
    debugger.clear()
    assert not np.shares_memory(view, memory.get("key", make)[0])


def test_no_more_sets_are_kept_than_the_limit_and_the_longest_unused_go_first():
    counted = Counted()
    keys = range(buffers.KEPT_SETS)
    for key in keys:
        counted.get(key)
    counted.get(0)  # so that 1 is the longest unused now
    assert counted.made == len(keys)
    counted.get("one more")
    assert len(counted.buffers._sets) == buffers.KEPT_SETS
    for key in (0, *keys[2:]):
        counted.get(key)
    assert counted.made == len(keys) + 1
    counted.get(1)
    assert counted.made == len(keys) + 2


def test_no_more_bytes_are_kept_than_the_limit(monkeypatch):
    monkeypatch.setattr(buffers, "KEPT_BYTES", 3 * 2400)  # one set of Counted: 3 * 100 numbers
    counted = Counted()
    for key in range(4):
        counted.get(key)
    assert len(counted.buffers._sets) == 3
    counted.get("large", size=301)
    counted.get("large", size=301)
    assert counted.made == 6
    assert [key for key, _ in counted.buffers._sets] == [1, 2, 3]  # nothing had to go for it
    counted.get("as large as may be", size=300)
    assert [key for key, _ in counted.buffers._sets] == ["as large as may be"]


def test_what_is_held_survives_being_forgotten():
    counted = Counted()
    held = counted.get()[0]
    held[...] = 7
    for key in range(2 * buffers.KEPT_SETS):
        counted.get(key)[0][...] = 1
    assert (held == 7).all()


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, lambda b: pickle.loads(pickle.dumps(b))])
def test_a_copy_starts_with_no_memory(copied):
    memory = Buffers()
    memory.empty((3,), float)
    other = copied(memory)
    assert isinstance(other, Buffers) and other._sets == [] and len(memory._sets) == 1
    assert not np.shares_memory(other.empty((3,), float), memory.empty((3,), float))


@every_net
def test_a_used_network_is_no_larger_in_a_file_than_a_new_one(make, D):
    net = make()
    size = len(pickle.dumps(net))
    net.backward(*backward_input(net, np.ones((50, 8, D))))
    assert len(pickle.dumps(net)) == size
    assert len(pickle.dumps(net.copy())) == size


def test_two_threads_that_ask_at_once_never_get_the_same_memory(monkeypatch):
    free = buffers._Set.free

    def slow_free(self):
        answer = free(self)
        time.sleep(0.001)  # here the other thread would look, too
        return answer

    monkeypatch.setattr(buffers._Set, "free", slow_free)
    counted, gate = Counted(), threading.Barrier(4)

    def ask(_):
        gate.wait()
        members = counted.get()
        gate.wait()
        return members[0].ctypes.data  # all four hold theirs until here

    with ThreadPoolExecutor(4) as pool:
        for _ in range(10):
            assert len(set(pool.map(ask, range(4)))) == 4
    assert counted.made == 4


# Networks that use them


def backward_input(net, x, training=True, seed=0):
    y, final, cache = net.forward(x, training=training, rng=np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    dy = rng.standard_normal(y.shape)
    return dy, cache, map_state(lambda s: rng.standard_normal(s.shape), final)


def gradients(net, dy, cache, dstate):
    net.zero_grads()
    dx, dinitial = net.backward(dy, cache, dstate)
    return [np.array(a) for a in (dx, net.grad, *(s for _, s in state_arrays(dinitial)))]


def inputs(D, count, T=40, B=9):
    return np.random.default_rng(5).standard_normal((count, T, B, D))


def assert_all_equal(got, expected):
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@every_net
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first in first out", "last in first out"])
def test_two_forwards_before_either_backward_give_the_gradients_of_each_alone(make, D, order):
    xs = inputs(D, 2)
    alone = [gradients(net, *backward_input(net, x, seed=s)) for s, x in enumerate(xs) for net in [make()]]
    net = make()
    for _ in range(2):  # the second time in memory used before
        given = [backward_input(net, x, seed=seed) for seed, x in enumerate(xs)]
        for index in order:
            assert_all_equal(gradients(net, *given[index]), alone[index])
        del given


@pytest.mark.parametrize("name", ["lstm_narrow", "gru_wide", "sequential"])
def test_more_forwards_at_once_than_sets_are_kept_disturb_none(name):
    make, D = NETS[name]
    net, xs = make(), inputs(D, buffers.KEPT_SETS + 4, T=5, B=3)
    alone = [gradients(net, *backward_input(net, x)) for x in xs]
    given = [backward_input(net, x) for x in xs]
    for each, expected in zip(given, alone, strict=True):
        assert_all_equal(gradients(net, *each), expected)


@every_net
def test_nothing_handed_out_is_changed_by_later_calls(make, D):
    net, (first, *later) = make(), inputs(D, 5)
    y, final, cache = net.forward(first, training=True)
    dx, dinitial = net.backward(np.ones_like(y), cache)
    del cache  # its memory is free, that of y and dx is not
    out = [y, dx, *(s for _, s in state_arrays((final, dinitial)))]
    before = [array.copy() for array in out]
    for x in later:
        net.backward(*backward_input(net, x))
        net.predict(x)
    assert_all_equal(out, before)


@every_net
def test_the_memory_of_an_output_is_not_that_of_the_cache(make, D):
    """Else who writes into y or dx would change gradients still to come."""
    net, (x,) = make(), inputs(D, 1)
    dy, cache, dstate = backward_input(net, x)
    expected = gradients(net, dy, cache, dstate)
    y, final, cache = net.forward(x, training=True, rng=np.random.default_rng(0))
    for array in (y, *(s for _, s in state_arrays(final))):
        array[...] = np.nan
    assert_all_equal(gradients(net, dy, cache, dstate), expected)
    net.backward(dy, cache, dstate)[0][...] = np.nan
    assert_all_equal(gradients(net, dy, cache, dstate), expected)


def members_of_caches():
    """(network, name of a member of its cache) for all arrays in the caches of single layers."""
    for name, (make, D) in NETS.items():
        layer = make()
        cache = layer.forward(np.ones((2, 2, D)), training=True)[2]
        for field in getattr(cache, "_fields", ()):
            if isinstance(getattr(cache, field), np.ndarray):
                yield pytest.param(make, D, field, id=f"{name}-{field}")


MEMBERS = list(members_of_caches())


@pytest.mark.parametrize(("make", "D", "field"), MEMBERS)
def test_a_member_of_a_cache_kept_alone_is_not_overwritten(make, D, field):
    net, (first, *later) = make(), inputs(D, 4)
    held = getattr(net.forward(first, training=True)[2], field)
    before = held.copy()
    for x in later:
        net.forward(x, training=True)
    np.testing.assert_array_equal(held, before)


@pytest.mark.parametrize(("make", "D", "field"), [pytest.param(*p.values, id=p.id) for p in MEMBERS])
def test_a_piece_of_a_cache_kept_alone_is_not_overwritten(make, D, field):
    net, (first, *later) = make(), inputs(D, 4)
    held = getattr(net.forward(first, training=True)[2], field)[..., ::2]
    before = held.copy()
    for x in later:
        net.forward(x, training=True)
    np.testing.assert_array_equal(held, before)


def test_networks_share_no_memory():
    net = LSTM(4, 3, seed=0)
    other, (x, other_x) = net.copy(), inputs(4, 2)
    given, other_given = backward_input(net, x), backward_input(other, other_x)
    assert_all_equal(gradients(net, *given), gradients(net, *backward_input(net, x)))
    assert_all_equal(gradients(other, *other_given), gradients(net, *backward_input(net, other_x)))


def test_threads_that_train_copies_and_predict_with_one_network_get_what_they_would_alone():
    net, xs = GRU(4, 5, seed=0), inputs(4, 6)
    expected = [net.predict(x) for x in xs]
    gate = threading.Barrier(2)

    def predict(start):
        gate.wait()
        for turn in range(40):
            index = (start + turn) % len(xs)
            np.testing.assert_array_equal(net.forward(xs[index])[0], expected[index])
            np.testing.assert_allclose(net.predict(xs[index]), expected[index], rtol=1e-12)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(predict, (0, 3)))


# How much memory a call takes


def peak(function):
    """The most memory that was held beyond what was there before."""
    gc.collect()
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def history(cache):
    """Bytes of all memory that a cache holds."""
    owners = {}

    def collect(member):
        if isinstance(member, np.ndarray):
            owner = member if member.base is None else member.base
            owners[id(owner)] = owner.nbytes
        elif isinstance(member, tuple | list):
            for inner in member:
                collect(inner)
        elif hasattr(member, "x"):  # an Input
            collect(member.x)

    collect(cache)
    return sum(owners.values())


# How much a training step may take beyond the memory of the last one, as a share of the history.
STEADY = {
    "lstm": (lambda: LSTM(20, 16, seed=0), 20, 0.1),
    "lstm_narrow": (lambda: LSTM(4, 3, seed=0), 4, 0.2),
    "lstm_dropout": (lambda: LSTM(20, 16, peepholes=True, recurrent_dropout=0.3, seed=0), 20, 0.1),
    "lstm_wide": (lambda: LSTM(20, 70, seed=0), 20, 0.1),
    "lstm_wide_input": (lambda: LSTM(200, 70, seed=0), 200, 0.1),
    "gru": (lambda: GRU(20, 16, seed=0), 20, 0.1),
    "gru_narrow": (lambda: GRU(4, 3, seed=0), 4, 0.3),
    "gru_before": (lambda: GRU(20, 16, reset_after=False, seed=0), 20, 0.1),
    "gru_wide": (lambda: GRU(20, 70, seed=0), 20, 0.1),
    "gru_before_wide": (lambda: GRU(20, 70, reset_after=False, seed=0), 20, 0.1),
    "gru_wide_input": (lambda: GRU(200, 70, recurrent_dropout=0.3, seed=0), 200, 0.1),
    "rnn": (lambda: RNN(20, 16, seed=0), 20, 0.6),  # its history is as small as its input
    "rnn_wide": (lambda: RNN(20, 100, seed=0), 20, 0.6),
    "sequential": (lambda: Sequential(LSTM(20, 16), LSTM(16, 16), Dense(16, 20), seed=0), 20, 0.1),
}


@pytest.mark.parametrize(
    ("make", "D", "share"),
    STEADY.values(),
    ids=STEADY,
)
def test_a_training_step_of_the_same_shape_takes_next_to_no_new_memory(make, D, share):
    net, x, dy = make(), np.ones((200, 32, D)), None
    size = history(net.forward(x, training=True)[2])

    def step():
        nonlocal dy
        y, _, cache = net.forward(x, training=True)
        dy = np.ones_like(y) if dy is None else dy
        net.backward(dy, cache)

    step()
    step()
    assert peak(step) < share * size


PREDICTS = {
    "lstm": (lambda: LSTM(4, 16, seed=0), 0.2),
    "gru": (lambda: GRU(4, 16, seed=0), 0.35),
    "lstm_wide": (lambda: LSTM(4, 70, seed=0), 0.2),
    "stack": (lambda: Sequential(LSTM(4, 16), LSTM(16, 16), Dense(16, 1), seed=0), 0.2),
    "residual": (lambda: Sequential(Dense(4, 16), Residual(LSTM(16, 16)), seed=0), 0.4),
    "concat_hidden": (lambda: ConcatHidden(LSTM(4, 16), LSTM(16, 4), seed=0), 0.4),
    "bidirectional": (lambda: Bidirectional(LSTM(4, 16), LSTM(4, 16), seed=0), 0.4),
}


@pytest.mark.parametrize(("make", "share"), PREDICTS.values(), ids=PREDICTS)
def test_predict_keeps_no_history(make, share):
    x = np.ones((512, 64, 4))  # while memory is traced, steps are slow: few, of many sequences
    new, other = make(), make()
    assert peak(lambda: new.predict(x)) < share * peak(lambda: other.forward(x))


def test_layers_without_products_keep_no_memory_at_all():
    layer, x = Activation("tanh"), np.ones((200, 32, 4))
    layer.forward(x)
    assert not hasattr(layer, "_buffers")
