"""Windows, splits, MNIST files, the plucked string."""

import gzip
import math
import runpy
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from numpylstm.audio import wav
from numpylstm.datasets import (
    load_mnist,
    plucked_string,
    random_batch,
    read_idx,
    shifted,
    shifted_batch,
    split,
    split_examples,
    windows,
)
from numpylstm.datasets.plucked import _pluck

DATA = Path(__file__).parents[1] / "data"

derandomized = settings(derandomize=True, deadline=None, max_examples=60)


def numbered(n: int, features: int = 1) -> np.ndarray:
    """A signal (n, features) whose every sample is its own index, so that a slip shows."""
    return np.arange(n)[:, np.newaxis] + 1000.0 * np.arange(features)


@st.composite
def cuts(draw):
    """(signal, length, step, ahead) that fit each other."""
    length, step, ahead = draw(st.integers(1, 8)), draw(st.integers(1, 5)), draw(st.integers(0, 4))
    n = draw(st.integers(length + ahead, length + ahead + 20))
    return numbered(n, draw(st.integers(1, 3))), length, step, ahead


# ---------------------------------------------------------------------------------------------- windows


@derandomized
@given(cuts())
def test_windows_hold_the_stated_samples(cut):
    signal, length, step, _ = cut
    result = windows(signal, length, step)
    count = (len(signal) - length) // step + 1
    assert result.shape == (length, count, signal.shape[1])
    for t in range(length):
        for k in range(count):
            np.testing.assert_array_equal(result[t, k], signal[k * step + t])


@derandomized
@given(cuts())
def test_the_target_of_every_step_lies_ahead_samples_later(cut):
    signal, length, step, ahead = cut
    x, target = shifted(signal, length, step, ahead)
    np.testing.assert_array_equal(target, x + ahead)
    count = (len(signal) - length - ahead) // step + 1
    assert x.shape == target.shape == (length, count, signal.shape[1])
    np.testing.assert_array_equal(x[0, :, 0], step * np.arange(count))
    assert target.max() < 1000 * signal.shape[1]


def test_the_next_sample_is_the_default_target():
    x, target = shifted([10, 11, 12, 13, 14], 3)
    assert x[:, :, 0].T.tolist() == [[10, 11, 12], [11, 12, 13]]
    assert target[:, :, 0].T.tolist() == [[11, 12, 13], [12, 13, 14]]


def test_windows_are_views_that_cannot_be_written_to():
    signal = numbered(100)
    for view in (windows(signal, 10), *shifted(signal, 10)):
        assert np.shares_memory(view, signal)
        with pytest.raises(ValueError, match="read-only"):
            view[0, 0, 0] = 1.0


@derandomized
@given(cuts(), st.integers(1, 4), st.integers(0, 2**32))
def test_a_shifted_batch_is_one_start_and_its_neighbours(cut, batch, seed):
    signal, length, step, ahead = cut
    signal = numbered(len(signal) + (batch - 1) * step, signal.shape[1])
    x, target = shifted_batch(signal, length, batch, np.random.default_rng(seed), step, ahead)
    assert x.shape == target.shape == (length, batch, signal.shape[1])
    start = int(x[0, 0, 0])
    expected = start + step * np.arange(batch) + np.arange(length)[:, np.newaxis]
    np.testing.assert_array_equal(x[:, :, 0], expected)
    np.testing.assert_array_equal(x, signal[x[:, :, 0].astype(int)])
    np.testing.assert_array_equal(target, x + ahead)


