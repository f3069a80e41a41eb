# %% [markdown]
# # 00 Doctor and shapes: what goes in, what comes out
#
# Afterwards you can
#
# - say whether your machine is well, and what to do if it is not,
# - say the shape of everything that goes into a layer and comes out of it, before you run it,
# - read the sentences with which the layers refuse what does not fit, and name the mistake that none of them
#   can notice,
# - hand on state and cache as values.
#
# A few seconds to run, about 20 minutes to work through.

# %%
import sys
import time
from pathlib import Path

import numpy as np

import numpylstm as nl
from numpylstm import doctor, plots

started = time.perf_counter()
QUICK = "--quick" in sys.argv  # a short form that only shows that everything runs

# %% [markdown]
# ## 1. Is the machine well?
#
# The same as `numpylstm doctor` on the command line. An X is broken, an ! could be better, and what to do
# about it stands below.

# %%
findings = doctor.examine()
print(doctor.screen(findings))
assert not any(finding.broken for finding in findings), "first do what the last lines say"

# %% [markdown]
# ## 2. T, B, D: time first
#
# A sequence is an array (T, B, D): T steps, B sequences side by side, D numbers at each step. `x[t]` is one
# time step of all sequences, and lies in one piece of memory. That is why time comes first.
#
# A layer of H units answers with y (T, B, H), and with its state at the end.
#
# **Guess before you look:** the shape of y for each line below? Which layers have a state, and of what?

# %%
T, B, D, H = 7, 2, 3, 4
rng = np.random.default_rng(0)
x = rng.standard_normal((T, B, D))
LAYERS = {
    "Dense(3, 4)": nl.Dense(D, H, seed=0),
    "MLP(3, 8, 4)": nl.MLP(D, 8, H, seed=0),
    "RNN(3, 4)": nl.RNN(D, H, seed=0),
    "GRU(3, 4)": nl.GRU(D, H, seed=0),
    "LSTM(3, 4)": nl.LSTM(D, H, seed=0),
    "Bidirectional": nl.Bidirectional(nl.LSTM(D, H, seed=0), nl.LSTM(D, H, seed=1)),
    "LSTM, LSTM, Dense": nl.Sequential(nl.LSTM(D, H), nl.LSTM(H, H), nl.Dense(H, 1), seed=0),
}


def shapes(state):
    """The shapes of all arrays in a state, with their names, in the nesting they have."""
    if isinstance(state, np.ndarray):
        return state.shape
    if hasattr(state, "_fields"):
        return ", ".join(f"{name} {shapes(part)}" for name, part in zip(state._fields, state, strict=True))
    return "(" + "; ".join(str(shapes(part)) for part in state) + ")"


print(f"x {x.shape}")
for name, layer in LAYERS.items():
    y, state, _ = layer.forward(x)
    print(f"{name:<18} y {y.shape!s:<10} state {shapes(state)}")
    assert y.shape[:2] == (T, B), "steps and sequences stay what they are"

# %% [markdown]
# Only what has a memory has a state. A Dense layer does the same at each step, so it takes (B, D) as well. A
# bidirectional layer puts two outputs side by side, so it has 2 H features.
#
# ## 3. Weights
#
# An LSTM has four gates, and each has H units that look at the D inputs, at the H hidden units, and have a
# bias. Rows are gate units, as textbooks print it: a = W_x x + W_h h + b.
#
# **Guess:** how many weights has an LSTM with D = 3, H = 4? And with D = 100, H = 200?

# %%
lstm = LAYERS["LSTM(3, 4)"]
for name, param in lstm.params.items():
    print(f"{name:<4} {param.shape}")
print("row blocks:", lstm.gates)
print(f"in all {lstm.theta.size} = 4 H (D + H + 1); a larger one {nl.LSTM(100, 200, seed=0).theta.size}")
assert lstm.theta.size == 4 * H * (D + H + 1) == 128
assert nl.LSTM(100, 200, seed=0).theta.size == 240_800

# %% [markdown]
# All weights are views into one flat vector `theta`, all gradients into `grad`. So an optimizer needs to know
# nothing of layers.

# %%
lstm.params["b"][0] = 42
assert 42 in lstm.theta, "a view: the same memory under two names"
lstm.params["b"][0] = 0

# %% [markdown]
# ## 4. One step
#
# All an LSTM does in a step, with the examples as rows. Lesson 05 says what it is good for; here watch the
# shapes.


