"""The learning-rate finder: one update at each of many rates, from far too small to far too large."""

import copy
from typing import Any, NamedTuple

import numpy as np

from ..layers import Layer
from ..layers.checks import check_size
from ..losses import Loss
from ..optimizers import Adam, Constant
from ..training import Batch, check_data, train_step
from .activity import check_net

DIVERGED = 4.0
"""The search ends where the loss is so many times the lowest one so far."""

SMOOTHING = 0.8
"""Share of the past in the running mean of the losses: about five updates."""


class LearningRates(NamedTuple):
    """What a search has seen.

    Attributes:
        rates: (n,) rising; n is less than was asked for where the loss ran away.
        losses: (n,) the loss before the update with that rate.
        smoothed: (n,) running mean of the losses.
        suggestion: a tenth of the rate at which `smoothed` is lowest; None where it never fell.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    suggestion: float | None


def learning_rate_finder(
    net: Layer,
    batch: Batch,
    *,
    loss: Loss,
    optimizer: Any = None,
    lowest: float = 1e-6,
    highest: float = 1.0,
    steps: int = 100,
    seed: int | np.random.Generator = 0,
    progress: bool = True,
) -> LearningRates:
    """Raise the learning rate from update to update and watch the loss; L. N. Smith, WACV 2017, section 3.3.

    The loss stays where it is while the rate is too small, falls, and runs away once the rate is too large.
    Where it is lowest the rate is already at its limit, for it still falls from what smaller rates have
    done; so a tenth of that rate is suggested. Works on copies: `net` and `optimizer` stay as they are.

    Args:
        batch: (x, target) or (x, target, lengths), the same for every update.
        loss: `loss(y, target) -> (value, dy)`.
        optimizer: one of the package, or anything with `lr` and `step(theta, grad)`; Adam if None. Its own
            rate, schedule and decay do not count.
        lowest, highest: the first rate and the last, evenly spaced in their logarithm.
        steps: how many rates.
        seed: whole number or Generator, for dropout and noise.
        progress: show a bar on standard error in searches of more than two seconds.

    Raises:
        ValueError: no network or loss, rates that do not rise, fewer than 2 steps, an optimizer without `lr`
            and `step`, data that do not belong together, a loss not finite before the first update.
    """
    from tqdm import tqdm

    check_net(net)
    check_loss(loss)
    if not 0 < lowest < highest < np.inf:
        raise ValueError(f"expected rates with 0 < lowest < highest, got {lowest} and {highest}")
    if check_size("steps", steps) < 2:
        raise ValueError(f"expected at least 2 steps, got {steps}")
    x, target, lengths = check_data(net, batch, None, 0)
    net, optimizer, rng = net.copy(), own_optimizer(optimizer), np.random.default_rng(seed)
    if not hasattr(optimizer, "lr"):
        raise ValueError(f"expected an optimizer with a rate lr such as Adam(1e-3), got {optimizer!r}")
    optimizer.schedule, optimizer.decay = Constant(), 0.0

    rates = np.geomspace(lowest, highest, steps)
    losses: list[float] = []
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # judged by the loss instead
        for rate in tqdm(rates, unit="update", delay=2, leave=False, disable=not progress):
            optimizer.lr = float(rate)
            try:
                value, _ = train_step(
                    net, x, target, loss=loss, optimizer=optimizer, lengths=lengths, rng=rng
                )
            except FloatingPointError:
                break
            losses.append(value)
            if value > DIVERGED * min(losses):
                break
    if not losses:
        raise ValueError("expected a loss that is finite before the first update")
    smoothed = running_mean(np.array(losses))
    best = int(np.argmin(smoothed))
    suggestion = rates[best] / 10 if smoothed[best] < 0.99 * smoothed[0] else None
    return LearningRates(
        rates[: len(losses)], np.array(losses), smoothed, None if suggestion is None else float(suggestion)
    )


def running_mean(losses: np.ndarray) -> np.ndarray:
    """Exponential mean of what came so far, (n,) -> (n,), its weights summing to 1 at the start too."""
    mean, total, smoothed = 0.0, 0.0, []
    for value in losses:
        mean = SMOOTHING * mean + (1 - SMOOTHING) * value
        total = SMOOTHING * total + (1 - SMOOTHING)
        smoothed.append(mean / total)
    return np.array(smoothed)


def check_loss(loss: Any) -> None:
    if not callable(loss):
        raise ValueError(f"expected a loss such as losses.mse, got {loss!r}")


def own_optimizer(optimizer: Any) -> Any:
    """A copy of an optimizer, moments and all; Adam for None. ValueError if it is none."""
    if optimizer is None:
        return Adam()
    if isinstance(optimizer, type) or not hasattr(optimizer, "step"):
        raise ValueError(f"expected an optimizer such as Adam(1e-3), got {optimizer!r}")
    return copy.deepcopy(optimizer)
