# %% [markdown]
# # 02 MLP and softmax: from scratch, with a number to expect at each step
#
# Afterwards you can
#
# - write a multi-layer perceptron and its backward pass in twenty lines, and prove them right,
# - derive the gradient of the cross-entropy, which is y - t, and say why nobody computes a softmax's alone,
# - say before a training starts what its loss has to be, and what chance would score,
# - find out why a loss stops at 0.55 and will not go lower.
#
# A few seconds to run, about 40 minutes to work through.

# %%
import sys
import time
from pathlib import Path

import numpy as np

import numpylstm as nl
from numpylstm import plots
from numpylstm.activations import softmax, softmax_backward

started = time.perf_counter()
QUICK = "--quick" in sys.argv  # a short form that only shows that everything runs

# %% [markdown]
# ## 1. Three arms of a spiral
#
# Points in the plane, each with the number of its arm as class. No straight line tells them apart.


# %%
K = 3  # classes


def spiral(count, rng):
    """count points x (count, 2), of each arm in turn, and their classes (count,)."""
    classes = np.arange(count) % K
    radius = rng.uniform(0.1, 1, count)
    angle = 2 * np.pi * classes / K + 4.5 * radius + 0.12 * rng.standard_normal(count)
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), classes


rng = np.random.default_rng(0)
x, classes = spiral(300, rng)
x_dev, classes_dev = spiral(3000, rng)
print("x", x.shape, "classes", classes.shape, "to train on;", len(x_dev), "held out")

# %% [markdown]
# ## 2. Softmax and cross-entropy
#
# The network gives K scores, the *logits* a. Softmax makes probabilities of them, y_k = exp(a_k) / sum_j
# exp(a_j), and the loss is the mean of -log y of the right class (Bishop 2006, eq. 4.108).
#
# exp(1000) is too large for any float. Softmax does not change if the same number is taken from all scores,
# so the largest is. And log y is not computed from y, which may have become 0.


# %%
def cross_entropy(a, classes):
    """The mean of -log softmax(a)[class] for a (B, K), and its gradient by a."""
    B = len(a)
    shifted = a - a.real.max(axis=1, keepdims=True)
    total = np.exp(shifted).sum(axis=1, keepdims=True)
    log_y = shifted - np.log(total)
    t = np.eye(a.shape[1])[classes]  # 1 for the right class, 0 for the others
    return -(t * log_y).sum() / B, (np.exp(log_y) - t) / B


# %% [markdown]
# **Guess before you look:** the loss of a network that says nothing, all scores 0? And of one that is sure
# and right, a = 1000 for the right class? Sure and wrong?

# %%
each = np.arange(K)  # one example of each class
silent = cross_entropy(np.zeros((K, K)), each)[0]
sure_right = cross_entropy(1000 * np.eye(K), each)[0]
sure_wrong = cross_entropy(1000 * np.eye(K), (each + 1) % K)[0]
print(f"all scores 0: {silent:.6f}, and log {K} = {np.log(K):.6f}")
print(f"sure and right: {abs(sure_right):.1f}; sure and wrong: {sure_wrong:.1f}")
assert abs(silent - np.log(K)) < 1e-15 and sure_right == 0 and sure_wrong == 1000

# %% [markdown]
# The gradient by the scores is (y - t) / B: what was said less what is true. Exponentials and logarithm
# cancel. To see it, write log y_c = a_c - log sum_j exp(a_j) and differentiate by a_k: 1 for k = c, less y_k.
#
# Three facts follow: the entries of a row sum to 0; no entry is larger than 1 / B; and it vanishes only where
# the answer is right and sure. Believe it? Measure it, by the complex step of lesson 03:

# %%
a = rng.standard_normal((4, K))
_, da = cross_entropy(a, classes[:4])
measured = np.zeros_like(a)
for index in np.ndindex(a.shape):
    moved = a.astype(complex)
    moved[index] += 1e-20j
    measured[index] = cross_entropy(moved, classes[:4])[0].imag / 1e-20
print(f"y - t and the complex step differ by {abs(da - measured).max():.0e}")
print(f"a row sums to {abs(da.sum(axis=1)).max():.0e}; the largest entry is {abs(da).max():.3f} < 1/4")
assert abs(da - measured).max() < 1e-15
assert abs(da.sum(axis=1)).max() < 1e-15 and abs(da).max() < 1 / 4

