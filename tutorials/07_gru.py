# %% [markdown]
# # 07 The GRU: one gate, two places to put it
#
# Afterwards you can
#
# - write a GRU forward and backward in twenty lines, in both variants of its reset gate,
# - say which variant a paper, a file or a library has, and why nothing complains if you take the other,
# - turn weights round where that can be done, and know where it cannot.
#
# A few seconds to run, about 40 minutes to work through. Somebody loads a GRU that was trained elsewhere.
# Every name is there, every shape fits, the output looks right, and it is a little wrong everywhere. There
# are two cells called GRU, and they differ by a pair of brackets.

# %%
import sys
import time
from pathlib import Path

import numpy as np

import numpylstm as nl
from numpylstm import plots
from numpylstm.activations import sigmoid

started = time.perf_counter()
QUICK = "--quick" in sys.argv  # a short form that only shows that everything runs

# %% [markdown]
# ## 1. The pair of brackets
#
#     r = s(W_xr x + b_xr + W_hr h + b_hr)            reset gate
#     z = s(W_xz x + b_xz + W_hz h + b_hz)            update gate
#     n = tanh(W_xn x + b_xn + W_hn (r h) + b_hn)     reset before the product: Cho et al. 2014, eq. 5 to 8
#     n = tanh(W_xn x + b_xn + r (W_hn h + b_hn))     reset after the product: cuDNN, PyTorch, Keras
#     h = (1 - z) n + z h                             z = 1 keeps the old state
#
# The paper itself had it after the product in its first version (arXiv:1406.1078v1) and before it in the last
# (v3). After it, all three products with h can be one, and cuDNN has it so. Here are both, forward and
# backward, with one step's equations to a line. Read a forward from top to bottom and the backward below it
# from bottom to top: each line of the one has its answer in the other.

# %%
Params = dict[str, np.ndarray]  # W_x (3H, D), W_h (3H, H), b_x (3H,), b_h (3H,): row blocks r, z, n


def forward_before(p: Params, x: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, list]:
    """Reset before the product: x (T, B, D), state h (B, H) -> y (T, B, H) and what backward needs."""
    y, steps = [], []
    for x_t in x:
        a_r, a_z, a_n = np.split(x_t @ p["W_x"].T + p["b_x"] + p["b_h"], 3, axis=1)
        W_hr, W_hz, W_hn = np.split(p["W_h"], 3)
        r, z = sigmoid(a_r + h @ W_hr.T), sigmoid(a_z + h @ W_hz.T)
        n = np.tanh(a_n + (r * h) @ W_hn.T)
        steps.append((x_t, h, r, z, n))
        h = (1 - z) * n + z * h
        y.append(h)
    return np.array(y), steps


def backward_before(
    p: Params, dy: np.ndarray, steps: list, dh: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Params]:
    """dy (T, B, H) and dh (B, H) by the final state -> dx, dh by the initial state, gradients by name."""
    dx, grads = [], {name: np.zeros_like(param) for name, param in p.items()}
    W_hr, W_hz, W_hn = np.split(p["W_h"], 3)
    for dy_t, (x_t, h, r, z, n) in zip(dy[::-1], steps[::-1], strict=True):
        dh = dh + dy_t
        da_z = dh * (h - n) * z * (1 - z)
        da_n = dh * (1 - z) * (1 - n**2)
        drh = da_n @ W_hn  # by the product r h
        da_r = drh * h * r * (1 - r)
        da = np.hstack([da_r, da_z, da_n])
        grads["W_x"] += da.T @ x_t
        grads["W_h"] += np.vstack([da_r.T @ h, da_z.T @ h, da_n.T @ (r * h)])
        grads["b_x"] += da.sum(axis=0)
        grads["b_h"] += da.sum(axis=0)
        dx.append(da @ p["W_x"])
        dh = dh * z + da_r @ W_hr + da_z @ W_hz + drh * r
    return np.array(dx[::-1]), dh, grads


def forward_after(p: Params, x: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, list]:
    """Reset after the product; arguments and results as in `forward_before`."""
    y, steps = [], []
    for x_t in x:
        a_r, a_z, a_n = np.split(x_t @ p["W_x"].T + p["b_x"], 3, axis=1)
        q_r, q_z, q_n = np.split(h @ p["W_h"].T + p["b_h"], 3, axis=1)
        r, z = sigmoid(a_r + q_r), sigmoid(a_z + q_z)
        n = np.tanh(a_n + r * q_n)
        steps.append((x_t, h, r, z, n, q_n))
        h = (1 - z) * n + z * h
        y.append(h)
    return np.array(y), steps


