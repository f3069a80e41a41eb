# %% [markdown]
# # 03 Checking a gradient: four ways, and how many digits each is worth
#
# Afterwards you can
#
# - differentiate any function by forward, central and Richardson differences and by the complex step,
# - say how many digits each can give, and why a smaller step is soon a worse one,
# - find what in a function keeps complex numbers from passing, and repair it,
# - build a check that the classical errors cannot hide from.
#
# A few seconds to run, about 40 minutes to work through.

# %%
import inspect
import sys
import time
import warnings
from pathlib import Path

import numpy as np

import numpylstm as nl
from numpylstm import plots

started = time.perf_counter()
QUICK = "--quick" in sys.argv  # a short form that only shows that everything runs

# %% [markdown]
# ## 1. Four ways
#
# All of them only call the function. With s the step, and f'' and f''' derivatives somewhere nearby:
#
#     forward      (f(x + s) - f(x)) / s                       off by    s/2 f''
#     central      (f(x + s) - f(x - s)) / 2s                  off by  s^2/6 f'''
#     Richardson   (4 central(s/2) - central(s)) / 3           off by  a multiple of s^4
#     complex      Im f(x + is) / s                            off by  s^2/6 f'''
#
# Richardson takes central differences at two steps, whose s^2 parts are known to be as 1 to 4, and lets them
# cancel (Richardson 1911). The complex step is younger (Squire & Trapp 1998).


# %%
def forward_difference(f, x, step):
    return (f(x + step) - f(x)) / step


def central_difference(f, x, step):
    return (f(x + step) - f(x - step)) / (2 * step)


def richardson(f, x, step):
    return (4 * central_difference(f, x, step / 2) - central_difference(f, x, step)) / 3


def complex_step(f, x, step):
    return f(x + 1j * step).imag / step


WAYS = {
    "forward": forward_difference,
    "central": central_difference,
    "Richardson": richardson,
    "complex step": complex_step,
}
for name, way in WAYS.items():
    slope = way(np.exp, 1.0, 1e-3)
    print(f"{name:<13} exp'(1) = {slope:.16f}, off by {abs(slope - np.e):.0e}")

# %% [markdown]
# ## 2. A smaller step, a better slope?
#
# Now the loss of a whole LSTM. `f(d)` is the loss when all weights, the input and the initial state move by
# `d` along one random direction; f'(0) is the gradient times that direction, and backward gives it at once.
#
# **Guess before you look:** for each of the four, which step is the best? 1e-2, 1e-5, 1e-8, 1e-20? And how
# many digits are right then?

# %%
rng = np.random.default_rng(1)
T, B, D, H = 6, 3, 2, 4
lstm = nl.LSTM(D, H, seed=0)
x = rng.standard_normal((T, B, D))
h0, c0 = rng.standard_normal((2, B, H))
target = rng.standard_normal((T, B, H))
move = {name: rng.standard_normal(param.shape) for name, param in lstm.params.items()}
move_x, (move_h, move_c) = rng.standard_normal(x.shape), rng.standard_normal((2, B, H))


def f(d):
    """The loss at a distance of d along the direction; d may be complex."""
    moved = lstm.astype(np.result_type(d, float))
    for name, param in moved.params.items():
        param += d * move[name]
    y, _, _ = moved.forward(x + d * move_x, (h0 + d * move_h, c0 + d * move_c))
    return nl.losses.mse(y, target)[0]


y, _, cache = lstm.forward(x, (h0, c0))
dx, (dh0, dc0) = lstm.backward(nl.losses.mse(y, target)[1], cache)
exact = sum((grad * move[name]).sum() for name, grad in lstm.grads.items())
exact += (dx * move_x).sum() + (dh0 * move_h).sum() + (dc0 * move_c).sum()
print(f"by backward: f'(0) = {exact:.16f}")

steps = 10.0 ** np.arange(-20, -0.99, 1 if QUICK else 0.25)
errors = {
    name: np.array([abs(way(f, 0.0, step) / exact - 1) for step in steps]) for name, way in WAYS.items()
}
for name, error in errors.items():
    best = "any below 1e-9" if name == "complex step" else f"{steps[np.argmin(error)]:.0e}"
    smallest = error[steps < 1e-9].max() if name == "complex step" else error.min()
    print(f"{name:<13} best step {best:<15} off by {smallest:.0e}, at 1e-20 by {error[0]:.0e}")

