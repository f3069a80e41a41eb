# %% [markdown]
# # 04 The RNN: back through time, and what is left of the gradient
#
# Afterwards you can
#
# - write a recurrent network and its backpropagation through time in twenty lines,
# - measure how far back a network's gradient reaches, and say beforehand how fast it fades,
# - say why one network learns to remember 40 steps and another, with as many weights, does not.
#
# A few seconds to run, about 40 minutes to work through. You should know what a gradient is, and how a dense
# layer passes one back.

# %%
import sys
import time
from pathlib import Path

import numpy as np

import numpylstm as nl
from numpylstm import diagnostics, plots, plots_inside

started = time.perf_counter()
QUICK = "--quick" in sys.argv  # a short form that only shows that everything runs

# %% [markdown]
# ## 1. Forward
#
# A recurrent network is a dense layer that hears itself: beside the input it sees what it said one step
# before.
#
#     a   = W_x x_t + W_h h_{t-1} + b
#     h_t = tanh(a)
#
# One set of weights, used at every step. Sequences are time first, `x (T, B, D)`: `x[t]` is one step of all
# B sequences, so the vectors of the equations are rows here, and `W x` is written `x @ W.T`.


# %%
def rnn_forward(x, h, W_x, W_h, b):
    """x (T, B, D), initial h (B, H) -> h (T + 1, B, H) of all steps, the initial one first."""
    hs = [h]
    for x_t in x:
        a = x_t @ W_x.T + hs[-1] @ W_h.T + b
        hs.append(np.tanh(a))
    return np.array(hs)


rng = np.random.default_rng(0)
T, B, D, H = 6, 2, 3, 4
rnn = nl.RNN(D, H, seed=0)
weights = rnn.params
x, h0 = rng.standard_normal((T, B, D)), rng.standard_normal((B, H))
h = rnn_forward(x, h0, **weights)
y, _, cache = rnn.forward(x, (h0,))
print("x", x.shape, " h", h.shape, " W_x", weights["W_x"].shape, " W_h", weights["W_h"].shape)
print(f"these lines and the library differ by {abs(h[1:] - y).max():.1e} at most")
assert abs(h[1:] - y).max() < 1e-12

# %% [markdown]
# ## 2. Backward, through time
#
# Unroll the loop and it is a deep network with T layers that share their weights. So walk back through it.
# At each step `dh` comes from two sides: from the loss at this step, and from the next step, which has used
# h too.
#
#     dh   = dy_t + (what came back from step t+1)
#     da   = dh (1 - h_t²)                  tanh' from its output
#     dW_x += da x_t^T      dW_h += da h_{t-1}^T      db += da
#     dh   = W_h^T da                       now the gradient by h_{t-1}
#
# **Guess before you look:** two lines need an h. Is it the same one, h before the step or h after it?


# %%
def rnn_backward(dy, dh, x, h, W_x, W_h):
    """dy (T, B, H), dh (B, H) by the final state -> gradients by x, the initial state, W_x, W_h and b."""
    dx, dW_x, dW_h, db = np.empty_like(x), np.zeros_like(W_x), np.zeros_like(W_h), np.zeros(len(W_h))
    for t in reversed(range(len(x))):
        dh = dh + dy[t]
        da = dh * (1 - h[t + 1] ** 2)  # h[t + 1] is what step t has made,
        dW_h += da.T @ h[t]  # and h[t] is what it has seen
        dW_x += da.T @ x[t]
        db += da.sum(axis=0)
        dx[t] = da @ W_x
        dh = da @ W_h
    return dx, dh, dW_x, dW_h, db


