# %% [markdown]
# # 10 State and chunks: the output that changes every 32 frames
#
# Afterwards you can
#
# - say what a recurrent network remembers between two calls, and who has to carry it,
# - train along a long recording in pieces, and say what is cut between them and what is not,
# - find thrown-away state in a network whose loss is good, by one number.
#
# Under a minute to run, about 30 minutes to work through. Someone trained three LSTM(385) to separate a
# singing voice: magnitudes go in, 32 frames at a time, out comes a mask. The loss fell, the voice could be
# heard, but the output "changes every 32 frames". More layers did not help, nor did longer training. Here is
# a small stack with the same fault.

# %%
import sys
import time
from pathlib import Path

import numpy as np

import numpylstm as nl
from numpylstm import plots
from numpylstm.audio.masks import flux, seam_ratio
from numpylstm.datasets import plucked_melodies, plucked_string
from numpylstm.tasks import blocks

started = time.perf_counter()
QUICK = "--quick" in sys.argv  # a short form that only shows that everything runs
BLOCK = blocks.BLOCK  # 32 frames

# %% [markdown]
# ## 1. Two players, one recording
#
# A plucked melody stands in for the voice, a low plucked string for the accompaniment, 8,000 samples a
# second. Spectra of 200 samples, one every 12.5 ms. The target is the oracle ratio mask: for each bin of each
# frame, which share of the magnitude is the melody's. Each clip starts somewhere else in both, so that no
# note keeps step with the borders of blocks.

# %%
rate, frame = 8000, 200
frames = 4 * BLOCK if QUICK else 16 * BLOCK
rng = np.random.default_rng(0)


