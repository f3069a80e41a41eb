# %% [markdown]
# # 08 Optimizers: the same gradient, five ways down
#
# Afterwards you can
#
# - write SGD, momentum, Nesterov, RMSprop and Adam in a line or three each, and say what each one remembers,
# - say what Adam's bias correction corrects, and which of the five notice that a loss was multiplied by 100,
# - keep a recurrent network from being thrown off by one gradient, and find its learning rate in seconds.
#
# Under a minute to run, about 40 minutes to work through. The gradient is proven by now. What is left is how
# far to go, and that is where most of the hours are lost: a rate that is ten times too small looks like a
# network that cannot learn, and one that is ten times too large like a bug.

# %%
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import numpylstm as nl
from numpylstm import plots
from numpylstm.diagnostics import learning_rate_finder

started = time.perf_counter()
QUICK = "--quick" in sys.argv  # a short form that only shows that everything runs

# %% [markdown]
# ## 1. Five optimizers
#
# All parameters of a network are one vector theta, all gradients another. An optimizer is a function of these
# and of what it remembers: nothing (SGD), a mean of gradients (momentum), a mean of their squares (RMSprop),
# both (Adam).

# %%
Memory = dict[str, np.ndarray]
Optimizer = Callable[[np.ndarray, np.ndarray, Memory, float], np.ndarray]


def remember(memory: Memory, name: str, past: float, share: float, new: np.ndarray) -> np.ndarray:
    """memory = past memory + share new; 0 before the first time."""
    memory[name] = past * memory.get(name, np.zeros_like(new)) + share * new
    return memory[name]


def sgd(theta: np.ndarray, grad: np.ndarray, memory: Memory, lr: float) -> np.ndarray:
    return theta - lr * grad


def momentum(theta: np.ndarray, grad: np.ndarray, memory: Memory, lr: float) -> np.ndarray:
    """Polyak 1964: a heavy ball keeps rolling."""
    v = remember(memory, "v", 0.9, 1, grad)
    return theta - lr * v


def nesterov(theta: np.ndarray, grad: np.ndarray, memory: Memory, lr: float) -> np.ndarray:
    """The step that the ball will take next is taken into account already."""
    v = remember(memory, "v", 0.9, 1, grad)
    return theta - lr * (grad + 0.9 * v)


def rmsprop(theta: np.ndarray, grad: np.ndarray, memory: Memory, lr: float) -> np.ndarray:
    """Tieleman & Hinton 2012: each parameter in units of its own gradient."""
    v = remember(memory, "v", 0.99, 0.01, grad**2)
    return theta - lr * grad / (np.sqrt(v) + 1e-8)


def adam(theta: np.ndarray, grad: np.ndarray, memory: Memory, lr: float) -> np.ndarray:
    """Kingma & Ba 2015: both, each divided by the share of it that is there already."""
    m = remember(memory, "m", 0.9, 0.1, grad) / remember(memory, "seen m", 0.9, 0.1, np.ones(1))
    v = remember(memory, "v", 0.999, 0.001, grad**2) / remember(memory, "seen v", 0.999, 0.001, np.ones(1))
    return theta - lr * m / (np.sqrt(v) + 1e-8)


OPTIMIZERS: dict[str, tuple[Optimizer, Callable[[float], nl.SGD | nl.RMSprop | nl.Adam]]] = {
    # name: (the plain one, the library's with this rate)
    "SGD": (sgd, nl.SGD),
    "momentum": (momentum, lambda lr: nl.SGD(lr, momentum=0.9)),
    "Nesterov": (nesterov, lambda lr: nl.SGD(lr, momentum=0.9, nesterov=True)),
    "RMSprop": (rmsprop, nl.RMSprop),
    "Adam": (adam, nl.Adam),
}

rng = np.random.default_rng(0)
start, gradients = rng.standard_normal(7), rng.standard_normal((100, 7))
plain_error = 0.0
for name, (plain, library) in OPTIMIZERS.items():
    theta, memory, expected, optimizer = start, {}, start.copy(), library(0.01)
    for grad in gradients:
        theta = plain(theta, grad, memory, 0.01)
        optimizer.step(expected, grad)
    difference = float(np.linalg.norm(theta - expected) / np.linalg.norm(expected))
    plain_error = max(plain_error, difference)
    print(f"{name:<9} after 100 updates {difference:.0e} from the library's")