dy, dh_last = rng.standard_normal((T, B, H)), rng.standard_normal((B, H))
dx, dh0, dW_x, dW_h, db = rnn_backward(dy, dh_last, x, h, weights["W_x"], weights["W_h"])
rnn.zero_grads()
dx_fast, (dh0_fast,) = rnn.backward(dy, cache, (dh_last,))
pairs = {
    "dx": (dx, dx_fast),
    "dh0": (dh0, dh0_fast),
    "dW_x": (dW_x, rnn.grads["W_x"]),
    "dW_h": (dW_h, rnn.grads["W_h"]),
    "db": (db, rnn.grads["b"]),
}
for name, (ours, fast) in pairs.items():
    print(f"{name:<5} differs from the library's by {abs(ours - fast).max():.1e} at most")
    assert abs(ours - fast).max() < 1e-12

# %% [markdown]
# ## 3. How far back?
#
# Put a loss on the last step only, and watch `dh` on its way back. Each step multiplies it by W_h^T, and by
# tanh', which is at most 1. Take W_h orthogonal, so that it only turns vectors, times 0.8.
#
# **Guess:** what is left of a gradient of length 1 after 20 steps? After 100?

# %%
steps = 120
x = rng.standard_normal((steps, 8, 1))


def rnn_with(factor):
    """An RNN whose W_h turns a vector and multiplies its length by `factor`."""
    rnn = nl.RNN(1, 16, seed=0)  # the library draws W_h orthogonal
    rnn.params["W_h"] *= factor
    return rnn


def left(norm, lag):
    """What is left so many steps back of norms (T + 1, B): the geometric mean over the sequences."""
    return np.exp(np.log(norm[lag]).mean())


fading = diagnostics.gradient_by_lag(rnn_with(0.8), x)["h"]
for lag in (1, 20, 100):
    print(f"{lag:>3} steps back: {left(fading, lag):.1e} is left; 0.8 alone would leave {0.8**lag:.1e}")
assert (fading[1:] <= 0.8 * fading[:-1] * (1 + 1e-12)).all()

# %% [markdown]
# At least a fifth is lost at every step, and tanh' takes its share on top. After 100 steps nothing is left
# that float32 could add to a weight. This is the *vanishing gradient* (Hochreiter 1991; Bengio, Simard &
# Frasconi 1994). With more than 1 in place of 0.8 it can explode as well (Pascanu, Mikolov & Bengio 2013):
# then only tanh' holds it back, where h is far from 0. Without input h stays 0, and nothing does:

# %%
silence = np.zeros((101, 1, 1))
exploding = diagnostics.gradient_by_lag(rnn_with(1.25), silence)["h"][:, 0]
print(f"W_h times 1.25, no input: {exploding[100]:.1e} after 100 steps, 1.25^100 = {1.25**100:.1e}")
assert abs(exploding[100] / 1.25**100 - 1) < 1e-9

# %% [markdown]
# ## 4. A road that does not fade
#
# The LSTM has a second state, the memory cell, and on the way from cell to cell nothing but the forget gate
# multiplies: `dc_{t-1} = f dc_t`, and what comes round by h and the gates is added. Its bias says how open
# that gate is at the start: s(0) = 0.5, s(1) = 0.73, s(5) = 0.993.
#
# **Guess:** put these four in order of what is left after 100 steps: an RNN with an orthogonal W_h, LSTMs
# with forget bias 0, 1 and 5.

# %%
norms = {
    f"RNN, W_h times {factor}": diagnostics.gradient_by_lag(rnn_with(factor), x)["h"] for factor in (0.8, 1)
}
for bias in (0, 1, 5):
    lstm = nl.LSTM(1, 16, forget_bias=bias, seed=0)
    norms[f"LSTM, forget bias {bias}"] = diagnostics.gradient_by_lag(lstm, x)["c"]
for name, norm in norms.items():
    after = " ".join(f"{left(norm, lag):8.1e}" for lag in (1, 10, 50, 100))
    print(f"{name:<20} after 1, 10, 50, 100 steps: {after}")
assert left(norms["LSTM, forget bias 0"], 100) < 1e-12 < 1e-6 < left(norms["LSTM, forget bias 1"], 100)
assert left(norms["LSTM, forget bias 5"], 100) > 1e-2

