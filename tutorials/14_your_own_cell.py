# %% [markdown]
# # 14 Your own cell: a gradient that is in no book
#
# Afterwards you can
#
# - invent a recurrent cell, write it so that complex numbers pass through it, and derive its backward pass,
# - find your own mistakes: say from which gradients are wrong, and at which size of the check, where to look,
# - put the cell into a network among the library's layers and train it.
#
# Under a minute to run, about 60 minutes to work through. All the gradients so far can be looked up. The one
# below cannot, as far as we know; if it can by now, change one line of the cell and begin again. There is
# no solution to compare with, and none is needed: the complex step knows every derivative.

# %%
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import numpylstm as nl
from numpylstm import plots
from numpylstm.activations import sigmoid

started = time.perf_counter()
QUICK = "--quick" in sys.argv  # a short form that only shows that everything runs

# %% [markdown]
# ## 1. Invent
#
#     a   = W_x x_t + W_h h_{t-1} + b         row blocks a_k, a_n
#     k   = s(a_k)                            what is kept
#     m   = sqrt(1 - k^2)                     what is made room for
#     n   = sin(a_n)                          candidate
#     h_t = k h_{t-1} + m n                   hidden state
#
# A GRU shares h out in parts that sum to 1. Here their *squares* sum to 1: of old and new values that have
# nothing to do with each other, it keeps the energy (the linear recurrence of De et al. 2024,
# arXiv:2402.19427, eq. 4, does the same). And the candidate is a sine: it has no plateau where gradients die.
# Whether that is any good is not the question yet.
#
# Complex-safe means: no `abs`, no `maximum`, no buffer of floats; each function must be one that complex
# numbers go through as the reals do. `sigmoid` is the library's, made of a tanh.


# %%
def step(p: dict[str, np.ndarray], x: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, tuple]:
    """One step: x (B, D), h (B, H) -> the new h and what the way back needs."""
    a_k, a_n = np.split(x @ p["W_x"].T + h @ p["W_h"].T + p["b"], 2, axis=1)
    k, n = sigmoid(a_k), np.sin(a_n)
    m = np.sqrt(1 - k * k)
    return k * h + m * n, (x, h, k, m, n, np.cos(a_n))


# %% [markdown]
# ## 2. Derive
#
# From the last line to the first. Each line hands what it gets to everything on its right-hand side, times
# its derivative. What is used twice gets two parts, and they add up: k is used twice, and h_{t-1} too.
#
#     h_t = k h' + m n            dk  = dh h'    dh' = dh k    dm = dh n    dn = dh m
#     n = sin(a_n)                da_n = dn cos(a_n)
#     m = sqrt(1 - k^2)           dk += dm (-k / m)
#     k = s(a_k)                  da_k = dk k (1 - k)
#     a = W_x x + W_h h' + b      dh' += W_h^T da  dx = W_x^T da  dW_h = da h'^T  dW_x = da x^T  db = da
#
# where h' is short for h_{t-1}. **Do it before you read on.** Cover the right half and write it yourself.


# %%
def step_backward(p: dict[str, np.ndarray], dh: np.ndarray, kept: tuple) -> tuple[np.ndarray, np.ndarray]:
    """dh (B, H) by the new h -> da (B, 2H), and dh by the old h."""
    _, h, k, m, n, cos_a = kept
    dk = dh * h + dh * n * (-k / m)
    da = np.hstack([dk * k * (1 - k), dh * m * cos_a])
    return da, dh * k + da @ p["W_h"]


class State(NamedTuple):
    """Hidden state (B, H)."""

    h: np.ndarray


class Cell:
    """Steps in a row. `gradcheck` asks for no more than forward, backward, params and grads."""

    def __init__(self, input_size: int, hidden_size: int, rng: np.random.Generator, step_backward: Any):
        shapes = {
            "W_x": (2 * hidden_size, input_size),
            "W_h": (2 * hidden_size, hidden_size),
            "b": (2 * hidden_size,),
        }
        self.params = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
        self.grads = {name: np.zeros(shape) for name, shape in shapes.items()}
        self.step_backward = step_backward

    def initial_state(self, batch: int) -> State:
        return State(np.zeros((batch, self.params["W_h"].shape[1]), self.params["W_h"].dtype))

    def forward(
        self, x: np.ndarray, state: Any = None, lengths: Any = None, training: bool = False, rng: Any = None
    ) -> tuple[np.ndarray, State, list]:
        """x (T, B, D) -> y (T, B, H), the final state and the cache."""
        (h,) = self.initial_state(x.shape[1]) if state is None else state
        y, cache = [], []
        for x_t in x:
            h, kept = step(self.params, x_t, h)
            y.append(h)
            cache.append(kept)
        return np.array(y), State(h), cache

    def backward(self, dy: np.ndarray, cache: list, dstate: Any = None) -> tuple[np.ndarray, State]:
        """dy (T, B, H) -> dx (T, B, D) and the gradient by the initial state; adds into grads."""
        dh, dx = np.zeros_like(dy[0]) if dstate is None else dstate[0], []
        for dy_t, kept in zip(dy[::-1], cache[::-1], strict=True):
            x, h, *_ = kept
            da, dh = self.step_backward(self.params, dh + dy_t, kept)
            self.grads["W_x"] += da.T @ x
            self.grads["W_h"] += da.T @ h
            self.grads["b"] += da.sum(axis=0)
            dx.append(da @ self.params["W_x"])
        return np.array(dx[::-1]), State(dh)


