# %% [markdown]
# # 05 The LSTM, forwards: what the gates do
#
# Afterwards you can
#
# - write an LSTM's forward pass in twenty lines, and say what each of its four gates is for,
# - set the weights of one unit by hand, so that it does a job, and say how long it will remember,
# - read a picture of gates and memory cells under the signal that drives them.
#
# Under a minute to run, about 40 minutes to work through. Nothing is differentiated here; that is lesson 06.

# %%
import sys
import time
from pathlib import Path

import numpy as np

import numpylstm as nl
from numpylstm import diagnostics, plots, plots_inside
from numpylstm.datasets import plucked_string

started = time.perf_counter()
QUICK = "--quick" in sys.argv  # a short form that only shows that everything runs

# %% [markdown]
# ## 1. The equations
#
# Beside what it says, h, an LSTM keeps a memory cell c. Three gates, numbers between 0 and 1, say what
# becomes of it; s is the sigmoid, and * multiplies entry by entry.
#
#     i   = s(W_xi x_t + W_hi h_{t-1} + b_i)        input gate: how much of the candidate is let in
#     f   = s(W_xf x_t + W_hf h_{t-1} + b_f)        forget gate: how much of the old cell stays
#     g   = tanh(W_xg x_t + W_hg h_{t-1} + b_g)     candidate: what could be written
#     o   = s(W_xo x_t + W_ho h_{t-1} + b_o)        output gate: how much of the cell is shown
#     c_t = f * c_{t-1} + i * g
#     h_t = o * tanh(c_t)
#
# The four matrices lie in one, block below block, in the order that `lstm.gates` says: o, i, f, g.


# %%
def lstm_forward(x, h, c, W_x, W_h, b):
    """x (T, B, D), initial h, c (B, H) -> y (T, B, H), final h, c, and i, f, g, o, c of all steps by name."""
    kept = {name: [] for name in "ifgoc"}
    y = []
    for x_t in x:
        a = x_t @ W_x.T + h @ W_h.T + b
        a_o, a_i, a_f, a_g = np.split(a, 4, axis=1)
        i, f, o = (1 / (1 + np.exp(-a_k)) for a_k in (a_i, a_f, a_o))
        g = np.tanh(a_g)
        c = f * c + i * g
        h = o * np.tanh(c)
        y.append(h)
        for name, value in zip("ifgoc", (i, f, g, o, c), strict=True):
            kept[name].append(value)
    return np.array(y), h, c, {name: np.array(values) for name, values in kept.items()}


rng = np.random.default_rng(0)
T, B, D, H = 6, 2, 3, 4
lstm = nl.LSTM(D, H, seed=0)
x, h0, c0 = rng.standard_normal((T, B, D)), rng.standard_normal((B, H)), rng.standard_normal((B, H))
y, h, c, kept = lstm_forward(x, h0, c0, **lstm.params)
y_fast, state, _ = lstm.forward(x, (h0, c0))
print("y", y.shape, " W_x", lstm.params["W_x"].shape, " gates", lstm.gates)
print(f"these lines and the library differ by {abs(y - y_fast).max():.1e} at most")
assert abs(y - y_fast).max() < 1e-12 and abs(c - state.c).max() < 1e-12

# %% [markdown]
# ## 2. One unit, by hand
#
# A *sample and hold* is a box in every analogue synthesizer: at a trigger it takes the value of its input,
# and holds it until the next trigger. Two inputs, signal and trigger; the trigger is 1 for one sample, else
# 0. Here a plucked string is sampled, at 8,000 samples a second.

# %%
rate = 8000


def last_trigger(trigger):
    """For each step of (T, B) the number of the last step that had a trigger."""
    steps = np.arange(len(trigger))[:, None]
    return np.maximum.accumulate(np.where(trigger, steps, 0), axis=0)


signal = plucked_string(0.1 if QUICK else 0.5, rate)[:, None]  # (T, B), B = 1
trigger = rng.random(signal.shape) < 1 / 20  # every 2.5 ms or so
trigger[0] = True
x = np.stack([signal, trigger], axis=2)
target = np.take_along_axis(signal, last_trigger(trigger), axis=0)[:, :, None]
print("x", x.shape, " target", target.shape, " triggers:", int(x[:, 0, 1].sum()))

# %% [markdown]
# **Guess before you look:** what should i, f and o be at a trigger, and what between two? Write them down.
#
# Let every gate be K times what you want: a_i = K (trigger - 1/2), and s makes 0 or 1 of it, more sharply
# for larger K. The candidate has to be the signal itself, but tanh bends: so let it see a hundredth of the
# signal, where tanh is straight, and multiply the output by a hundred.


# %%
def held_by_hand(K):
    """An LSTM of one unit that samples and holds."""
    lstm = nl.LSTM(2, 1, init="zeros")
    o, i, f, g = range(4)  # the row of each gate
    W_x, b = lstm.params["W_x"], lstm.params["b"]
    W_x[i], b[i] = [0, K], -K / 2  # open at a trigger, else closed
    W_x[f], b[f] = [0, -K], K / 2  # closed at a trigger, else open
    W_x[g], b[g] = [0.01, 0], 0
    W_x[o], b[o] = [0, 0], K / 2  # always open
    return lstm


by_hand = held_by_hand(40)
y = 100 * by_hand.predict(x)
error = abs(y - target).max()
print(f"one unit, nothing trained: largest error {error:.1e}, of a signal between -1 and 1")
assert error < 1e-4

