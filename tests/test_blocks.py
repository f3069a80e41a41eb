"""The stack run in blocks: the arrangement, its layout, and seams where the state is thrown away."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

from numpylstm import LSTM, Adam
from numpylstm.audio.masks import seam_ratio
from numpylstm.datasets import plucked_melodies, plucked_string
from numpylstm.tasks import blocks


def material(clips: int, frames: int, seed: int, frame: int = 100) -> tuple[np.ndarray, np.ndarray]:
    """Magnitudes and masks (frames, clips, 51) of a melody and a string at 4,000 Hz."""
    rng, samples = np.random.default_rng(seed), frames * frame // 2
    sounds = []
    for clip in range(clips):
        seconds = samples / 4000 + 1
        pair = (player(seconds, 4000, seed + clip) for player in (plucked_melodies, plucked_string))
        sounds.append([sound[start : start + samples] for sound in pair for start in [rng.integers(4000)]])
    x, mask = blocks.magnitudes_and_mask(*np.transpose(sounds, (1, 2, 0)), frame)
    return x[:frames], mask[:frames]


def seams(masks: np.ndarray) -> float:
    return seam_ratio(list(masks.swapaxes(0, 1)), blocks.BLOCK)


def test_the_arrangement_is_the_one_that_was_published():
    net, optimizer = blocks.build_network(seed=0), blocks.build_optimizer()
    lstms = [layer for layer in net.layers if isinstance(layer, LSTM)]
    assert [(layer.input_size, layer.hidden_size) for layer in lstms] == [(385, 385)] * 3
    assert (optimizer.lr, optimizer.momentum, optimizer.decay, optimizer.clip_norm) == (0.5, 0.95, 1e-5, 0.1)
    y = net.predict(np.random.default_rng(0).random((2, 1, 385), np.float32))
    assert y.shape == (2, 1, 385) and y.dtype == np.float32 and ((y > 0) & (y < 1)).all()


def test_magnitudes_and_masks_lie_from_0_to_1():
    x, mask = material(3, 40, seed=0)
    assert x.shape == mask.shape == (40, 3, 51) and x.dtype == mask.dtype == np.float32
    assert x.min() >= 0 and mask.min() >= 0 and mask.max() <= 1
    np.testing.assert_array_equal(blocks.magnitudes_and_mask(np.zeros(500), np.zeros(500), 100)[0], 0)
    louder, _ = blocks.magnitudes_and_mask(np.ones((500, 2)) * [1, 9], np.zeros((500, 2)), 100)
    np.testing.assert_allclose(louder.max(axis=(0, 2)), 1, err_msg="each clip by its own largest")


def test_every_block_becomes_a_sequence():
    x = np.arange(6 * 2).reshape(6, 2, 1)
    assert blocks.in_blocks(x, 3)[:, :, 0].T.tolist() == [[0, 2, 4], [1, 3, 5], [6, 8, 10], [7, 9, 11]]


@given(seeds, st.integers(1, 20), st.integers(1, 9))
def test_with_the_state_carried_blocks_of_any_length_give_the_whole(seed, frames, block):
    net = blocks.build_network(5, 4, 2, seed=seed)
    x = np.random.default_rng(seed).random((frames, 2, 5), np.float32)
    masks = blocks.predict_in_blocks(net, x, block, carry=True)
    np.testing.assert_allclose(masks, net.predict(x), rtol=0, atol=1e-6)


def test_with_the_state_reset_each_block_is_as_if_it_were_the_first():
    net = blocks.build_network(5, 4, 2, seed=0)
    x = np.random.default_rng(0).random((70, 2, 5), np.float32)
    masks = blocks.predict_in_blocks(net, x, carry=False)
    for start in (0, 32, 64):
        part = slice(start, start + 32)
        np.testing.assert_allclose(masks[part], net.predict(x[part]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("carry", [False, True], ids=["blocks", "carried"])
def test_a_trained_stack_has_seams_if_reset_and_none_if_carried(carry):
    x, target = material(16, 320, seed=0)
    x_dev, target_dev = material(16, 640, seed=500)
    net = blocks.build_network(51, 32, 2, seed=0)
    optimizer = Adam(1e-2, clip_norm=1)
    history = blocks.train(
        net, x, target, epochs=40, carry=carry, optimizer=optimizer, seed=0, progress=False
    )
    assert history.updates == 400
    assert history.train_loss[-1] < 0.4 * target.var(axis=(0, 1)).mean()
    reset, carried = (blocks.predict_in_blocks(net, x_dev, carry=choice) for choice in (False, True))
    assert seams(target_dev) == pytest.approx(1, abs=0.1)
    assert seams(reset) >= 1.5 and seams(carried) <= 1.1
    np.testing.assert_allclose(carried, net.predict(x_dev), rtol=0, atol=1e-5)