# %% [markdown]
# Differences lose at both ends. With a large step the formula is wrong, by s, s^2 or s^4: the right slopes in
# the figure. With a small one two nearly equal numbers are subtracted: of 16 digits only those remain in
# which they differ, and the rounding of the rest is divided by s: the left slope, the same for all three. At
# 1e-20 nothing moves at all, and the answer is 0: off by 100 %.
#
# The complex step subtracts nothing. Real part and imaginary part keep their own 16 digits, so the step may
# be as small as one likes, and there is nothing to tune.
#
# The slopes, fitted where the formula's error rules:

# %%
RULED_BY_FORMULA = {  # name: (steps from, to, order)
    "forward": (1e-6, 1e-3, 1),
    "central": (1e-4, 1e-2, 2),
    "Richardson": (2e-3, 2e-2, 4),
    "complex step": (1e-5, 1e-2, 2),
}
for name, (low, high, order) in RULED_BY_FORMULA.items():
    fine = np.geomspace(low, high, 12)
    error = [abs(WAYS[name](f, 0.0, step) / exact - 1) for step in fine]
    slope = np.polyfit(np.log10(fine), np.log10(error), 1)[0]
    print(f"{name:<13} error grows as s^{slope:.2f}")
    assert abs(slope - order) < 0.1

assert errors["complex step"][steps < 1e-9].max() < 4e-15
assert 1e-10 < errors["forward"].min() < 1e-6
assert 1e-13 < errors["central"].min() < 1e-8
assert 1e-15 < errors["Richardson"].min() < 1e-10
assert all(errors[name][0] == 1 for name in ("forward", "central", "Richardson"))

# %% [markdown]
# ## 3. What does not let the imaginary part through
#
# The function has to be one of complex numbers, without knowing it. Most of NumPy is. Each function below is
# written twice, first as one would, then so that it is complex-safe. (At 0, where `abs` and `maximum` have a
# kink, the slope on the left counts as right.)
#
# **Guess:** which of the five go wrong, and which of them say so?


# %%
def complex_gradient(f, x):
    """The gradient of f(x) by every entry of x, one complex step each."""
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[index] += 1e-20j
        gradient[index] = np.imag(f(moved)) / 1e-20
    return gradient


def into_a_float_buffer(x):
    y = np.zeros(x.shape)
    y[...] = np.tanh(x)
    return y.sum()


def into_a_buffer_of_its_type(x):
    y = np.zeros(x.shape, x.dtype)
    y[...] = np.tanh(x)
    return y.sum()


point = np.array([-1.5, 0.0, 2.0])
FUNCTIONS = {  # name: (as one would write it, complex-safe, the derivative at the point)
    "abs": (
        lambda x: abs(x).sum(),
        lambda x: np.where(x.real > 0, x, -x).sum(),
        np.where(point > 0, 1, -1),
    ),
    "norm": (np.linalg.norm, lambda x: np.sqrt((x * x).sum()), point / np.linalg.norm(point)),
    "x times conjugate": (lambda x: (x * x.conj()).sum(), lambda x: (x * x).sum(), 2 * point),
    "np.maximum": (
        lambda x: np.maximum(x, 0).sum(),
        lambda x: np.where(x.real > 0, x, 0).sum(),
        np.where(point > 0, 1, 0),
    ),
    "float buffer": (into_a_float_buffer, into_a_buffer_of_its_type, 1 - np.tanh(point) ** 2),
}
for name, (unsafe, safe, right) in FUNCTIONS.items():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        wrong = complex_gradient(unsafe, point)
    said = "and says so" if caught else "and says nothing"
    print(f"{name:<18} right {np.round(right, 2)}, unsafe {np.round(wrong, 2)} {said}")
    assert np.allclose(complex_gradient(safe, point), right, rtol=1e-14, atol=0)
    assert not np.allclose(wrong, right)
    assert bool(caught) == (name == "float buffer")

