"""What `docs/spectra.md` says in numbers, and its figure: spectra drawn from odds or predicted by their mean.

    python benchmarks/spectra.py [--seeds 0 1] [--recording FILE] [--figure docs/spectra.png] [--quick]

The corpus is a minute of `plucked_string` unless a recording is given. `--quick` only shows that it runs.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

import numpylstm as nl
from numpylstm import losses, plots
from numpylstm.audio.alive import alive
from numpylstm.audio.phase import griffin_lim, integrate
from numpylstm.audio.stft import hann_window, stft
from numpylstm.datasets import plucked_string
from numpylstm.tasks import play_spectra, spectra
from numpylstm.tasks.corpus import Corpus, load_corpus, make_corpus
from numpylstm.tasks.play import cut
from numpylstm.tasks.tokens import fit_lanes, lanes

SECONDS = 30.0
"""Of each sample."""

COUNTS = (0, 1, 4, 8, 16, 32)
"""Iterations of Griffin-Lim after which its convergence is printed."""


def regression(
    corpus: Corpus, model: play_spectra.Model, seed: int, updates: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same network, but it predicts the next frame's compressed magnitudes by their squared error.

    Yields frames of a free run without end: magnitudes, and increments of 0.
    """
    rng = np.random.default_rng(seed)
    window = hann_window(model.n)
    parts = [abs(stft(part, window, model.hop)) for part in (corpus.train, corpus.held_out)]
    x = (np.concatenate(parts) ** spectra.COMPRESSION).astype(np.float32)
    mean, scale = x.mean(axis=0), x.std()
    x = (x - mean) / scale
    bins, hidden_size = x.shape[1], 128
    net = nl.Sequential(nl.LSTM(bins, hidden_size), nl.Dense(hidden_size, bins), dtype=np.float32, seed=rng)
    learnt = len(parts[0])
    learn = frame_lanes(x[: learnt - 1]), frame_lanes(x[1:learnt])
    fit_lanes(net, learn, (x[learnt:-1, None], x[learnt + 1 :, None]), losses.mse, updates, rng, True)
    stream = net.stream()
    y = stream.process(x[learnt : learnt + spectra.PRIMED, None])[-1, 0]
    while True:
        yield np.maximum(y * scale + mean, 0) ** (1 / spectra.COMPRESSION), np.zeros(bins)
        y = stream.process(y[None, None])[0, 0]


def frame_lanes(x: np.ndarray) -> np.ndarray:
    """Frames (T, bins) as lanes side by side, (T, B, bins)."""
    return x[lanes(np.arange(len(x)))]


def heard(blocks: Iterator[np.ndarray], rate: int, seconds: float) -> np.ndarray:
    return np.concatenate(list(cut(blocks, round(seconds * rate))))