# %% [markdown]
# An LSTM as such does not help: with its forget gate half open it forgets as fast as the RNN with 0.8. The
# bias does it. Hence the advice to start it at 1 (Jozefowicz et al. 2015), which is what this library does,
# and at more where the memory has to be long.
#
# With bias 1 far more is left than f says: 0.73^100 is 2e-14. The rest has come round by h and the gates. Cut
# that way, W_h = 0, and f is alone:

# %%
for bias in (1, 5):
    lstm = nl.LSTM(1, 16, forget_bias=bias, seed=0)
    lstm.params["W_h"][...] = 0
    alone = left(diagnostics.gradient_by_lag(lstm, x)["c"], 100)
    both = left(norms[f"LSTM, forget bias {bias}"], 100)
    print(f"forget bias {bias}: f alone leaves {alone:.0e} after 100 steps, both ways {both:.0e}")

# %% [markdown]
# What comes round has a sign of its own: with bias 5 the two ways together leave less than f alone.
#
# ## 5. Does it matter?
#
# A task that is nothing but memory: the first of 41 inputs is +1 or -1, the rest is noise. At the end, say
# which it was. 16 units, 300 updates, four networks.
#
# **Guess:** who learns it?

# %%
LAG, updates = 40, 10 if QUICK else 300


def recall(batch, seed):
    """x (T, B, 1) and the target (B, 1): its first step."""
    rng = np.random.default_rng(seed)
    x = 0.3 * rng.standard_normal((LAG + 1, batch, 1))
    x[0] = rng.choice([-1.0, 1.0], (batch, 1))
    return x, x[0].copy()


def learn(cell):
    """Train a cell with a linear output at the last step; the share of 400 new sequences it gets right."""
    net = nl.Sequential(cell, nl.Dense(16, 1, seed=1))
    optimizer = nl.Adam(5e-3, clip_norm=1.0)
    for update in range(updates):
        x, target = recall(64, seed=1000 + update)
        y, _, cache = net.forward(x)
        dy = np.zeros_like(y)
        _, dy[-1] = nl.losses.mse(y[-1], target)
        net.zero_grads()
        net.backward(dy, cache)
        optimizer.step(net.theta, net.grad)
    x, target = recall(400, seed=1)
    return np.mean(np.sign(net.predict(x)[-1]) == target)


right = {
    "RNN, W_h times 0.8": learn(rnn_with(0.8)),
    "RNN, W_h orthogonal": learn(rnn_with(1)),
    "LSTM, forget bias 0": learn(nl.LSTM(1, 16, forget_bias=0, seed=0)),
    "LSTM, forget bias 5": learn(nl.LSTM(1, 16, forget_bias=5, seed=0)),
}
for name, share in right.items():
    print(f"{name:<20} {100 * share:3.0f} % of 400 right; a coin gets 50 %")
if not QUICK:
    assert right["RNN, W_h times 0.8"] < 0.65 and right["LSTM, forget bias 0"] < 0.65
    assert right["RNN, W_h orthogonal"] > 0.95 and right["LSTM, forget bias 5"] > 0.95

# %% [markdown]
# The name of the cell did not decide it, the gradient by lag did. No gradient check would have told you: all
# four have the right gradients, to the last digit.

# %%
title = "What is left of a gradient of length 1 at the last step"
shown = {name: norm[1:101] for name, norm in norms.items()}
figure = plots_inside.gradient_by_lag(shown, title, first=1)
Path("runs").mkdir(exist_ok=True)
print("claim: gradient after 100 steps: " + ", ".join(f"{k} {left(v, 100):.0e}" for k, v in norms.items()))
print("figure:", plots.save_figure(figure, "runs/04_rnn.png"))
print(f"{time.perf_counter() - started:.0f} s")

# %% [markdown]
# ## What to try
#
# - In `rnn_backward` use `h[t]` in both places. Which of the five gradients are wrong, and which cannot be?
# - `LAG = 10`: who learns it now? Find the lag at which the orthogonal RNN gives up.
# - `activation="relu"` in `rnn_with`: what takes the place of tanh' now?
