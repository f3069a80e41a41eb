"""A linear read-out, set to its optimum; and training in which it always is.

Once the recurrent part of a network stands, the best linear layer on top of it is known exactly: least
squares. Gradient descent gets there only slowly where hidden states resemble each other, as they do.

So why let an optimizer touch the read-out at all? Write theta for the recurrent part and W*(theta) for the
best read-out on top of it. What is left is a loss of theta alone,

    L(theta) = min over W of loss(theta, W) = loss(theta, W*(theta)),

and its gradient is that of `loss` by theta with W held at W*: the term dW*/dtheta is multiplied by
d loss / dW, which is zero at the optimum. This is variable projection (Golub & Pereyra 1973, SIAM J. Numer.
Anal. 10). L is far better behaved than the loss it came from, and it has no noise, so L-BFGS can take it in
strides: a hundred of its steps go further than two thousand of Adam's.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..history import History
from ..layers import Dense, Layer
from ..optimizers import lbfgs
from .run import progress_bar

MEMORY = 30
"""Steps that stand for the Hessian in L-BFGS."""


def refit(
    readout: Dense, states: np.ndarray, wanted: np.ndarray, share: float = 1e-8, weight: Any = None
) -> None:
    """Set the weights and bias of a linear Dense layer by ridge regression.

    Args:
        readout: a layer (H -> O) without activation; its W and b are overwritten.
        states: (n, H) what the layer sees.
        wanted: (n, O) what it should say.
        share: the ridge, as a share of the states' mean power. It keeps the weights from growing where the
            states hardly differ: large weights would amplify the rounding of float32.
        weight: (n, 1) what the rows' errors are multiplied by; None for all alike.
    """
    ones = np.ones((len(states), 1))
    columns = np.concatenate([states, ones], axis=1, dtype=np.result_type(states, float))
    wanted = wanted.astype(columns.dtype)
    if weight is not None:
        columns, wanted = columns * weight, wanted * weight
    gram = columns.T @ columns
    ridge = share * np.trace(gram) / len(gram) * np.eye(len(gram))
    solution = np.linalg.solve(gram + ridge, columns.T @ wanted)
    readout.params["W"][...] = solution[:-1].T
    readout.params["b"][...] = solution[-1]


@dataclass
class Lanes:
    """Stretches of sound side by side.

    Attributes:
        x, target: (T, B, 1) float32.
        weight: (T, B) what the errors are multiplied by; 0 where no output is asked for: at the start of a
            stretch from the middle of a recording, where the network cannot know what came before.
        energy: what the sum of the squared errors is divided by.
    """

    x: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    energy: float


def projected(
    body: Layer, readout: Dense, lanes: Lanes, *, pre_emphasis: float = 0.0, share: float = 1e-7
) -> Callable[[np.ndarray], tuple[Any, np.ndarray]]:
    """The error, with the read-out at its optimum, as a function of the body's theta.

    Args:
        body: layers from x to hidden states; readout: the linear layer (H -> 1) on top of them, which each
            call sets anew.
        pre_emphasis: p of the filter e[t] - p e[t-1] that the error goes through before it is squared
            (Wright et al. 2019, eq. 11), so that high notes count more.
        share: the ridge of `refit`. Larger weights than it allows would gain nothing, and would amplify what
            another engine rounds differently.

    Returns:
        `f(theta) -> (value, gradient)`, for `optimizers.lbfgs(f, body.theta)`. The value leaves the ridge
        out, so that its gradient is right to about `share`. As the bias is free, the mean error is zero at
        every step: a loss term against a constant offset, as in that paper, is not needed.
    """
    weight = np.minimum(lanes.weight[1:], lanes.weight[:-1]) if pre_emphasis else lanes.weight
    counted = weight > 0
    wanted = _emphasized(lanes.target, pre_emphasis)[counted]
    rows = weight[counted][:, None].astype(wanted.dtype)

    def value_and_grad(theta: np.ndarray) -> tuple[Any, np.ndarray]:
        if theta is not body.theta:
            body.theta[...] = theta
        states, _, cache = body.forward(lanes.x)
        seen = _emphasized(states, pre_emphasis)[counted]
        refit(readout, seen, wanted, share, rows)
        error = (seen @ readout.params["W"].T + readout.params["b"] - wanted) * rows
        readout.params["b"][...] /= 1 - pre_emphasis  # what the filter leaves of a constant
        dseen = np.zeros((*counted.shape, states.shape[2]), states.dtype)
        dseen[counted] = (error * rows * error.real.dtype.type(2 / lanes.energy)) @ readout.params["W"]
        body.zero_grads()
        body.add_gradients(_emphasized_backward(dseen, pre_emphasis), cache)
        return (error * error).sum() / lanes.energy, body.grad

    return value_and_grad


def _emphasized(signal: np.ndarray, p: float) -> np.ndarray:
    """signal[t] - p signal[t-1] along the first axis; one step shorter, but for p = 0."""
    return signal[1:] - signal.real.dtype.type(p) * signal[:-1] if p else signal


def _emphasized_backward(dy: np.ndarray, p: float) -> np.ndarray:
    if not p:
        return dy
    dsignal = np.zeros((len(dy) + 1, *dy.shape[1:]), dy.dtype)
    dsignal[1:] = dy
    dsignal[:-1] -= dy.real.dtype.type(p) * dy
    return dsignal


def fit_projected(
    body: Layer,
    readout: Dense,
    train: Lanes,
    validation: Lanes,
    *,
    iterations: int,
    pre_emphasis: float = 0.0,
    patience: int = 60,
    goal: float = 0.0,
    every: int = 5,
    progress: bool = True,
    title: str | None = None,
) -> History:
    """Train `body` by L-BFGS with `readout` always at its optimum; keep what does best on validation.

    Args:
        iterations: of L-BFGS, at most.
        pre_emphasis: as in `projected`; the validation error is without.
        patience: end after so many iterations in a row without a validation error lower by a hundredth.
        goal: end where the validation error is no higher than this.
        every: iterations between two looks at the validation error; of fewer iterations, the last gets one.

    Returns:
        One entry every `every` iterations, the first before the first. `stopped` says why it ended early;
        `diverged`, that already the first error was not finite, and nothing was trained.
    """
    every = min(every, iterations)
    history = History(unit="iteration", every=every)
    objective = projected(body, readout, train, pre_emphasis=pre_emphasis)
    best, lowest, waterline, patient_since, iteration = (body.theta, readout.theta), np.inf, np.inf, 0, 0
    value = np.nan
    started = time.perf_counter()

    def counted_value(theta: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal value
        value, grad = objective(theta)
        return value, grad

    def look(bar: Any) -> None:
        nonlocal best, lowest, waterline, patient_since
        error = validation_error(body, readout, validation)
        history.train_loss.append(float(value))
        history.validation_loss.append(error)
        history.seconds.append(time.perf_counter() - started)
        bar.set_postfix_str(f"validation {10 * np.log10(max(error, 1e-40)):.1f} dB", refresh=False)
        if error < lowest:
            lowest, best = error, (body.theta.copy(), readout.theta.copy())
            history.best_epoch = len(history.train_loss) - 1
        if error < 0.99 * waterline:
            waterline, patient_since = error, iteration
        if error <= goal:
            history.stopped = f"the goal is reached after {iteration} iterations"
        elif iteration - patient_since >= patience:
            history.stopped = f"no gain in the last {patience} iterations of {iteration}"

    def next_iteration(_: Any) -> None:
        # The point of this iteration is the one tried last, and the read-out is the best for it.
        nonlocal iteration
        iteration += 1
        bar.update()
        if iteration % every == 0:
            look(bar)
            if history.stopped:
                raise StopIteration

    with progress_bar(iterations, "iteration", progress, title) as bar:
        counted_value(body.theta)
        look(bar)
        if not np.isfinite(value):
            history.stopped, history.diverged = f"stopped at iteration 0: the loss is {value}", True
        if not history.stopped:
            result = lbfgs(
                counted_value,
                body.theta,
                max_iterations=iterations,
                tolerance=0.0,
                history=MEMORY,
                callback=next_iteration,
            )
            history.updates = int(result.nfev)
    body.theta[...], readout.theta[...] = best
    return history


def validation_error(body: Layer, readout: Dense, lanes: Lanes) -> float:
    """The squared weighted errors over the energy, in float64."""
    output = readout.predict(body.predict(lanes.x))
    error = np.square((output - lanes.target) * lanes.weight[:, :, None], dtype=float).sum()
    return float(error / lanes.energy)
