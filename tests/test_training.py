"""Training: minibatches, truncated backpropagation, warm-up, early stopping, divergence, exact resume."""

import subprocess
import sys
import warnings
from dataclasses import asdict

import numpy as np
import pytest

import numpylstm as nl
from numpylstm.layers.state import map_state
from numpylstm.losses import mse

T, B = 12, 5


def sequences(steps: int = T, batch: int = B, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((steps, batch, 2)), rng.standard_normal((steps, batch, 1))


def network(seed: int = 0) -> nl.Sequential:
    return nl.Sequential(nl.LSTM(2, 4), nl.GRU(4, 3), nl.Dense(3, 1), seed=seed)


class Still:
    """An optimizer that changes nothing and keeps the gradients it was given."""

    def __init__(self) -> None:
        self.grads: list[np.ndarray] = []

    def step(self, theta: np.ndarray, grad: np.ndarray) -> None:
        self.grads.append(grad.copy())


class Recorder:
    """Mean squared error that keeps what it was called with."""

    def __init__(self) -> None:
        self.y: list[np.ndarray] = []
        self.target: list[np.ndarray] = []
        self.lengths: list[np.ndarray | None] = []

    def __call__(self, y, target, lengths=None):
        self.y.append(y.copy())
        self.target.append(target.copy())
        self.lengths.append(lengths)
        return mse(y, target, lengths)


def train(net, data, validation=None, **options):
    options = {"loss": mse, "optimizer": Still(), "epochs": 1, "progress": False} | options
    return nl.fit(net, data, validation, **options)


def one_sentence(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert text and "\n" not in text and len(text) < 250
    return text


# ------------------------------------------------------------------------------------- minibatches


def numbered(kind: str) -> tuple[tuple, int]:
    """Ten examples, the target of each its number; where there are lengths, they tell the number too."""
    number = np.arange(10.0)
    if kind == "examples":
        return (np.ones((10, 2)), number[:, None]), 10
    target = np.broadcast_to(number[:, None], (T, 10, 1)).copy()
    data = (np.ones((T, 10, 2)), target)
    return (data if kind == "sequences" else (*data, np.arange(10) + 1)), 10


@pytest.mark.parametrize("kind", ["examples", "sequences", "ragged sequences"])
def test_every_example_is_in_exactly_one_minibatch_of_an_epoch_with_its_own_length(kind):
    data, count = numbered(kind)
    net = nl.Dense(2, 1, seed=0)
    loss = Recorder()
    history = train(net, data, loss=loss, epochs=3, batch_size=4)
    assert history.updates == 9 and len(loss.target) == 9
    numbers = [target[..., 0].reshape(-1, target.shape[-2])[0] for target in loss.target]
    assert [len(batch) for batch in numbers] == [4, 4, 2] * 3
    epochs = [np.concatenate(numbers[3 * e : 3 * e + 3]) for e in range(3)]
    for order in epochs:
        assert sorted(order) == list(range(count))
    assert not np.array_equal(epochs[0], epochs[1]), "each epoch has an order of its own"
    assert not np.array_equal(epochs[0], np.arange(count)), "shuffled"
    for batch, lengths in zip(numbers, loss.lengths, strict=True):
        assert (lengths is None) == (kind != "ragged sequences")
        if lengths is not None:
            np.testing.assert_array_equal(lengths, batch + 1)


def test_the_seed_alone_decides_the_order_of_the_minibatches():
    def order(seed):
        loss = Recorder()
        train(nl.Dense(2, 1, seed=0), numbered("examples")[0], loss=loss, batch_size=3, seed=seed)
        return np.concatenate(loss.target)[:, 0].tolist()

    assert order(1) == order(1) == order(np.random.default_rng(1))
    assert order(1) != order(2)


def noisy_network(seed: int = 0, dtype: type = float) -> nl.Sequential:
    return nl.Sequential(
        nl.GaussianNoise(0.1),
        nl.LSTM(2, 4, recurrent_dropout=0.3),
        nl.Dropout(0.3),
        nl.Dense(4, 1),
        dtype=dtype,
        seed=seed,
    )


def test_the_same_seed_gives_the_same_training_bit_for_bit():
    def run(seed):
        net = noisy_network()
        history = train(net, sequences(), optimizer=nl.Adam(0.01), epochs=3, batch_size=2, seed=seed)
        return net.theta, history.train_loss

    (theta, losses), (again, losses_again), (other, _) = run(5), run(5), run(6)
    np.testing.assert_array_equal(theta, again)
    assert losses == losses_again
    assert not np.array_equal(theta, other)


def test_a_function_is_asked_for_the_batches_of_each_epoch_with_the_generator_of_the_training():
    x, target = sequences()
    asked = []

    def batches(rng):
        asked.append(rng)
        yield x, target
        yield x[:, :2], target[:, :2], np.array([3, 12])

    loss = Recorder()
    generator = np.random.default_rng(3)
    history = train(network(), batches, loss=loss, epochs=2, seed=generator)
    assert asked == [generator, generator] and history.updates == 4
    assert [len(history.train_loss), len(loss.target)] == [2, 4]
    np.testing.assert_array_equal(loss.target[2], target)
    np.testing.assert_array_equal(loss.lengths[3], [3, 12])


def test_the_lengths_of_a_function_s_batches_may_be_a_list():
    x, target = sequences()
    as_list, as_array = Recorder(), Recorder()
    train(network(), lambda rng: [(x, target, [1, 2, 3, 4, 5])], loss=as_list)
    train(network(), lambda rng: [(x, target, np.array([1, 2, 3, 4, 5]))], loss=as_array)
    np.testing.assert_array_equal(as_list.y[0], as_array.y[0])


def test_padding_has_no_part_in_the_loss_and_its_gradient():
    (x, target), lengths = sequences(), np.array([3, 12, 7, 1, 5])
    net, optimizer = network(), Still()
    history = train(net, (x, target, lengths), optimizer=optimizer)
    total, alone = 0.0, network()
    for b, n in enumerate(lengths):
        y, _, cache = alone.forward(x[:n, [b]])
        error = y - target[:n, [b]]
        total += (error**2).sum()
        alone.backward(2 * error / lengths.sum(), cache)
    assert history.train_loss[0] == pytest.approx(total / lengths.sum(), rel=1e-12)
    np.testing.assert_allclose(optimizer.grads[0], alone.grad, rtol=1e-9, atol=1e-14)


# ---------------------------------------------------------------------------------------- one update


def test_an_update_returns_the_loss_before_it_and_the_final_state():
    (x, target), net = sequences(), network()
    expected, state_before, _ = net.forward(x)
    theta = net.theta.copy()
    value, state = nl.train_step(net, x, target, loss=mse, optimizer=nl.SGD(0.1))
    assert value == mse(expected, target)[0]
    np.testing.assert_array_equal(nl.pack_state(state), nl.pack_state(state_before))
    assert not np.array_equal(net.theta, theta)
    assert mse(net.predict(x), target)[0] < value


def test_old_gradients_do_not_leak_into_an_update():
    (x, target), net, optimizer = sequences(), network(), Still()
    for _ in range(2):
        nl.train_step(net, x, target, loss=mse, optimizer=optimizer)
    np.testing.assert_array_equal(*optimizer.grads)


def test_an_update_with_a_loss_that_is_not_finite_changes_nothing():
    (x, target), net = sequences(), network()
    optimizer, theta = nl.Adam(0.1), net.theta.copy()
    with pytest.raises(FloatingPointError, match="nan"):
        nl.train_step(net, x, target * np.nan, loss=mse, optimizer=optimizer)
    np.testing.assert_array_equal(net.theta, theta)
    assert optimizer.updates == 0


def test_dropout_acts_in_training_and_not_in_validation():
    net = nl.Sequential(nl.Dropout(0.5, seed=0), nl.Dense(4, 4, seed=0))
    net.layers[1].params["W"][...] = np.eye(4)
    x = np.ones((50, 4))
    loss = Recorder()
    train(net, (x, x), (x, x), loss=loss, batch_size=50)
    trained_on, validated = loss.y
    assert set(np.unique(trained_on)) == {0.0, 2.0}
    np.testing.assert_array_equal(validated, x)


# --------------------------------------------------------------------- truncation and warm-up


@pytest.mark.parametrize("ragged", [False, True])
@pytest.mark.parametrize("warmup", [0, 3])
@pytest.mark.parametrize("truncation", [1, 4, 5, 100])
def test_pieces_with_carried_state_say_the_same_as_one_long_forward_pass(truncation, warmup, ragged):
    x, target = sequences()
    data = (x, target, np.array([2, 12, 7, 4, 5])) if ragged else (x, target)
    net, loss = network(), Recorder()
    history = train(net, lambda rng: [data], loss=loss, truncation=truncation, warmup=warmup)
    expected = net.forward(x, lengths=data[2] if ragged else None)[0]
    assert history.updates == -(-(T - warmup) // truncation)
    np.testing.assert_allclose(np.concatenate(loss.y), expected[warmup:], rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(np.concatenate(loss.target), target[warmup:])
    assert history.train_loss[0] == pytest.approx(
        np.mean([mse(*piece)[0] for piece in zip(loss.y, loss.target, loss.lengths, strict=True)])
    )


def test_the_gradient_is_cut_between_two_pieces():
    (x, target), net, optimizer = sequences(), network(), Still()
    train(net, lambda rng: [(x, target)], optimizer=optimizer, truncation=5)
    state = None
    for first, seen in zip((0, 5, 10), optimizer.grads, strict=True):
        piece = slice(first, first + 5)
        y, state, cache = net.forward(x[piece], state)
        net.zero_grads()
        net.backward(mse(y, target[piece])[1], cache)
        np.testing.assert_allclose(seen, net.grad, rtol=1e-10, atol=1e-14)


def test_the_state_is_carried_within_a_batch_and_starts_anew_with_the_next():
    x, target = sequences()
    net, loss = network(), Recorder()
    train(net, lambda rng: [(x, target), (x, target)], loss=loss, truncation=6)
    np.testing.assert_array_equal(loss.y[0], loss.y[2])
    assert not np.allclose(loss.y[1], net.forward(x[6:])[0])


@pytest.mark.parametrize("ragged", [False, True])
def test_steps_of_a_warmup_have_no_loss_but_pass_the_gradient_on(ragged):
    (x, target), lengths = sequences(), np.array([12, 6, 8, 2, 12]) if ragged else None
    net, optimizer = network(), Still()
    data = (x, target) if lengths is None else (x, target, lengths)
    history = train(net, lambda rng: [data], optimizer=optimizer, warmup=4)
    y, _, cache = net.forward(x, lengths=lengths)
    counts = np.arange(T)[:, None] >= 4
    if lengths is not None:
        counts = counts & (np.arange(T)[:, None] < lengths)
    counts = np.broadcast_to(counts, (T, B))
    error = (y - target) * counts[:, :, None]
    assert history.train_loss[0] == pytest.approx((error**2).sum() / counts.sum(), rel=1e-12)
    net.zero_grads()
    net.backward(2 * error / counts.sum(), cache)
    np.testing.assert_allclose(optimizer.grads[0], net.grad, rtol=1e-9, atol=1e-14)


def test_with_truncation_a_warmup_only_sets_the_state():
    (x, target), net, optimizer = sequences(), network(), Still()
    train(net, lambda rng: [(x, target)], optimizer=optimizer, truncation=100, warmup=4)
    state = net.forward(x[:4])[1]
    y, _, cache = net.forward(x[4:], state)
    net.zero_grads()
    net.backward(mse(y, target[4:])[1], cache)
    np.testing.assert_allclose(optimizer.grads[0], net.grad, rtol=1e-10, atol=1e-14)
    whole = Still()
    train(network(), lambda rng: [(x, target)], optimizer=whole, warmup=4)
    assert not np.allclose(whole.grads[0], net.grad), "without truncation the gradient reaches the warm-up"


# ------------------------------------------------------- validation, schedules and early stopping


def test_the_validation_loss_is_that_of_the_parameters_after_each_epoch():
    net, validation = noisy_network(), sequences(seed=1)
    after = []
    data = sequences()

    def note(update, net):
        if update and update % 3 == 0:  # the first update of an epoch: what the last one left behind
            after.append(nl.evaluate(net, validation, loss=mse, warmup=2))

    history = train(
        net, data, validation, optimizer=nl.Adam(0.02), epochs=3, batch_size=2, warmup=2, on_update=note
    )
    assert history.validation_loss[:2] == pytest.approx(after, rel=1e-12)
    y = net.predict(validation[0])
    assert history.validation_loss[2] == pytest.approx(mse(y[2:], validation[1][2:])[0], rel=1e-12)
    assert len(set(history.validation_loss)) == 3


class Walk:
    """An optimizer that sets theta to given values one after the other."""

    def __init__(self, values) -> None:
        self.values = iter(values)

    def step(self, theta: np.ndarray, grad: np.ndarray) -> None:
        theta[...] = next(self.values)


def line(*walk: float, **options):
    """y = w x, to be 1: the weight goes the given way, one value an epoch."""
    net = nl.Dense(1, 1, bias=False, seed=0)
    net.theta[...] = 9
    data = (np.ones((4, 1)), np.ones((4, 1)))
    history = train(net, data, data, optimizer=Walk(walk), epochs=len(walk), **options)
    return net, history


WALK = (5.0, 3.0, 1 + 2**-50, 2.0, 1.5, 1.2, 0.0)


def test_early_stopping_ends_after_the_patience_and_restores_the_best_parameters_exactly():
    net, history = line(*WALK, patience=2)
    assert len(history.train_loss) == 5 and history.best_epoch == 2
    assert "2 epochs" in history.stopped and "epoch 2" in history.stopped
    assert net.theta.tolist() == [1 + 2**-50]


def test_with_patience_the_best_parameters_are_restored_also_when_training_goes_on_to_the_end():
    net, history = line(*WALK, patience=20)
    assert len(history.train_loss) == 7 and history.stopped is None and history.best_epoch == 2
    assert net.theta.tolist() == [1 + 2**-50]


def test_without_patience_the_last_parameters_stay():
    net, history = line(*WALK)
    assert history.best_epoch == 2 and net.theta.tolist() == [0.0]


def test_an_equal_loss_is_no_better_one():
    _, history = line(2.0, 2.0, 2.0, 2.0, patience=2)
    assert history.best_epoch == 0 and len(history.train_loss) == 3


@pytest.mark.parametrize("patience, validated", [(1, False), (0, True), (-1, True)])
def test_patience_needs_validation_data_and_at_least_one_epoch(patience, validated):
    """A training loss is measured before its update: it would name the wrong parameters the best."""
    data = sequences()
    with pytest.raises(ValueError, match="patience of at least 1 and validation data") as error:
        train(network(), data, data if validated else None, patience=patience)
    one_sentence(error)


def test_pieces_of_nothing_but_padding_make_no_update_and_do_not_count():
    (x, target), lengths = sequences(), np.array([3, 5, 2, 1, 4])
    optimizer, net = nl.Adam(0.01), network()
    history = train(net, (x, target, lengths), optimizer=optimizer, truncation=5)
    assert optimizer.updates == history.updates == 1
    whole = train(network(), (x[:5], target[:5], lengths), optimizer=nl.Adam(0.01))
    assert history.train_loss == pytest.approx(whole.train_loss, rel=1e-12)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"optimizer": nl.Adam}, "expected an optimizer such as Adam"),
        ({"optimizer": "adam"}, "expected an optimizer such as Adam"),
        ({"loss": "mse"}, r"expected loss\(y, target\)"),
        ({"loss": lambda y, target: 1.0}, "return \\(value, dy\\), got float"),
        ({"loss": lambda y, target: (1.0, y, y)}, "got a tuple of 3"),
    ],
)
def test_what_is_no_optimizer_and_no_loss_is_said(options, words):
    with pytest.raises(ValueError, match=words) as error:
        train(network(), sequences(), **({"optimizer": nl.SGD(0.1)} | options))
    one_sentence(error)


