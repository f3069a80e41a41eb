"""Figures from arrays. Each function returns a matplotlib Figure; none of them touches a display.

Imported only where a figure is asked for, so that `import numpylstm` stays quick.
"""

from collections.abc import Sequence
from os import PathLike, fspath
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .files import atomic_write

TRUTH, MODEL, ERROR = "#4d4d4d", "#0b6fb8", "#c8452b"
"""One colour for one thing in every figure: what is true, what the network says, the difference."""

SCREEN, WRITING = "#14121c", "#e4e1ec"
"""Behind and on dark figures."""


def new_figure(
    rows: int = 1, columns: int = 1, height: float = 3.2, width: float = 9.0
) -> tuple[Figure, Any]:
    """A figure and its axes, an array (rows, columns); it belongs to no window and no global list."""
    figure = Figure(figsize=(width, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.flat:
        ax.grid(True, alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save_figure(figure: Figure, path: str | PathLike[str]) -> str:
    """Write a figure; the format follows the name's ending. Returns the path."""
    with atomic_write(path) as temporary:
        figure.savefig(temporary, dpi=110)
    return fspath(path)


def draw_learning_curve(ax: Axes, history: Any) -> None:
    """Loss over epochs, training and validation, on a logarithmic scale where the values allow it."""
    # Epochs are counted from 1; iterations from 0, before the first.
    epochs = history.every * np.arange(len(history.train_loss)) + (history.unit == "epoch")
    ax.plot(epochs, history.train_loss, color=TRUTH, marker=".", label="training")
    if history.validation_loss:
        ax.plot(epochs, history.validation_loss, color=MODEL, marker=".", label="validation")
    losses = np.array([*history.train_loss, *history.validation_loss])
    if np.isfinite(losses).any() and losses[np.isfinite(losses)].min() > 0:
        ax.set_yscale("log")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel=history.unit, ylabel="loss", title="Learning curve")
    ax.legend(frameon=False)


def learning_curve(history: Any, width: float = 9.0) -> Figure:
    """Training and validation loss over epochs, in a figure so many inches wide."""
    figure, axes = new_figure(width=width)
    draw_learning_curve(axes[0, 0], history)
    return figure


def sine(history: Any, truth: np.ndarray, free_run: np.ndarray, primed: int, title: str) -> Figure:
    """The learning curve, and the start and the end of a free run against the truth.

    Args:
        truth, free_run: (n,) samples; the first `primed` of both are what the network was given.
    """
    figure, axes = new_figure(2, 1, height=2.9)
    draw_learning_curve(axes[0, 0], history)
    ax = axes[1, 0]
    # Both ends of a long run in one picture: a slow drift shows only at the far one.
    n = len(truth)
    shown = min(300, n - primed)
    head, tail = np.arange(primed + shown), np.arange(n - shown, n)
    gap = head[-1] + 40
    for part, at in ((head, head), (tail, tail - tail[0] + gap)):
        ax.plot(at, truth[part], color=TRUTH, linewidth=4, alpha=0.3, label="truth" if at is head else None)
        ax.plot(at, free_run[part], color=MODEL, linewidth=1.3, label="free run" if at is head else None)
    ax.axvline(primed, color=ERROR, linestyle=":", label="from here on it hears only itself")
    ax.axvspan(head[-1], gap, color="white", zorder=3)
    ticks = [*range(0, head[-1], 100), gap, gap + shown - 1]
    ax.set_xticks(ticks, [*map(str, range(0, head[-1], 100)), str(tail[0]), str(tail[-1])])
    ax.set(xlabel="sample", ylabel="amplitude", title=title)
    low, high = ax.get_ylim()
    ax.set_ylim(low, high + 0.5)  # room for the legend
    ax.legend(frameon=False, loc="upper right", ncols=3)
    return figure


def filtering(
    history: Any, target: np.ndarray, output: np.ndarray, rate: int, esr_db: float, window: float = 0.02
) -> Figure:
    """The learning curve, a stretch of target and output, and the level of both and of their difference.

    Args:
        target, output: (n,) held-out samples, full scale 1.
        rate: Hz.
        window: seconds shown of the waveforms, around the loudest moment.
    """
    figure, axes = new_figure(3, 1, height=2.6)
    draw_learning_curve(axes[0, 0], history)
    n = len(target)
    half = max(int(window * rate / 2), 1)
    middle = int(np.clip(np.argmax(np.square(target)), half, max(n - half, half)))
    part = slice(max(middle - half, 0), min(middle + half, n))
    milliseconds = 1000 * np.arange(n)[part] / rate
    axes[1, 0].plot(milliseconds, target[part], color=TRUTH, linewidth=4, alpha=0.3, label="target")
    axes[1, 0].plot(milliseconds, output[part], color=MODEL, linewidth=1.3, label="output")
    axes[1, 0].set(xlabel="time in the held-out part (ms)", ylabel="full scale = 1", title="Waveform")
    axes[1, 0].legend(frameon=False, loc="upper right")
    for signal, name, colour in (
        (target, "target", TRUTH),
        (output, "output", MODEL),
        (target - output, "difference", ERROR),
    ):
        seconds, level = _levels(signal, rate)
        axes[2, 0].plot(seconds, level, color=colour, label=name, linewidth=1.2)
    axes[2, 0].set(
        xlabel="time in the held-out part (s)",
        ylabel="level (dBFS)",
        title=f"Level in steps of 50 ms; error-to-signal ratio {esr_db:.1f} dB",
    )
    axes[2, 0].legend(frameon=False, loc="best", ncols=3)
    return figure


def _levels(signal: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """RMS level of a signal (n,) in blocks of 50 ms: times in s, levels in dBFS, no lower than -200."""
    block = max(min(rate // 20, len(signal)), 1)
    blocks = signal[: len(signal) // block * block].reshape(-1, block)
    power = np.square(blocks, dtype=float).mean(axis=1)
    return np.arange(len(blocks)) * block / rate, 10 * np.log10(np.maximum(power, 1e-20))


def continuation(history: Any, seed: np.ndarray, generated: np.ndarray, rate: int, title: str) -> Figure:
    """The spectrogram of a seed and its continuation with the border marked, and the learning curve.

    Args:
        seed, generated: (n,), (m,) samples, one after the other.
        rate: Hz.
    """
    figure = Figure(figsize=(9, 6.2), layout="constrained")
    top, bottom = figure.subplots(2, 1, height_ratios=[2, 1])
    border = len(seed) / rate
    draw_spectrogram(top, np.concatenate([seed, generated]), rate)
    top.axvline(border, color="white", linewidth=2, linestyle="--")
    for x, text, side in ((border, "seed ", "right"), (border, " the network alone", "left")):
        top.text(x, 0.96, text, color="white", ha=side, va="top", transform=top.get_xaxis_transform())
    top.set(title=title)
    bottom.grid(True, alpha=0.25)
    bottom.spines[["top", "right"]].set_visible(False)
    draw_learning_curve(bottom, history)
    return figure


def draw_spectrogram(
    ax: Axes, signal: np.ndarray, rate: int, depth: float = 70.0, loudest: float | None = None
) -> None:
    """Level over time and frequency of a signal (n,), in dB below the loudest, no lower than -depth.

    `loudest` is the power that counts as 0 dB; None: the signal's own largest.
    """
    power = spectrogram_power(signal, rate)
    loudest = max(power.max() if loudest is None else loudest, 1e-20)
    level = 10 * np.log10(np.maximum(power / loudest, 10 ** (-depth / 10)))
    extent = (0, len(signal) / rate, 0, rate / 2000)
    image = ax.imshow(
        level.T, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=-depth, vmax=0
    )
    ax.set(xlabel="time (s)", ylabel="frequency (kHz)")
    bar = cast(Any, ax.figure).colorbar(image, ax=ax, pad=0.01)
    bar.set_label("level (dB)")


def spectrogram_power(signal: np.ndarray, rate: int) -> np.ndarray:
    """Power (T, bins) of a signal (n,) in frames of 64 ms, 8 ms apart."""
    size, hop = round(0.064 * rate), max(round(0.008 * rate), 1)
    padded = np.pad(signal, size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop] * np.hanning(size)
    return np.square(np.abs(np.fft.rfft(frames, axis=1)))


def spectrograms(signals: Sequence[np.ndarray], rate: int) -> list[Figure]:
    """A small figure for each signal (n,), all on one scale: dB below the loudest of them all.

    They are dark, as their colours are, with light writing: good to see on a light page and on a dark one.
    """
    loudest = max(float(spectrogram_power(signal, rate).max()) for signal in signals)
    figures = []
    for signal in signals:
        # Margins that hold whatever the numbers at the axes, in place of a layout that draws all of it twice.
        figure = Figure(figsize=(4.0, 2.1), facecolor=SCREEN)
        figure.subplots_adjust(left=0.13, right=0.96, bottom=0.21, top=0.95)
        draw_spectrogram(figure.subplots(), signal, rate, loudest=loudest)
        for ax in figure.axes:
            ax.tick_params(colors=WRITING, labelsize=8)
            ax.xaxis.label.set(color=WRITING, size=9)
            ax.yaxis.label.set(color=WRITING, size=9)
            ax.spines[:].set_color(WRITING)
        figures.append(figure)
    return figures


def seams(
    reset: np.ndarray, carried: np.ndarray, changes: dict[str, np.ndarray], rate: float, title: str
) -> Figure:
    """Two masks of one clip with the borders of blocks marked, and how much masks change within a block.

    Args:
        reset, carried: (T, bins) masks from 0 to 1, of a network whose state is reset in each block or not.
        changes: by name, (block,) mean mask flux of the frames that are first, second, ... in their block;
            "reset" and "carried" have the colours of error and model, anything else that of truth.
        rate: Hz, of the sound.
    """
    block = len(next(iter(changes.values())))
    figure = Figure(figsize=(9, 7.2), layout="constrained")
    top, middle, bottom = figure.subplots(3, 1)
    for ax, mask, name in ((top, reset, "reset"), (middle, carried, "carried")):
        extent = (-0.5, len(mask) - 0.5, 0, rate / 2000)
        image = ax.imshow(mask.T, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=0, vmax=1)
        for border in range(block, len(mask), block):
            ax.axvline(border - 0.5, color="white", linewidth=1, linestyle=":")
        ax.set(xlabel="frame", ylabel="frequency (kHz)", title=f"Mask, state {name}")
        figure.colorbar(image, ax=ax, pad=0.01).set_label("mask")
    colours = {"reset": ERROR, "carried": MODEL}
    for name, change in changes.items():
        bottom.plot(np.arange(block), change, color=colours.get(name, TRUTH), marker=".", label=name)
    bottom.grid(True, alpha=0.25)
    bottom.spines[["top", "right"]].set_visible(False)
    bottom.set(xlabel="frame in its block", ylabel="mean mask flux", title=title)
    bottom.set_ylim(bottom=0)
    bottom.legend(frameon=False, ncols=3)
    return figure


def digits(
    history: Any, images: np.ndarray, labels: np.ndarray, guesses: np.ndarray, accuracy: float
) -> Figure:
    """The learning curve and a row of digits that were taken for another.

    Args:
        images: (n, pixels) of square pictures; labels, guesses: (n,) classes.
    """
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    top, bottom = cast(Any, figure.subfigures(2, 1, height_ratios=[2, 1]))
    ax = top.subplots()
    ax.grid(True, alpha=0.25)
    draw_learning_curve(ax, history)
    side = round(images.shape[1] ** 0.5)
    wrong = np.flatnonzero(labels != guesses)[:12]
    bottom.suptitle(f"{100 * accuracy:.2f} % of {len(labels)} digits right; some of the others", fontsize=10)
    for ax, index in zip(bottom.subplots(1, 12, squeeze=False)[0], [*wrong, *[None] * 12], strict=False):
        ax.axis("off")
        if index is not None:
            ax.imshow(images[index].reshape(side, side), cmap="gray_r")
            ax.set_title(f"{labels[index]}, not {guesses[index]}", fontsize=8)
    return figure