# %% [markdown]
# What makes a complex number real loses the derivative: `abs`, `norm`, `conj`, a float buffer. All but the
# buffer do so in silence. `np.maximum` is nearly right: NumPy compares complex numbers by their real parts,
# but in a tie by the imaginary ones, and so at exactly 0, where padding and dead units lie, it gives the
# slope of the other side. Hence the rule of this package: branch on `x.real`, and take buffers in the dtype
# of what comes in.
#
# ## 4. What a check has to look at
#
# The slope of one direction says *that* something is wrong; the gradient by every number says *where*. Here
# is a plain RNN, forward and backward, and eight slips, each one line of `backward` written differently.


# %%
def forward(params, x, h0):
    """x (T, B, D), h0 (B, H) -> h (T + 1, B, H): h[t] is the state before step t."""
    h = [h0]
    for x_t in x:
        h.append(np.tanh(x_t @ params["W_x"].T + h[-1] @ params["W_h"].T + params["b"]))
    return np.array(h)


def backward(params, x, h, dy, dh):
    """dy (T, B, H) by each state, dh (B, H) by the last one -> gradients by all that went in."""
    T = len(x)
    grads = {name: np.zeros_like(array) for name, array in params.items()} | {"x": np.zeros_like(x)}
    for t in reversed(range(T)):
        dh = dh + dy[t]
        da = dh * (1 - h[t + 1] ** 2)
        grads["W_x"] += da.T @ x[t]
        grads["W_h"] += da.T @ h[t]
        grads["b"] += da.sum(axis=0)
        grads["x"][t] = da @ params["W_x"]
        dh = da @ params["W_h"]
    return grads | {"h0": dh}


SLIPS = {  # name: (the right piece, what was written)
    "derivative of tanh forgotten": ("dh * (1 - h[t + 1] ** 2)", "dh"),
    "no gradient through time": ('dh = da @ params["W_h"]', "dh = 0 * dh"),
    "W_x's gradient overwritten": ('grads["W_x"] += da.T', 'grads["W_x"] = da.T'),
    "W_h's gradient divided by T": ("da.T @ h[t]", "da.T @ h[t] / T"),
    "a mean over the batch": ("da.sum(axis=0)", "da.mean(axis=0)"),
    "0 in place of h0": ("da.T @ h[t]", "da.T @ (h[t] if t else 0 * h[t])"),
    "h0's gradient without W_h": ('{"h0": dh}', '{"h0": da}'),
    "final state's gradient dropped": ("dh = dh + dy[t]", "dh = (dh if t < T - 1 else 0) + dy[t]"),
}


def with_slip(right, wrong):
    """The function `backward` above with one piece of its text replaced."""
    text = inspect.getsource(backward)
    assert text.count(right) == 1, right
    names = {"np": np}
    exec(text.replace(right, wrong), names)
    return names["backward"]


def check(backward, T, B, state=True, final=True, seed=0):
    """The largest error of any gradient, over the norm of the right one.

    Without `state` h0 is zero and nobody asks for its gradient; without `final` nothing comes from the last
    state.
    """
    rng = np.random.default_rng(seed)
    shapes = {"W_x": (H, D), "W_h": (H, H), "b": (H,), "x": (T, B, D), "h0": (B, H)}
    values = {name: 0.5 * rng.standard_normal(shape) for name, shape in shapes.items()}
    values["h0"] *= state
    dy, dh = rng.standard_normal((T, B, H)), final * rng.standard_normal((B, H))
    params = {name: values[name] for name in ("W_x", "W_h", "b")}
    grads = backward(params, values["x"], forward(params, values["x"], values["h0"]), dy, dh)

    def loss(name, array):
        moved = values | {name: array}
        h = forward(moved, moved["x"], moved["h0"])
        return (dy * h[1:]).sum() + (dh * h[-1]).sum()

    worst = 0.0
    for name in values if state else values.keys() - {"h0"}:
        right = complex_gradient(lambda array, name=name: loss(name, array), values[name])
        worst = max(worst, np.linalg.norm(grads[name] - right) / max(np.linalg.norm(right), 1e-12))
    return worst