def test_a_checkpoint_that_is_there_is_not_overwritten_before_an_epoch_is_done(tmp_path):
    path = tmp_path / "run.safetensors"
    train(network(), sequences(), optimizer=nl.Adam(0.01), checkpoint=path)
    written = path.read_bytes()

    def interrupt(update, net):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(network(), sequences(), optimizer=nl.Adam(0.01), checkpoint=path, on_update=interrupt)
    assert path.read_bytes() == written


@pytest.mark.parametrize("validated", [True, False])
def test_a_plateau_schedule_sees_one_loss_an_epoch(validated):
    class Listening(nl.Plateau):
        def observe(self, validation_loss):
            observed.append(validation_loss)
            super().observe(validation_loss)

    observed = []
    optimizer = nl.SGD(0.01, schedule=Listening(0.5, patience=1))
    data = sequences()
    history = train(network(), data, data if validated else None, optimizer=optimizer, epochs=3, batch_size=2)
    assert observed == (history.validation_loss if validated else history.train_loss)


def test_the_history_holds_the_rate_of_each_epoch_s_last_update():
    rates = []
    optimizer = nl.SGD(0.1, schedule=nl.Exponential(0.5))
    history = train(
        network(),
        sequences(),
        optimizer=optimizer,
        epochs=2,
        batch_size=2,
        on_update=lambda update, net: rates.append(optimizer.current_lr),
    )
    assert rates == pytest.approx([0.1 * 0.5**k for k in range(6)])
    assert history.lr == pytest.approx([rates[2], rates[5]])


