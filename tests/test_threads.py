"""How many threads a product uses: one that is small a single one, and afterwards all is as it was."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from numpylstm import GRU, LSTM, RNN, Dense, Sequential, threads
from numpylstm.threads import SMALL, get_threads, set_threads, threads_for

MOST = os.cpu_count() or 1
openblas = pytest.mark.skipif(get_threads() is None, reason="NumPy brings no OpenBLAS of its own here")
# With a single processor every number is 1, and all of this is true of any code.
needs_two = pytest.mark.skipif(
    get_threads() is None or MOST < 2, reason="needs NumPy's own OpenBLAS and at least two processors"
)


@pytest.fixture(autouse=True)
def one_thread_again():
    """As tests/conftest.py has it."""
    yield
    set_threads(1)


@openblas
def test_the_number_that_was_set_is_the_number_there_is():
    for count in (1, MOST, 1):
        assert set_threads(count) is True
        assert get_threads() == count


@openblas
def test_without_a_number_all_processors_are_there():
    assert set_threads(None) is True
    assert get_threads() == MOST


@pytest.mark.parametrize("count", [0, -1, MOST + 1])
def test_an_impossible_number_is_refused_in_one_sentence_and_changes_nothing(count):
    before = get_threads()
    with pytest.raises(ValueError) as error:
        set_threads(count)
    assert str(error.value) == (f"expected 1 to {MOST} threads, as many as there are processors, got {count}")
    assert get_threads() == before


@openblas
@pytest.mark.parametrize("count", [1.0, "1"])
def test_what_is_no_whole_number_is_refused_in_one_sentence_and_changes_nothing(count):
    set_threads(None)
    with pytest.raises(ValueError, match="expected"):
        set_threads(count)
    with threads_for(1):
        assert get_threads() == 1


def test_without_openblas_nothing_is_known_and_nothing_done(monkeypatch):
    before = get_threads()
    monkeypatch.setattr(threads, "_openblas", lambda: None)
    assert get_threads() is None
    assert set_threads(1) is set_threads(None) is False
    with pytest.raises(ValueError):
        set_threads(0)
    with threads_for(1):
        assert threads_for._inside == 0
    x = np.ones((2, 3, 4))
    net = LSTM(4, 5, seed=0)
    assert net.predict(x).shape == net.forward(x)[0].shape
    monkeypatch.undo()
    assert get_threads() == before


# threads_for


@needs_two
def test_small_work_runs_on_one_thread_and_large_work_on_all():
    set_threads(None)
    for work, count in [(0, 1), (SMALL - 1, 1), (SMALL, MOST), (1 << 40, MOST)]:
        with threads_for(work):
            assert get_threads() == count
        assert get_threads() == MOST


@needs_two
def test_a_number_that_was_asked_for_goes_before_the_size_of_the_work():
    for count in (MOST, 1):
        set_threads(count)
        for work in (1, 1 << 40):
            with threads_for(work):
                assert get_threads() == count
            assert get_threads() == count
    set_threads(None)
    with threads_for(1):
        assert get_threads() == 1


@needs_two
def test_small_work_within_small_work_restores_the_number_at_the_very_end():
    set_threads(None)
    with threads_for(1):
        with threads_for(1):
            assert get_threads() == 1
        assert get_threads() == 1
        with threads_for(1 << 40):
            pass
        assert get_threads() == 1
    assert get_threads() == MOST


@needs_two
def test_the_number_is_restored_after_an_error():
    set_threads(None)
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error):
            with threads_for(1), threads_for(1):
                raise error
        assert get_threads() == MOST
    with threads_for(1):  # and the next finds all as the first did
        assert get_threads() == 1
    assert get_threads() == MOST


@needs_two
@pytest.mark.parametrize("first_out", [0, 1])
def test_of_two_threads_inside_the_last_one_out_restores_the_number(first_out):
    set_threads(None)
    entered, go = threading.Barrier(3), [threading.Event(), threading.Event()]
    seen = [0, 0]

    def work(number):
        with threads_for(1):
            entered.wait(10)
            go[number].wait(10)
            seen[number] = get_threads()

    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(work, number) for number in (0, 1)]
        entered.wait(10)
        go[first_out].set()
        tasks[first_out].result(10)
        assert get_threads() == 1  # for the other is still inside
        go[1 - first_out].set()
        tasks[1 - first_out].result(10)
    assert seen == [1, 1]
    assert get_threads() == MOST


@needs_two
def test_many_threads_in_and_out_leave_the_number_as_it_was():
    set_threads(None)
    net, x = LSTM(3, 4, seed=0), np.ones((3, 2, 3))

    def work(_):
        for _ in range(30):
            net.predict(x)
            with threads_for(1):
                assert get_threads() == 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert get_threads() == MOST and threads_for._inside == 0


@needs_two
def test_a_number_set_while_small_work_runs_holds_afterwards():
    """Another Python thread may be in the middle of its predict."""
    set_threads(None)
    with threads_for(1):
        set_threads(1)
    assert get_threads() == 1


# Layers

SMALL_NETS = {
    "lstm": lambda: LSTM(3, 4, seed=0),
    "gru": lambda: GRU(3, 4, seed=0),
    "rnn": lambda: RNN(3, 4, seed=0),
    "dense": lambda: Dense(3, 4, seed=0),
    "stack": lambda: Sequential(LSTM(3, 4), Dense(4, 2), seed=0),
}
LARGE_NETS = {
    "lstm": lambda: LSTM(64, 256, dtype=np.float32, seed=0),
    "gru": lambda: GRU(64, 256, dtype=np.float32, seed=0),
    "rnn": lambda: RNN(64, 256, dtype=np.float32, seed=0),
    "dense": lambda: Dense(64, 1024, activation="tanh", dtype=np.float32, seed=0),
}
BATCH = SMALL // 256**2 + 1  # of the large ones, so that no product of theirs is small


def train_and_predict(net, x):
    net.zero_grads()
    y, _, cache = net.forward(x)
    dx, _ = net.backward(np.ones_like(y), cache)
    return {"y": y, "dx": dx, "grad": net.grad.copy(), "predicted": net.predict(x)}


@needs_two
@pytest.mark.parametrize("count", [None, 1, MOST])
@pytest.mark.parametrize("make", SMALL_NETS.values(), ids=SMALL_NETS)
def test_training_prediction_and_streams_leave_the_number_as_it_was(make, count):
    set_threads(count)
    before, net, x = get_threads(), make(), np.ones((5, 2, 3))
    train_and_predict(net, x)
    assert get_threads() == before
    stream = net.stream(2)
    for block in (x, x[:1], x[:1]):
        stream.process(block)
        assert get_threads() == before


@needs_two
@pytest.mark.parametrize("make", [lambda: LSTM(3, 4, seed=0), lambda: GRU(3, 4), lambda: RNN(3, 4)])
def test_small_cells_run_on_one_thread_and_leave_the_number_after_an_error(make, monkeypatch):
    set_threads(None)
    net, x, seen = make(), np.ones((5, 2, 3)), []

    def fail(*_):
        seen.append(get_threads())
        raise KeyboardInterrupt

    monkeypatch.setattr(type(net), "_run", fail)
    for call in (net.forward, net.predict):
        with pytest.raises(KeyboardInterrupt):
            call(x)
        assert get_threads() == MOST
    assert seen == [1, 1]


@needs_two
@pytest.mark.parametrize("make", [LARGE_NETS["lstm"], LARGE_NETS["gru"], LARGE_NETS["rnn"]])
def test_large_cells_run_on_all_threads(make, monkeypatch):
    set_threads(None)
    net, x, seen = make(), np.ones((2, BATCH, 64), np.float32), []
    run = type(net)._run

    def watched(*arguments):
        seen.append(get_threads())
        run(*arguments)

    monkeypatch.setattr(type(net), "_run", watched)
    net.forward(x)
    net.predict(x)
    assert seen == [MOST, MOST]


@needs_two
@pytest.mark.parametrize("make", LARGE_NETS.values(), ids=LARGE_NETS)
def test_results_do_not_depend_on_the_number_of_threads(make):
    x = np.random.default_rng(0).standard_normal((2, BATCH, 64)).astype(np.float32)
    set_threads(1)
    expected = train_and_predict(make(), x)
    set_threads(2)
    got = train_and_predict(make(), x)
    for name in expected:
        assert np.linalg.norm(got[name] - expected[name]) < 1e-6 * np.linalg.norm(expected[name]), name
