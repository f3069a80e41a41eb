"""Draw what exercises 04 and 06 look like when right: python tests/classroom/make_targets_of_gradients.py"""

import importlib.util
from pathlib import Path

import numpy as np

from numpylstm.classroom.exercise import FOLDER
from numpylstm.plots import ERROR, MODEL, TRUTH, new_figure, save_figure

T, B, D, H = 60, 8, 16, 24
COLOURS = (ERROR, MODEL, TRUTH)


def solution(name):
    path = Path(__file__).parent / "solutions" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def draw(name, curves, title):
    """The norm of dx[t], the loss seeing the last step alone, over how many steps t lies back."""
    figure, axes = new_figure(1, 1, height=3.2, width=5.5)
    ax = axes[0, 0]
    for (label, dx), colour in zip(curves.items(), COLOURS, strict=True):
        norms = np.linalg.norm(dx[::-1], axis=(1, 2))
        ax.semilogy(np.arange(T), norms / norms[0], color=colour, label=label)
    ax.set(xlabel="steps back from the last", ylabel="norm of dx[t], last step = 1", title=title)
    ax.set_ylim(1e-12, 1e2)
    ax.legend(frameon=False)
    save_figure(figure, FOLDER / name / "target.png")


def rnn(name="04_rnn"):
    module, rng, curves = solution(name), np.random.default_rng(4), {}
    x, h0 = 0.1 * rng.normal(size=(T, B, D)), 0.1 * rng.normal(size=(B, H))
    W_x, b = 0.1 * rng.normal(size=(H, D)), np.zeros(H)
    turn = np.linalg.qr(rng.normal(size=(H, H)))[0]
    for scale in (1.05, 0.9, 0.7):
        _, h_T, cache = module.rnn_forward(x, h0, W_x, scale * turn, b)
        curves[f"W_h = {scale} Q"] = module.rnn_backward(np.zeros((T, B, H)), np.ones_like(h_T), cache)[0]
    draw(name, curves, "RNN: how far back a gradient reaches (Q orthogonal)")


def lstm(name="06_lstm_backward"):
    module, rng, curves = solution(name), np.random.default_rng(6), {}
    x, h0, c0 = rng.normal(size=(T, B, D)), 0.1 * rng.normal(size=(B, H)), 0.1 * rng.normal(size=(B, H))
    W_x, W_h = 0.1 * rng.normal(size=(4 * H, D)), 0.3 / np.sqrt(H) * rng.normal(size=(4 * H, H))
    for bias in (5, 1, 0):
        b = np.zeros(4 * H)
        b[2 * H : 3 * H] = bias
        _, h_T, c_T, cache = module.lstm_forward(x, h0, c0, W_x, W_h, b)
        nothing = np.zeros((T, B, H)), np.ones_like(h_T), np.zeros_like(c_T)
        curves[f"forget bias {bias}"] = module.lstm_backward(*nothing, cache)[0]
    draw(name, curves, "LSTM: how far back a gradient reaches")


if __name__ == "__main__":
    rnn()
    lstm()