print(f"the right backward is off by {check(backward, T=4, B=3):.0e}")
assert check(backward, T=4, B=3) < 1e-14

# %% [markdown]
# ## 5. Where errors hide
#
# Five set-ups for the check, from the laziest to the one to use.
#
# **Guess:** how many of the eight slips does each of them find?

# %%
SET_UPS = {
    "one step": {"T": 1, "B": 1, "state": False, "final": False},
    "four steps": {"T": 4, "B": 1, "state": False, "final": False},
    "three sequences": {"T": 4, "B": 3, "state": False, "final": False},
    "a state": {"T": 4, "B": 3, "state": True, "final": False},
    "a final gradient": {"T": 4, "B": 3, "state": True, "final": True},
}
found = np.array(
    [[check(with_slip(*slip), **set_up) > 1e-11 for set_up in SET_UPS.values()] for slip in SLIPS.values()]
)
for name, row in zip(SLIPS, found, strict=True):
    print(f"{name:<32}", "  ".join("found " if one else "hidden" for one in row))
print(f"{'found of eight':<32}", "       ".join(str(count) for count in found.sum(axis=0)))
assert found.sum(axis=0).tolist() == [1, 4, 5, 7, 8]

# %% [markdown]
# Each set-up finds what the one before it missed. The zero state is where most checks begin and where two
# errors are invisible: `0 @ anything` is 0, and so is what was forgotten. A slip is hidden, too, as long as
# nothing flows into the last state, and then truncated training with a gradient handed on is wrong.
#
# `nl.gradcheck` always takes several of everything: a random state, and a random gradient into the last one.

# %%
report = nl.gradcheck(nl.RNN(D, H, seed=0), rng.standard_normal((4, 3, D)))
print(report)
assert report.passed and report.max_error < 1e-14

# %%
figure, axes = plots.new_figure(1, 2, height=5.4, width=12)
curve_axes, table_axes = axes[0]
styles = {"forward": "#c8452b", "central": "#d99a2b", "Richardson": "#6b8e4e", "complex step": plots.MODEL}
for name, colour in styles.items():
    # An error of exactly 0 has no place on this scale; it is drawn at half a rounding.
    curve_axes.plot(steps, np.maximum(errors[name], 5e-17), color=colour, marker=".", label=name)
curve_axes.axhline(np.finfo(float).eps, color=plots.TRUTH, linestyle=":", label="one rounding, 2.2e-16")
curve_axes.set(
    xscale="log", yscale="log", ylim=(1e-17, 1e3), xlabel="step", ylabel="error of the slope, relative"
)
curve_axes.set_title("An LSTM's loss along a direction")
curve_axes.legend(frameon=False, loc="center left")
table_axes.grid(False)
table_axes.imshow(found, cmap="Blues", vmin=-0.2, vmax=1.6, aspect="auto")
for (row, column), one in np.ndenumerate(found):
    table_axes.text(column, row, "found" if one else "hidden", ha="center", va="center", fontsize=8)
labels = [f"+ {name}" if column else name for column, name in enumerate(SET_UPS)]
table_axes.set_xticks(range(len(SET_UPS)), labels, fontsize=8, rotation=20, ha="right")
table_axes.set_yticks(range(len(SLIPS)), list(SLIPS), fontsize=8)
table_axes.set_title("What a check finds")
Path("runs").mkdir(exist_ok=True)
# Of the complex step the largest of all below 1e-9: there is nothing to choose.
smallest = {name: error.min() for name, error in errors.items()}
smallest["complex step"] = errors["complex step"][steps < 1e-9].max()
print("claim: off by, at the best step: " + ", ".join(f"{name} {e:.0e}" for name, e in smallest.items()))
print("figure:", plots.save_figure(figure, "runs/03_gradient_checking.png"))
print(f"{time.perf_counter() - started:.0f} s")

# %% [markdown]
# ## What to try
#
# - The same figure in float32: `lstm = nl.LSTM(D, H, dtype=np.float32, seed=0)`. What is central's best now?
# - A function with a kink, `np.where(x.real > 0, x, 0)`, at 1e-6: which way notices it at which step?
# - Write a ninth slip that all but the last set-up miss, and one that none of them finds. Is it an error?