@derandomized
@given(cuts(), st.integers(1, 4), st.integers(0, 2**32))
def test_a_random_batch_holds_whole_windows(cut, batch, seed):
    signal, length, _, ahead = cut
    x, target = random_batch(signal, length, batch, np.random.default_rng(seed), ahead)
    assert x.shape == target.shape == (length, batch, signal.shape[1])
    np.testing.assert_array_equal(x[:, :, 0], x[0, :, 0] + np.arange(length)[:, np.newaxis])
    np.testing.assert_array_equal(x, signal[x[:, :, 0].astype(int)])
    np.testing.assert_array_equal(target, x + ahead)


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_every_possible_start_is_drawn_and_no_other(ahead):
    signal, rng = numbered(12), np.random.default_rng(0)
    possible = set(range(12 - 4 - ahead + 1))
    assert {int(start) for start in random_batch(signal, 4, 300, rng, ahead)[0][0, :, 0]} == possible
    assert {int(shifted_batch(signal, 4, 1, rng, 1, ahead)[0][0, 0, 0]) for _ in range(300)} == possible
    spanning = {int(shifted_batch(signal, 4, 2, rng, 3, ahead)[0][0, 0, 0]) for _ in range(300)}
    assert spanning == set(range(12 - 3 - 4 - ahead + 1))


def test_batches_come_from_the_generator_alone_and_belong_to_the_caller():
    signal = numbered(100)
    for draw in (shifted_batch, random_batch):
        first, second = (draw(signal, 5, 3, np.random.default_rng(7)) for _ in range(2))
        np.testing.assert_array_equal(first, second)
        first[0][:] = -1.0
        assert first[0].flags.c_contiguous
        np.testing.assert_array_equal(signal, numbered(100))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda rng: windows(np.zeros(4), 5), "window of 5 samples does not fit into a signal of 4"),
        (lambda rng: windows(np.zeros(0), 1), "does not fit into a signal of 0"),
        (lambda rng: windows(np.zeros((4, 2, 2)), 1), r"\(n,\) or \(n, D\), got \(4, 2, 2\)"),
        (lambda rng: windows(np.zeros(4), 0), "length of at least 1, got 0"),
        (lambda rng: windows(np.zeros(4), 2, 0), "step of at least 1, got 0"),
        (lambda rng: shifted(np.zeros(4), 4), "window of 4 samples and its target 1 ahead"),
        (lambda rng: shifted(np.zeros(4), 2, ahead=9), "its target 9 ahead"),
        (lambda rng: shifted(np.zeros(4), 2, ahead=-1), "ahead of at least 0, got -1"),
        (lambda rng: shifted_batch(np.zeros(8), 4, 5, rng), "need 9 samples; the signal has 8"),
        (lambda rng: shifted_batch(np.zeros(8), 4, 0, rng), "batch of at least 1, got 0"),
        (lambda rng: shifted_batch(np.zeros(8), 4, 1, rng, ahead=-1), "ahead of at least 0"),
        (lambda rng: random_batch(np.zeros(4), 4, 2, rng), "do not fit into a signal of 4"),
        (lambda rng: random_batch(np.zeros(8), 4, 0, rng), "batch of at least 1, got 0"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0))


# ---------------------------------------------------------------------------------------------- splits


@derandomized
@given(st.integers(20, 500), st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_pieces_are_contiguous_and_use_the_whole_signal(n, weights):
    fractions = [weight / sum(weights) for weight in weights]
    signal = numbered(n, 2)
    if min(fractions) * n < 1:
        return  # a piece may be empty
    pieces = split(signal, fractions)
    assert len(pieces) == len(fractions)
    np.testing.assert_array_equal(np.concatenate(pieces), signal)
    for piece, fraction in zip(pieces, fractions, strict=True):
        assert abs(len(piece) - fraction * n) < 1 + 1e-9
        assert np.shares_memory(piece, signal)


@derandomized
@given(st.integers(50, 300), st.integers(1, 10))
def test_windows_of_different_pieces_share_no_sample(n, length):
    seen = [set(windows(piece, length).ravel().tolist()) for piece in split(np.arange(n))]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])


@derandomized
@given(st.integers(20, 300), st.integers(0, 2**32))
def test_examples_are_dealt_out_once_each(n, seed):
    pieces = split_examples(n, (0.7, 0.2, 0.1), np.random.default_rng(seed))
    assert [len(piece) for piece in pieces] == [len(piece) for piece in split(np.arange(n), (0.7, 0.2, 0.1))]
    assert sorted(np.concatenate(pieces).tolist()) == list(range(n))