assert plain_error < 1e-12

# %% [markdown]
# ## 2. A narrow valley
#
# loss = theta^T A theta / 2, with curvatures of 1 along the valley and 100 across. The valley lies askew, as
# valleys do: at 30 degrees to the axes.
#
# SGD must not be faster than the steep direction allows, 2 / 100, and so it creeps along the flat one: at its
# best rate, 2 / (1 + 100), each step leaves (100 - 1) / (100 + 1) of the distance. The ball with momentum
# 0.9 oscillates, and each step leaves sqrt(0.9) of it, whatever the rate within wide bounds (Polyak 1964).
#
# **Guess before you look:** how many steps does each need to come a thousand times nearer?

# %%
angle, curvatures = np.deg2rad(30), np.array([1.0, 100.0])
axes_of_valley = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
A = axes_of_valley @ np.diag(curvatures) @ axes_of_valley.T
theta_0 = axes_of_valley @ np.array([1.0, 0.3])
RATES = {"SGD": 2 / 101, "momentum": 0.02, "Nesterov": 0.01, "RMSprop": 0.02, "Adam": 0.1}


def descend(name: str, steps: int, lr: float | None = None, scale: float = 1.0) -> np.ndarray:
    """The path (steps + 1, 2) down the valley, whose loss is multiplied by `scale`."""
    plain, _ = OPTIMIZERS[name]
    theta, memory, path = theta_0, {}, [theta_0]
    for _ in range(steps):
        theta = plain(theta, scale * A @ theta, memory, lr or RATES[name])
        path.append(theta)
    return np.array(path)


paths = {name: descend(name, 400) for name in OPTIMIZERS}
distances = {name: np.linalg.norm(path, axis=1) for name, path in paths.items()}
for name, distance in distances.items():
    near = np.flatnonzero(distance < distance[0] / 1000)
    print(f"{name:<9} {f'{near[0]} steps' if len(near) else 'not in 400 steps'}")
shrinks = {name: float((distance[300] / distance[100]) ** (1 / 200)) for name, distance in distances.items()}
print(f"SGD leaves {shrinks['SGD']:.4f} a step, by theory {99 / 101:.4f}", end="; ")
print(f"momentum {shrinks['momentum']:.4f}, by theory {np.sqrt(0.9):.4f}")

# %% [markdown]
# RMSprop and Adam measure each axis in units of its own gradient. That helps where a valley lies along the
# axes; this one lies askew. And near the bottom, where gradients are small, their steps need not be: they are
# of about the length lr, so that lr has to fall. Networks have millions of axes, and valleys that nobody has
# drawn. This picture is for the words; which is best on a network is measured on the network.

# %%
assert abs(shrinks["SGD"] - 99 / 101) < 1e-3
assert abs(shrinks["momentum"] - np.sqrt(0.9)) < 5e-3

# %% [markdown]
# ## 3. The loss times 100
#
# Someone sums where they used to take the mean. The loss is 100 times as large, the valley is the same.
#
# **Guess:** which of the five come out the same?

# %%
moved = {}
for name in OPTIMIZERS:
    path = descend(name, 20, scale=100.0)
    moved[name] = float(abs(path - paths[name][:21]).max())
    print(f"{name:<9} is {moved[name]:.1e} away from its old path after 20 steps")

# %% [markdown]
# What divides by its own gradients does not see a factor. For the others a loss times 100 is a rate times
# 100. So whether it is the mean or the sum decides the learning rate of three of them, and not of two.

# %%
assert max(moved["RMSprop"], moved["Adam"]) < 1e-5
assert min(moved["SGD"], moved["momentum"], moved["Nesterov"]) > 1e6

# %% [markdown]
# ## 4. What the bias correction corrects
#
# Adam's two memories begin at 0, so both are too small at first. Let all gradients be the same, say 1: then
# each step should be exactly lr.
#
# **Guess:** without the correction, are the first steps too small or too large, and by how much?

# %%
updates = np.arange(1, 3001)
seen_m, seen_v = 1 - 0.9**updates, 1 - 0.999**updates  # the mean of ones, and of their squares
uncorrected = seen_m / np.sqrt(seen_v)
print(f"the first step is {uncorrected[0]:.2f} lr, the largest", end=" ")
print(
    f"{uncorrected.max():.2f} lr at update {1 + uncorrected.argmax()}, number 1000 {uncorrected[999]:.2f} lr"
)
theta, memory = np.zeros(1), {}
steps_of_adam = []
for _ in range(100):
    after = adam(theta, np.ones(1), memory, 1.0)
    steps_of_adam.append((theta - after).item())
    theta = after
