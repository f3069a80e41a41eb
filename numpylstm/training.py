"""Training: one update, and `fit`, the loop around it.

    history = fit(net, (x, target), (x_dev, target_dev), loss=losses.mse, optimizer=Adam(1e-3), epochs=10)

Sequences are `(T, B, D)`, or classes `(T, B)`, and a minibatch is a choice of the B; for an MLP the data are
`(B, D)`. A long recording is laid out as B lanes side by side and run through in pieces (`truncation=`), the
state carried from piece to piece and the gradient cut between them: truncated backpropagation through time
(Williams & Peng 1990).
"""

import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from . import checkpoint as checkpoints
from .history import History
from .layers import GaussianNoise, Layer
from .layers.checks import check_lengths
from .losses import Loss

Batch = tuple[Any, ...]
"""(x, target) or (x, target, lengths)."""


class NotFiniteLoss(FloatingPointError):
    """The loss is infinite or NaN, so the parameters are already bad."""


def train_step(
    net: Layer,
    x: np.ndarray,
    target: np.ndarray,
    *,
    loss: Loss,
    optimizer: Any,
    state: Any = None,
    lengths: Any = None,
    warmup: int = 0,
    rng: np.random.Generator | None = None,
) -> tuple[float, Any]:
    """One update: forward, loss, backward, step.

    Args:
        x, target: (T, B, D), (T, B, O); or (B, D) and what the loss wants beside (B, O).
        loss: `loss(y, target) -> (value, dy)`; called with `lengths=` as well where there are lengths.
        state: initial state; no gradient flows into it.
        warmup: number of first steps without loss.

    Returns:
        The loss before the update, and the final state.

    Raises:
        FloatingPointError: the loss or a gradient is not finite; nothing has been updated.
    """
    y, state, cache = net.forward(x, state, lengths, training=True, rng=rng)
    value, dy = loss_after(warmup, loss, y, target, lengths)
    if not np.isfinite(value):
        raise NotFiniteLoss(f"the loss is {value}")
    net.zero_grads()
    net.add_gradients(dy, cache)
    optimizer.step(net.theta, net.grad)
    return value, state


def loss_after(
    warmup: int, loss: Loss, y: np.ndarray, target: np.ndarray, lengths: Any = None
) -> tuple[float, np.ndarray]:
    """Value and gradient of a loss that does not see the first `warmup` time steps."""
    if len(y) != len(target):
        raise ValueError(f"expected target with {len(y)} steps like the output, got {len(target)}")
    if warmup and not 0 < warmup < len(y):
        raise ValueError(f"expected a warmup shorter than the {len(y)} steps, got {warmup}")
    options = {} if lengths is None else {"lengths": np.maximum(np.asarray(lengths) - warmup, 0)}
    result = loss(y[warmup:], target[warmup:], **options)
    if not isinstance(result, tuple) or len(result) != 2 or np.ndim(result[0]) != 0:
        got = f"a tuple of {len(result)}" if isinstance(result, tuple) else type(result).__name__
        raise ValueError(f"expected loss(y, target) to return (value, dy), got {got}")
    value, dy_rest = result
    if not warmup:
        return float(value), dy_rest
    dy = np.zeros_like(y)
    dy[warmup:] = dy_rest
    return float(value), dy


def evaluate(net: Layer, data: Batch, *, loss: Loss, warmup: int = 0, batch_size: int | None = None) -> float:
    """The loss on (x, target) or (x, target, lengths), without training."""
    x, target, lengths = (*data, None)[:3]
    y = net.predict(x, lengths=lengths, batch_size=batch_size)
    return loss_after(warmup, loss, y, target, lengths)[0]


def objective(
    net: Layer, x: np.ndarray, target: np.ndarray, *, loss: Loss, lengths: Any = None, warmup: int = 0
) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """The loss and its gradient as a function of theta, for `optimizers.lbfgs(objective(...), net.theta)`."""

    def value_and_grad(theta: np.ndarray) -> tuple[float, np.ndarray]:
        if theta is not net.theta:
            net.theta[...] = theta
        y, _, cache = net.forward(x, lengths=lengths)
        value, dy = loss_after(warmup, loss, y, target, lengths)
        net.zero_grads()
        net.add_gradients(dy, cache)
        return value, net.grad

    return value_and_grad