def test_examples_are_shuffled():
    first, second = split_examples(1000, (0.5, 0.5), np.random.default_rng(1))
    assert 200 < np.count_nonzero(first < 500) < 300
    assert np.count_nonzero(np.diff(first) > 0) < 300
    again, _ = split_examples(1000, (0.5, 0.5), np.random.default_rng(1))
    np.testing.assert_array_equal(first, again)
    assert second.dtype == np.int64


@pytest.mark.parametrize(
    "n, fractions, sizes",
    [
        (10, (0.6, 0.2, 0.2), [6, 2, 2]),
        (10, (0.7, 0.2, 0.1), [7, 2, 1]),  # as floats these sum to just below 1
        (100, (0.29, 0.71), [29, 71]),  # 100 * 0.29 is just below 29
        (11, (0.5, 0.5), [5, 6]),
        (10, (0.55, 0.2), [5, 2]),
        (7, (1.0,), [7]),
        (9, (1 / 3, 1 / 3, 1 / 3), [3, 3, 3]),
    ],
)
def test_sizes_are_rounded_down_at_each_boundary(n, fractions, sizes):
    assert [len(piece) for piece in split(np.zeros(n), fractions)] == sizes


@pytest.mark.parametrize(
    "fractions, message",
    [
        ((0.6, 0.5), r"\(0.6, 0.5\) sum to more than 1"),
        ((0.5, 0.0), "fractions above 0"),
        ((0.5, -0.1), "fractions above 0"),
        ((0.5, math.nan), "fractions above 0"),
        ((), "fractions above 0"),
        ((0.9, 0.01), "fraction 0.01 of 10 is an empty piece"),
    ],
)
def test_fractions_that_cannot_be(fractions, message):
    with pytest.raises(ValueError, match=message):
        split(np.zeros(10), fractions)
    with pytest.raises(ValueError, match=message):
        split_examples(10, fractions, np.random.default_rng(0))


def test_a_number_cannot_be_split():
    with pytest.raises(ValueError, match="single number"):
        split(np.float64(3.0))


# ---------------------------------------------------------------------------------------------- IDX and MNIST

CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}


def idx_bytes(array: np.ndarray) -> bytes:
    header = bytes([0, 0, CODES[array.dtype.name], array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def test_an_idx_file_by_hand(tmp_path):
    (tmp_path / "a").write_bytes(b"\0\0\x0b\x02\0\0\0\x01\0\0\0\x03\0\x01\x01\0\xff\xfe")
    result = read_idx(tmp_path / "a")
    assert result.dtype == np.dtype("int16") and result.dtype.isnative
    np.testing.assert_array_equal(result, [[1, 256, -2]])


@derandomized
@given(
    array=st.sampled_from(sorted(CODES)).flatmap(
        lambda name: hnp.arrays(np.dtype(name), hnp.array_shapes(max_dims=4, max_side=5))
    ),
    compressed=st.booleans(),
)
def test_idx_files_round_trip(tmp_path_factory, array, compressed):
    path = tmp_path_factory.mktemp("idx") / ("plain-name" if compressed else "misleading.gz")
    path.write_bytes(gzip.compress(idx_bytes(array)) if compressed else idx_bytes(array))
    result = read_idx(path)
    assert result.dtype == array.dtype and result.dtype.isnative and result.flags.writeable
    np.testing.assert_array_equal(result, array)


GOOD = idx_bytes(np.arange(12, dtype=np.uint8).reshape(3, 4))
HUGE = b"\0\0\x0e\x03" + b"\xff" * 12  # 2^99 bytes


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "not an IDX file"),
        (b"\0\0\x08", "not an IDX file"),
        (b"\x80\x04K\x01.", "not an IDX file"),
        (b"\0\x01\x08\x01" + bytes(20), "not an IDX file"),
        (b"\0\0\x0a\x01\0\0\0\x01\0", "not an IDX file"),
        (b"\0\0\x08\x00\x07", "states 0 dimensions"),
        (b"\0\0\x08\xff" + bytes(4 * 255), "states 255 dimensions"),
        (GOOD[:9], "ends within its header"),
        (b"\0\0\x08\x02" + struct.pack(">II", 0, 2**32 - 1), r"shape \(0, 4294967295\), which holds nothing"),
        (GOOD[:-1], "cut off: .* needs 12 bytes, it has 11"),
        (GOOD + b"\0", "more than the 12 bytes"),
        (HUGE + bytes(100), "cut off: .* it has 100"),
        (b"\0\0\x08\x03" + struct.pack(">III", 2**31, 2**31, 4), "needs 18446744073709551616 bytes"),  # 2^64
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_idx_files_are_refused(tmp_path, content, message, compressed):
    path = tmp_path / "damaged"
    path.write_bytes(gzip.compress(content) if compressed else content)
    with pytest.raises(ValueError, match=message) as caught:
        read_idx(path)
    assert "damaged" in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-9],  # cut off
        lambda data: data[:-8] + b"\0\0\0\0" + data[-4:],  # another check sum
        lambda data: data[:10] + b"\xff" * 8,  # no compressed data
        lambda data: data + b"more",
    ],
)
def test_damaged_gzip_files_are_refused(tmp_path, damage):
    (tmp_path / "a").write_bytes(damage(gzip.compress(GOOD)))
    with pytest.raises(ValueError, match="damaged gzip file"):
        read_idx(tmp_path / "a")