# %% [markdown]
# ## 3. The MLP
#
# Layers a = W x + b with relu(a) = max(a, 0) between them. Rows of `x` are examples, so the product is with
# the transpose. Backward goes through the layers in reverse: each finds its weights' gradient from what it
# was given and what comes from above, and hands on W^T dy. What relu has cut off gets no gradient.


# %%
def forward(layers, x):
    """x (B, D), layers [(W, b), ...] -> scores (B, K), and what each layer was given."""
    given = []
    for W, b in layers:
        given.append(x)
        a = x @ W.T + b
        x = np.where(a.real > 0, a, 0)
    return a, given  # no relu after the last layer


def backward(layers, given, dy):
    """dy (B, K) -> [(dW, db), ...] in the order of the layers, and dx (B, D)."""
    grads = []
    for n in reversed(range(len(layers))):
        W, _ = layers[n]
        grads.append((dy.T @ given[n], dy.sum(axis=0)))
        dx = dy @ W
        dy = dx * (given[n] > 0)  # for the layer below: through its relu
    return grads[::-1], dx


# %% [markdown]
# Twenty lines. `nl.MLP` is the same with its parameters in one flat vector:

# %%
net = nl.MLP(2, 32, 32, K, activation="relu", seed=0)
layers = [(dense.params["W"], dense.params["b"]) for dense in net.layers]
scores, given = forward(layers, x)
y, _, cache = net.forward(x)
_, dy = cross_entropy(scores, classes)
grads, dx = backward(layers, given, dy)
dx_net, _ = net.backward(dy, cache)
print(f"scores differ by {abs(scores - y).max():.0e}, dx by {abs(dx - dx_net).max():.0e}", end=", ")
differences = [
    abs(grad - dense.grads[name]).max()
    for pair, dense in zip(grads, net.layers, strict=True)
    for grad, name in zip(pair, ("W", "b"), strict=True)
]
print(f"the gradients of the weights by {max(differences):.0e} at most; {net.theta.size} weights")
assert max(differences) < 1e-14 and abs(scores - y).max() < 1e-14 and abs(dx - dx_net).max() < 1e-14
assert net.theta.size == 2 * 32 + 32 + 32 * 32 + 32 + 32 * K + K

# %% [markdown]
# ## 4. Before the training
#
# The loss at the start has a theory: a network that knows nothing should say so, and then the loss is log K.
# If it is far above, it is sure of nonsense, and the first updates are spent on unlearning that.
#
# **Guess:** the loss at the start with these weights? With all weights ten times as large, in three layers?

# %%
loss_at_start = cross_entropy(scores, classes)[0]
tenfold = [(10 * W, b) for W, b in layers]
loss_tenfold = cross_entropy(forward(tenfold, x)[0], classes)[0]
print(f"log K = {np.log(K):.3f}, at the start {loss_at_start:.3f}, tenfold weights {loss_tenfold:.1f}")
assert abs(loss_at_start - np.log(K)) < 0.25
assert loss_tenfold > 10 * np.log(K)

# %% [markdown]
# ## 5. The training
#
# All 300 points at once, 400 updates. Beside it the same without a hidden layer: a linear classifier.
#
# **Guess:** chance gets one in three right. And the linear one? And the MLP?


# %%
UPDATES = 20 if QUICK else 400


def train(sizes, through=lambda a: a, through_backward=lambda y, dy: dy):
    """Layers of these sizes, trained, and their losses; the scores may go `through` something first."""
    start = nl.MLP(*sizes, activation="relu", seed=0)
    layers = [(dense.params["W"], dense.params["b"]) for dense in start.layers]  # views into start.theta
    optimizer = nl.Adam(1e-2)
    losses = []
    for _ in range(UPDATES):
        a, given = forward(layers, x)
        y = through(a)
        loss, dy = cross_entropy(y, classes)
        losses.append(loss)
        grads, _ = backward(layers, given, through_backward(y, dy))
        grad = np.concatenate([part.reshape(-1) for pair in grads for part in pair])
        optimizer.step(start.theta, grad)
    return layers, losses


def accuracy(layers):
    """The share of the points held out that get their class."""
    return float(np.mean(forward(layers, x_dev)[0].argmax(axis=1) == classes_dev))