D, H, B = 3, 4, 2


def check(step_backward: Any, T: int = 5, zero_state: bool = False) -> nl.GradcheckReport:
    """The complex-step check of the cell with this way back, a random state or a zero one to begin with."""
    cell = Cell(D, H, np.random.default_rng(0), step_backward)
    x = np.random.default_rng(1).standard_normal((T, B, D))
    return nl.gradcheck(cell, x, state=cell.initial_state(B) if zero_state else None)


report = check(step_backward)
print(report)
report.check()

# %% [markdown]
# ## 3. Get it wrong
#
# It was not right the first time. These are four ways of having it wrong, each with one part forgotten.


# %%
def without_old_h(p: dict[str, np.ndarray], dh: np.ndarray, kept: tuple) -> tuple[np.ndarray, np.ndarray]:
    """h_{t-1} is used twice: the way past the weights, dh k, is forgotten."""
    da, _ = step_backward(p, dh, kept)
    return da, da @ p["W_h"]


def without_m(p: dict[str, np.ndarray], dh: np.ndarray, kept: tuple) -> tuple[np.ndarray, np.ndarray]:
    """k is used twice: its part through m is forgotten."""
    _, h, k, m, _, cos_a = kept
    da = np.hstack([dh * h * k * (1 - k), dh * m * cos_a])
    return da, dh * k + da @ p["W_h"]


def without_cos(p: dict[str, np.ndarray], dh: np.ndarray, kept: tuple) -> tuple[np.ndarray, np.ndarray]:
    """The derivative of the sine is forgotten."""
    *rest, cos_a = kept
    return step_backward(p, dh, (*rest, np.ones_like(cos_a)))


def without_h_in_k(p: dict[str, np.ndarray], dh: np.ndarray, kept: tuple) -> tuple[np.ndarray, np.ndarray]:
    """k is used twice: its part through k h_{t-1} is forgotten."""
    x, h, *rest = kept
    return step_backward(p, dh, (x, np.zeros_like(h), *rest))


MISTAKES = (without_old_h, without_m, without_cos, without_h_in_k)

# %% [markdown]
# **Guess before you look:** four mistakes, three checks: five steps; a single step; a single step from a zero
# state. Which gradients of `x, state.h, W_x, W_h, b` does each check call wrong? Which check tells most?

# %%
checks = {"5 steps": {}, "1 step": {"T": 1}, "1 step from zero": {"T": 1, "zero_state": True}}
found = {mistake: {name: check(mistake, **checks[name]) for name in checks} for mistake in MISTAKES}
for mistake, reports in found.items():
    print(f"{mistake.__name__}:")
    for name, report in reports.items():
        where = report.tensors["b"].where
        rows = "" if where is None else f"   (b first in the rows of {'kn'[where[0] // H]})"
        print(f"    {name:<17} {', '.join(report.wrong) or 'none'}{rows}")

# %% [markdown]
# Over five steps one wrong line spoils everything: what is wrong at one step is handed to all before it. A
# single step has no "before", and then the pattern is the diagnosis:
#
# - only the initial state's gradient is wrong: the way from h to h is, and nothing else;
# - the bias is wrong from the rows of k on: look at da_k. From the rows of n on: da_k is right, look at da_n;
# - from a zero state the last mistake is *invisible*, and so is every term that h_{t-1} multiplies. A check
#   that begins at zero is no check of a recurrent cell. `gradcheck` draws a random state for that reason.

# %%
all_five = ["x", "state.h", "W_x", "W_h", "b"]
for reports in found.values():
    assert sorted(reports["5 steps"].wrong) == sorted(all_five)
    assert not reports["1 step"].passed
assert found[without_old_h]["1 step"].wrong == ["state.h"]
assert found[without_m]["1 step"].tensors["b"].where == (0,)
assert found[without_cos]["1 step"].tensors["b"].where == (H,)
assert found[without_h_in_k]["1 step from zero"].passed

