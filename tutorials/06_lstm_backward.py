# %% [markdown]
# # 06 The LSTM, backwards: one step on a sheet
#
# Afterwards you can
#
# - write the LSTM's backward pass in twenty lines, every gradient right to the last digit,
# - look up any number of any step on a *step sheet*, and find the line where your own code goes another way,
# - say which gradients a forgotten term spoils, and why a check with a single step cannot see it.
#
# A few seconds to run, about an hour to work through, paper and pencil at hand. It builds on lessons 04
# (backpropagation through time) and 05 (the gates).

# %%
import difflib
import sys
import time
from pathlib import Path

import numpy as np

import numpylstm as nl
from numpylstm import diagnostics, plots, plots_inside
from numpylstm.datasets import plucked_string
from numpylstm.files import write_text

started = time.perf_counter()
QUICK = "--quick" in sys.argv  # a short form that only shows that everything runs

# %% [markdown]
# ## 1. Backwards
#
# Forward it was c_t = f * c_{t-1} + i * g and h_t = o * tanh(c_t). Two gradients come back at each step:
# dh, from the loss and from what the next step's gates did with h; and dc, from the next step's memory
# cell. Every product has a rule of one line: who was multiplied by o gets dh * o, and o gets dh times the
# other.
#
#     do    = dh * tanh(c_t)
#     dc   += dh * o * (1 - tanh(c_t)²)             the cell is seen twice: by h_t, and by c_{t+1}
#     di    = dc * g        df = dc * c_{t-1}        dg = dc * i
#     da_o  = do * o * (1 - o)                       s' from its output; i and f likewise
#     da_g  = dg * (1 - g²)                          tanh' from its output
#     dW_x += da x_t^T      dW_h += da h_{t-1}^T     db += da
#     dh    = W_h^T da                               now the gradient by h_{t-1}
#     dc    = dc * f                                 now the gradient by c_{t-1}
#
# **Guess before you look:** which of these lines could be left out, and no parameter's gradient would change,
# if T = 1 and the initial state is zero?


# %%
def lstm_forward(x, h, c, W_x, W_h, b):
    """x (T, B, D), initial h, c (B, H) -> y (T, B, H), final h, c, and what backward needs of each step."""
    y, kept = [], []
    for x_t in x:
        a = x_t @ W_x.T + h @ W_h.T + b
        a_o, a_i, a_f, a_g = np.split(a, 4, axis=1)
        o, i, f = (1 / (1 + np.exp(-a_k)) for a_k in (a_o, a_i, a_f))
        g = np.tanh(a_g)
        c_t = f * c + i * g
        kept.append((x_t, h, c, o, i, f, g, np.tanh(c_t)))
        h, c = o * np.tanh(c_t), c_t
        y.append(h)
    return np.array(y), h, c, kept


def lstm_backward(dy, dh, dc, kept, W_x, W_h):
    """dy (T, B, H), dh, dc (B, H) by the final state -> gradients by x, initial h, initial c, W_x, W_h, b."""
    dx, dW_x, dW_h, db = [], np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_h))
    for dy_t, (x_t, h, c, o, i, f, g, tanh_c) in zip(dy[::-1], kept[::-1], strict=True):
        dh = dh + dy_t
        do = dh * tanh_c
        dc = dc + dh * o * (1 - tanh_c**2)
        di, df, dg = dc * g, dc * c, dc * i
        da = np.concatenate([do * o * (1 - o), di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2)], axis=1)
        dW_x += da.T @ x_t
        dW_h += da.T @ h
        db += da.sum(axis=0)
        dx.append(da @ W_x)
        dh = da @ W_h
        dc = dc * f
    return np.array(dx[::-1]), dh, dc, dW_x, dW_h, db


rng = np.random.default_rng(0)
T, B, D, H = 20, 2, 2, 3
lstm = nl.LSTM(D, H, seed=0)
W_x, W_h, b = (lstm.params[name] for name in ("W_x", "W_h", "b"))
x, dy = rng.standard_normal((T, B, D)), rng.standard_normal((T, B, H))
h0, c0, dh_last, dc_last = (rng.standard_normal((B, H)) for _ in range(4))  # zeros would hide mistakes

y, h, c, kept = lstm_forward(x, h0, c0, W_x, W_h, b)
names = ("dx", "dh0", "dc0", "dW_x", "dW_h", "db")
right = dict(zip(names, lstm_backward(dy, dh_last, dc_last, kept, W_x, W_h), strict=True))

_, _, cache = lstm.forward(x, (h0, c0))
lstm.zero_grads()
dx, (dh0, dc0) = lstm.backward(dy, cache, (dh_last, dc_last))
fast = (dx, dh0, dc0, *(lstm.grads[name] for name in ("W_x", "W_h", "b")))
for name, gradient in zip(names, fast, strict=True):
    print(f"{name:<5} differs from the library's by {abs(right[name] - gradient).max():.1e} at most")
    assert abs(right[name] - gradient).max() < 1e-12

