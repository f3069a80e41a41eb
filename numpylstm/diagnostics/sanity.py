"""Before a long training: six questions that a wrong wiring does not survive.

    print(check_training(net, x, target, loss=losses.mse, optimizer=Adam(1e-3)))

They are those that one asks by hand when a network will not learn; Karpathy, "A recipe for training neural
networks", 2019, lists most of them.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import losses
from ..layers import GRU, LSTM, RNN, Activation, Dense, Layer, Sequential
from ..layers.checks import check_size
from ..training import check_data, train_step
from .activity import check_net, gate_saturation
from .rates import check_loss, own_optimizer

FEW = 4
"""Sequences that a network has to learn by heart."""

MANY = 32
"""Most sequences to learn from, and most to hold back, for the question whether the input counts."""


GOAL = 0.1
"""Share of the initial loss to which they have to be learnt."""


FIRST = 10
"""Updates that are compared with the weights."""


class Check(NamedTuple):
    """One question: what was found, and what it means if it is not as it should be."""

    name: str
    passed: bool
    found: str
    meaning: str


@dataclass
class TrainingReport:
    """The answers. `str(report)` is the text; `report["initial loss"]` is one of them."""

    checks: list[Check]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    def __getitem__(self, name: str) -> Check:
        return {check.name: check for check in self.checks}[name]

    def __str__(self) -> str:
        good = sum(check.passed for check in self.checks)
        lines = [f"{good} of {len(self.checks)} checks passed"]
        for check in self.checks:
            lines.append(f"{'ok  ' if check.passed else 'FAIL'}  {check.name:<17} {check.found}")
            if not check.passed:
                lines += [f"      {line}" for line in check.meaning.split("\n")]
        return "\n".join(lines)


def check_training(
    net: Layer,
    x: np.ndarray,
    target: np.ndarray,
    *,
    loss: losses.Loss,
    optimizer: Any = None,
    updates: int = 200,
    seed: int | np.random.Generator = 0,
    progress: bool = True,
) -> TrainingReport:
    """Six questions about a network that is to be trained, its data, its loss and its optimizer.

    - initial loss: is it what theory says of a network that knows nothing yet? log K for K classes, log 2
      for a sigmoid, for mse the variance of the target; from half to four times that.
    - direction: does the first update go downhill, grad · (change of theta) < 0?
    - update to weight: is an update about a thousandth of the weights it changes? Of the norms, the median
      over the first ten updates, from 1e-5 to 0.2 for each matrix.
    - learnt by heart: can 4 sequences be learnt, to a tenth of the initial loss?
    - input counts: on sequences held back, does a network with its input do better by a tenth than one whose
      input is set to zero, each at its best?
    - saturation: do fewer than half of the values of each layer stand at their stops? See `gate_saturation`;
      for a relu it is the units that are 0 everywhere.

    Args:
        net: as initialized. It stays as it is, like the optimizer: all is done on copies.
        x, target: as for `fit`, at least 2 sequences (T, B, D) or examples (B, D); half are held back.
        loss: `loss(y, target) -> (value, dy)`.
        optimizer: the one to be used, at its rate; Adam if None.
        updates: of the two trainings with and without input; for learning by heart up to five times as many.
        seed: whole number or Generator, for dropout and noise.
        progress: show a bar on standard error in checks of more than two seconds.

    Raises:
        ValueError: no network or loss, data that do not belong together, fewer than 2 sequences or 10
            updates.
    """
    from tqdm import tqdm

    check_net(net)
    check_loss(loss)
    x, target, _ = check_data(net, (x, target), None, 0)
    axis = 1 if net.is_sequence(x) else 0
    B = x.shape[axis]
    if B < 2:
        raise ValueError(f"expected at least 2 sequences, one of them to hold back, got {B}")
    if check_size("updates", updates) < 10:
        raise ValueError(f"expected at least 10 updates, got {updates}")
    optimizer, rng = own_optimizer(optimizer), np.random.default_rng(seed)

    def some(array: np.ndarray, first: int, count: int) -> np.ndarray:
        return array.take(range(first, first + count), axis=axis)

    few, many = min(FEW, B), min(MANY, B // 2)
    learn = some(x, 0, many), some(target, 0, many)
    held = some(x, many, many), some(target, many, many)
    with tqdm(total=7 * updates, unit="update", delay=2, leave=False, disable=not progress) as bar:

        def run(x: np.ndarray, target: np.ndarray, most: int, **options: Any) -> Run:
            made = train(net, x, target, most, loss=loss, optimizer=optimizer, rng=rng, bar=bar, **options)
            bar.update(most - len(made.losses))
            return made

        by_heart = run(some(x, 0, few), some(target, 0, few), 5 * updates, goal=GOAL)
        seeing = run(*learn, updates, held=held)
        blind = run(np.zeros_like(learn[0]), learn[1], updates, held=(np.zeros_like(held[0]), held[1]))
    return TrainingReport(
        [
            check_initial_loss(net, x, target, loss),
            check_direction(by_heart),
            check_update_to_weight(by_heart),
            check_by_heart(by_heart, f"{few} " + ("sequences" if axis else "examples")),
            check_input_counts(seeing, blind),
            check_saturation(net, some(x, 0, many)),
        ]
    )


class Run(NamedTuple):
    """What a short training has seen."""

    losses: list[float]  # before each update; it ends where one is not finite
    slope: float  # grad · change of theta in the first update
    ratios: dict[str, float]  # of each matrix, the median of its first updates
    held_back: float  # lowest loss on data held back; infinity where none was finite


def train(
    net: Layer,
    x: np.ndarray,
    target: np.ndarray,
    updates: int,
    *,
    loss: losses.Loss,
    optimizer: Any,
    rng: np.random.Generator,
    bar: Any,
    goal: float = 0.0,
    held: tuple[np.ndarray, np.ndarray] | None = None,
) -> Run:
    """Train copies of a network and an optimizer on one batch, until the loss is `goal` times the first."""
    net, optimizer = net.copy(), own_optimizer(optimizer)
    values: list[float] = []
    ratios: dict[str, list[float]] = {}
    slope, held_back = 0.0, np.inf
    # Over the weights as they began: those that an update has blown up would hide the next.
    sizes = {name: np.linalg.norm(param) for name, param, _ in net.named_params()}
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # judged by the loss instead
        for update in range(updates):
            before = net.theta.copy()
            weights = {name: param.copy() for name, param, _ in net.named_params() if update < FIRST}
            try:
                value, _ = train_step(net, x, target, loss=loss, optimizer=optimizer, rng=rng)
            except FloatingPointError:
                slope = np.nan if update == 0 else slope
                break
            values.append(value)
            bar.update()
            if update == 0:
                slope = float(net.grad @ (net.theta - before))
            for name, param, _ in net.named_params():
                if update < FIRST and param.ndim > 1 and sizes[name] > 0:
                    change = np.linalg.norm(param - weights[name]) / sizes[name]
                    ratios.setdefault(name, []).append(float(change))
            if held is not None and update % 10 == 9:
                value = float(loss(net.predict(held[0]), held[1])[0])
                held_back = min(held_back, value) if np.isfinite(value) else held_back
            if values[-1] <= goal * values[0]:
                break
    return Run(values, slope, {name: float(np.median(r)) for name, r in ratios.items()}, held_back)


def check_initial_loss(net: Layer, x: np.ndarray, target: np.ndarray, loss: losses.Loss) -> Check:
    y = net.predict(x)
    value = float(loss(y, target)[0])
    if loss in (losses.softmax_cross_entropy, losses.sigmoid_cross_entropy) or target.shape != y.shape:
        nothing, name = np.zeros_like(y), "of scores that are all 0"
        if loss is losses.softmax_cross_entropy:
            name = f"log {y.shape[-1]}, all classes alike"
        elif loss is losses.sigmoid_cross_entropy:
            name = "log 2, a coin tossed"
    else:
        mean = target.mean(axis=tuple(range(target.ndim - 1)))
        nothing, name = np.broadcast_to(mean, y.shape), "of the target's mean, said always"
        if loss is losses.mse:
            name = "the variance of the target"
    expected = float(loss(nothing, target)[0])
    meaning = (
        "Far more wrong than a constant: its weights or its input are too large, or the target is very\n"
        "small or far from 0, and should be centred and scaled."
    )
    if not np.isfinite(value):
        meaning = "There is a NaN or an infinity in the input, the target or the weights."
    if value < 0.5 * expected:
        meaning = (
            "Far better than one that knows nothing: it has been trained already, or the target is in the\n"
            "input."
        )
    if expected <= 0:
        meaning = "The target is always the same: there is nothing to learn."
    passed = 0 < 0.5 * expected <= value <= 4 * expected
    return Check("initial loss", passed, f"{value:.4g}; theory {expected:.4g}, {name}", meaning)


def check_direction(run: Run) -> Check:
    meaning = "The loss or its gradient is not finite to begin with."
    if run.slope > 0:
        meaning = (
            "The first update goes uphill: a sign is wrong, in the optimizer or the gradient of the loss.\n"
            "An update is theta minus the rate times the gradient."
        )
    elif run.slope == 0:
        meaning = "Nothing is updated: the rate is 0, or the gradient is."
    found = f"grad · change of theta = {run.slope:.3g} in the first update"
    return Check("direction", run.slope < 0, found, meaning)


def check_update_to_weight(run: Run) -> Check:
    nothing = ("no matrix", np.nan)
    name, low = min(run.ratios.items(), key=lambda item: item[1], default=nothing)
    last, high = max(run.ratios.items(), key=lambda item: item[1], default=nothing)
    meaning = (
        f"Too small at {name}: the rate is too low, or hardly any gradient arrives there; it would take for\n"
        "ever. `learning_rate_finder` finds a rate, `gradient_by_lag` shows what arrives."
    )
    if high > 0.2:
        meaning = (
            f"Too large at {last}: each update throws away what the weights had learnt. The rate is too\n"
            "high; `learning_rate_finder` finds one."
        )
    found = f"{low:.2g} ({name}) to {high:.2g} ({last}); about 1e-3 is usual"
    return Check("update to weight", bool(1e-5 <= low and high <= 0.2), found, meaning)


def check_by_heart(run: Run, few: str) -> Check:
    first, last = (run.losses[0], run.losses[-1]) if run.losses else (np.nan, np.nan)
    meaning = (
        f"A network that cannot learn {few} by heart will not learn from many. The rate is too low or too\n"
        "high, values are saturated, the network is too small, a gradient is wrong (`gradcheck` tells),\n"
        "or the target cannot be known from the input."
    )
    if not last <= first:
        meaning = "The loss rises: the rate is too high, or the update goes uphill."
    found = f"loss {first:.4g} to {last:.4g} in {len(run.losses)} updates of the same {few}"
    return Check("learnt by heart", last <= GOAL * first, found, meaning)


def check_input_counts(seeing: Run, blind: Run) -> Check:
    first = seeing.losses[0] if seeing.losses else 0.0  # where both have run away, neither has learnt
    return Check(
        "input counts",
        seeing.held_back <= 0.9 * min(blind.held_back, first),
        f"loss held back {seeing.held_back:.4g}; with the input set to zero {blind.held_back:.4g}",
        "It does no better with its input than without. If a check above failed too, look there first.\n"
        "If not: the input is not connected or always the same, or it has nothing to do with the target,\n"
        "as when one of the two was shuffled or shifted and not the other.",
    )


def check_saturation(net: Layer, x: np.ndarray) -> Check:
    shares = saturated(net, x)
    name, share = max(shares.items(), key=lambda item: item[1], default=("no layer looked into", 0.0))
    return Check(
        "saturation",
        share < 0.5,
        f"{100 * share:.0f} % at most ({name})",
        "Where a sigmoid or tanh stands at its stops, or a relu at 0, hardly any gradient goes through. The\n"
        "weights or the input are too large: start smaller, or standardize the input.",
    )


def saturated(net: Layer, x: np.ndarray, prefix: str = "") -> dict[str, float]:
    """Share of values at their stops for each cell, Dense and Activation, also in Sequentials."""
    if isinstance(net, Sequential):
        shares: dict[str, float] = {}
        for index, layer in enumerate(net.layers):
            shares |= saturated(layer, x, f"{prefix}{index}.")
            x = layer.predict(x)
        return shares
    name = f"{prefix}{type(net).__name__}"
    if isinstance(net, RNN) and net.activation == "relu":
        return {name: never_on(net.predict(x))}
    if isinstance(net, LSTM | GRU | RNN):
        gates = gate_saturation(net, x).values()
        return {name: float(np.mean([gate.low + gate.high for gate in gates]))}
    activation = getattr(net, "activation", None) if isinstance(net, Dense) else None
    activation = net.name if isinstance(net, Activation) else activation
    if activation == "relu":
        return {name: never_on(net.predict(x))}
    if activation == "sigmoid":
        y = net.predict(x)
        return {name: float(np.mean((y < 0.1) | (y > 0.9)))}
    if activation == "tanh":
        return {name: float(np.mean(np.abs(net.predict(x)) > 0.9))}
    return {}


def never_on(y: np.ndarray) -> float:
    """Share of relu units that are 0 at every step of every sequence."""
    return float(np.mean(~y.any(axis=tuple(range(y.ndim - 1)))))