def fit(
    net: Layer,
    train: Batch | Callable[[np.random.Generator], Iterable[Batch]],
    validation: Batch | None = None,
    *,
    loss: Loss,
    optimizer: Any,
    epochs: int,
    batch_size: int = 32,
    truncation: int | None = None,
    warmup: int = 0,
    seed: int | np.random.Generator = 0,
    patience: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    on_update: Callable[[int, Layer], None] | None = None,
    progress: bool = True,
) -> History:
    """Train a network.

    Args:
        train: (x, target) or (x, target, lengths), cut into shuffled minibatches; or a function that takes
            a Generator and returns the batches of one epoch.
        validation: data of the same form, evaluated after each epoch.
        loss: one of `losses`, or your own `loss(y, target) -> (value, dy)`.
        optimizer: SGD, RMSprop, Adam, or anything with `step(theta, grad)`.
        epochs: how many times to go through the training data.
        batch_size: sequences (or examples) in a minibatch.
        truncation: run each batch in pieces of so many steps, one update each, carrying the state.
        warmup: number of first steps of each sequence without loss. With truncation they come before the
            first piece and only set the state.
        seed: whole number or Generator: order of the minibatches, dropout and noise.
        patience: stop after so many epochs without a better validation loss and restore the parameters of
            the best epoch, also if it goes on to the end.
        checkpoint: file written after each epoch (and at the start, where there is none yet): a model file
            of the last epoch that holds the training state too.
        resume: go on from `checkpoint` if it exists; the result is the same as without the interruption.
        on_update: called with the number of updates done and the network before each update.
        progress: show a bar on standard error in trainings of more than two seconds.

    Returns:
        A History. If a loss or gradient is not finite, training stops there: `history.stopped` says where,
        a RuntimeWarning says it too, and the network keeps the last parameters whose loss was finite.
    """
    for name, count in (("epochs", epochs), ("batch_size", batch_size), ("truncation", truncation)):
        if count is not None and count < 1:
            raise ValueError(f"expected {name} of at least 1, got {count}")
    if not callable(train):
        train = check_data(net, train, truncation, warmup)
    if validation is not None:
        validation = check_data(net, validation, None, warmup)
    _check_parts(loss, optimizer, patience, validation)
    run = _Run(net, optimizer, np.random.default_rng(seed), patience)
    _open_checkpoint(run, checkpoint, resume)
    started = time.perf_counter() - (run.history.seconds[-1] if run.history.seconds else 0)
    bar = _Bar(
        progress, _count_updates(net, train, batch_size, truncation, warmup), epochs, run.history.updates
    )
    with bar, np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # judged by the loss instead
        for epoch in range(len(run.history.train_loss), epochs):
            if run.history.stopped is not None:
                break
            values: list[float] = []
            validation_loss = None
            try:
                for batch in (
                    train(run.rng) if callable(train) else minibatches(net, train, batch_size, run.rng)
                ):
                    for value in _run_batch(run, batch, loss, truncation, warmup, on_update):
                        values.append(value)
                        bar.advance(value)
                if validation is not None:
                    validation_loss = evaluate(
                        net, validation, loss=loss, warmup=warmup, batch_size=batch_size
                    )
                    if not np.isfinite(validation_loss):
                        raise NotFiniteLoss(f"the validation loss is {validation_loss}")
            except FloatingPointError as error:
                run.stop_diverged(f"epoch {epoch}, update {run.history.updates}", error)
                break
            run.end_epoch(values, validation_loss, time.perf_counter() - started)
            bar.expect(len(values) * epochs)
            if checkpoint is not None:
                run.save(checkpoint)
    run.finish()
    return run.history


def _check_parts(loss: Any, optimizer: Any, patience: int | None, validation: Any) -> None:
    if not callable(loss):
        raise ValueError(f"expected loss(y, target) -> (value, dy), got {loss!r}")
    if isinstance(optimizer, type) or not hasattr(optimizer, "step"):
        raise ValueError(f"expected an optimizer such as Adam(1e-3), got {optimizer!r}")
    if patience is not None and (patience < 1 or validation is None):
        raise ValueError(f"expected patience of at least 1 and validation data to judge by, got {patience}")


def _open_checkpoint(run: "_Run", path: str | os.PathLike[str] | None, resume: bool) -> None:
    """Take the state of a run from its checkpoint, or see before the work that one can be written."""
    if path is None:
        if resume:
            raise ValueError("expected a checkpoint to resume from, got none")
        return
    if not os.path.exists(path):
        run.save(path)
    elif resume:
        run.restore(path)


