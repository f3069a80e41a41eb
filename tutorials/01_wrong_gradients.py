# %% [markdown]
# # 01 Thirty wrong gradients whose loss goes down
#
# Afterwards you can
#
# - say why a falling loss proves nothing about a backward pass,
# - check any backward pass to the last digit with the complex step, in six lines,
# - name the classical errors, and say which of them a careless check would miss.
#
# Under a minute to run, about 40 minutes to work through. You need not know the LSTM yet: lessons 05 and 06
# take it apart. Here it is the patient.

# %%
import inspect
import sys
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

import numpylstm as nl
from numpylstm import plots

started = time.perf_counter()
QUICK = "--quick" in sys.argv  # a short form that only shows that everything runs

# %% [markdown]
# ## 1. A plain LSTM
#
# Forward and backward, twenty lines each, one line for one equation. The states are counted so that `h[t]` is
# the one *before* step `t` and `h[t + 1]` the one after it.


# %%
def sigmoid(a):
    return (1 + np.tanh(a / 2)) / 2


def forward(params, x, h0, c0):
    """x (T, B, D), h0 and c0 (B, H) -> h (T, B, H) after each step, the last c (B, H), and a cache."""
    T, H = len(x), h0.shape[1]
    h, c = [h0], [c0]
    o, i, f, g = [], [], [], []
    for t in range(T):
        a = x[t] @ params["W_x"].T + h[t] @ params["W_h"].T + params["b"]
        o.append(sigmoid(a[:, :H]))
        i.append(sigmoid(a[:, H : 2 * H]))
        f.append(sigmoid(a[:, 2 * H : 3 * H]))
        g.append(np.tanh(a[:, 3 * H :]))
        c.append(f[t] * c[t] + i[t] * g[t])
        h.append(o[t] * np.tanh(c[t + 1]))
    return np.array(h[1:]), c[T], (params, x, h, c, o, i, f, g)


def backward(dy, cache, dh, dc):
    """dy (T, B, H); dh, dc (B, H) by the last state -> gradients by parameters, x, h0 and c0."""
    params, x, h, c, o, i, f, g = cache
    T = len(dy)
    grads = {name: np.zeros(array.shape) for name, array in params.items()}
    grads["x"] = np.zeros(x.shape)
    for t in reversed(range(T)):
        dh = dh + dy[t]
        da_o = dh * np.tanh(c[t + 1]) * o[t] * (1 - o[t])
        dc = dc + dh * o[t] * (1 - np.tanh(c[t + 1]) ** 2)
        da_i = dc * g[t] * i[t] * (1 - i[t])
        da_f = dc * c[t] * f[t] * (1 - f[t])
        da_g = dc * i[t] * (1 - g[t] ** 2)
        da = np.concatenate([da_o, da_i, da_f, da_g], axis=1)
        grads["W_x"] += da.T @ x[t]
        grads["W_h"] += da.T @ h[t]
        grads["b"] += da.sum(axis=0)
        grads["x"][t] = da @ params["W_x"]
        dh = da @ params["W_h"]
        dc = dc * f[t]
    grads["h0"], grads["c0"] = dh, dc
    return grads


# %% [markdown]
# ## 2. Thirty slips
#
# Each is one line of `backward`, written a little differently: a factor forgotten, a letter from the line
# above, an index beside the right one. None of them stops the code from running.
#
# **Guess before you look:** how many of these will be noticed by watching the loss?