def backward_after(
    p: Params, dy: np.ndarray, steps: list, dh: np.ndarray
) -> tuple[np.ndarray, np.ndarray, Params]:
    """As `backward_before`."""
    dx, grads = [], {name: np.zeros_like(param) for name, param in p.items()}
    for dy_t, (x_t, h, r, z, n, q_n) in zip(dy[::-1], steps[::-1], strict=True):
        dh = dh + dy_t
        da_z = dh * (h - n) * z * (1 - z)
        da_n = dh * (1 - z) * (1 - n**2)
        da_r = da_n * q_n * r * (1 - r)
        da = np.hstack([da_r, da_z, da_n])  # by what comes from x
        dq = np.hstack([da_r, da_z, da_n * r])  # by what comes from h
        grads["W_x"] += da.T @ x_t
        grads["W_h"] += dq.T @ h
        grads["b_x"] += da.sum(axis=0)
        grads["b_h"] += dq.sum(axis=0)
        dx.append(da @ p["W_x"])
        dh = dh * z + dq @ p["W_h"]
    return np.array(dx[::-1]), dh, grads


VARIANTS = {False: (forward_before, backward_before), True: (forward_after, backward_after)}  # reset_after

# %% [markdown]
# ## 2. The same as the library's
#
# `nl.GRU` keeps its arrays another way round and makes three products at once. Same arithmetic? Random
# weights and biases, a state that is not zero, a gradient into the final state: what is zero hides errors.
#
# **Guess before you look:** to how many digits do they agree? And what do `b_x` and `b_h` have in common in
# one variant and not in the other?


# %%
def difference(got: np.ndarray, expected: np.ndarray) -> float:
    """The norm of the difference over the norm of what was expected."""
    return float(np.linalg.norm(got - expected) / np.linalg.norm(expected))


def random_gru(reset_after: bool, hidden_size: int, rng: np.random.Generator) -> nl.GRU:
    """A GRU of 3 inputs, biases and all drawn at random."""
    gru = nl.GRU(3, hidden_size, reset_after=reset_after)
    gru.theta = rng.standard_normal(gru.theta.size)
    return gru


def against_the_library(reset_after: bool, rng: np.random.Generator) -> dict[str, float]:
    """By name, how far the plain version's results are from those of nl.GRU."""
    gru = random_gru(reset_after, 5, rng)
    x, h = rng.standard_normal((7, 4, 3)), rng.standard_normal((4, 5))
    dy, dh = rng.standard_normal((7, 4, 5)), rng.standard_normal((4, 5))
    forward, backward = VARIANTS[reset_after]
    y, steps = forward(gru.params, x, h)
    dx, dh0, grads = backward(gru.params, dy, steps, dh)
    expected_y, _, cache = gru.forward(x, (h,))
    expected_dx, (expected_dh0,) = gru.backward(dy, cache, (dh,))
    pairs = {"y": (y, expected_y), "dx": (dx, expected_dx), "dh0": (dh0, expected_dh0)}
    pairs |= {f"d{name}": (grads[name], gru.grads[name]) for name in grads}
    print(f"reset_after={reset_after}: db_x = db_h to {difference(grads['b_x'], grads['b_h']):.0e}")
    return {name: difference(*pair) for name, pair in pairs.items()}


plain_error = 0.0
for reset_after in (False, True):
    errors = against_the_library(reset_after, np.random.default_rng(0))
    print(", ".join(f"{name} {error:.0e}" for name, error in errors.items()))
    plain_error = max(plain_error, *errors.values())
assert plain_error < 1e-12

# %% [markdown]
# Before the product, both biases meet only in their sum: one would do, and both have one gradient. After
# it, `b_hn` stands inside the brackets, where r multiplies it, and is needed. That is how to tell the variant
# of a file by looking: 3H biases, or two rows of 3H. Keras writes `(2, 3H)` for `reset_after=True`.
#
# Two cells that agree may agree in an error. So both are held against the complex step as well, which
# knows nothing of any backward pass.

# %%
x = np.random.default_rng(1).standard_normal((4, 2, 3))
checked_error = 0.0
for reset_after in (False, True):
    report = nl.gradcheck(random_gru(reset_after, 3, np.random.default_rng(2)), x).check()
    print(f"reset_after={reset_after}: {report.diagnosis}")
    checked_error = max(checked_error, report.max_error)