# %% [markdown]
# ## 2. The step sheet
#
# One step, every intermediate, forward and then backward, each with its equation, its shape and its values.
# What arrives at this step from later ones (`dh_later`, `dc_later`) is what the whole sequence sends back.

# %%
t = 12
sheet = diagnostics.step_sheet(lstm, x, (h0, c0), t=t, dy=dy, dstate=(dh_last, dc_last))
Path("runs").mkdir(exist_ok=True)
write_text("runs/06_lstm_backward.txt", sheet)
print(f"runs/06_lstm_backward.txt: {len(sheet.splitlines())} lines, of which these are some")
lines = sheet.splitlines()
start = lines.index("BACKWARD")
print("\n".join(lines[start : start + 24]))

# %% [markdown]
# **Guess:** three numbers of `dc_later`, then `dh * o * (1 - tanh(c_t)^2)` is added. Take one unit and do
# it with the pencil: is the sum the number under `dc`? Then go on: di, df, dg, da_i. Here is unit 0,
# rounded as printed.

# %%
step = diagnostics.step_values(lstm, x, (h0, c0), dy=dy, dstate=(dh_last, dc_last))[t]
paper = {
    name: round(float(step[name][0]), 6)
    for name in ("dc_later", "dh", "o", "tanh(c_t)", "g", "i", "dc", "da_i")
}
print(paper)
dc = paper["dc_later"] + paper["dh"] * paper["o"] * (1 - paper["tanh(c_t)"] ** 2)
da_i = dc * paper["g"] * paper["i"] * (1 - paper["i"])
print(f"on paper dc = {dc:+.6f} and da_i = {da_i:+.6f}")
assert abs(dc - paper["dc"]) < 1e-5 and abs(da_i - paper["da_i"]) < 1e-5

# %% [markdown]
# The sheets of all steps and both sequences, added up, are the gradient of the whole:

# %%
total = np.zeros((H, D))
for sequence in range(B):
    for step in diagnostics.step_values(
        lstm, x, (h0, c0), dy=dy, dstate=(dh_last, dc_last), sequence=sequence
    ):
        total += step["dW_xf"]
block = lstm.gates.index("f")
difference = abs(total - right["dW_x"][block * H : (block + 1) * H]).max()
print(f"dW_xf, {T * B} sheets added up, differs from the forget gate's rows of dW_x by {difference:.1e}")
assert difference < 1e-12

# %% [markdown]
# ## 3. A forgotten term
#
# A classical slip: `dc` is not carried from step to step; each step begins with dc = 0. Our function can do
# that too, if we walk the steps one by one and drop what it says of dc.
#
# **Guess:** which of the six gradients are wrong for T = 1, for T = 2, for T = 20? (The final state has a
# gradient in h only, so that there is nothing to drop at the very end.)


# %%
def without_carry(dy, dh, kept):
    """`lstm_backward` with the gradient by the memory cell forgotten between two steps."""
    dx, dc, nothing = [], None, np.zeros_like(dh)
    sums = [np.zeros_like(W_x), np.zeros_like(W_h), np.zeros_like(b)]
    for dy_t, step in zip(dy[::-1], kept[::-1], strict=True):
        dx_t, dh, dc, *gradients = lstm_backward(dy_t[None], dh, nothing, [step], W_x, W_h)
        dx.append(dx_t[0])
        sums = [total + gradient for total, gradient in zip(sums, gradients, strict=True)]
    return np.array(dx[::-1]), dh, dc, *sums


print("error in % of the right gradient's norm")
print("T   ", *(f"{name:>8}" for name in names))
errors = {}
for steps in (1, 2, 5, 20):
    last = kept[:steps]
    good = lstm_backward(dy[:steps], dh_last, 0 * dc_last, last, W_x, W_h)
    bad = without_carry(dy[:steps], dh_last, last)
    errors[steps] = [100 * np.linalg.norm(p - q) / np.linalg.norm(p) for p, q in zip(good, bad, strict=True)]
    print(f"{steps:<4}", *(f"{error:8.1f}" for error in errors[steps]))
assert max(errors[1]) < 1e-10
assert min(errors[20]) > 1

# %% [markdown]
# With one step nothing is wrong: a check with T = 1 is no check of a recurrence. (From a zero state it sees
# even less: then h_{t-1} and c_{t-1} are 0, and with them dW_h and df, right or wrong. So the answer to the
# first guess: df, dW_h and the last two lines.) From two steps on
# everything is, for the error goes round by dh as well. And a loss may go down with gradients that are as
# wrong as these: lesson 01 has thirty.
#
# On the sheet it is plain. Take the last but one step of the sequence, once with the dc that arrives there,
# once with 0, and let the computer compare the two texts.
#
# **Guess:** which lines differ? Which cannot?