linear, linear_losses = train((2, K))
mlp, mlp_losses = train((2, 32, 32, K))
print(f"linear: loss {linear_losses[-1]:.3f}, {100 * accuracy(linear):.1f} % of the points held out")
print(f"MLP   : loss {mlp_losses[-1]:.3f}, {100 * accuracy(mlp):.1f} %")
if not QUICK:
    assert 0.35 < accuracy(linear) < 0.65
    assert accuracy(mlp) > 0.97

# %% [markdown]
# Two baselines belong beside every accuracy: chance, and a network that cannot see. With all inputs 0 there
# is nothing but the biases, so the best it can say is how frequent the classes are, and for equally many the
# best loss is log K once more. A network that does no better than that has not looked at its input, whatever
# the reason.

# %%
blind = cross_entropy(forward(mlp, 0 * x_dev)[0], classes_dev)[0]
print(f"the trained network with zeroed input: loss {blind:.2f}, never below log K = {np.log(K):.3f}")
assert blind >= np.log(K) - 1e-12

# %% [markdown]
# ## 6. A loss that stops at 0.55
#
# A frequent slip: the network ends in a softmax, and the loss takes another. Everything runs, gradients are
# right for what is written, the loss falls, the accuracy is fine.
#
# **Guess:** the network may be as sure as it likes. How low can this loss get? (What are the scores that the
# second softmax sees, at best?)

# %%
twice, twice_losses = train((2, 32, 32, K), softmax, softmax_backward)
floor = np.log((np.e + K - 1) / np.e)
print(f"softmax once : loss {mlp_losses[-1]:.3f}, accuracy {100 * accuracy(mlp):.1f} %")
print(
    f"softmax twice: loss {twice_losses[-1]:.3f}, accuracy {100 * accuracy(twice):.1f} %, floor {floor:.4f}"
)
assert min(twice_losses) > floor
if not QUICK:
    assert twice_losses[-1] < floor + 0.05 and accuracy(twice) > 0.9

# %% [markdown]
# At best the second softmax sees 1 for the right class and 0 for the others, and makes e / (e + K - 1) of it.
# A loss that stops dead at such a number says: look at what goes into the loss. In this package
# `nl.losses.softmax_cross_entropy` takes the scores, and the last layer has no activation.

# %%
figure, axes = plots.new_figure(1, 3, height=4.2, width=13)
side = np.linspace(-1.15, 1.15, 60 if QUICK else 240)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
colours = np.array(["#0b6fb8", "#c8452b", "#6b8e4e"])
for ax, layers, name in ((axes[0, 0], linear, "Linear"), (axes[0, 1], mlp, "MLP 2, 32, 32, 3")):
    said = forward(layers, grid)[0].argmax(axis=1).reshape(len(side), len(side))
    ax.contourf(side, side, said, levels=np.arange(K + 1) - 0.5, colors=list(colours), alpha=0.25)
    ax.scatter(*x.T, c=colours[classes], s=8)
    ax.set(title=f"{name}: {100 * accuracy(layers):.1f} % of points held out", aspect="equal")
ax = axes[0, 2]
for losses, name, colour in (
    (linear_losses, "linear", plots.TRUTH),
    (mlp_losses, "MLP", plots.MODEL),
    (twice_losses, "MLP, softmax twice", plots.ERROR),
):
    ax.plot(losses, color=colour, label=name)
ax.axhline(np.log(K), color=plots.TRUTH, linestyle=":", label="log 3 = 1.0986")
ax.axhline(floor, color=plots.ERROR, linestyle=":", label="log((e + 2) / e) = 0.5514")
ax.set(xlabel="update", ylabel="loss (nats)", title="Loss in training", ylim=(0, 1.8))
ax.legend(frameon=False, loc="upper right")
Path("runs").mkdir(exist_ok=True)
print(f"claim: points held out: MLP {100 * accuracy(mlp):.1f} %, linear {100 * accuracy(linear):.1f} %")
print(f"claim: softmax twice, loss {twice_losses[-1]:.3f}, which cannot be below {floor:.4f}")
print("figure:", plots.save_figure(figure, "runs/02_mlp.png"))
print(f"{time.perf_counter() - started:.0f} s")

# %% [markdown]
# ## What to try
#
# - Train from the tenfold weights. How many updates until the loss is below log K?
# - Set all weights to 0 at the start. Which gradients are 0, and for how long?
# - Shuffle the classes of the training points. What becomes of the training loss, and of the points held out?
#   (Zhang et al. 2017 asked this of large networks.)
# - `numpylstm digits` trains `nl.MLP` on handwritten digits.