# %% [markdown]
# So this is what the gates are for: i and f together choose between "write" and "keep", g says what, o
# shows it.
#
# ## 3. How long does it remember?
#
# Between two triggers c is multiplied by f at each step. f is s(K/2), and that is never quite 1.
#
# **Guess:** with K = 10, f = 0.993. How many milliseconds until 1/e, about a third, is left of what was held?

# %%
silent = np.zeros((1200, 1, 2))
silent[0] = [1, 1]  # one trigger, with the signal at 1, and then nothing
for K in (4, 6) if QUICK else (4, 6, 10, 14):
    cell = diagnostics.gate_activations(held_by_hand(K), silent)["c"][:, 0, 0]
    steps = np.argmax(cell < cell[0] / np.e)
    f = 1 / (1 + np.exp(-K / 2))
    theory = -1 / np.log(f)
    spoken = f"{steps:>4} steps or {1000 * steps / rate:5.1f} ms; theory {theory:6.1f} steps"
    print(f"K = {K:>2}, f = {f:.5f}: {spoken}")
    assert abs(steps - theory) <= 1

# %% [markdown]
# A forget gate *is* a time constant: -1 / log f steps until 1/e is left, nearly 1 / (1 - f). Who wants a
# memory of 1,000 steps needs f = 0.999, a pre-activation of 7. That is why its bias should not start at 0.
#
# ## 4. What training finds
#
# Four units, drawn at random, learn the same task from random numbers: 3,000 updates of 32 sequences of 60
# steps. Then they hear the string. Does a network find what we have found?
#
# **Guess:** which gates will follow the trigger, i, f, g or o? In all units, or in some? And how near 1
# will f be between two triggers?

# %%
updates = 15 if QUICK else 3000
net = nl.Sequential(nl.LSTM(2, 4), nl.Dense(4, 1), seed=0)
optimizer = nl.Adam(2e-2, clip_norm=1.0, schedule=nl.Cosine(updates, final=0.01))
rng = np.random.default_rng(0)
for _ in range(updates):
    signal, trigger = rng.uniform(-1, 1, (60, 32)), rng.random((60, 32)) < 1 / 20
    trigger[0] = True
    held = np.take_along_axis(signal, last_trigger(trigger), axis=0)[:, :, None]
    nl.train_step(net, np.stack([signal, trigger], axis=2), held, loss=nl.losses.mse, optimizer=optimizer)


def error_percent(net):
    """Root mean square error on the string, in % of what should be held."""
    return 100 * np.sqrt(np.mean((net.predict(x) - target) ** 2) / np.mean(target**2))


print(f"error on the string, which it had never heard: {error_percent(net):.1f} %")
activations = diagnostics.gate_activations(net.layers[0], x)
at_trigger = x[:, 0, 1] > 0
follows = {}
print("unit by unit: correlation with the trigger; mean at a trigger, mean between")
for name in "ifgo":
    gate = activations[name][:, 0]
    follows[name] = np.array([np.corrcoef(gate[:, unit], at_trigger)[0, 1] for unit in range(4)])
    means = (
        f"{gate[at_trigger, unit].mean():+.2f} {gate[~at_trigger, unit].mean():+.2f}" for unit in range(4)
    )
    print(f"{name}:  ", "    ".join(f"{r:+.2f}; {m}" for r, m in zip(follows[name], means, strict=True)))
if not QUICK:
    assert error_percent(net) < 20
    assert follows["f"].max() < -0.9
    assert activations["f"][~at_trigger].mean() < 0.9

# %% [markdown]
# In every unit the forget gate closes at a trigger. That much is as we have it. For the rest it has found
# ways of its own: the candidates carry the trigger too, and only some of the input gates move. And f, between
# two triggers, is far from 1. By section 3 such cells forget within a few steps; yet they hold.
#
# **Guess:** so who holds it? (What does h do, besides being the output?)

# %%
alone = net.copy()
alone.layers[0].params["W_h"][...] = 0
print(f"with W_h = 0: error {error_percent(alone):.0f} %")
if not QUICK:
    assert error_percent(alone) > 50

# %% [markdown]
# The units tell each other, by h and W_h, what to write again at every step: what is held goes round the
# whole layer. In our unit W_h was 0 and the cell did it alone. Both are solutions, and nothing in the loss
# prefers the one that we understand.

# %%
shown = slice(400, 640)  # 30 ms
signals = {"signal": x[shown, 0, 0], "what the network holds": net.predict(x)[shown, 0, 0]}
pictures = {"trigger": x[shown, 0, 1:]} | {name: activations[name][shown, 0] for name in "ifgoc"}
title = "Sample and hold by four units"
figure = plots_inside.activity(signals, pictures, rate, title, ylabel="full scale = 1")
Path("runs").mkdir(exist_ok=True)
print(f"claim: error {error_percent(net):.0f} %, with W_h = 0 {error_percent(alone):.0f} %")
print("figure:", plots.save_figure(figure, "runs/05_lstm_forward.png"))
print(f"{time.perf_counter() - started:.0f} s")

# %% [markdown]
# ## What to try
#
# - Set one unit by hand that counts triggers. What do f, i and g have to be, and how far can it count?
# - `forget_bias=5` for the network: is f nearer 1 afterwards, and what is the error with W_h = 0?
# - `diagnostics.gate_saturation(net.layers[0], x)` and `plots_inside.saturation`: which gates stand at their
#   stops, and how much of the time?