# %%
def lstm_step(params, x_t, h, c):
    """x_t (B, D), h and c (B, H) -> the new h and c (B, H), and the pre-activations a (B, 4H)."""
    a = x_t @ params["W_x"].T + h @ params["W_h"].T + params["b"]
    a_o, a_i, a_f, a_g = np.split(a, 4, axis=1)
    o, i, f = ((1 + np.tanh(part / 2)) / 2 for part in (a_o, a_i, a_f))  # the sigmoid
    c = f * c + i * np.tanh(a_g)
    return o * np.tanh(c), c, a


h = c = np.zeros((B, H))
for x_t in x:
    h, c, a = lstm_step(lstm.params, x_t, h, c)
    print("x_t", x_t.shape, " h", h.shape, " c", c.shape, " a", a.shape)
y, state, cache = lstm.forward(x)
print(f"the library's last state differs by {abs(h - state.h).max():.0e}")
assert abs(h - state.h).max() < 1e-15 and abs(c - state.c).max() < 1e-15
assert np.array_equal(y[-1], state.h), "the output is the hidden state"

# %% [markdown]
# ## 5. State and cache are values
#
# `forward` gives back the state and does not keep it. Who wants to go on hands it in again. The cache is what
# `backward` needs of its forward pass; a second forward pass does it no harm.
#
# **Guess:** the sequence in two pieces, the second without the state of the first. From which step on is y
# wrong? And for how long?

# %%
first, middle, _ = lstm.forward(x[:3])
carried, _, _ = lstm.forward(x[3:], middle)
forgotten, _, _ = lstm.forward(x[3:])
print("carried  :", abs(np.concatenate([first, carried]) - y).max(axis=(1, 2)).round(3))
print("forgotten:", abs(np.concatenate([first, forgotten]) - y).max(axis=(1, 2)).round(3))
assert abs(np.concatenate([first, carried]) - y).max() < 1e-15
assert (abs(forgotten - y[3:]).max(axis=(1, 2)) > 1e-3).all()

lstm.forward(100 * x)  # something else in between
dx, dstate = lstm.backward(np.ones_like(y), cache)
print("dx", dx.shape, "like x; dstate", shapes(dstate), "like the initial state")
assert dx.shape == x.shape and dstate.h.shape == (B, H)

# %% [markdown]
# From step 3 on, where the state was forgotten. The error fades, for what was forgotten would have faded too:
# the forget gate lets go of a part of it at each step. Four steps on it is still there.
#
# ## 6. What does not fit is refused
#
# Each line below has a mistake that everybody makes once. Read the sentences: what was expected, what came.
#
# **Guess:** one of the seven is not refused, because nothing could notice. Which one?

# %%
prediction, _, _ = nl.Dense(H, 1, seed=0).forward(y[-1])
target = rng.standard_normal(B)
MISTAKES = {
    "two features more": lambda: lstm.forward(rng.standard_normal((T, B, D + 2))),
    "no batch": lambda: lstm.forward(x[:, 0]),
    "batch first": lambda: lstm.forward(x.swapaxes(0, 1)),
    "a state for 5 sequences": lambda: lstm.forward(x, (np.zeros((5, H)), np.zeros((5, H)))),
    "h alone as state": lambda: lstm.forward(x, np.zeros((B, H))),
    "dy for one step": lambda: lstm.backward(y[-1], cache),
    "target (B,) for y (B, 1)": lambda: nl.losses.mse(prediction, target),
}
refused = {}
for name, mistake in MISTAKES.items():
    try:
        mistake()
        refused[name] = ""
    except ValueError as error:
        refused[name] = str(error)
    print(f"{name}:\n    {refused[name] or 'runs'}")

# %% [markdown]
# Batch first runs: 2 steps of 7 sequences are as good an input as 7 steps of 2, and only you know which one
# you meant. Swapped back, its output has the right shape. It can even be trained, but the network then
# remembers other sequences in place of the past.
#
# And the last one: plain NumPy would stretch both to the same shape, every prediction against every target,
# and the loss would fall a little. Here it is refused.

# %%
assert [name for name, sentence in refused.items() if not sentence] == ["batch first"]
swapped = lstm.forward(x.swapaxes(0, 1))[0].swapaxes(0, 1)
print(f"batch first: shape {swapped.shape} as y, and off by {abs(swapped - y).max():.2f}")
assert swapped.shape == y.shape and abs(swapped - y).max() > 0.1
print("plain NumPy:", prediction.shape, "-", target.shape, "=", (prediction - target).shape)
assert (prediction - target).shape == (B, B)