class _Run:
    """The state of one training: what a checkpoint has to hold."""

    def __init__(self, net: Layer, optimizer: Any, rng: np.random.Generator, patience: int | None) -> None:
        self.net, self.optimizer, self.rng, self.patience = net, optimizer, rng, patience
        self.history = History()
        self.good = net.theta.copy()  # the last parameters whose loss was finite
        self.best = net.theta.copy()
        self.best_loss = np.inf
        self.lr = np.nan  # of the last update

    def end_epoch(self, values: list[float], validation_loss: float | None, seconds: float) -> None:
        history = self.history
        if not values:
            raise ValueError("expected at least one batch in an epoch, got none")
        history.train_loss.append(float(np.mean(values)))
        history.lr.append(self.lr)
        history.seconds.append(seconds)
        judged = history.train_loss[-1]
        if validation_loss is not None:
            history.validation_loss.append(validation_loss)
            judged = validation_loss
        observe = getattr(getattr(self.optimizer, "schedule", None), "observe", None)
        if observe is not None:
            observe(judged)
        epoch = len(history.train_loss) - 1
        if judged < self.best_loss:
            self.best_loss, history.best_epoch = judged, epoch
            self.best[...] = self.net.theta
        elif self.patience is not None and epoch - (history.best_epoch or 0) >= self.patience:
            history.stopped = (
                f"no better loss for {self.patience} epochs, the best was epoch {history.best_epoch}"
            )

    def stop_diverged(self, where: str, error: FloatingPointError) -> None:
        if isinstance(error, NotFiniteLoss):  # else the loss was finite and only its gradient was not
            self.net.theta[...] = self.good
        self.history.diverged = True
        self.history.stopped = f"stopped at {where}: {error}; the last good parameters are kept"
        warnings.warn(self.history.stopped, RuntimeWarning, stacklevel=3)

    def finish(self) -> None:
        if self.patience is not None and self.history.best_epoch is not None:
            self.net.theta[...] = self.best

    def save(self, path: str | os.PathLike[str]) -> None:
        if not hasattr(self.optimizer, "state_dict"):
            raise ValueError(
                f"expected an optimizer with state_dict for a checkpoint, got {self.optimizer!r}"
            )
        state = self.optimizer.state_dict()
        arrays = {f"optimizer.{k}": v for k, v in state.items() if isinstance(v, np.ndarray)}
        arrays |= {"training.best": self.best}
        extra = {
            "optimizer": {k: v for k, v in state.items() if not isinstance(v, np.ndarray)},
            "rng": self.rng.bit_generator.state,
            "history": asdict(self.history),
            "best_loss": self.best_loss if np.isfinite(self.best_loss) else None,
        }
        checkpoints.save(self.net, path, arrays, extra)

    def restore(self, path: str | os.PathLike[str]) -> None:
        saved, arrays, extra = checkpoints.load_with_extra(path)
        if _architecture(saved) != _architecture(self.net) or saved.dtype != self.net.dtype:
            raise ValueError(f"expected a checkpoint of this network in {path}, got another architecture")
        if not isinstance(extra, dict) or "training.best" not in arrays:
            raise ValueError(f"expected a checkpoint with a training state in {path}, got a plain model file")
        prefix = "optimizer."
        moments = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
        best = arrays["training.best"]
        try:
            state, history = extra["optimizer"] | moments, History(**extra["history"])
            best_loss = np.inf if extra["best_loss"] is None else float(extra["best_loss"])
            self.rng.bit_generator.state = extra["rng"]
            complete = best.shape == self.net.theta.shape
        except (KeyError, TypeError, AttributeError, ValueError):
            complete = False
        if not complete:
            raise ValueError(f"expected a checkpoint with a training state in {path}, got an incomplete one")
        self.optimizer.load_state_dict(state)
        self.net.theta[...] = self.good[...] = saved.theta
        _restore_noise(self.net, saved)
        self.best, self.best_loss, self.history = best, best_loss, history


def _architecture(net: Layer) -> Any:
    """What cannot change in a training: all of the description but a noise that fades."""

    def without_sigma(config: dict[str, Any]) -> dict[str, Any]:
        kept = {key: value for key, value in config.items() if key != "sigma"}
        return kept | {"layers": [without_sigma(layer) for layer in config.get("layers", [])]}

    return without_sigma(net.config())


def _restore_noise(net: Layer, saved: Layer) -> None:
    if isinstance(net, GaussianNoise) and isinstance(saved, GaussianNoise):
        net.sigma = saved.sigma
    for layer, saved_layer in zip(net.layers, saved.layers, strict=True):
        _restore_noise(layer, saved_layer)