print(f"with it, every step is lr, to {max(abs(1 - np.array(steps_of_adam))):.0e}")

# %% [markdown]
# Too large. The squares are remembered a hundred times longer than the gradients, so they are missing longer,
# and it is by their root that one divides. It lasts a thousand updates, and most at the start, where the
# network knows least. A warm-up of the rate is another cure for the same ill.

# %%
assert abs(uncorrected[0] - 0.1 / np.sqrt(0.001)) < 1e-12
assert 6.5 < uncorrected.max() < 6.7
assert max(abs(1 - np.array(steps_of_adam))) < 1e-6

# %% [markdown]
# ## 5. Gradients that are too long
#
# An RNN of 32 units whose W_h stretches what it remembers by 1.5, sequences of 100 steps: waves of random
# pitch, and the next sample is to be said. On its way back the gradient is multiplied by W_h 100 times. Two
# runs of plain SGD from the same weights; one clips the gradient to length 1 (Pascanu et al. 2013).
#
# **Guess:** how long is the longest gradient, and how long is the one in the middle?


# %%
def waves(rng: np.random.Generator, count: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """x and the samples that follow (100, count, 1): sines with a little noise."""
    frequency, phase = rng.uniform(0.02, 0.08, count), rng.uniform(0, 2 * np.pi, count)
    wave = np.sin(2 * np.pi * frequency * np.arange(101)[:, None] + phase)
    wave += 0.05 * rng.standard_normal(wave.shape)
    return wave[:-1, :, None], wave[1:, :, None]


def network(stretch: float = 1.0) -> nl.Sequential:
    net = nl.Sequential(nl.RNN(1, 32), nl.Dense(32, 1), seed=0)
    net.layers[0].params["W_h"][...] *= stretch  # an orthogonal matrix before
    return net


def train(net: nl.Sequential, optimizer: nl.SGD | nl.Adam) -> tuple[np.ndarray, np.ndarray]:
    """Losses and lengths of the gradient, 400 updates long or until the loss is beyond all measure."""
    rng, losses, lengths = np.random.default_rng(1), [], []
    for _ in range(20 if QUICK else 400):
        x, target = waves(rng)
        y, _, cache = net.forward(x)
        loss, dy = nl.losses.mse(y, target)
        net.zero_grads()
        net.add_gradients(dy, cache)
        losses.append(loss)
        lengths.append(np.linalg.norm(net.grad))
        if not loss < 1e6:
            break
        optimizer.step(net.theta, net.grad)
    return np.array(losses), np.array(lengths)


free, free_lengths = train(network(1.5), nl.SGD(0.3))
clipped, clipped_lengths = train(network(1.5), nl.SGD(0.3, clip_norm=1.0))
for name, losses, lengths in (("free", free, free_lengths), ("clipped", clipped, clipped_lengths)):
    print(f"{name:<8} {len(losses)} updates, last loss {losses[-1]:.3g}", end=", ")
    print(f"gradient {np.median(lengths):.2g} in the middle, {lengths.max():.2g} at most")

# %% [markdown]
# The direction of a long gradient is as good as another's; its length says only how steep the wall is, and
# not how far it goes. Free, one step over the wall is enough, and the network never comes back. Clipped, it
# meets the same wall again and again, and each time the step has length lr at most.

# %%
if not QUICK:
    assert free[-1] > 1e6
    assert len(clipped) == 400 and clipped[-30:].mean() < 0.05
    assert clipped_lengths.max() > 20 * np.median(clipped_lengths)

# %% [markdown]
# ## 6. The learning rate, in seconds
#
# Raise the rate from update to update, each time by the same factor, and watch the loss (after L. N. Smith,
# WACV 2017, section 3.3, who raises it by the same amount): nothing happens; then it falls; then it runs
# away. A tenth of the rate at which it is lowest is a good one to begin with.
#
# **Guess:** for Adam on this network, W_h not stretched: which rate? And what does ten times less cost, or
# thirty times more?

# %%
found = learning_rate_finder(
    network(),
    waves(np.random.default_rng(2), 64),
    loss=nl.losses.mse,
    optimizer=nl.Adam(clip_norm=1.0),
    steps=20 if QUICK else 100,
    progress=False,
)
suggestion = found.suggestion or 1e-3
print(f"suggested: {suggestion:.1e}")
ends = {}
for factor in (0.01, 0.1, 1, 30):
    losses, _ = train(network(), nl.Adam(factor * suggestion, clip_norm=1.0))
    ends[factor] = float(losses[-30:].mean())
    print(f"{factor:>5} times that: loss {ends[factor]:.4f} after {len(losses)} updates")

# %% [markdown]
# A few seconds in place of an evening. It is no optimum, only the right power of ten, and that is what one
# needs: with a tenth of it little changes, with thirty times as much all is lost.

# %%
if not QUICK:
    assert 1e-3 < suggestion < 3e-2
    assert ends[1] < 1.5 * min(ends.values())
    assert min(ends[0.01], ends[30]) > 2 * ends[1]
print(f"claim: five plain optimizers equal the library's to {plain_error:.0e}")
print(f"claim: a step leaves {shrinks['SGD']:.4f} (SGD) and {shrinks['momentum']:.4f} (momentum) of the way")
print(f"claim: Adam's steps without bias correction are up to {uncorrected.max():.2f} times too large")
print(
    f"claim: clipped, the loss ends at {clipped[-30:].mean():.4f}; free, at {free[-1]:.0e} after {len(free)}"
)
print(f"claim: suggested rate {suggestion:.1e}: loss {ends[1]:.4f}; 30 times that: {ends[30]:.4f}")

# %%
figure, axes = plots.new_figure(2, 2, height=3.6, width=11.0)
valley, bias, walls, rates = axes.flat
colours = dict(zip(OPTIMIZERS, (plots.TRUTH, plots.MODEL, "#2c8c4a", "#b07d12", plots.ERROR), strict=True))
grid = np.stack(np.meshgrid(np.linspace(-0.7, 1.1, 200), np.linspace(-0.6, 0.95, 200)), axis=-1)
height = np.einsum("...i,ij,...j->...", grid, A, grid) / 2
valley.contour(
    grid[..., 0], grid[..., 1], height, np.geomspace(0.01, 50, 12), colors="#bbbbbb", linewidths=0.7
)
for name, path in paths.items():
    valley.plot(*path[:60].T, ".-", color=colours[name], linewidth=1, markersize=3, label=name)
valley.set(xlim=(-0.7, 1.1), ylim=(-0.6, 0.95), title="A valley askew: 60 steps")
valley.set(xlabel="first parameter", ylabel="second parameter")
valley.legend(frameon=False, fontsize=8, loc="lower right")
bias.plot(updates, uncorrected, color=plots.ERROR, label="without bias correction")
bias.axhline(1, color=plots.MODEL, label="with it")
bias.set(xscale="log", xlabel="update", ylabel="step / lr", title="Adam's steps, all gradients 1")
bias.legend(frameon=False)
walls.plot(np.arange(len(free)), free, color=plots.ERROR, label="free")
walls.plot(np.arange(len(clipped)), clipped, color=plots.MODEL, label="clipped to length 1")
walls.set(yscale="log", xlabel="update", ylabel="loss", ylim=(3e-3, 1e3), title="Gradients that are too long")
walls.legend(frameon=False)
rates.plot(found.rates, found.losses, ".", color=plots.TRUTH, label="loss")
rates.plot(found.rates, found.smoothed, color=plots.MODEL, label="running mean")
rates.axvline(suggestion, color=plots.ERROR, linestyle=":", label=f"suggested: {suggestion:.1e}")
rates.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="loss", title="The learning-rate finder")
rates.legend(frameon=False, loc="lower left")
Path("runs").mkdir(exist_ok=True)
print("figure:", plots.save_figure(figure, "runs/08_optimizers.png"))
print(f"{time.perf_counter() - started:.0f} s")

# %% [markdown]
# ## What to try
#
# - Turn the valley to 0 degrees: who gains most, and why?
# - `nl.Cosine` as the schedule of Adam and RMSprop in section 2: how near do they come now?
# - Clip each entry (`clip_value=1.0`) in place of the length: what becomes of the direction?