# %%
SLIPS = {  # name: (the right line, what was written)
    # What flows back through time
    "no gradient through h_{t-1}": ('dh = da @ params["W_h"]', "dh = np.zeros_like(dh)"),
    "only o's part flows through W_h": (
        'dh = da @ params["W_h"]',
        'dh = da_o @ params["W_h"][: dh.shape[1]]',
    ),
    "no gradient through c_{t-1}": ("dc = dc * f[t]", "dc = np.zeros_like(dc)"),
    "c_{t-1}: forget gate forgotten": ("dc = dc * f[t]", "dc = dc"),
    "c_{t-1}: i for f": ("dc = dc * f[t]", "dc = dc * i[t]"),
    "c_{t-1}: f of the next step": ("dc = dc * f[t]", "dc = dc * f[min(t + 1, T - 1)]"),
    "dc overwritten, not added to": ("dc = dc + dh * o[t]", "dc = dh * o[t]"),
    "final state's gradient dropped": ("dh = dh + dy[t]", "dh = (dh if t < T - 1 else 0) + dy[t]"),
    "initial state's gradient forgotten": (
        'grads["h0"], grads["c0"] = dh, dc',
        'grads["h0"], grads["c0"] = 0 * dh, 0 * dc',
    ),
    # What comes from the loss
    "dy one step late": ("dh = dh + dy[t]", "dh = dh + dy[max(t - 1, 0)]"),
    "only the last dy": ("dh = dh + dy[t]", "dh = dh + (dy[t] if t == T - 1 else 0)"),
    # The derivatives of the non-linearities
    "derivative of tanh(c) forgotten": ("(1 - np.tanh(c[t + 1]) ** 2)", "1"),
    "tanh(c) not squared": ("(1 - np.tanh(c[t + 1]) ** 2)", "(1 - np.tanh(c[t + 1]))"),
    "tanh of c missing": ("da_o = dh * np.tanh(c[t + 1])", "da_o = dh * c[t + 1]"),
    "tanh of the cell before": ("da_o = dh * np.tanh(c[t + 1])", "da_o = dh * np.tanh(c[t])"),
    "da_i without 1 - i": ("i[t] * (1 - i[t])", "i[t]"),
    "da_g as if g were a sigmoid": ("(1 - g[t] ** 2)", "g[t] * (1 - g[t])"),
    "da_g without its derivative": ("da_g = dc * i[t] * (1 - g[t] ** 2)", "da_g = dc * i[t]"),
    # Copied from the line above, one letter left as it was
    "da_f with i (1 - i)": ("f[t] * (1 - f[t])", "i[t] * (1 - i[t])"),
    "da_i with f (1 - f)": ("i[t] * (1 - i[t])", "f[t] * (1 - f[t])"),
    "da_g with f for i": ("da_g = dc * i[t]", "da_g = dc * f[t]"),
    "da_f with the new cell": ("da_f = dc * c[t]", "da_f = dc * c[t + 1]"),
    "da_f without the cell": ("da_f = dc * c[t]", "da_f = dc"),
    "i and f swapped": ("[da_o, da_i, da_f, da_g]", "[da_o, da_f, da_i, da_g]"),
    # The sums over steps and batch
    "W_h with h_t for h_{t-1}": ("da.T @ h[t]", "da.T @ h[t + 1]"),
    "W_x with x of the step before": ("da.T @ x[t]", "da.T @ x[max(t - 1, 0)]"),
    "W_h's gradient overwritten": ('grads["W_h"] += da.T @ h[t]', 'grads["W_h"] = da.T @ h[t]'),
    "W_h's gradient divided by T": ("da.T @ h[t]", "da.T @ h[t] / T"),
    "b's gradient a mean over the batch": ("da.sum(axis=0)", "da.mean(axis=0)"),
    "a float32 buffer": ("da_g], axis=1)", "da_g], axis=1, dtype=np.float32)"),
}
print(len(SLIPS), "slips")
assert len(SLIPS) == 30


def with_slip(right, wrong):
    """The function `backward` above with one piece of its text replaced."""
    text = inspect.getsource(backward)
    assert text.count(right) == 1, right
    names = {"np": np}
    exec(text.replace(right, wrong), names)
    return names["backward"]


# %% [markdown]
# ## 3. Train with each of them
#
# The task: 32 sequences of noise, and what a simple low-pass filter, s_t = 0.8 s_{t-1} + 0.4 x_t, makes of
# them. An LSTM of 8 units reads the noise, `y = W_y h` is to be s. The gradient by `W_y` is right in all
# thirty, so that by itself would lower the loss too; the line "no gradient at all" shows how far.
#
# **Guess:** how many of the thirty will bring the loss down by more than 95 %? Which one is the worst?

# %%
T, B, H = 20, 32, 8
UPDATES = 3 if QUICK else 300


def filtered_noise(rng):
    """Noise x (T, B, 1), and the low-passed target of the same shape."""
    x = rng.uniform(-1, 1, (T, B, 1))
    target, s = np.zeros_like(x), np.zeros((B, 1))
    for t in range(T):
        s = 0.8 * s + 0.4 * x[t]
        target[t] = s
    return x, target


def start(rng):
    """Weights as they begin, of the LSTM and of the read-out."""
    shapes = {"W_x": (4 * H, 1), "W_h": (4 * H, H), "b": (4 * H,)}
    params = {name: rng.uniform(-1, 1, shape) / np.sqrt(H) for name, shape in shapes.items()}
    return params, rng.uniform(-1, 1, (1, H)) / np.sqrt(H)