# ------------------------------------------------------------------------- a loss that is not finite


class Bad:
    """Mean squared error; call number k has another value or gradient."""

    def __init__(self, k: int, value: float | None = None, grad: float | None = None) -> None:
        self.k, self.value, self.grad, self.calls = k, value, grad, 0

    def __call__(self, y, target):
        value, dy = mse(y, target)
        if self.calls == self.k:
            value = self.value if self.value is not None else value
            if self.grad is not None:
                dy = dy.copy()
                dy[-1, 0] = self.grad
        self.calls += 1
        return value, dy


def diverge(loss, validation=None, optimizer=None, **options):
    net, before = network(), []
    start = net.theta.copy()
    with pytest.warns(RuntimeWarning) as caught:
        history = train(
            net,
            sequences(),
            validation,
            loss=loss,
            optimizer=optimizer or nl.Adam(0.01),
            epochs=4,
            batch_size=2,
            on_update=lambda update, net: before.append(net.theta.copy()),
            **options,
        )
    assert [str(warning.message) for warning in caught] == [history.stopped]
    assert caught[0].filename == __file__, "the warning points to the call of fit"
    assert "\n" not in history.stopped
    return net, history, [start] if not before else before


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_stops_the_training_and_says_where(value):
    net, history, before = diverge(Bad(4, value=value))
    assert "epoch 1, update 4" in history.stopped and str(value) in history.stopped
    assert history.updates == 4 and len(before) == 5 and len(history.train_loss) == 1
    np.testing.assert_array_equal(net.theta, before[3])  # theta of update 4 is what gave the bad loss
    assert np.isfinite(nl.evaluate(net, sequences(), loss=mse))