assert checked_error < 1e-11

# %% [markdown]
# ## 3. How different are they?
#
# **Guess:** with how many units do the two variants begin to differ? And what if the reset gate is 1
# throughout?


# %%
def apart(hidden_size: int, *, hidden_bias: bool = True, reset_open: bool = False) -> float:
    """How far the two variants are apart, with the same random weights."""
    rng = np.random.default_rng(3)
    gru = random_gru(True, hidden_size, rng)
    x, h = rng.standard_normal((20, 8, 3)), rng.standard_normal((8, hidden_size))
    if not hidden_bias:
        gru.params["b_h"][...] = 0
    if reset_open:
        gru.params["b_x"][:hidden_size] += 100  # s(100) is 1 to the last bit
    return difference(forward_before(gru.params, x, h)[0], forward_after(gru.params, x, h)[0])


cases = {
    "1 unit, b_h = 0": apart(1, hidden_bias=False),
    "1 unit": apart(1),
    "2 units, b_h = 0": apart(2, hidden_bias=False),
    "16 units": apart(16),
    "16 units, r = 1": apart(16, reset_open=True),
}
for name, error in cases.items():
    print(f"{name:<17} {error:.1e}")

# %% [markdown]
# For a single unit W (r h) = r (W h): numbers may be multiplied in any order, and all that is left is the
# bias. From two units on, r h weights the *columns* of W_hn and r (W h) its *rows*, and no other W_hn makes
# up for that. With r = 1 there is only one GRU.

# %%
assert cases["1 unit, b_h = 0"] < 1e-12 and cases["16 units, r = 1"] < 1e-12
assert min(cases["1 unit"], cases["2 units, b_h = 0"], cases["16 units"]) > 1e-2

# %% [markdown]
# ## 4. Trained with one, run with the other
#
# A task that needs a reset: a sum that leaks a fifth of itself at each step and begins anew at each mark. The
# network hears a value and the mark. Both variants learn it equally well.
#
# **Guess:** by which factor does the error grow when the weights of one are run by the other? Which digit of
# the output would have told you?

# %%
length = 60