def train(backward):
    """Losses of all updates, the one before the first included."""
    rng = np.random.default_rng(0)
    x, target = filtered_noise(rng)
    params, W_y = start(rng)
    zero = np.zeros((B, H))
    optimizers = {name: nl.Adam(1e-2) for name in (*params, "W_y")}
    losses = []
    for _ in range(UPDATES + 1):
        h, _, cache = forward(params, x, zero, zero)
        loss, dy = nl.losses.mse(h @ W_y.T, target)
        losses.append(loss)
        grads = backward(dy @ W_y, cache, zero, zero)
        grads["W_y"] = np.einsum("tbo,tbh->oh", dy, h)
        for name, array in (*params.items(), ("W_y", W_y)):
            optimizers[name].step(array.reshape(-1), grads[name].reshape(-1))
    return losses


def no_gradient(dy, cache, dh, dc):
    return {name: 0 * array for name, array in cache[0].items()}


curves = {"right": train(backward), "no gradient at all": train(no_gradient)}
for name, slip in tqdm(SLIPS.items(), desc="training", leave=False):
    curves[name] = train(with_slip(*slip))
left = {name: losses[-1] / losses[0] for name, losses in curves.items()}  # of the loss, as a share
for name, share in sorted(left.items(), key=lambda entry: entry[1]):
    print(f"{name:<36} {100 * share:6.2f} % of the loss is left")

# %% [markdown]
# All of them: the worst still loses nearly 99 % of its loss, where the read-out alone gets to 85 %. (From
# two other starts the worst lost 98 % and 96 %.) Some even end lower than the right gradient. An optimizer is
# content with any direction that points roughly downhill, Adam does not even care how long it is, and what
# one weight cannot learn another learns in its place. Nothing in these numbers tells wrong from right. On a
# harder task some of these networks would be "hard to train", and somebody would look for a better learning
# rate.

# %%
better = [name for name in SLIPS if left[name] < left["right"]]
print(f"{len(better)} of {len(SLIPS)} wrong gradients end lower than the right one")
if not QUICK:
    assert max(left[name] for name in SLIPS) < 0.05, "with each the loss falls by more than 95 %"
    assert left["no gradient at all"] > 0.1
    assert better


# %% [markdown]
# ## 4. The check
#
# The derivative of the loss by a number `p` is the imaginary part of the loss at `p + 1e-20 i`, over 1e-20.
# Lesson 03 says why. It needs nothing but `forward`, so it cannot share a mistake with `backward`.
#
# The loss of the check weighs all there is at random: each output, and also the last `h` and `c`, and the
# initial state is not zero.


# %%
def problem(T, B, zero_state, seed=0):
    """(values, dy, dh, dc): a point to check at, and the gradients that come in from above."""
    rng = np.random.default_rng(seed)
    params, _ = start(rng)
    values = params | {"x": rng.standard_normal((T, B, 1))}
    h0, c0 = (0.5 * rng.standard_normal((B, H)) for _ in "hc")
    values |= {"h0": 0 * h0 if zero_state else h0, "c0": 0 * c0 if zero_state else c0}
    dy, dh, dc = (rng.standard_normal(shape) for shape in ((T, B, H), (B, H), (B, H)))
    return (values, dy, 0 * dh, 0 * dc) if zero_state else (values, dy, dh, dc)


def by_backward(backward, values, dy, dh, dc):
    params = {name: values[name] for name in ("W_x", "W_h", "b")}
    _, _, cache = forward(params, values["x"], values["h0"], values["c0"])
    return backward(dy, cache, dh, dc)


def by_complex_step(values, dy, dh, dc):
    grads = {name: np.zeros(array.shape) for name, array in values.items()}
    for name, array in values.items():
        for index in np.ndindex(array.shape):
            moved = values | {name: array.astype(complex)}
            moved[name][index] += 1e-20j
            h, c, _ = forward(moved, moved["x"], moved["h0"], moved["c0"])
            loss = (dy * h).sum() + (dh * h[-1]).sum() + (dc * c).sum()
            grads[name][index] = loss.imag / 1e-20
    return grads


def errors(got, expected):
    """Of each tensor: the norm of the difference over the norm of the right gradient."""
    return {
        name: float(np.linalg.norm(got[name] - right) / max(np.linalg.norm(right), 1e-12))
        for name, right in expected.items()
    }


careful = problem(T=5, B=2, zero_state=False)
expected = by_complex_step(*careful)
print(
    "the right backward:",
    {k: f"{e:.0e}" for k, e in errors(by_backward(backward, *careful), expected).items()},
)

# %% [markdown]
# **Guess:** which slip has the smallest error of the thirty? And how small?

# %%
found = {"right": errors(by_backward(backward, *careful), expected)}
for name, slip in SLIPS.items():
    found[name] = errors(by_backward(with_slip(*slip), *careful), expected)