def test_a_loss_that_is_not_finite_from_the_start_leaves_the_network_as_it_was():
    net, history, before = diverge(Bad(0, value=np.nan))
    assert "epoch 0, update 0" in history.stopped and history.train_loss == []
    np.testing.assert_array_equal(net.theta, before[0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_stops_the_training_at_parameters_of_a_finite_loss(value):
    net, history, before = diverge(Bad(4, grad=value))
    assert "epoch 1, update 4" in history.stopped and "gradient" in history.stopped
    assert history.updates == 4
    np.testing.assert_array_equal(net.theta, before[4])  # their loss was finite, only its gradient not


def test_a_validation_loss_that_is_not_finite_stops_the_training_and_says_where():
    x, target = sequences()
    calls = 3 + 1 + 3  # two epochs of three updates, and the validation of the first
    net, history, before = diverge(Bad(calls, value=np.nan), (x, target))
    assert "epoch 1" in history.stopped and "validation" in history.stopped
    assert len(history.train_loss) == len(history.validation_loss) == 1
    np.testing.assert_array_equal(net.theta, before[5])


def test_a_step_that_is_far_too_large_ends_in_one_warning_and_finite_parameters():
    net = nl.Sequential(nl.RNN(2, 4, activation="relu"), nl.Dense(4, 1), seed=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = train(net, sequences(), optimizer=nl.SGD(1e6), epochs=50)
    assert [warning.category for warning in caught] == [RuntimeWarning]
    assert "last good parameters are kept" in history.stopped
    assert np.isfinite(net.theta).all() and np.isfinite(nl.evaluate(net, sequences(), loss=mse))


# -------------------------------------------------------------------------------- checkpoints


def without_seconds(history: nl.History) -> dict:
    return {key: value for key, value in asdict(history).items() if key != "seconds"}


SETTINGS = {
    "Adam, cosine": lambda: nl.Adam(0.02, clip_norm=0.5, schedule=nl.Cosine(18)),
    "Adam, plateau": lambda: nl.Adam(0.02, schedule=nl.Plateau(0.5, patience=1)),
    "SGD, Nesterov": lambda: nl.SGD(0.02, momentum=0.9, nesterov=True, decay=0.1),
    "RMSprop, centered": lambda: nl.RMSprop(0.01, centered=True, momentum=0.5),
}


def fade(update: int, net: nl.Layer) -> None:
    net.layers[0].sigma = 0.1 * (1 - update / 18)


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("fading", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_resumed_training_is_the_uninterrupted_one_bit_for_bit(tmp_path, setting, dtype, fading):
    data, validation, path = sequences(), sequences(seed=1), tmp_path / "run.safetensors"
    options = {"batch_size": 2, "patience": 20, "warmup": 2, "seed": 7, "epochs": 6}

    def run(on_update=None, **more):
        net = noisy_network(dtype=dtype)

        def each_update(update, net):
            if fading:
                fade(update, net)
            if on_update:
                on_update(update)

        optimizer = SETTINGS[setting]()
        history = train(net, data, validation, optimizer=optimizer, **(options | more), on_update=each_update)
        return net, history

    def interrupt(update):
        if update == 10:  # within the fourth epoch: its first update is lost and done again
            raise Interrupted

    net, history = run()
    with pytest.raises(Interrupted):
        run(interrupt, checkpoint=path)
    resumed_net, resumed = run(checkpoint=path, resume=True)
    assert history.updates == resumed.updates == 18
    np.testing.assert_array_equal(net.theta, resumed_net.theta)
    assert without_seconds(resumed) == without_seconds(history)
    assert resumed.seconds == sorted(resumed.seconds) and len(resumed.seconds) == 6


def test_a_resumed_training_still_knows_the_best_parameters_of_before(tmp_path):
    path = tmp_path / "run.safetensors"
    data = (np.ones((4, 1)), np.ones((4, 1)))

    def run(values, **options):
        net, optimizer = nl.Dense(1, 1, bias=False, seed=0), nl.SGD(1.0)
        way = Walk(values)
        optimizer._update = lambda theta, grad, lr, moment, scratch: way.step(theta, grad)
        history = train(net, data, data, optimizer=optimizer, patience=3, checkpoint=path, **options)
        return net, history

    run([5.0, 1.0, 2.0], epochs=3)
    net, history = run([3.0, 4.0, 6.0], epochs=20, resume=True)
    assert len(history.train_loss) == 5 and history.best_epoch == 1
    assert net.theta.tolist() == [1.0]


def test_a_checkpoint_holds_the_training_order_of_a_generator_too(tmp_path):
    path, generator = tmp_path / "run.safetensors", np.random.default_rng(4)
    generator.random(100)
    options = {"batch_size": 2, "optimizer": nl.Adam(0.01)}
    net, resumed = network(), network()
    train(net, sequences(), epochs=4, seed=np.random.default_rng(4).spawn(1)[0], **options)
    options["optimizer"] = nl.Adam(0.01)
    seed = np.random.default_rng(4).spawn(1)[0]
    train(network(), sequences(), epochs=2, seed=seed, checkpoint=path, **options)
    options["optimizer"] = nl.Adam(0.01)
    train(resumed, sequences(), epochs=4, seed=99, checkpoint=path, resume=True, **options)
    np.testing.assert_array_equal(net.theta, resumed.theta)


def test_a_finished_training_is_not_trained_again(tmp_path):
    path = tmp_path / "run.safetensors"
    options = {"epochs": 2, "batch_size": 2, "checkpoint": path}
    net = network()
    history = train(net, sequences(), optimizer=nl.Adam(0.01), **options)
    again = network()
    resumed = train(again, sequences(), optimizer=nl.Adam(0.01), resume=True, **options)
    assert asdict(resumed) == asdict(history)
    np.testing.assert_array_equal(net.theta, again.theta)


def test_a_resume_without_a_checkpoint_file_starts_from_the_beginning(tmp_path):
    net, other = network(), network()
    train(net, sequences(), optimizer=nl.Adam(0.01))
    path = tmp_path / "run.safetensors"
    train(other, sequences(), optimizer=nl.Adam(0.01), checkpoint=path, resume=True)
    np.testing.assert_array_equal(net.theta, other.theta)
    assert path.exists()


def test_a_checkpoint_loads_as_a_model(tmp_path):
    net, path = noisy_network(dtype=np.float32), tmp_path / "run.safetensors"
    train(net, sequences(), optimizer=nl.Adam(0.01), epochs=2, checkpoint=path)
    loaded = nl.load(path)
    assert loaded.config() == net.config() and loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded.theta, net.theta)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.safetensors"]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"net": lambda: nl.Sequential(nl.LSTM(2, 5), nl.Dense(5, 1), seed=0)}, "architecture"),
        ({"net": lambda: network().astype(np.float32)}, "architecture"),
        ({"optimizer": lambda: nl.SGD(0.1)}, "expected the state of SGD, got that of Adam"),
        ({"optimizer": lambda: nl.Adam(0.1, schedule=nl.Plateau())}, "schedule"),
    ],
    ids=["sizes", "precision", "optimizer", "schedule"],
)
def test_a_checkpoint_of_another_training_is_refused_and_changes_nothing(tmp_path, change, words):
    path = tmp_path / "run.safetensors"
    train(network(3), sequences(), optimizer=nl.Adam(0.01), checkpoint=path)
    written = path.read_bytes()
    net = change.get("net", network)()
    optimizer = change.get("optimizer", lambda: nl.Adam(0.1))()
    theta = net.theta.copy()
    with pytest.raises(ValueError) as error:
        train(net, sequences(), optimizer=optimizer, checkpoint=path, resume=True, epochs=2)
    assert words in one_sentence(error)
    np.testing.assert_array_equal(net.theta, theta)
    assert optimizer.updates == 0 and path.read_bytes() == written


def test_a_plain_model_file_is_no_checkpoint(tmp_path):
    path, net = tmp_path / "model.safetensors", network()
    net.save(path)
    with pytest.raises(ValueError, match="plain model file") as error:
        train(net, sequences(), optimizer=nl.Adam(0.01), checkpoint=path, resume=True)
    assert str(path) in one_sentence(error)


def test_where_a_checkpoint_cannot_be_written_is_said_before_the_first_update(tmp_path):
    updates = []
    with pytest.raises(FileNotFoundError, match="nowhere"):
        train(
            network(),
            sequences(),
            optimizer=nl.Adam(0.01),
            checkpoint=tmp_path / "nowhere" / "run.safetensors",
            on_update=lambda update, net: updates.append(update),
        )
    assert updates == []


def test_an_optimizer_without_a_state_cannot_be_checkpointed_and_it_is_said_before_the_first_update(tmp_path):
    updates = []
    with pytest.raises(ValueError, match="state_dict") as error:
        train(
            network(),
            sequences(),
            checkpoint=tmp_path / "run.safetensors",
            on_update=lambda update, net: updates.append(update),
        )
    one_sentence(error)
    assert updates == []


# --------------------------------------------------------------------------------------- L-BFGS


@pytest.mark.parametrize("ragged", [False, True])
def test_the_objective_is_the_loss_and_its_gradient_at_any_theta(ragged):
    (x, target), lengths = sequences(), np.array([12, 6, 8, 4, 12]) if ragged else None
    # Backwards in time, padding that is not known as such would change what comes before it.
    both = nl.Bidirectional(nl.GRU(2, 3), nl.LSTM(2, 3), merge="sum")
    net = nl.Sequential(both, nl.Dense(3, 1), seed=0)
    point = net.theta + 0.1 * np.random.default_rng(1).standard_normal(net.theta.size)
    value, grad = nl.objective(net, x, target, loss=mse, lengths=lengths, warmup=3)(point)
    np.testing.assert_array_equal(net.theta, point)
    data = (x, target) if lengths is None else (x, target, lengths)
    assert value == pytest.approx(nl.evaluate(net, data, loss=mse, warmup=3), rel=1e-12)
    step = 1e-6 * np.random.default_rng(0).standard_normal(point.size)
    values = []
    for sign in (1, -1):
        net.theta[...] = point + sign * step
        values.append(nl.evaluate(net, data, loss=mse, warmup=3))
    assert (values[0] - values[1]) / 2 == pytest.approx(grad @ step, rel=1e-6)


def test_lbfgs_lowers_the_objective_in_the_network_itself():
    (x, target), net = sequences(), network()
    before = nl.evaluate(net, (x, target), loss=mse)
    result = nl.lbfgs(nl.objective(net, x, target, loss=mse), net.theta, max_iterations=60)
    after = nl.evaluate(net, (x, target), loss=mse)
    assert after < 0.3 * before
    assert after == pytest.approx(result.fun, rel=1e-12)


# -------------------------------------------------------------------------------------- history


def test_the_rows_of_a_history_are_its_columns_by_epoch():
    history = nl.History([3.0, 2.0], [4.0, 5.0], [0.1, 0.2], [1.0, 2.5], updates=8)
    assert history.rows() == [
        {"epoch": 0, "train_loss": 3.0, "validation_loss": 4.0, "lr": 0.1, "seconds": 1.0},
        {"epoch": 1, "train_loss": 2.0, "validation_loss": 5.0, "lr": 0.2, "seconds": 2.5},
    ]
    assert "validation_loss" not in nl.History([3.0], [], [0.1], [1.0]).rows()[0]
    assert nl.History().rows() == []


def test_a_history_has_one_entry_an_epoch_everywhere():
    history = train(network(), sequences(), sequences(seed=1), epochs=3, batch_size=2)
    columns = (history.train_loss, history.validation_loss, history.lr, history.seconds)
    assert [len(column) for column in columns] == [3] * 4
    assert history.updates == 9 and history.stopped is None
    assert history.seconds == sorted(history.seconds) and history.seconds[0] > 0
    assert len(history.rows()) == 3


@pytest.mark.parametrize(
    "history",
    [
        nl.History([3.0, 2.0], [4.0, 5.0], [0.1, 0.1], [1.0, 2.0]),
        nl.History([3.0, -2.0], [], [0.1, 0.1], [1.0, 2.0]),
        nl.History(),
    ],
    ids=["both losses", "negative loss", "nothing yet"],
)
def test_a_history_plots_itself_to_a_picture(tmp_path, history):
    from matplotlib.figure import Figure

    assert isinstance(history.plot(), Figure)
    assert history.plot(tmp_path / "curve.png") == str(tmp_path / "curve.png")
    picture = (tmp_path / "curve.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert [entry.name for entry in tmp_path.iterdir()] == ["curve.png"]


def test_a_plot_never_touches_a_display(tmp_path):
    program = (
        "import sys, numpylstm\n"
        "numpylstm.History([3.0, 2.0], [], [0.1, 0.1], [1.0, 2.0]).plot(sys.argv[1])\n"
        "assert 'matplotlib' in sys.modules\n"
        "print('matplotlib.pyplot' in sys.modules, any('tkinter' in name for name in sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a.png")], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "False"] and done.stderr == ""