def leaky_sums(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """x (T, count, 2) of values and marks, and the sums (T, count, 1)."""
    values, marks = rng.uniform(-1, 1, (length, count)), rng.random((length, count)) < 0.1
    total, sums = np.zeros(count), []
    for value, mark in zip(values, marks, strict=True):
        total = np.where(mark, 0, 0.8 * total) + value
        sums.append(total)
    return np.stack([values, marks], axis=2).astype(np.float32), np.array(sums, np.float32)[:, :, None]


rng = np.random.default_rng(4)
data, (x_test, target_test) = leaky_sums(64 if QUICK else 1024, rng), leaky_sums(256, rng)


def network(reset_after: bool) -> nl.Sequential:
    return nl.Sequential(nl.GRU(2, 16, reset_after=reset_after), nl.Dense(16, 1), dtype=np.float32, seed=0)


def error_of(net: nl.Sequential) -> float:
    """The mean squared error, in parts of the variance of the target."""
    return float(np.mean((net.predict(x_test) - target_test) ** 2) / target_test.var())


epochs = 2 if QUICK else 20
right, wrong, nets = {}, {}, {}
for reset_after in (False, True):
    net, other = network(reset_after), network(not reset_after)
    updates = epochs * -(-data[0].shape[1] // 32)
    optimizer = nl.Adam(1e-2, clip_norm=1.0, schedule=nl.Cosine(updates, final=0.02))
    nl.fit(net, data, loss=nl.losses.mse, optimizer=optimizer, epochs=epochs, batch_size=32)
    other.theta = net.theta  # every name and shape fits
    nets[reset_after] = net, other
    right[reset_after], wrong[reset_after] = error_of(net), error_of(other)
    print(
        f"trained with reset_after={reset_after}: error {right[reset_after]:.4f} of the variance, "
        f"run by the other {wrong[reset_after]:.4f}, {wrong[reset_after] / right[reset_after]:.0f} times"
    )

# %% [markdown]
# No digit. A few per cent of the variance is an output that looks right: it follows the target and begins
# anew at each mark. Nobody finds that by eye. What finds it is one vector: an input and the output that the
# other program gave for it, kept beside the weights. `tests/data` holds such vectors of PyTorch's layers.

# %%
factor = min(wrong[variant] / right[variant] for variant in (False, True))
if not QUICK:
    assert max(right.values()) < 2e-3
    assert factor > 10
    assert max(wrong.values()) < 0.2

# %% [markdown]
# ## 5. The other thing that is turned round
#
# Some papers and libraries write h = z n + (1 - z) h: their z = 1 takes the new. A convention, and no other
# cell.
#
# **Guess:** which weights have to change, and how?

# %%
gru, rng = random_gru(True, 16, np.random.default_rng(5)), np.random.default_rng(6)
x, h = rng.standard_normal((20, 8, 3)), rng.standard_normal((8, 16))
turned = {name: param.copy() for name, param in gru.params.items()}
for param in turned.values():
    param[16:32] *= -1  # the rows of z


def forward_turned(p: Params, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """As `forward_after`, but z = 1 takes the new candidate."""
    y = []
    for x_t in x:
        a_r, a_z, a_n = np.split(x_t @ p["W_x"].T + p["b_x"], 3, axis=1)
        q_r, q_z, q_n = np.split(h @ p["W_h"].T + p["b_h"], 3, axis=1)
        r, z = sigmoid(a_r + q_r), sigmoid(a_z + q_z)
        h = z * np.tanh(a_n + r * q_n) + (1 - z) * h
        y.append(h)
    return np.array(y)


turned_error = difference(forward_turned(turned, x, h), gru.forward(x, (h,))[0])
print(f"with the rows of z negated: {turned_error:.0e} apart")

# %% [markdown]
# 1 - s(a) = s(-a). So these weights can be turned round exactly, and the reset gate's cannot: of the two
# differences between GRUs, one is in how it is written down and one in what it computes.

# %%
assert turned_error < 1e-12
print(f"claim: plain cells equal nl.GRU to {plain_error:.0e}, the complex step to {checked_error:.0e}")
print(f"claim: run by the other variant, the error is {factor:.0f} times as large at least")

# %%
one = 3
figure, axes = plots.new_figure(3, height=2.4)
steps = np.arange(length)
top, middle, bottom = axes[:, 0]
top.plot(steps, x_test[:, one, 0], color=plots.TRUTH, drawstyle="steps-mid", label="value")
for mark in np.flatnonzero(x_test[:, one, 1]):
    for ax in axes[:, 0]:
        ax.axvline(mark, color=plots.TRUTH, linestyle=":", linewidth=1)
top.set(ylabel="input", title="What it hears: a value, and now and then a mark (dotted)")
net, other = nets[True]
middle.plot(steps, target_test[:, one, 0], color=plots.TRUTH, linewidth=4, alpha=0.3, label="target")
middle.plot(steps, net.predict(x_test)[:, one, 0], color=plots.MODEL, label="reset after, as trained")
middle.plot(
    steps, other.predict(x_test)[:, one, 0], color=plots.ERROR, label="the same weights, reset before"
)
middle.set(ylabel="sum", title=f"Run by the other variant: {wrong[True] / right[True]:.0f} times the error")
middle.legend(frameon=False, ncols=3, loc="upper right")
low, high = middle.get_ylim()
middle.set_ylim(low, high + 0.35 * (high - low))  # room for the legend
_, kept = forward_after(net.layers[0].params, x_test[:, [one]], np.zeros((1, 16), np.float32))
gates = {name: np.array([step[index][0] for step in kept]) for name, index in (("r", 2), ("z", 3))}
moved = {name: np.argmax(gate.std(axis=0)) for name, gate in gates.items()}  # the unit that moves most
bottom.plot(steps, gates["r"][:, moved["r"]], color=plots.ERROR, label="reset gate r")
bottom.plot(steps, gates["z"][:, moved["z"]], color=plots.MODEL, label="update gate z")
bottom.set(xlabel="step", ylabel="gate", title="The reset and the update gate that move most", ylim=(0, 1.3))
bottom.legend(frameon=False, ncols=2, loc="upper right")
Path("runs").mkdir(exist_ok=True)
print("figure:", plots.save_figure(figure, "runs/07_gru.png"))
print(f"{time.perf_counter() - started:.0f} s")

# %% [markdown]
# ## What to try
#
# - Train the wrong network of section 4 on: how many updates until it is as good as the right one?
# - Leave out `drh * r` in `backward_before`. Which gradients are wrong now, and which are still right?
# - Set `b_x[:16] = 100` before training, so that r = 1 throughout. What is a GRU worth without its reset?