worst = {name: max(tensors.values()) for name, tensors in found.items()}
print(f"{'':<36}{'loss left':>10} {'error':>8}   wrong by more than 1e-11")
for name in sorted(worst, key=lambda name: worst[name]):
    wrong = ", ".join(f"d{tensor}" for tensor, error in found[name].items() if error > 1e-11)
    print(f"{name:<36}{100 * left[name]:8.2f} % {worst[name]:8.0e}   {wrong or 'none'}")

# %% [markdown]
# Between right and wrong lie eight decades with nothing in them. The check does not say "perhaps".
#
# Two slips, of the final and of the initial state, changed nothing in this training, where neither state was
# asked for. They wait for the first who carries a state from one piece to the next, as in lesson 10.

# %%
assert worst["right"] < 1e-13
assert all(worst[name] > 1e-9 for name in SLIPS), "none of the thirty passes"
assert [name for name in SLIPS if worst[name] < 1e-3] == ["a float32 buffer"]

# %% [markdown]
# ## 5. A careless check
#
# One sequence of one step, from a zero state, weights only. Quick to write, and often all there is.
#
# **Guess:** how many of the thirty does it let through?

# %%
careless = problem(T=1, B=1, zero_state=True)
expected = by_complex_step(*careless)
missed = []
for name, slip in SLIPS.items():
    tensors = errors(by_backward(with_slip(*slip), *careless), expected)
    if max(tensors[weight] for weight in ("W_x", "W_h", "b")) < 1e-11:
        missed.append(name)
print(f"{len(missed)} of {len(SLIPS)} pass:", *missed, sep="\n  ")
assert len(missed) >= 15

# %% [markdown]
# At the first step from zero nothing that has to do with time can be wrong, for there is no time yet. So:
# several steps, more than one sequence, a state that is not zero, and a gradient into the final state.
# `nl.gradcheck(layer, x)` does all of it for any layer or function of yours:

# %%
report = nl.gradcheck(nl.LSTM(1, 3, seed=0), careful[0]["x"])
print(report)
assert report.passed

# %%
figure, axes = plots.new_figure(1, 2, height=7.6, width=12)
curve_axes, error_axes = axes[0]
for name in SLIPS:
    label = "thirty wrong gradients" if name == "a float32 buffer" else None
    curve_axes.plot(
        np.array(curves[name]) / curves[name][0], color=plots.ERROR, linewidth=0.8, alpha=0.6, label=label
    )
curve_axes.plot(
    np.array(curves["right"]) / curves["right"][0], color=plots.MODEL, linewidth=2.5, label="the right one"
)
nothing = np.array(curves["no gradient at all"]) / curves["no gradient at all"][0]
curve_axes.plot(nothing, color=plots.TRUTH, linestyle=":", linewidth=2, label="the read-out alone")
curve_axes.set(
    yscale="log", xlabel="update", ylabel="loss, over the loss at the start", title="What the loss says"
)
curve_axes.legend(frameon=False, loc="lower left")
order = sorted(worst, key=lambda name: worst[name])
for row, name in enumerate(order):
    colour = plots.MODEL if name == "right" else plots.ERROR
    error_axes.plot([1e-17, worst[name]], [row, row], color=colour, linewidth=1, alpha=0.4)
    error_axes.plot(worst[name], row, "o", color=colour)
error_axes.axvline(1e-11, color=plots.TRUTH, linestyle=":", label="what is allowed")
error_axes.set_yticks(
    range(len(order)), [f"{name}, {100 * left[name]:.2f} % left" for name in order], fontsize=8
)
error_axes.set(
    xscale="log", xlim=(1e-17, 30), xlabel="error of the gradient", title="What the complex step says"
)
error_axes.legend(frameon=False, loc="lower right")
Path("runs").mkdir(exist_ok=True)
most = 100 * max(left[name] for name in SLIPS)
print(f"claim: {len(SLIPS)} wrong gradients leave {most:.1f} % of the loss at most")
print(
    f"claim: off by {min(worst[name] for name in SLIPS):.0e} at least, the right one by {worst['right']:.0e}"
)
print(f"claim: a careless check lets {len(missed)} of them pass")
print("figure:", plots.save_figure(figure, "runs/01_wrong_gradients.png"))
print(f"{time.perf_counter() - started:.0f} s")

# %% [markdown]
# ## What to try
#
# - Write a thirty-first slip. Does its loss fall? Which tensors does the check name?
# - Keep `W_y` as it began. Now the wrong gradients have to do all the work: which of them still train, and
#   what does the one with `dy` a step late do?
# - Make the task harder: `target[3:] = x[:-3]`, a delay of three steps. Which slips still look fine?