def test_a_missing_idx_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "missing")


def digits(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 28, 28), dtype=np.uint8), rng.integers(0, 10, n, dtype=np.uint8)


def put(directory: Path, part: str, images: np.ndarray, labels: np.ndarray, separator="-", gz=True) -> None:
    ending = ".gz" if gz else ""
    pack = gzip.compress if gz else bytes
    (directory / f"{part}-images{separator}idx3-ubyte{ending}").write_bytes(pack(idx_bytes(images)))
    (directory / f"{part}-labels{separator}idx1-ubyte{ending}").write_bytes(pack(idx_bytes(labels)))


@pytest.mark.parametrize("separator", ["-", "."])
@pytest.mark.parametrize("gz", [False, True])
def test_mnist_with_its_test_set(tmp_path, separator, gz):
    train, test = digits(20, 1), digits(6, 2)
    put(tmp_path, "train", *train, separator, gz)
    put(tmp_path, "t10k", *test, separator, gz)
    result = load_mnist(tmp_path)
    for (images, labels), (pixels, digit) in (
        ((result.train_images, result.train_labels), train),
        ((result.test_images, result.test_labels), test),
    ):
        assert images.dtype == np.float32 and labels.dtype == np.int64
        np.testing.assert_array_equal(images, (pixels.reshape(-1, 784) / 255).astype(np.float32))
        np.testing.assert_array_equal(labels, digit)
    assert "t10k files" in result.source and "held out" not in result.source


def test_mnist_without_its_test_set_holds_out_the_last_examples(tmp_path):
    images, labels = digits(20, 1)
    put(tmp_path, "train", images, labels)
    result = load_mnist(tmp_path, held_out=5)
    assert result.train_images.shape == (15, 784) and result.test_images.shape == (5, 784)
    np.testing.assert_array_equal(result.train_labels, labels[:15])
    np.testing.assert_array_equal(result.test_labels, labels[15:])
    np.testing.assert_array_equal(result.test_images, (images[15:].reshape(-1, 784) / 255).astype(np.float32))
    assert "last 5 training examples" in result.source and "no t10k" in result.source


@pytest.mark.parametrize("held_out", [0, 20, 10_000, -1])
def test_something_must_be_left_on_either_side(tmp_path, held_out):
    put(tmp_path, "train", *digits(20, 1))
    with pytest.raises(ValueError, match=f"held_out from 1 to 19, got {held_out}"):
        load_mnist(tmp_path, held_out=held_out)


def test_missing_mnist_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        load_mnist(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match="no file train-images-idx3-ubyte"):
        load_mnist(tmp_path)
    put(tmp_path, "train", *digits(4, 1))
    put(tmp_path, "t10k", *digits(4, 1))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match="no file t10k-labels-idx1-ubyte"):
        load_mnist(tmp_path)


