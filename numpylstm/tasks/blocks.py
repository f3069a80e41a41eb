"""The plain stack that separates a voice in blocks of 32 frames, and the seams that this leaves.

Three LSTM(385) and a dense sigmoid give a mask for each frame of magnitudes, 385 bins of a 768-point
transform. It is trained on sequences of 32 frames by SGD with momentum, and then run on sequences of 32
frames: its state begins at zero in each, and "the output changes every 32 frames". The loss does not show it.
The cure is to carry the state from block to block (`predict_in_blocks(..., carry=True)`), which is the same
as to run over the whole clip at once.

How strong the seams are says `audio.masks.seam_ratio`.
"""

from itertools import pairwise
from typing import Any

import numpy as np

from ..audio.masks import ratio_mask
from ..audio.stft import sine_window, stft
from ..history import History
from ..layers import LSTM, Dense, Sequential
from ..losses import mse
from ..optimizers import SGD
from ..training import fit

BLOCK = 32
"""Frames in a sequence."""

FRAME = 768
"""Samples in a frame, and so 385 bins. A frame begins half a frame after the one before it."""


def build_network(
    bins: int = FRAME // 2 + 1,
    hidden_size: int = 385,
    layers: int = 3,
    *,
    seed: int | np.random.Generator | None = None,
) -> Sequential:
    """The stack: magnitudes (T, B, bins) from 0 to 1 -> mask (T, B, bins)."""
    rng = np.random.default_rng(seed)
    widths = [bins] + [hidden_size] * layers
    cells = [LSTM(before, after) for before, after in pairwise(widths)]
    return Sequential(*cells, Dense(hidden_size, bins, activation="sigmoid"), dtype=np.float32, seed=rng)


def build_optimizer() -> SGD:
    """As the arrangement has it."""
    return SGD(0.5, momentum=0.95, decay=1e-5, clip_norm=0.1)


def magnitudes_and_mask(
    voice: np.ndarray, accompaniment: np.ndarray, frame: int = FRAME
) -> tuple[np.ndarray, np.ndarray]:
    """What the network sees of voice + accompaniment, and what it should say: both (T, ..., bins), 0 to 1.

    Args:
        voice, accompaniment: (samples, ...).

    Returns:
        Magnitudes in parts of the largest of each clip, and the oracle ratio mask, both float32.
    """
    window = sine_window(frame)
    v, a = (stft(signal, window, frame // 2) for signal in (voice, accompaniment))
    x = abs(v + a)
    largest = np.maximum(x.max(axis=(0, -1), keepdims=True), np.finfo(np.float32).tiny)
    return (x / largest).astype(np.float32), ratio_mask(v, a).astype(np.float32)


def train(
    net: Sequential,
    x: np.ndarray,
    target: np.ndarray,
    *,
    epochs: int,
    batch_size: int = 16,
    carry: bool = False,
    optimizer: Any = None,
    seed: int | np.random.Generator = 0,
    progress: bool = True,
) -> History:
    """Train on x and target (T, B, bins), in blocks of BLOCK frames; what is left at the end is not used.

    Args:
        carry: run along the clips in truncated BPTT, the state carried from block to block. Otherwise every
            block is a sequence of its own, from a zero state, and they come in any order.
        optimizer: None: `build_optimizer()`.
    """
    frames = len(x) // BLOCK * BLOCK
    data = x[:frames], target[:frames]
    if not carry:
        data = in_blocks(data[0]), in_blocks(data[1])
    return fit(
        net,
        data,
        loss=mse,
        optimizer=optimizer or build_optimizer(),
        epochs=epochs,
        batch_size=batch_size,
        truncation=BLOCK if carry else None,
        seed=seed,
        progress=progress,
    )


def in_blocks(x: np.ndarray, block: int = BLOCK) -> np.ndarray:
    """Every block of x (T, B, D) a sequence of its own: (block, T / block * B, D)."""
    T, B, D = x.shape
    return x.reshape(T // block, block, B, D).swapaxes(0, 1).reshape(block, T // block * B, D)


def predict_in_blocks(net: Sequential, x: np.ndarray, block: int = BLOCK, *, carry: bool) -> np.ndarray:
    """The mask (T, B, bins) of x (T, B, bins), block after block; the last may be shorter.

    Args:
        carry: whether a block begins with the state that the one before it ended with, or with zeros.
    """
    stream = net.stream(x.shape[1])
    masks = []
    for start in range(0, len(x), block):
        if not carry:
            stream.reset()
        masks.append(stream.process(x[start : start + block]))
    return np.concatenate(masks)
