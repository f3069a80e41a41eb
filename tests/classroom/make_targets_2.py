"""Draws the target pictures of the exercises 02, 07 and 08: `python tests/classroom/make_targets_2.py`.

Everything in them comes from the exercises' solutions.
"""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent.parent)]

from numpylstm.classroom.exercise import FOLDER  # noqa: E402
from numpylstm.plots import ERROR, MODEL, TRUTH, new_figure, save_figure  # noqa: E402


def solution(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"solution_{name}", HERE / "solutions" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def mlp() -> Figure:
    """Two classes in the plane, and where a trained network of 16 hidden units puts the border."""
    code, rng = solution("02_mlp"), np.random.default_rng(0)
    labels = np.arange(200) % 2
    angle = rng.uniform(0, np.pi, 200) + np.pi * labels
    centre = np.where(labels[:, None], [0.5, 0.25], [-0.5, -0.25])
    x = np.stack([np.cos(angle), np.sin(angle)], 1) + centre + rng.normal(0, 0.15, (200, 2))
    weights = [rng.normal(size=(16, 2)), np.zeros(16), rng.normal(size=(2, 16)) / 4, np.zeros(2)]
    losses = []
    for _ in range(400):
        scores, cache = code.mlp_forward(x, *weights)
        loss, dscores = code.softmax_cross_entropy(scores, labels)
        grads = code.mlp_backward(dscores, cache)[1:]
        weights = [weight - 0.5 * grad for weight, grad in zip(weights, grads, strict=True)]
        losses.append(loss)

    grid = np.linspace(-2.2, 2.2, 150)
    points = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2)
    scores = code.mlp_forward(points, *weights)[0]
    margin = (scores[:, 1] - scores[:, 0]).reshape(150, 150)
    figure, ((left, right),) = new_figure(1, 2, height=3.0, width=7.0)
    left.contourf(grid, grid, margin > 0, levels=[-0.5, 0.5, 1.5], colors=[MODEL, ERROR], alpha=0.15)
    left.contour(grid, grid, margin, levels=[0], colors=TRUTH)
    for label, colour in ((0, MODEL), (1, ERROR)):
        left.scatter(*x[labels == label].T, s=9, color=colour, label=f"class {label}")
    left.set(xlabel="x[:, 0]", ylabel="x[:, 1]", title="Where the two scores are equal", aspect="equal")
    left.legend(frameon=False, loc="lower right")
    right.plot(losses, color=MODEL)
    right.axhline(np.log(2), color=TRUTH, linestyle="--", linewidth=1)
    right.text(400, np.log(2), "log 2: a guess", color=TRUTH, ha="right", va="bottom")
    right.set(xlabel="update", ylabel="loss (nats)", title="Cross-entropy", yscale="log")
    return figure


def gru() -> Figure:
    """A unit of a GRU in both variants with the same weights: input, gates, state."""
    code, rng = solution("07_gru"), np.random.default_rng(88)
    T, H = 60, 4
    x = np.where(np.arange(T) % 30 < 10, 1.0, -0.2)[:, None, None]
    weights = [rng.normal(size=shape) * 1.5 for shape in ((3 * H, 1), (3 * H, H), (3 * H,), (3 * H,))]
    figure, axes = new_figure(3, 2, height=1.25, width=6.0)
    for column, reset_after in enumerate((True, False)):
        h, cache = code.gru_forward(x, np.zeros((1, H)), *weights, reset_after)
        r, z, n = (np.array([step[k][0, 0] for step in cache[0]]) for k in (2, 3, 4))
        top, middle, bottom = axes[:, column]
        top.step(range(T), x[:, 0, 0], color=TRUTH, where="mid")
        top.set(title=f"reset_after={reset_after}", ylabel="input x")
        middle.plot(r, color=ERROR, label="reset gate r")
        middle.plot(z, color=MODEL, label="update gate z")
        middle.set(ylabel="gates", ylim=(-0.05, 1.05))
        bottom.plot(n, color=TRUTH, alpha=0.5, label="candidate n")
        bottom.plot(h[:, 0, 0], color=MODEL, label="state h")
        bottom.set(xlabel="time step", ylabel="unit 0", ylim=(-1.1, 1.1))
    for ax in axes[1:, 1]:
        ax.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def optimizers() -> Figure:
    """The ways of three steps through a long valley, and the loss along them."""
    code, start = solution("08_optimizers"), np.array([-3.5, 1.6])
    curvature = np.array([0.1, 4.0])
    zeros = np.zeros(2)
    steps = {
        "momentum": lambda theta, grad, v: code.momentum_step(theta, grad, v, 0.05, 0.9),
        "RMSprop": lambda theta, grad, v: code.rmsprop_step(theta, grad, v, 0.05, 0.9, 1e-8),
        "Adam": lambda theta, grad, m, v, t: code.adam_step(theta, grad, m, v, t, 0.1, 0.9, 0.99, 1e-8),
    }
    memory: dict[str, list[Any]] = {"momentum": [zeros], "RMSprop": [zeros], "Adam": [zeros, zeros, 0]}
    figure, ((left, right),) = new_figure(1, 2, height=2.5, width=6.0)
    first, second = np.linspace(-4, 1.5, 80), np.linspace(-2, 2, 80)
    loss = 0.5 * (curvature[0] * first**2 + curvature[1] * second[:, None] ** 2)
    left.contour(first, second, np.log(loss), levels=5, colors=TRUTH, alpha=0.25, linestyles="solid")
    for colour, (name, step) in zip((TRUTH, ERROR, MODEL), steps.items(), strict=True):
        theta, remembered, way = start, memory[name], [start]
        for _ in range(80):
            theta, *remembered = step(theta, curvature * theta, *remembered)
            way.append(theta)
        left.plot(*np.array(way).T, color=colour, label=name, linewidth=1.4)
        right.plot(0.5 * (curvature * np.square(way)).sum(1), color=colour, label=name)
    left.plot(*start, "o", color=TRUTH)
    left.set(xlabel="theta[0]", ylabel="theta[1]", title="80 steps from the same start")
    right.set(xlabel="step", ylabel="loss", yscale="log", title="Loss along the way")
    right.legend(frameon=False)
    return figure


def targets() -> Iterator[tuple[str, Figure]]:
    """(folder of an exercise, its picture)"""
    yield "02_mlp", mlp()
    yield "07_gru", gru()
    yield "08_optimizers", optimizers()


if __name__ == "__main__":
    for name, figure in targets():
        print(save_figure(figure, FOLDER / name / "target.png"))