def judge(x: np.ndarray, corpus: np.ndarray, rate: int) -> dict[str, float]:
    """Lowest and highest level of a second, and the spectral flux of the last third, over the corpus's."""

    def levels(x: np.ndarray) -> np.ndarray:
        return np.sqrt(np.square(x[: len(x) // rate * rate].reshape(-1, rate)).mean(axis=1))

    def flux(x: np.ndarray) -> np.ndarray:
        n = 2 ** round(np.log2(spectra.FRAME * rate))
        rise = np.diff(abs(stft(x, hann_window(n), n // 4)), axis=0).clip(min=0)
        return np.linalg.norm(rise, axis=1)

    level, last = levels(x) / levels(corpus).mean(), flux(x)
    return {
        "level, lowest second": level.min(),
        "level, highest second": level.max(),
        "level, last second": level[-1],
        "flux, last third": last[-(len(last) // 3) :].mean() / flux(corpus).mean(),
    }


def print_phases(model: play_spectra.Model, frames: int) -> None:
    """The spectral convergence of generated magnitudes, by what Griffin-Lim begins with."""
    pairs = list(islice(play_spectra.generate_frames(model), frames))
    magnitudes, delta = (np.array(part) for part in zip(*pairs, strict=True))
    window = hann_window(model.n)
    starts: dict[str, dict[str, Any]] = {
        "predicted increments": {"phases": integrate(delta, model.n, model.hop)},
        "increments of 0": {"phases": integrate(0 * delta, model.n, model.hop)},
        "phase 0": {},
        "random phases": {"seed": 0},
    }
    print(f"\n{'spectral convergence after':<34}" + "".join(f"{count:>7}" for count in COUNTS))
    for momentum in (0.0, 0.99):
        for name, start in starts.items():
            _, found = griffin_lim(
                magnitudes, window, model.hop, iterations=COUNTS[-1], momentum=momentum, **start
            )
            values = "".join(f"{found[count]:7.3f}" for count in COUNTS)
            print(f"{name + (', momentum' if momentum else ''):<34}{values}")


def draw(path: Path, sounds: dict[str, np.ndarray], rate: int) -> None:
    """Spectrograms of the last ten seconds of each, on one scale."""
    figure, axes = plots.new_figure(len(sounds), 1, height=2.1)
    n = 2 ** round(np.log2(spectra.FRAME * rate))
    for ax, (name, x) in zip(axes[:, 0], sounds.items(), strict=True):
        last = x[-10 * rate :]
        magnitudes = abs(stft(last, hann_window(n), n // 4))[:, : n // 8]
        level = 5 * np.round(4 * np.log10(np.maximum(magnitudes.T, 1e-5)))  # in steps of 5 dB: a smaller file
        edges = (0, len(last) / rate, 0, rate / 8000)
        image = ax.imshow(
            level,
            origin="lower",
            aspect="auto",
            extent=edges,
            vmin=-40,
            vmax=40,
            cmap="magma",
            interpolation="nearest",
        )
        ax.grid(False)
        ax.set(title=name, ylabel="kHz")
    ax.set(xlabel="time (s)")
    figure.colorbar(image, ax=axes[:, 0], label="magnitude (dB)")
    plots.save_figure(figure, path)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--recording", type=Path, help="a sound file in place of the built-in corpus")
    parser.add_argument("--figure", type=Path, help="file for the spectrograms")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args(argv)
    seconds, updates, frames = (2.0, 5, 80) if args.quick else (SECONDS, 800, 1000)
    if args.recording:
        corpus = load_corpus([args.recording], spectra.RATE)
    else:
        samples = plucked_string(12.0 if args.quick else 60.0, spectra.RATE)
        corpus = make_corpus([samples], spectra.RATE)
    rate, sounds = corpus.rate, {"corpus": corpus.train}
    for seed in args.seeds:
        result = spectra.train(corpus, seed=seed, updates=updates, quick=args.quick)
        model = result.model
        names = ("dev_cross_entropy", "dev_phase", "codebook_error", "seconds")
        print(f"seed {seed}: " + ", ".join(f"{name} {result.figures[name]:.3g}" for name in names))
        print(result.report)
        started = time.perf_counter()
        drawn = heard(play_spectra.generate(model, seed=seed), rate, seconds)
        factor = seconds / (time.perf_counter() - started)
        mean = regression(corpus, model, seed, updates)
        means = heard(play_spectra.sound(mean, model.n, model.hop), rate, seconds)
        raw = heard(play_spectra.generate(model, seed=seed, iterations=0), rate, seconds)
        sampled = {"drawn from odds": drawn, "the same, increments alone": raw, "squared error": means}
        for name, x in sampled.items():
            values = ", ".join(f"{key} {value:.2f}" for key, value in judge(x, corpus.train, rate).items())
            failed = ", ".join(alive(x.astype(float), corpus.held_out, rate).failed) or "none"
            print(f"  {name:<27} {values}; failed of the report: {failed}")
        print(f"  generated at {factor:.1f} times real time")
        sounds |= {} if len(sounds) > 1 else {"drawn from odds": drawn, "predicted by squared error": means}
    print_phases(model, frames)
    if args.figure:
        draw(args.figure, sounds, rate)
    return 0


if __name__ == "__main__":
    sys.exit(main())
