# %% [markdown]
# # 09 The sine: a perfect error, a wrong frequency
#
# Afterwards you can
#
# - let a network run free on its own predictions,
# - say why an error on single predictions cannot see an index that slipped by one, and what can,
# - train a network that holds a tone for thousands of samples.
#
# Under a minute to run, about 30 minutes to work through. Step into `net.forward` with the debugger at any
# time: `numpylstm/layers/lstm.py` is written to be read that way.

# %%
import sys
import time
from pathlib import Path

import numpy as np

import numpylstm as nl
from numpylstm import plots
from numpylstm.datasets import shifted, split
from numpylstm.tasks import sine

started = time.perf_counter()
QUICK = "--quick" in sys.argv  # a short form that only shows that everything runs

# %% [markdown]
# ## 1. A sine with a little noise
#
# 100 samples to a period, noise of standard deviation 0.02. Cut first, windows afterwards: so no sample is
# in two sets.

# %%
rng = np.random.default_rng(0)
samples = 3_000 if QUICK else 20_000
signal = (sine.sine_wave(samples) + 0.02 * rng.standard_normal(samples)).astype(np.float32)
train_part, dev_part, test_part = split(signal, (0.6, 0.2, 0.2))

x, target = shifted(train_part, length=100, step=2, ahead=1)
print("x", x.shape, "target", target.shape, "  (T, B, D): time first")
print("the last input of the first window :", x[-1, 0, 0])
print("its target, one sample later       :", target[-1, 0, 0], "=", train_part[100])

# %% [markdown]
# ## 2. Two networks, one slip
#
# A well-known notebook takes as target the sample at `start + length + 1`. Count: the window ends at
# `start + length - 1`, so that is not the next sample but the one after it. Below, one network is trained
# with the next sample (`ahead=1`) and one with the slip (`ahead=2`). Only the last step of each window has
# a target.


# %%
def train(ahead: int) -> tuple[nl.Layer, float]:
    """A network of LSTM 16, 16 and its error on windows it has not seen."""
    data, dev = shifted(train_part, 100, step=2, ahead=ahead), shifted(dev_part, 100, ahead=ahead)
    net = sine.reference_network(np.random.default_rng(1))
    epochs, batch_size = (1, 64) if QUICK else (4, 64)
    updates = epochs * -(-data[0].shape[1] // batch_size)
    optimizer = nl.Adam(3e-3, clip_norm=1.0, schedule=nl.Cosine(updates, final=0.02))
    history = nl.fit(
        net,
        data,
        dev,
        loss=nl.losses.mse,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        warmup=99,
    )
    return net, history.validation_loss[-1]


right, right_error = train(ahead=1)
slipped, slipped_error = train(ahead=2)

# %% [markdown]
# **Guess before you look:** whose error is larger, and by how much? The noise alone is 0.02² = 4.0e-4.

# %%
print(f"error with the next sample as target: {right_error:.2e}")
print(f"error with the slipped target       : {slipped_error:.2e}")

# %% [markdown]
# The errors say nothing. Both networks solve the task they were given; nobody told the error which task was
# meant.
#
# ## 3. The free run
#
# Now each network gets 200 samples of truth and then only its own predictions, each written one sample
# after what it has heard.
#
# **Guess:** what will the slipped network's tone sound like? Too loud, too quiet, too high, too low, noise?

# %%
steps = 100 if QUICK else 800
truth = sine.sine_wave(sine.PRIMED + steps)
tones = {}
for name, net in (("right", right), ("slipped", slipped)):
    free = sine.run_free(net, truth[: sine.PRIMED], steps)
    tones[name] = sine.measure_tone(free[sine.PRIMED :])
    print(f"{name:<8} {tones[name]['frequency_error_ppm']:+8.0f} ppm in frequency", end=", ")
    print(f"{tones[name]['amplitude_error_percent']:+6.2f} % in amplitude")

# %% [markdown]
# Too high: the network says where the wave will be in two samples, and is written down after one. In the
# notebook's own setting the tone came out 4 % too fast, and its author concluded that the network "learns
# amplitude but not frequency". It had learnt both; the error metric could not see the slip, the free run can.
#
# (`numpylstm sine --recipe reference` repeats that setting; its free run is some per cent too fast as well.)

# %%
if not QUICK:
    assert abs(right_error - slipped_error) < 0.5e-4
    assert abs(tones["right"]["frequency_error_ppm"]) < 15_000
    assert tones["slipped"]["frequency_error_ppm"] > 20_000

# %% [markdown]
# ## 4. A network that holds the tone
#
# The right network is still off by a little, and in 5,000 samples a little becomes much. What helps:
#
# - a target at every step of the second half of a window of 200: the state that a free run lives in is
#   trained too, not only the state after exactly 100 samples from zero;
# - noise on the input that fades away: a network that is off the wave learns to come back to it;
# - a learning rate that falls to a hundredth: the last digits settle.
#
# **Guess:** how many of 5,000 samples will it be right for?

# %%
result = sine.run("default", seed=0, quick=QUICK)
ppm = result.figures["frequency_error_ppm"]
percent = result.figures["amplitude_error_percent"]
steps_alone = len(result.truth) - sine.PRIMED
print(f"frequency {ppm:+.1f} ppm, amplitude {percent:+.3f} % in {steps_alone} samples on its own")
quarter = 0.25e6 / max(abs(ppm), 1e-6)
print(
    f"at that rate it is a quarter period off after {quarter:.0f} periods; the run had {steps_alone // 100}"
)

# %%
figure = plots.sine(
    result.history,
    result.truth,
    result.free_run,
    sine.PRIMED,
    f"The tone held: {ppm:+.0f} ppm in frequency, {percent:+.2f} % in amplitude",
)
Path("runs").mkdir(exist_ok=True)
print("figure:", plots.save_figure(figure, "runs/09_sine.png"))
print(f"{time.perf_counter() - started:.0f} s")
if not QUICK:
    assert abs(ppm) < 1000
    assert abs(percent) < 1
print(f"claim: errors of {right_error:.2e} with the next sample as target, {slipped_error:.2e} with the slip")
slip = tones["slipped"]["frequency_error_ppm"]
print(f"claim: the slipped network's tone is {slip / 1e4:+.1f} % off in frequency")
print(f"claim: {steps_alone} samples alone: {ppm:+.0f} ppm in frequency, {percent:+.3f} % in amplitude")

# %% [markdown]
# ## What to try
#
# - `ahead=0`: the target is the last input itself. What is the free run now?
# - Take the noise out of the default recipe (`GaussianNoise(0.0)`). For which seeds does it still hold?
# - `step=1` in `train`: twice the windows. Does the right network's frequency get better, or its error?