def test_a_short_training_prints_nothing(capfd):
    train(network(), sequences(), epochs=2, progress=True)
    assert capfd.readouterr() == ("", "")


# --------------------------------------------------------------------------------- bad data


X, TARGET = np.zeros((T, B, 2)), np.zeros((T, B, 1))


@pytest.mark.parametrize(
    "data, options, words",
    [
        ([X, TARGET], {}, "expected (x, target) or (x, target, lengths), got list"),
        ((X,), {}, "expected (x, target)"),
        ((X, TARGET[:7]), {}, "(12, 5)"),
        ((X, TARGET[:, :4]), {}, "(12, 5)"),
        ((X[0, 0], TARGET[0, 0]), {}, "(2,)"),
        ((X[:, :0], TARGET[:, :0]), {}, "with something in it"),
        ((X[:0], TARGET[:0]), {}, "with something in it"),
        ((X[0], TARGET[0]), {"truncation": 4}, "truncation"),
        ((X[0], TARGET[0]), {"warmup": 4}, "warmup"),
        ((X, TARGET), {"epochs": 0}, "epochs of at least 1, got 0"),
        ((X, TARGET), {"batch_size": 0}, "batch_size of at least 1, got 0"),
        ((X, TARGET), {"truncation": 0}, "truncation of at least 1, got 0"),
        ((X, TARGET), {"truncation": -2}, "truncation of at least 1, got -2"),
        ((X, TARGET), {"warmup": 12}, "warmup"),
        ((X, TARGET), {"warmup": -1}, "warmup"),
        ((X, TARGET), {"warmup": 12, "truncation": 4}, "warmup"),
        ((X, TARGET), {"warmup": -1, "truncation": 4}, "warmup"),
        ((X, TARGET), {"resume": True}, "checkpoint"),
        (lambda rng: [], {}, "at least one batch"),
        ((X, TARGET, np.full(4, 3)), {}, "lengths"),
        ((X, TARGET, np.full(6, 3)), {}, "lengths"),
        ((X, TARGET, np.full(5, 13)), {}, "lengths"),
        ((X[0], TARGET[0], np.full(5, 1)), {}, "(T, B"),
        ((X, np.zeros((T, B, 3))), {}, "(12, 5, 3)"),
        ((X, TARGET), {"validation": X}, "(x, target)"),
        ((X, TARGET), {"validation": (X, TARGET[:7])}, "target"),
    ],
)
def test_what_does_not_belong_together_is_refused_in_one_sentence(data, options, words):
    net = network()
    theta = net.theta.copy()
    with pytest.raises(ValueError) as error:
        train(net, data, **({"optimizer": nl.SGD(0.1)} | options))
    assert words in one_sentence(error)
    if "validation" not in options:
        np.testing.assert_array_equal(net.theta, theta)