# %%
h_before, c_before = kept[-2][1:3]
whole = diagnostics.step_values(lstm, x, (h0, c0), dy=dy, dstate=(dh_last, 0 * dc_last))[T - 2]
sheets = []
for dc_later in (whole["dc_later"], 0 * whole["dc_later"]):
    later = (np.stack([whole["dh_later"]]), np.stack([dc_later]))
    before = (h_before[:1], c_before[:1])
    sheets.append(
        diagnostics.step_sheet(
            lstm, x[T - 2 : T - 1, :1], before, t=0, dy=dy[T - 2 : T - 1, :1], dstate=later
        )
    )
name, changed = None, []
for line in difflib.ndiff(*(text.splitlines() for text in sheets)):
    if " = " in line:  # the names stand above their values
        name = line[2:].split(" = ")[0]
    elif line.startswith("-") and name not in changed:
        changed.append(name)
print("lines that differ:", ", ".join(changed))
assert "dc" in changed and "da_f" in changed
assert not {"dh", "do", "da_o", "dW_xo", "dW_ho", "db_o"} & set(changed)

# %% [markdown]
# At this step the output gate's lines are still right: o does not touch dc. So go to the *last* step at which
# anything differs, and there to the *first* line that does. There the mistake is; the rest follows from it.
#
# ## 4. Two roads back
#
# Put a loss on the last sample of a plucked string, 60 samples long. `dh` goes back through W_h and the
# gates, `dc` through f, and dh adds to it. The forget gates start with a bias of 3, so f is near 0.95.
#
# **Guess:** what is left of dh and dc after 40 steps, and what of dh alone, if dc is forgotten as above?

# %%
steps = 60
string = 3 * plucked_string(0.1, 8000)[200 : 200 + steps, None, None]
listener = nl.LSTM(1, 8, forget_bias=3.0, seed=0)
W_x, W_h, b = (listener.params[name] for name in ("W_x", "W_h", "b"))
start = np.zeros((1, 8))
y, h, c, kept = lstm_forward(string, start, start, W_x, W_h, b)


def going_back(carry):
    """Gradients by h and c before each step, (T, H) each, of the last output's sum over sqrt(H)."""
    dh, dc, found = start + 8**-0.5, start, []
    for step in kept[::-1]:
        _, dh, dc, *_ = lstm_backward(0 * y[:1], dh, dc if carry else start, [step], W_x, W_h)
        found.append((dh[0], dc[0]))
    return np.array(found[::-1]).swapaxes(0, 1)


dh, dc = going_back(carry=True)
dh_alone, _ = going_back(carry=False)
norms = {
    "dc": np.linalg.norm(dc, axis=1),
    "dh": np.linalg.norm(dh, axis=1),
    "dh alone": np.linalg.norm(dh_alone, axis=1),
}
for lag in (1, 10, 40):
    print(f"{lag:>2} steps back:", *(f" |{name}| {norm[-lag]:.1e}" for name, norm in norms.items()))
by_lag = diagnostics.gradient_by_lag(listener, string)
assert abs(by_lag["c"][1:, 0] - norms["dc"][::-1]).max() < 1e-12
assert abs(by_lag["h"][1:, 0] - norms["dh"][::-1]).max() < 1e-12
assert norms["dc"][-40] > 0.1 and norms["dh alone"][-40] < 1e-9

# %% [markdown]
# The cell is the road. What is left of dh far back has come by dc, and gone over to h at the gates; there it
# feeds dc in turn, which is why more is left of that than 0.95^40 = 0.13. Without dc this LSTM forgets faster
# than any RNN of lesson 04, and on a task that needs no memory its loss never tells.

# %%
signals = {f"log10 |{name}|": np.log10(norm) for name, norm in norms.items()}
pictures = {"dc": dc, "dh": dh, "dh alone": dh_alone}
figure = plots_inside.activity(
    signals, pictures, title="A gradient on its way back, from right to left", ylabel="log10 of the norm"
)
print(f"claim: 40 steps back |dc| is {norms['dc'][-40]:.1e}, |dh| without it {norms['dh alone'][-40]:.0e}")
print("figure:", plots.save_figure(figure, "runs/06_lstm_backward.png"))
print(f"{time.perf_counter() - started:.0f} s")

# %% [markdown]
# ## What to try
#
# - Write the sheet with `unit=1` and compute every line of it with the pencil, dW_hf included.
# - Write another mistake into `lstm_backward` (g's derivative from a_g; f and i swapped in `da`). Make the
#   table of section 3 for it, and say beforehand which columns stay 0.
# - `nl.LSTM(2, 3, peepholes=True)`: which lines of its sheet are new, and why does a_o come after c_t?
