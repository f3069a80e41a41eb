"""Figures of what happens inside a network, from the arrays of `diagnostics`; see `plots` for the others."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .plots import ERROR, MODEL, TRUTH, new_figure


def activity(
    signals: Mapping[str, np.ndarray],
    activations: Mapping[str, np.ndarray],
    rate: float | None = None,
    title: str = "",
    ylabel: str = "amplitude",
) -> Figure:
    """Heatmaps of gates and states, all units over time, under the signals that drive them.

    Args:
        signals: by name, (T,); the first few have the colours of truth, model and error.
        activations: by name, (T, H). Gates ("i", "f", "o", "r", "z") are shown from 0 to 1, g, n and h from
            -1 to 1, anything else up to its own largest value, the same for both signs.
        rate: steps in a second, for a time axis in milliseconds; None: in steps.
        ylabel: what the signals are, with their unit.
    """
    T = len(next(iter(activations.values())))
    end, unit = (T, "step") if rate is None else (1000 * T / rate, "time (ms)")
    heights = [1.7] + [1.0 if values.shape[1] > 1 else 0.35 for values in activations.values()]
    figure = Figure(figsize=(9, 1.15 * sum(heights)), layout="constrained")
    axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    times = (np.arange(T) + 0.5) * end / T  # the middle of each step's column below
    for (name, signal), colour in zip(signals.items(), [TRUTH, MODEL, ERROR] * len(signals), strict=False):
        axes[0].plot(times, signal, color=colour, linewidth=1.2, label=name)
    axes[0].set(ylabel=ylabel, xlim=(0, end))
    if title:
        figure.suptitle(title, fontsize=11)
    axes[0].grid(True, alpha=0.25)
    axes[0].spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 0.97), ncols=len(signals))
    for ax, (name, values) in zip(axes[1:], activations.items(), strict=True):
        _heatmap(ax, name, values, end)
    axes[-1].set_xlabel(unit)
    return figure


def _heatmap(ax: Axes, name: str, values: np.ndarray, end: float) -> None:
    """One of the pictures of `activity`, values (T, H)."""
    if name in ("i", "f", "o", "r", "z"):
        colours: dict[str, Any] = {"cmap": "magma", "vmin": 0, "vmax": 1}
    else:
        limit = 1.0 if name in ("g", "n", "h") else float(np.abs(values).max(initial=1e-300))
        colours = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
    H = values.shape[1]
    image = ax.imshow(
        values.T, aspect="auto", interpolation="nearest", extent=(0, end, H - 0.5, -0.5), **colours
    )
    ax.set_ylabel(f"{name}, unit" if H > 1 else name)
    ax.set_yticks([0, H - 1] if H > 1 else [])
    bar = cast(Any, ax.figure).colorbar(image, ax=ax, pad=0.01)
    if H == 1:
        bar.set_ticks([])


def gradient_by_lag(norms: Mapping[str, np.ndarray], title: str = "", first: int = 0) -> Figure:
    """Norm of a gradient over the lag, on a logarithmic scale, one line for each network.

    Args:
        norms: by name, (n,) or (n, B), of which the line is the geometric mean; the results of
            `diagnostics.gradient_by_lag`, or some of their lags.
        first: the lag of the first value.
    """
    figure, axes = new_figure(height=3.8)
    ax = axes[0, 0]
    colours = [TRUTH, ERROR, MODEL, "#3a8f5c", "#8a5bb5", "#c79a1b"]
    for index, (name, norm) in enumerate(norms.items()):
        columns = np.maximum(norm.reshape(len(norm), -1), 1e-300)
        line = np.exp(np.log(columns).mean(axis=1))
        ax.plot(first + np.arange(len(line)), line, color=colours[index % len(colours)], label=name)
    ax.set_yscale("log")
    ax.set(xlabel="lag (steps before the end)", ylabel="norm of the gradient", title=title)
    ax.legend(frameon=False)
    return figure


def connectivity(derivatives: np.ndarray, title: str = "", floor: float = 1e-6) -> Figure:
    """|∂y_t/∂x_s| as a picture of outputs t over inputs s, or as a line for a single t.

    Args:
        derivatives: (T, T) or (T,), of one sequence, from `diagnostics.connectivity`.
        floor: the smallest value that can be told from 0, over the largest.
    """
    figure = Figure(figsize=(9, 3.6) if derivatives.ndim == 1 else (6.4, 5.2), layout="constrained")
    ax = figure.subplots()
    largest = max(float(derivatives.max(initial=0)), 1e-300)
    shown = np.maximum(derivatives / largest, floor)
    if derivatives.ndim == 1:
        reached = np.where(shown > floor, derivatives, np.nan)
        ax.semilogy(np.arange(len(shown)), reached, color=MODEL, marker=".")
        ax.set_xlim(-0.02 * len(shown), 1.02 * len(shown))
        ax.grid(True, alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
        ax.set(xlabel="step s of the input", ylabel="|∂y_t/∂x_s|", title=title)
        return figure
    image = ax.imshow(
        np.log10(shown), cmap="magma", vmin=np.log10(floor), vmax=0, interpolation="nearest", aspect="auto"
    )
    ax.set(xlabel="step s of the input", ylabel="step t of the output", title=title)
    figure.colorbar(image, ax=ax, pad=0.01).set_label("log10 |∂y_t/∂x_s|, over the largest")
    return figure


def learning_rates(found: Any, title: str = "Learning-rate finder") -> Figure:
    """Loss over the learning rate, both axes logarithmic, with the suggestion.

    Args:
        found: what `diagnostics.learning_rate_finder` returned.
    """
    figure, axes = new_figure(height=3.6)
    ax = axes[0, 0]
    ax.plot(found.rates, found.losses, color=TRUTH, alpha=0.35, linewidth=4, label="loss")
    ax.plot(found.rates, found.smoothed, color=MODEL, label="running mean")
    if found.suggestion is not None:
        label = f"suggestion {found.suggestion:.2g}"
        ax.axvline(found.suggestion, color=ERROR, linestyle=":", label=label)
    ax.set_xscale("log")
    if found.losses.min() > 0:
        ax.set_yscale("log")
    ax.set(xlabel="learning rate", ylabel="loss before the update", title=title)
    ax.legend(frameon=False)
    return figure


def saturation(found: Mapping[str, Any], title: str = "") -> Figure:
    """Each unit as a dot for each gate: how much of the time at the upper stop over how much at the lower.

    On the diagonal from corner to corner a unit is always at one stop or the other.

    Args:
        found: what `diagnostics.gate_saturation` returned.
    """
    figure, axes = new_figure(1, len(found), height=3.4, width=2.6 * len(found) + 0.6)
    for ax, (name, gate) in zip(axes[0], found.items(), strict=True):
        ax.plot([0, 100], [100, 0], color=TRUTH, linewidth=0.8, alpha=0.5)
        ax.plot(100 * gate.low, 100 * gate.high, "o", color=MODEL, alpha=0.6, markersize=5)
        ax.set(xlim=(-4, 104), ylim=(-4, 104), title=name, xlabel="at the lower stop (%)", aspect="equal")
    axes[0, 0].set_ylabel("at the upper stop (%)")
    if title:
        figure.suptitle(title, fontsize=11)
    return figure