# %% [markdown]
# ## 4. Right, and yet not a number
#
# The check says what is true at the point where it looks. It looked at weights of about 1.
#
# **Guess:** in float32, with a_k = 20, what are k, m, and -k / m? And what is the gradient really?

# %%
p = {
    "W_x": np.zeros((2, 1), np.float32),
    "W_h": np.zeros((2, 1), np.float32),
    "b": np.array([20, 1], np.float32),
}
ones = np.ones((1, 1), np.float32)
h, kept = step(p, ones, ones)
with np.errstate(all="ignore"):
    da, _ = step_backward(p, ones, kept)
print(f"k {kept[2].item()}, m {kept[3].item()}, da_k {da[0, 0]}, da_n {da[0, 1]}")
assert np.isnan(da[0, 0])

# %% [markdown]
# Infinity times zero. The true derivative is next to nothing there: k (1 - k) falls faster than m does. So
# let them meet on paper and not in the machine: with m = sqrt(1 - k) sqrt(1 + k),
#
#     (-k / m) k (1 - k) = -k^2 sqrt((1 - k) / (1 + k))
#
# That is the same number wherever the first form has one, and a number everywhere. The library's cells do it
# too: `da_o = dh h (1 - o)` in its LSTM is such a product, written from what is known.


# %%
def step_backward_safe(
    p: dict[str, np.ndarray], dh: np.ndarray, kept: tuple
) -> tuple[np.ndarray, np.ndarray]:
    """As `step_backward`, also where k is 1."""
    _, h, k, m, n, cos_a = kept
    da_k = dh * (h * k * (1 - k) - n * k * k * np.sqrt((1 - k) / (1 + k)))
    da = np.hstack([da_k, dh * m * cos_a])
    return da, dh * k + da @ p["W_h"]


da, dh = step_backward_safe(p, ones, kept)
print(f"da_k {da[0, 0]}, da_n {da[0, 1]}, dh {dh.item()}")
assert da[0, 0] == 0 and dh.item() == 1
gradient_error = check(step_backward_safe).check().max_error
print(f"and the check: {gradient_error:.0e}")
assert gradient_error < 1e-11

# %% [markdown]
# ## 5. Among the other layers
#
# `nl.Layer` brings the flat vector, copies in another precision, and a place in `Sequential`. It wants the
# shapes. The initial values are yours to choose: biases of k from 0 to 4 are memories of one step to fifty.


# %%
class Keeper(nl.Layer):
    """The cell of section 1, x (T, B, D) -> y (T, B, H), state (h,)."""

    options = ("input_size", "hidden_size")
    initial_state, forward, backward = Cell.initial_state, Cell.forward, Cell.backward
    step_backward = staticmethod(step_backward_safe)

    def __init__(self, input_size: int, hidden_size: int, dtype: Any = float) -> None:
        self.input_size, self.hidden_size = input_size, hidden_size
        shapes = {
            "W_x": (2 * hidden_size, input_size),
            "W_h": (2 * hidden_size, hidden_size),
            "b": (2 * hidden_size,),
        }
        super().__init__(shapes, dtype)

    def initialize(self, rng: np.random.Generator) -> None:
        for name, size in (("W_x", self.input_size), ("W_h", self.hidden_size)):
            self.params[name][...] = rng.uniform(-1, 1, self.params[name].shape) / np.sqrt(size)
        self.params["b"][...] = 0
        self.params["b"][: self.hidden_size] = rng.uniform(0, 4, self.hidden_size)


small = nl.Sequential(nl.Dense(3, 4), Keeper(4, 5), Keeper(5, 3), nl.LSTM(3, 2), seed=0)
report = nl.gradcheck(small, np.random.default_rng(2).standard_normal((6, 2, 3))).check()
print(report.diagnosis)
gradient_error = max(gradient_error, report.max_error)

# %% [markdown]
# ## 6. Is it any good?
#
# The adding problem (after Hochreiter & Schmidhuber 1997, section 5.4): 40 random numbers, here from 0 to 1,
# two of them marked, here one in each half; after the last the network has to say their sum. Always to say 1
# has a mean squared error of 1/6. 1,500 updates of 32 fresh sequences for each of three cells of 32 units.
#
# **Guess:** the order of the three: RNN, LSTM, and yours?

# %%
length = 40
updates = 10 if QUICK else 1500