@pytest.mark.parametrize(
    "images, labels, message",
    [
        (np.zeros((4, 27, 28), np.uint8), np.zeros(4, np.uint8), r"got uint8 of shape \(4, 27, 28\)"),
        (np.zeros((4, 784), np.uint8), np.zeros(4, np.uint8), r"got uint8 of shape \(4, 784\)"),
        (np.zeros((4, 28, 28), np.float32), np.zeros(4, np.uint8), "got float32"),
        (np.zeros((4, 28, 28), np.uint8), np.zeros(5, np.uint8), r"expected 4 uint8 labels .* shape \(5,\)"),
        (np.zeros((4, 28, 28), np.uint8), np.zeros(4, np.int32), "got int32"),
        (np.zeros((4, 28, 28), np.uint8), np.full(4, 10, np.uint8), "from 0 to 9 .* got 10"),
    ],
)
def test_images_and_labels_must_fit_together(tmp_path, images, labels, message):
    put(tmp_path, "train", images, labels)
    with pytest.raises(ValueError, match=message):
        load_mnist(tmp_path, held_out=1)


# ---------------------------------------------------------------------------------------------- the string


def test_the_recording_is_what_its_script_makes(tmp_path):
    made = runpy.run_path(str(DATA / "make_plucked_string.py"))["main"]
    made(["--out", str(tmp_path / "again.flac")])
    kept, again = wav.read(DATA / "plucked_string.flac"), wav.read(tmp_path / "again.flac")
    assert kept[1:] == again[1:] == (16000, "PCM_16", "FLAC")
    assert kept.samples.shape == again.samples.shape == (96000, 1)
    assert np.abs(kept.samples - again.samples).max() <= 2.0**-15
    assert (DATA / "plucked_string.flac").stat().st_size < 200_000


def test_the_string_varies_decays_and_ends_in_sound():
    sound = plucked_string()
    assert sound.shape == (96000,) and sound.dtype == np.float64
    assert np.abs(sound).max() == pytest.approx(0.7)
    level = 10 * np.log10(np.mean(sound.reshape(24, 4000) ** 2, axis=1))  # dB in each quarter of a second
    assert (level > -40).all()
    plucked, ringing = level[0::2], level[1::2]
    assert (plucked - ringing > 5).all()
    assert np.ptp(plucked) > 6


def test_the_string_is_the_equation_step_by_step():
    rate, frequency, n = 8000, 200.0, 400
    y = _pluck(n, frequency, rate, np.random.default_rng(2))
    N = 40  # 8000 Hz / 200 Hz, less the half sample of the low-pass filter, to the nearest: 39.5 -> 40
    g = 10.0 ** (-3.0 * (N + 0.5) / rate / 4.0)
    x = np.random.default_rng(2).uniform(-1.0, 1.0, N)
    expected = np.concatenate([x - x.mean(), np.zeros(n - N)])
    for t in range(N, n):
        before = expected[t - N - 1] if t > N else 0.0
        expected[t] += g * (expected[t - N] + before) / 2
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("frequency", [55.0, 98.0, 220.0])
def test_the_string_sounds_at_its_frequency(frequency):
    rate = 48000
    y = _pluck(rate // 2, frequency, rate, np.random.default_rng(0))[rate // 4 :]
    spectrum = np.abs(np.fft.rfft(y * np.hanning(len(y)), 1 << 19))
    hertz = np.fft.rfftfreq(1 << 19, 1 / rate)
    for partial in (1, 2, 3):
        near = np.abs(hertz - partial * frequency) < frequency / 2
        peak = hertz[near][np.argmax(spectrum[near])]
        assert peak == pytest.approx(partial * frequency, rel=0.004)  # 7 cents: N is a whole number


def test_the_string_goes_by_seed_seconds_and_rate():
    np.testing.assert_array_equal(plucked_string(1.0), plucked_string(1.0))
    assert np.abs(plucked_string(1.0) - plucked_string(1.0, seed=1)).max() > 0.1
    assert plucked_string(0.3, 44100).shape == (13230,)
    assert plucked_string(1 / 16000).shape == (1,)
    for arguments in [(0.0, 16000), (-1.0, 16000), (1.0, 1999)]:
        with pytest.raises(ValueError, match="at least 2000 Hz and one sample"):
            plucked_string(*arguments)