def clips(count: int, first_seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Magnitudes and masks (T, count, bins) of melody and string, each clip from a start of its own."""
    samples = frames * frame // 2
    pairs = []
    for seed in range(first_seed, first_seed + count):
        pair = []
        for player in (plucked_melodies, plucked_string):
            start = rng.integers(rate)
            pair.append(player(samples / rate + 1, rate, seed)[start : start + samples])
        pairs.append(pair)
    melodies, strings = np.transpose(pairs, (1, 2, 0))
    x, mask = blocks.magnitudes_and_mask(melodies, strings, frame)
    return x[:frames], mask[:frames]


x, target = clips(4 if QUICK else 32, first_seed=0)
x_dev, target_dev = clips(4 if QUICK else 16, first_seed=1000)
print("x", x.shape, "target", target.shape, "  (T, B, D): time first")

# %% [markdown]
# Mask flux is how much a mask changes from one frame to the next, |mask[t] - mask[t-1]|, the mean of all
# bins. The **seam ratio** is the mean flux where one block of 32 ends and the next begins, over the mean flux
# everywhere else. The music knows nothing of blocks.
#
# **Guess before you look:** so what is the seam ratio of the target?


# %%
def seams(masks: np.ndarray) -> float:
    """The seam ratio of masks (T, B, bins), all clips together."""
    return seam_ratio(list(masks.swapaxes(0, 1)), BLOCK)


print(f"mask flux of the target {flux(target_dev).mean():.3f}, seam ratio {seams(target_dev):.2f}")
if not QUICK:
    assert abs(seams(target_dev) - 1) < 0.1

# %% [markdown]
# ## 2. Trained on blocks
#
# Every block of 32 frames is a sequence of its own, from a zero state, and the blocks come in any order, like
# pictures. That is what `fit` does with sequences, and there is nothing wrong with it.

# %%
updates = 8 if QUICK else 1024


def train(carry: bool) -> tuple[nl.Sequential, float]:
    """Two LSTM(64) and a dense sigmoid, so many updates of 16 blocks each, and the last epoch's loss."""
    net = blocks.build_network(frame // 2 + 1, hidden_size=64, layers=2, seed=0)
    epoch = x.shape[1] * frames // BLOCK // (4 if QUICK else 16)
    optimizer = nl.Adam(5e-3, clip_norm=1, schedule=nl.Cosine(updates, final=0.05))
    batch_size = 4 if QUICK else 16
    history = blocks.train(
        net, x, target, epochs=updates // epoch, batch_size=batch_size, carry=carry, optimizer=optimizer
    )
    return net, history.train_loss[-1]


net, loss = train(carry=False)
print(f"loss {loss:.4f}; a mask that is always the mean would have {target.var(axis=(0, 1)).mean():.4f}")

# %% [markdown]
# ## 3. The same network, run in three ways
#
# - reset: block by block, each from a zero state, just as it was trained,
# - carried: block by block, each from the state that the one before it ended with,
# - whole: all frames in one call.
#
# It has never seen a sequence of more than 32 frames.
#
# **Guess:** which of the three errors is the lowest, and by how much? And which seam ratio?


# %%
def run(net: nl.Sequential) -> dict[str, np.ndarray]:
    """The masks of the clips that were held out, (T, B, bins), by the way they were made."""
    return {
        "reset": blocks.predict_in_blocks(net, x_dev, carry=False),
        "carried": blocks.predict_in_blocks(net, x_dev, carry=True),
        "whole": net.predict(x_dev),
    }


def error(masks: np.ndarray) -> float:
    return float(np.mean((masks - target_dev) ** 2))


runs = run(net)
for name, masks in runs.items():
    print(f"{name:<8} error {error(masks):.4f}   seam ratio {seams(masks):.2f}")
print(f"carried and whole differ by {abs(runs['carried'] - runs['whole']).max():.1e} at most")

# %% [markdown]
# All three errors are good, a fifth of what the mean mask has, and reset is worse by little: whoever watches
# the loss sees nothing. The seam ratio sees it at once. Reset, the mask jumps every 32 frames, because there
# the network has just forgotten which notes are sounding. Carried, blocks leave no trace, and carried *is*
# whole: the cut is gone, not repaired.

# %%
assert abs(runs["carried"] - runs["whole"]).max() < 1e-5
if not QUICK:
    assert error(runs["carried"]) < error(runs["reset"]) < 1.25 * error(runs["carried"])
    assert error(runs["reset"]) < 0.25 * target.var(axis=(0, 1)).mean()
    assert seams(runs["reset"]) >= 1.5
    assert seams(runs["carried"]) <= 1.1

# %% [markdown]
# ## 4. Where the error hides
#
# A mean over all frames hides what happens in a few. Take it apart by the place of a frame in its block.
#
# **Guess:** how many frames does the network need until it is as good as the one that remembers?

# %%
by_place = {
    name: ((masks - target_dev) ** 2).mean(axis=(1, 2)).reshape(-1, BLOCK)[1:].mean(axis=0)
    for name, masks in runs.items()
}
for place in (0, 1, 2, 4, 8, 16, 31):
    reset, carried = by_place["reset"][place], by_place["carried"][place]
    print(f"frame {place:>2} of a block: error {reset:.4f} reset, {carried:.4f} carried")

# %% [markdown]
# A block has a bad first frame, and perhaps a few more: too few for the mean, enough for the ear, as they
# come back two and a half times a second, in the same rhythm for ever.

# %%
if not QUICK:
    assert by_place["reset"][0] > 1.5 * by_place["carried"][0]
    assert by_place["reset"][16:].mean() < 1.2 * by_place["carried"][16:].mean()

# %% [markdown]
# ## 5. Training with the state carried
#
# Now run along the clips in training too: 32 frames, an update, and on with the state there is. This is
# truncated backpropagation through time. Between two pieces the *gradient* is cut, so no update ever sees
# further back than 32 frames; the *state* is not. In `fit` that is `truncation=32`.
#
# **Guess:** this network has had a past nearly always. What becomes of it when the past is taken away?

# %%
carried_net, carried_loss = train(carry=True)
carried_runs = run(carried_net)
print(f"loss in training {carried_loss:.4f}, with blocks from zero {loss:.4f}")
for name, masks in carried_runs.items():
    print(f"{name:<8} error {error(masks):.4f}   seam ratio {seams(masks):.2f}")

# %% [markdown]
# The loss is as good as before. Carried, so is the result. Reset, it is far worse than the first network,
# which at least had learnt to begin. So: run as you trained, and best of all carry the state in both.

# %%
assert abs(carried_runs["carried"] - carried_runs["whole"]).max() < 1e-5
if not QUICK:
    assert carried_loss < 1.3 * loss
    assert seams(carried_runs["reset"]) >= 1.5 and seams(carried_runs["carried"]) <= 1.1
    assert error(carried_runs["reset"]) > 1.3 * error(carried_runs["carried"])

# %% [markdown]
# ## 6. Any cut at all
#
# State is a value: `forward` takes it and gives it back, and `net.stream()` keeps it for you. So the length
# of a block is a matter of latency, and never of sound.

# %%
for block in (1, 7, 32, 100):
    masks = blocks.predict_in_blocks(carried_net, x_dev, block, carry=True)
    print(f"blocks of {block:>3}: {abs(masks - carried_runs['whole']).max():.1e} from the whole at most")
    assert abs(masks - carried_runs["whole"]).max() < 1e-5

y, state, _ = carried_net.forward(x_dev[:BLOCK])
after, _, _ = carried_net.forward(x_dev[BLOCK:], state)  # by hand: the state is passed on
assert abs(np.concatenate([y, after]) - carried_runs["whole"]).max() < 1e-5
print(f"claim: seam ratio {seams(runs['reset']):.2f} reset, {seams(runs['carried']):.2f} carried")
print(
    f"claim: error {error(runs['reset']):.4f} reset, {error(runs['carried']):.4f} carried: the loss hides it"
)

# %%
changes = {
    name: flux(masks)[BLOCK - 1 :].reshape(-1, BLOCK).mean(axis=0)
    for name, masks in (("target", target_dev), ("reset", runs["reset"]), ("carried", runs["carried"]))
}
title = f"Seam ratio {seams(runs['reset']):.2f} reset, {seams(runs['carried']):.2f} carried"
shown = slice(BLOCK, min(6 * BLOCK, frames))
figure = plots.seams(runs["reset"][shown, 0], runs["carried"][shown, 0], changes, rate, title)
Path("runs").mkdir(exist_ok=True)
print("figure:", plots.save_figure(figure, "runs/10_state_and_chunks.png"))
print(f"{time.perf_counter() - started:.0f} s")

# %% [markdown]
# ## What to try
#
# - `blocks.build_network` with three layers of 385 and `blocks.build_optimizer()`: the arrangement as it was.
#   How long until its loss is as good, and what is its seam ratio until then?
# - Blocks of 8 frames, and of 128, in training: how do the first frames of a block change?
# - Run blocks from zero, but begin each 16 frames early and throw those away. What is the seam ratio now, and
#   what does it cost?