def adding(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """x (T, count, 2) of numbers and marks; the sum as the target of every step (T, count, 1)."""
    numbers, marks = rng.random((length, count)), np.zeros((length, count))
    for first in (0, length // 2):
        marks[rng.integers(first, first + length // 2, count), np.arange(count)] = 1
    sums = np.broadcast_to((numbers * marks).sum(axis=0), numbers.shape)
    return np.stack([numbers, marks], axis=2).astype(np.float32), sums.astype(np.float32)[:, :, None]


def batches(rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """What `fit` calls an epoch: 10 batches."""
    for _ in range(10):
        yield adding(32, rng)


x_test, target_test = adding(500, np.random.default_rng(3))
guess_error = float(np.mean((target_test[-1] - 1) ** 2))
nets, errors, histories = {}, {}, {}
for name, cell in (("RNN", nl.RNN), ("LSTM", nl.LSTM), ("your own", Keeper)):
    net = nl.Sequential(cell(2, 32), nl.Dense(32, 1), dtype=np.float32, seed=0)
    histories[name] = nl.fit(
        net,
        batches,
        loss=nl.losses.mse,
        optimizer=nl.Adam(5e-3, clip_norm=1.0, schedule=nl.Cosine(updates, final=0.02)),
        epochs=updates // 10,
        warmup=length - 1,  # only the last step is judged
    )
    nets[name] = net
    errors[name] = float(np.mean((net.predict(x_test)[-1] - target_test[-1]) ** 2))
    print(f"{name:<9} mean squared error {errors[name]:.4f}; to say 1 always: {guess_error:.4f}")

# %% [markdown]
# It learns the sum far better than an RNN of this size, and not quite as well as an LSTM, which has twice its
# weights. Not bad for five lines. One task and one seed prove nothing about cells, though; that its gradient
# is right was proven before any of it was trained.

# %%
if not QUICK:
    assert errors["your own"] < 0.01
    assert errors["RNN"] > 3 * errors["your own"]
print(f"claim: the gradients of a cell of one's own are right to {gradient_error:.0e}")
print(f"claim: adding problem, mean squared error {errors['your own']:.4f}, RNN {errors['RNN']:.4f}")

# %%
colours = {"RNN": plots.ERROR, "LSTM": plots.TRUTH, "your own": plots.MODEL}
figure, axes = plots.new_figure(3, height=2.6)
top, middle, bottom = axes[:, 0]
for place, (mistake, style) in enumerate(zip((step_backward_safe, *MISTAKES), "osv^D", strict=True)):
    report = found[mistake]["1 step"] if mistake in found else check(mistake, T=1)
    at = np.arange(len(all_five)) + 0.08 * (place - 2)
    label, colour = mistake.__name__.replace("_", " "), plots.ERROR if place else plots.MODEL
    label = label if place else "right"
    level = np.maximum([report.errors[name] for name in all_five], 1e-17)
    top.plot(at, level, style, color=colour, fillstyle="full" if place < 2 else "none", label=label)
top.set_xticks(range(len(all_five)), [f"d{name}" for name in all_five])
top.set(
    yscale="log", ylabel="error", ylim=(1e-17, 1e9), title="One step: which gradients a mistake makes wrong"
)
top.legend(frameon=False, ncols=5, loc="upper center")
for name, history in histories.items():
    at = 10 * np.arange(1, len(history.train_loss) + 1)
    middle.plot(at, history.train_loss, color=colours[name], label=name)
middle.axhline(guess_error, color=plots.TRUTH, linestyle=":", label="to say 1 always")
middle.set(yscale="log", xlabel="update", ylabel="loss", title="The adding problem")
middle.legend(frameon=False, ncols=4, loc="lower left")
y = nets["your own"].layers[0].forward(x_test[:, :1])[0][:, 0]
moves = np.argsort(-np.abs(np.diff(y, axis=0)).max(axis=0))[:6]
bottom.plot(np.arange(length), y[:, moves], color=plots.MODEL, linewidth=1.2)
for mark in np.flatnonzero(x_test[:, 0, 1]):
    bottom.axvline(mark, color=plots.TRUTH, linestyle=":")
bottom.set(
    xlabel="step", ylabel="h", title="Six of its hidden units; the marked numbers come where it is dotted"
)
Path("runs").mkdir(exist_ok=True)
print("figure:", plots.save_figure(figure, "runs/14_your_own_cell.png"))
print(f"{time.perf_counter() - started:.0f} s")

# %% [markdown]
# ## What to try
#
# - Change the cell: `np.tanh` for the sine; k + m = 1 for the squares; a second gate. Derive, check, train.
# - `m = np.sqrt(np.abs(1 - k * k))`: the same number. Why does the check call right gradients wrong now?
# - `numpylstm exercise start 14` gives you a cell of your own by your number. Nobody has its gradient either.