# %% [markdown]
# ## 7. The picture
#
# One step with all its arrays, to scale: a square for each number, its colour for the value. Rows are units
# or features, columns are the B examples. Count the squares. Where does the forget gate's bias of 1 stand?

# %%
figure, axes = plots.new_figure(1, 1, height=7.6, width=10)
ax = axes[0, 0]


def draw(array, left, middle, name):
    """An array as coloured squares from `left` on, around the height `middle`; returns its right edge."""
    rows, columns = array.shape
    extent = (left, left + columns, middle - rows / 2, middle + rows / 2)
    ax.imshow(array, extent=extent, cmap="RdBu_r", vmin=-1.2, vmax=1.2, interpolation="nearest")
    for row in np.arange(rows + 1) + extent[2]:
        ax.plot(extent[:2], [row, row], color="white", linewidth=1)
    for column in np.arange(columns + 1) + left:
        ax.plot([column, column], extent[2:], color="white", linewidth=1)
    ax.text(left + columns / 2, extent[3] + 0.35, f"${name}$", ha="center", va="bottom", fontsize=11)
    shape = {"ha": "center", "va": "top", "fontsize": 9, "color": plots.TRUTH}
    ax.text(left + columns / 2, extent[2] - 0.35, f"({rows}, {columns})", **shape)
    return left + columns


def write(formula, left, middle):
    """Arrays (array, name) and signs between them, in a row."""
    for part in formula:
        if isinstance(part, str):
            ax.text(left + 0.95, middle, part, ha="center", va="center", fontsize=14)
            left += 1.9
        else:
            left = draw(part[0], left, middle, part[1])


before_h, before_c = 0.6 * rng.standard_normal((2, B, H))
after_h, after_c, a = lstm_step(lstm.params, x[0], before_h, before_c)
o, i, f = (1 + np.tanh(a.T.reshape(4, H, B)[:3] / 2)) / 2
g = np.tanh(a.T[3 * H :])
W_x, W_h, b = lstm.params["W_x"], lstm.params["W_h"], lstm.params["b"][:, None]
sums = [(W_x, "W_x"), " ", (x[0].T, "x_t"), "+", (W_h, "W_h"), " ", (before_h.T, "h_{t-1}"), "+", (b, "b")]
write([(a.T, "a"), "=", *sums], 4, 0)
for block, gate in enumerate(lstm.gates):
    top = 2 * H - block * H
    ax.text(3.5, top - H / 2, f"$a_{gate}$", ha="right", va="center", fontsize=11)
    ax.plot([3, 6], [top, top], color=plots.TRUTH, linewidth=1.2)
ax.plot([3, 6], [-2 * H, -2 * H], color=plots.TRUTH, linewidth=1.2)
cell = [(after_c.T, "c_t"), "=", (f, "f"), "*", (before_c.T, "c_{t-1}"), "+", (i, "i"), "*", (g, "g")]
write(cell, 2, -14)
write([(after_h.T, "h_t"), "=", (o, "o"), "*", (np.tanh(after_c).T, r"\tanh c_t")], 23, -14)
ax.set(xlim=(1, 34), ylim=(-17.5, 10), aspect="equal", xticks=[], yticks=[])
ax.spines[:].set_visible(False)
ax.grid(False)
ax.set_title(f"One step of an LSTM: D = {D} features, H = {H} units, B = {B} sequences")
Path("runs").mkdir(exist_ok=True)
print(
    f"claim: an LSTM(3, 4) has {lstm.theta.size} weights; of {len(refused)} wrong inputs one is not refused"
)
print("figure:", plots.save_figure(figure, "runs/00_doctor_and_shapes.png"))
print(f"{time.perf_counter() - started:.0f} s")

# %% [markdown]
# ## What to try
#
# - Set a breakpoint in `lstm.forward` and step in. `numpylstm/layers/lstm.py` begins with the equations;
#   inside, sequences lie as (T, features, B), and `docs/speed.md` says why.
# - A GRU has three gates and two biases: how many weights? `nl.GRU(3, 4).theta.size` tells.
# - `numpylstm doctor --json` in a script: what would you want to know before a training of a day?