def _run_batch(
    run: _Run, batch: Batch, loss: Loss, truncation: int | None, warmup: int, on_update: Any
) -> Iterator[float]:
    """The updates of one batch: one, or one for each piece of its sequences."""
    x, target, lengths = check_data(run.net, batch, truncation, warmup)
    state, start = None, 0
    if truncation is not None and warmup:
        head = None if lengths is None else np.clip(lengths, 0, warmup)
        _, state, _ = run.net.forward(x[:warmup], None, head)
        start, warmup = warmup, 0
    for first in range(start, len(x), truncation) if truncation else [0]:
        piece = slice(first, None if truncation is None else first + truncation)
        rest = None if lengths is None else np.clip(lengths - first, 0, len(x[piece]))
        if rest is not None and not rest.any():
            break  # nothing but padding from here on: no update, and nothing to count
        if on_update is not None:
            on_update(run.history.updates, run.net)
        before, run.lr = run.net.theta.copy(), float(getattr(run.optimizer, "current_lr", np.nan))
        value, state = train_step(
            run.net,
            x[piece],
            target[piece],
            loss=loss,
            optimizer=run.optimizer,
            state=state,
            lengths=rest,
            warmup=warmup,
            rng=run.rng,
        )
        run.good = before
        run.history.updates += 1
        yield value


def check_data(
    net: Layer, data: Any, truncation: int | None, warmup: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """x, target and lengths or None as arrays; one sentence refuses what does not belong together."""
    if not isinstance(data, tuple) or len(data) not in (2, 3):
        raise ValueError(f"expected (x, target) or (x, target, lengths), got {type(data).__name__}")
    x, target = np.asarray(data[0]), np.asarray(data[1])
    if x.ndim not in (2, 3):
        raise ValueError(f"expected x of shape (T, B, D), (B, D) or classes (T, B), got {x.shape}")
    sequence = net.is_sequence(x)
    axes = 2 if sequence else 1
    if target.shape[:axes] != x.shape[:axes]:
        raise ValueError(f"expected target of shape {x.shape[:axes]} + (...), got {target.shape}")
    if 0 in x.shape:
        raise ValueError(f"expected data with something in it, got x of shape {x.shape}")
    if (truncation or warmup) and not sequence:
        raise ValueError(f"truncation and warmup need sequences (T, B, D), got x of shape {x.shape}")
    if warmup and not 0 < warmup < len(x):
        raise ValueError(f"expected a warmup from 0 to less than the {len(x)} steps, got {warmup}")
    lengths = None if len(data) == 2 or data[2] is None else check_lengths(data[2], x, classes=sequence)
    return x, target, lengths


def minibatches(net: Layer, data: Batch, batch_size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """(x, target, lengths or None) in shuffled minibatches; the last one may be smaller."""
    x, target, lengths = data
    axis = 1 if net.is_sequence(x) else 0
    order = rng.permutation(x.shape[axis])
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        parts = (x[:, chosen], target[:, chosen]) if axis else (x[chosen], target[chosen])
        yield *parts, None if lengths is None else lengths[chosen]


def _count_updates(
    net: Layer, train: Any, batch_size: int, truncation: int | None, warmup: int
) -> int | None:
    """Updates in an epoch, None where that cannot be known beforehand."""
    if callable(train):
        return len(train) if hasattr(train, "__len__") else None
    x = train[0]
    batches = -(-x.shape[1 if net.is_sequence(x) else 0] // batch_size)
    return batches * (1 if truncation is None else -(-(len(x) - warmup) // truncation))


class _Bar:
    """A progress bar on standard error with loss and time left, only where it takes over two seconds."""

    def __init__(self, show: bool, updates: int | None, epochs: int, done: int) -> None:
        from tqdm import tqdm

        total = None if updates is None else updates * epochs
        # A terminal is redrawn ten times a second; a log file gets a line's worth every ten seconds.
        every = 0.1 if sys.stderr.isatty() else 10
        self.bar = tqdm(
            total=total,
            initial=done,
            delay=2,
            mininterval=every,
            disable=not show,
            unit="update",
            leave=False,
        )

    def expect(self, updates: int) -> None:
        """A function's batches are known to be as many as they were once the first epoch is over."""
        if self.bar.total is None:
            self.bar.total = updates

    def advance(self, loss: float) -> None:
        self.bar.set_postfix_str(f"loss {loss:.3g}", refresh=False)
        self.bar.update()

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *exc: object) -> None:
        self.bar.close()
