"""The target pictures of exercises 03, 05, 09, 10, 11, 12, 13: what each looks like when it is right.

    python tests/classroom/make_practice_targets.py [NN ...]

Everything in them comes from the solutions, so a picture cannot show what they do not give. The one of 09
trains two small networks, which takes about 20 s.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import numpylstm as nl
from numpylstm.classroom.exercise import FOLDER
from numpylstm.files import atomic_write
from numpylstm.plots import ERROR, MODEL, TRUTH, new_figure
from numpylstm.tasks import sine

SOLUTIONS = Path(__file__).parent / "solutions"


def solution(name: str) -> Any:
    spec = spec_from_file_location(f"solution_{name}", SOLUTIONS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def gradient_checking(ways: Any) -> Figure:
    figure, axes = new_figure(height=3.4, width=6.4)
    ax = axes[0, 0]
    x = np.array([0.7])
    exact = np.exp(x) * (np.sin(3 * x) + 3 * np.cos(3 * x))

    def f(x: np.ndarray) -> Any:
        return (np.exp(x) * np.sin(3 * x)).sum()

    steps = np.logspace(0, -16, 97)
    for name, way, colour in (
        ("forward", ways.forward_difference, TRUTH),
        ("central", ways.central_difference, ERROR),
        ("Richardson", ways.richardson, "#d9a441"),
        ("complex step", ways.complex_step, MODEL),
    ):
        errors = [abs(way(f, x, h) - exact).item() / abs(exact).item() for h in steps]
        ax.loglog(steps, np.maximum(errors, 1e-17), color=colour, label=name, linewidth=1.4)
    ax.set(xlabel="step h", ylabel="relative error", title="Error of the derivative against the step")
    ax.set_ylim(5e-18, 1e4)
    ax.legend(frameon=False, ncols=2, loc="upper center")
    return figure


def lstm_forward(own: Any) -> Figure:
    T = 80
    x = np.zeros((T, 1, 1))
    x[::20] = 1
    # A gate that opens at a pulse, a memory that fades, an output gate that opens as long as nothing comes.
    W_x = np.array([[-8.0], [8.0], [0.0], [2.0]])
    b = np.array([2.0, -4.0, 2.2, 0.0])
    h, c, states = np.zeros((1, 1)), np.zeros((1, 1)), []
    for x_t in x:
        h, c = own.lstm_step(x_t, h, c, W_x, np.zeros((4, 1)), b)
        states.append((h.item(), c.item()))
    y, _, _ = own.lstm_forward(x, np.zeros((1, 1)), np.zeros((1, 1)), W_x, np.zeros((4, 1)), b)
    assert np.array_equal(y[:, 0, 0], [h for h, _ in states])
    figure, axes = new_figure(2, 1, height=1.9, width=6.4)
    axes[0, 0].stem(np.arange(T), x[:, 0, 0], linefmt=TRUTH, markerfmt=" ", basefmt=" ")
    axes[0, 0].set(ylabel="x", title="A pulse every 20 steps; the memory cell keeps it and lets it fade")
    axes[1, 0].plot([c for _, c in states], color=MODEL, label="c, memory cell")
    axes[1, 0].plot([h for h, _ in states], color=ERROR, label="h, shut while the pulse comes")
    axes[1, 0].set(xlabel="step t", ylabel="value")
    axes[1, 0].set_ylim(-0.05, 2.0)
    axes[1, 0].legend(frameon=False, loc="upper right", ncols=2)
    return figure


def free_runs(own: Any) -> Figure:
    rng = np.random.default_rng(0)
    signal = (sine.sine_wave(8_000) + 0.02 * rng.standard_normal(8_000)).astype(np.float32)
    figure, axes = new_figure(2, 1, height=1.8, width=6.4)
    P, steps = 200, 500
    truth = sine.sine_wave(P + steps)
    for ax, slip, name in (
        (axes[0, 0], 0, "Targets: the very next sample"),
        (axes[1, 0], 1, "Targets one late"),
    ):
        x, target = own.windows(signal, 100 + slip)
        x, target = (np.ascontiguousarray(part[:, ::2]) for part in (x[:100], target[slip : 100 + slip]))
        net = sine.reference_network(np.random.default_rng(1))
        updates = 4 * -(-x.shape[1] // 64)
        optimizer = nl.Adam(3e-3, clip_norm=1.0, schedule=nl.Cosine(updates, final=0.02))
        nl.fit(net, (x, target), loss=nl.losses.mse, optimizer=optimizer, epochs=4, batch_size=64, warmup=99)

        def step(sample: float, state: Any, net: Any = net) -> tuple[float, Any]:
            y, state, _ = net.forward(np.full((1, 1, 1), sample, np.float32), state)
            return float(y[0, 0, 0]), state

        tone = own.free_run(step, truth[:P], steps)
        ax.plot(truth, color=TRUTH, linewidth=4, alpha=0.3, label="truth")
        ax.plot(tone, color=ERROR if slip else MODEL, linewidth=1.3, label="free run")
        ax.axvline(P, color=TRUTH, linestyle=":")
        ax.set(ylabel="amplitude", title=name)
        ax.set_ylim(-1.2, 1.7)
        ax.legend(frameon=False, loc="upper right", ncols=2)
    axes[1, 0].set(xlabel="sample; from the dotted line on the network hears only itself")
    return figure


def seams(own: Any) -> Figure:
    T, block, F = 160, 32, 24
    rng = np.random.default_rng(3)
    net = nl.Sequential(nl.LSTM(6, 24, forget_bias=3.0), nl.Dense(24, F, activation="sigmoid"), seed=2)
    net.layers[1].params["W"][...] *= 4
    noise = rng.normal(size=(T + 40, 6)).cumsum(axis=0)
    x = ((noise[40:] - noise[:-40]) / 6)[:, None]  # a mean of 40 steps, up to a factor: something slow
    zero = net.forward(x[:1])[1]
    zero = ((0 * zero[0].h, 0 * zero[0].c), *zero[1:])
    carried, _ = own.run_in_chunks(net.forward, x, zero, [block] * (T // block))
    reset = np.concatenate([net.forward(x[k : k + block], zero)[0] for k in range(0, T, block)])
    figure, axes = new_figure(height=3.2, width=6.4)
    ax = axes[0, 0]
    for mask, name, colour in ((reset, "reset", ERROR), (carried, "carried", MODEL)):
        ratio = own.seam_ratio(mask[:, 0], block)
        label = f"{name}, seam ratio {ratio:.1f}"
        ax.plot(np.arange(1, T), own.mask_flux(mask[:, 0]), color=colour, label=label, linewidth=1.3)
    for border in range(block, T, block):
        ax.axvline(border, color=TRUTH, linestyle=":", linewidth=0.8)
    ax.set(xlabel="frame", ylabel="mask flux", title="Blocks of 32 frames, state reset in each or carried")
    ax.set_ylim(0, None)
    ax.legend(frameon=False)
    return figure


def copy_and_filter(own: Any) -> Figure:
    a, T = 0.9, 200
    x = np.where(np.arange(T) // 50 % 2, -0.8, 0.8)
    y = own.one_pole(x, a, 0.0)
    W_x, W_h, b, w = own.one_pole_lstm(a)
    lstm = nl.LSTM(1, 1, seed=0)
    lstm.params["W_x"][...], lstm.params["W_h"][...], lstm.params["b"][...] = W_x, W_h, b
    output = w * lstm.forward(x[:, None, None])[0][:, 0, 0]
    figure, axes = new_figure(2, 1, height=1.8, width=6.4)
    axes[0, 0].plot(x, color=TRUTH, linewidth=0.9, label="x")
    axes[0, 0].plot(y, color=TRUTH, linewidth=4, alpha=0.3, label="filter")
    axes[0, 0].plot(output, color=MODEL, linewidth=1.3, label="LSTM")
    axes[0, 0].set(
        ylabel="full scale = 1", title=f"a = {a}: error-to-signal ratio {own.esr_db(output, y):.0f} dB"
    )
    axes[0, 0].legend(frameon=False, loc="upper right", ncols=3)
    axes[0, 0].set_ylim(-1, 1.6)
    level = 20 * np.log10(np.maximum(abs(output - y), 1e-17))
    axes[1, 0].plot(level, color=ERROR, linewidth=1.0)
    axes[1, 0].set(xlabel="sample", ylabel="difference (dBFS)")
    axes[1, 0].set_ylim(-330, 0)
    return figure


def generation(own: Any) -> Figure:
    rng = np.random.default_rng(0)
    logits, draws = np.array([2.0, 1.2, 0.5, -0.4, -1.0]), 1000
    figure, axes = new_figure(1, 2, height=3.0, width=7.0)
    for k, (T, colour) in enumerate(((0.3, ERROR), (1.0, MODEL), (3.0, TRUTH))):
        at = np.arange(5) + 0.27 * (k - 1)
        axes[0, 0].bar(at, own.softmax(logits, T), 0.25, color=colour, alpha=0.55, label=f"temperature {T}")
        drawn = own.sample(np.tile(logits, (draws, 1)), T, rng)
        dots = np.bincount(drawn, minlength=5) / draws
        axes[0, 0].plot(
            at, dots, "o", color="black", markersize=3, label=None if k else f"of {draws:,} draws"
        )
    axes[0, 0].set(xlabel="class", ylabel="probability", title="Softmax and draws")
    axes[0, 0].legend(frameon=False)
    x = np.linspace(-1, 1, 2001)
    for classes, colour in ((256, MODEL), (16, ERROR)):
        back = own.mu_law_decode(own.mu_law_encode(x, classes), classes)
        axes[0, 1].plot(x, back, color=colour, linewidth=1.2, label=f"{classes} classes")
    axes[0, 1].set(xlabel="sample in", ylabel="sample out", title="Mu-law, there and back")
    axes[0, 1].legend(frameon=False)
    return figure


def separation(own: Any) -> Figure:
    T, F = 60, 32
    t, k = np.arange(T)[:, None], np.arange(F)
    tone = np.exp(-((k - 6 - 0.3 * t) ** 2) / 3)
    strokes = np.exp(-(t % 15) / 2.0) * (0.35 + 0 * k)
    s1, s2 = tone[:, None], strokes[:, None]
    x = s1 + s2
    rng = np.random.default_rng(0)
    a1, a2 = 1 + 0.1 * rng.normal(size=(2, T, 1, F))
    losses = []
    for _ in range(80):
        y1, y2, cache = own.mask_forward(x, a1, a2, 1e-3)
        loss, dy1, dy2 = own.discriminative_loss(y1, y2, s1, s2, 0.05)
        _, da1, da2 = own.mask_backward(dy1, dy2, cache)
        a1, a2 = a1 - 2000 * da1, a2 - 2000 * da2
        losses.append(loss)
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots(2, 2)
    pictures = ((x, "mixture x"), (y1, "y1 = m x"), (y2, "y2 = (1 - m) x"))
    for ax, (picture, name) in zip(axes.flat, pictures, strict=False):
        image = ax.imshow(
            picture[:, 0].T,
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=0,
            vmax=1,
            interpolation="nearest",
        )
        ax.set(title=name, xlabel="frame", ylabel="bin")
        figure.colorbar(image, ax=ax).set_label("magnitude")
    axes[1, 1].plot(losses, color=MODEL)
    axes[1, 1].set(xlabel="step along the gradient", ylabel="loss", title="Discriminative loss")
    axes[1, 1].grid(True, alpha=0.25)
    return figure


PICTURES = {
    "03_gradient_checking": gradient_checking,
    "05_lstm_forward": lstm_forward,
    "09_sine": free_runs,
    "10_state_and_chunks": seams,
    "11_copy_and_filter": copy_and_filter,
    "12_generation": generation,
    "13_separation": separation,
}


def main(numbers: list[str]) -> None:
    for name, draw in PICTURES.items():
        if not numbers or name[:2] in numbers:
            path = FOLDER / name / "target.png"
            with atomic_write(path) as temporary:
                draw(solution(name)).savefig(temporary, dpi=80)  # small files: they are in every wheel
            print(f"{path.relative_to(FOLDER)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