def test_data_may_be_nested_lists():
    x, target = sequences()
    net, other = network(), network()
    train(net, (x.tolist(), target.tolist()), optimizer=nl.SGD(0.1), batch_size=2)
    train(other, (x, target), optimizer=nl.SGD(0.1), batch_size=2)
    np.testing.assert_array_equal(net.theta, other.theta)


def test_fit_leaves_its_data_untouched():
    (x, target), lengths = sequences(), np.array([3, 12, 7, 1, 5])
    kept = x.copy(), target.copy(), lengths.copy()
    data = (x, target, lengths)
    train(network(), data, data, optimizer=nl.Adam(0.1), epochs=2, batch_size=2, truncation=5, warmup=1)
    for array, copy in zip(data, kept, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_no_gradient_flows_into_a_given_initial_state():
    (x, target), net = sequences(), network()
    state = map_state(lambda s: s + 0.5, net.initial_state(B))
    kept = nl.pack_state(state).copy()
    nl.train_step(net, x, target, loss=mse, optimizer=nl.SGD(0.1), state=state)
    np.testing.assert_array_equal(nl.pack_state(state), kept)


# ------------------------------------------------------------------------------------- classes


def test_classes_are_sequences_of_examples_side_by_side_and_train_as_one_hot_vectors_do():
    rng = np.random.default_rng(0)
    classes, target = rng.integers(0, 5, (12, 7)), rng.integers(0, 3, (12, 7))
    lengths = rng.integers(1, 13, 7)
    histories = []
    for x in (classes, np.eye(5)[classes]):
        for options in ({"batch_size": 3}, {"truncation": 5, "warmup": 2}):
            net = nl.Sequential(nl.GRU(5, 4), nl.Dense(4, 3), seed=0)
            history = nl.fit(
                net,
                (x, target, lengths),
                (x, target),
                loss=nl.losses.softmax_cross_entropy,
                optimizer=nl.Adam(1e-2),
                epochs=2,
                seed=0,
                progress=False,
                **options,
            )
            histories.append((history.updates, history.train_loss, history.validation_loss))
    for of_classes, of_vectors in zip(histories[:2], histories[2:], strict=True):
        assert of_classes[0] == of_vectors[0]
        np.testing.assert_allclose(of_classes[1:], of_vectors[1:], rtol=1e-12)
