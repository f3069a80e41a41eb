"""Audio files and the error-to-signal ratio."""

import math
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from numpylstm.audio import wav
from numpylstm.audio.esr import esr, esr_db
from numpylstm.audio.wav import AudioError

RATE = 22050  # Hz

PCM_FILES = [
    ("wav", "PCM_U8", 8),
    ("wav", "PCM_16", 16),
    ("wav", "PCM_24", 24),
    ("wav", "PCM_32", 32),
    ("flac", "PCM_S8", 8),
    ("flac", "PCM_16", 16),
    ("flac", "PCM_24", 24),
    ("aiff", "PCM_16", 16),
]


def noise(n: int, channels: int = 2, level: float = 0.9) -> np.ndarray:
    return np.random.default_rng(3).uniform(-level, level, (n, channels))


def wav_bytes(code: int, bits: int, data: bytes) -> bytes:
    """A mono WAV file written by hand, so that reading is not checked against libsndfile's own writing."""
    fmt = struct.pack("<HHIIHH", code, 1, RATE, RATE * bits // 8, bits // 8, bits)
    chunks = [b"WAVE", b"fmt ", struct.pack("<I", len(fmt)), fmt, b"data", struct.pack("<I", len(data)), data]
    content = b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


# ---------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    "code, bits, data, subtype, expected",
    [
        (1, 8, bytes([0, 128, 192, 255]), "PCM_U8", [-1, 0, 1 / 2, 127 / 128]),
        (1, 16, struct.pack("<4h", -32768, 0, 16384, 32767), "PCM_16", [-1, 0, 1 / 2, 1 - 2**-15]),
        (1, 24, b"\0\0\x80\0\0\0\0\0\x40\xff\xff\x7f", "PCM_24", [-1, 0, 1 / 2, 1 - 2**-23]),
        (1, 32, struct.pack("<4i", -(2**31), 0, 2**30, 2**31 - 1), "PCM_32", [-1, 0, 1 / 2, 1 - 2**-31]),
        (3, 32, struct.pack("<4f", -1.5, 0, 0.5, 3), "FLOAT", [-1.5, 0, 0.5, 3]),
        (3, 64, struct.pack("<4d", -1.5, 0, 0.1, 3), "DOUBLE", [-1.5, 0, 0.1, 3]),
    ],
)
def test_full_scale_is_one_whatever_the_subtype(tmp_path, code, bits, data, subtype, expected):
    (tmp_path / "a.wav").write_bytes(wav_bytes(code, bits, data))
    audio = wav.read(tmp_path / "a.wav")
    assert audio.samples.dtype == np.float64
    np.testing.assert_array_equal(audio.samples, np.array(expected)[:, np.newaxis])
    assert (audio.rate, audio.subtype, audio.format) == (RATE, subtype, "WAV")


def test_a_path_may_be_a_string(tmp_path):
    path = str(tmp_path / "Gitarre, sauber.wav")
    wav.write(path, noise(10), RATE)
    assert wav.read(path).samples.shape == (10, 2)


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("empty.wav", b"", "is an empty file"),
        ("text.wav", b"no audio at all " * 100, "cannot be read as audio"),
        ("header.wav", wav_bytes(1, 16, b"")[:30], "cannot be read as audio"),
        ("nothing.wav", wav_bytes(1, 16, b""), "holds no samples"),
        ("nan.wav", wav_bytes(3, 32, struct.pack("<2f", 0.5, math.nan)), "not finite"),
        ("inf.wav", wav_bytes(3, 64, struct.pack("<2d", 0.5, -math.inf)), "not finite"),
        ("samples.raw", bytes(100), "have no header"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AudioError, match=message) as caught:
        wav.read(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_and_directories_are_told_apart(tmp_path):
    with pytest.raises(AudioError, match=r"does not exist$"):
        wav.read(tmp_path / "missing.wav")
    with pytest.raises(AudioError, match="is a directory"):
        wav.read(tmp_path)


def test_a_flac_file_that_was_cut_off_is_refused(tmp_path):
    wav.write(tmp_path / "whole.flac", noise(100_000), RATE)
    content = (tmp_path / "whole.flac").read_bytes()
    (tmp_path / "half.flac").write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match="cannot be read as audio"):
        wav.read(tmp_path / "half.flac")


def test_a_flac_file_without_its_length_is_refused(tmp_path):
    wav.write(tmp_path / "piped.flac", noise(100), RATE)
    content = bytearray((tmp_path / "piped.flac").read_bytes())
    content[21] &= 0xF0  # the 36 bits of STREAMINFO's sample count; 0 means unknown
    content[22:26] = bytes(4)
    (tmp_path / "piped.flac").write_bytes(content)
    with pytest.raises(AudioError, match="does not state its length"):
        wav.read(tmp_path / "piped.flac")


def test_more_samples_than_fit_into_memory_are_refused(tmp_path, monkeypatch):
    def too_many(*arguments, **keywords):
        raise MemoryError

    wav.write(tmp_path / "huge.flac", noise(100), RATE)
    monkeypatch.setattr(sf.SoundFile, "read", too_many)
    with pytest.raises(AudioError, match=r"huge\.flac states more samples than fit"):
        wav.read(tmp_path / "huge.flac")


# ---------------------------------------------------------------------------------------------- writing


@pytest.mark.parametrize("extension, subtype, bits", PCM_FILES)
@pytest.mark.parametrize("channels", [1, 2])
def test_pcm_round_trips_within_half_a_step_and_then_exactly(tmp_path, extension, subtype, bits, channels):
    path, x = tmp_path / f"a.{extension}", noise(1000, channels)
    assert wav.write(path, x, RATE, subtype) == 0
    first = wav.read(path)
    assert (first.rate, first.subtype, first.samples.shape) == (RATE, subtype, (1000, channels))
    step = 2.0 ** (1 - bits)
    assert np.abs(first.samples - x).max() <= step / 2

    wav.write(path, first.samples, RATE, subtype)
    np.testing.assert_array_equal(wav.read(path).samples, first.samples)


@pytest.mark.parametrize("extension, subtype, bits", PCM_FILES)
def test_what_is_too_loud_is_clipped_and_counted_and_never_wraps_around(tmp_path, extension, subtype, bits):
    step = 2.0 ** (1 - bits)
    x = np.array([0.0, 1.0 - step, 1.0, 1.0 + step, 1e9, -1.0, -1.0 - step, -1e9])
    clipped = wav.write(tmp_path / f"a.{extension}", x, RATE, subtype)
    samples = wav.read(tmp_path / f"a.{extension}").samples[:, 0]
    np.testing.assert_array_equal(samples, [0.0] + [1.0 - step] * 4 + [-1.0] * 3)
    assert clipped == 5


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "ULAW", "VORBIS"])
def test_clipping_is_not_left_to_libsndfile(subtype):
    stored, clipped = wav._storable(np.array([[3.0, -3.0], [0.5, -1.0]]), subtype)
    bits = 16 if subtype == "PCM_16" else 24
    np.testing.assert_array_equal(stored, [[1.0 - 2.0 ** (1 - bits), -1.0], [0.5, -1.0]])
    assert clipped == 2


def test_the_last_half_step_below_full_scale_does_not_wrap_around(tmp_path):
    wav.write(tmp_path / "a.wav", np.array([1.0 - 1e-9]), RATE, "PCM_16")
    assert wav.read(tmp_path / "a.wav").samples[0, 0] == 1.0 - 2.0**-15


@pytest.mark.parametrize("subtype, dtype", [("FLOAT", np.float32), ("DOUBLE", np.float64)])
def test_float_files_hold_everything_exactly(tmp_path, subtype, dtype):
    x = noise(1000, 2, level=5.0).astype(dtype)
    assert wav.write(tmp_path / "a.wav", x, RATE, subtype) == 0
    audio = wav.read(tmp_path / "a.wav")
    assert audio.subtype == subtype
    np.testing.assert_array_equal(audio.samples, x)


@pytest.mark.parametrize(
    "extension, subtype, used",
    [
        ("wav", None, "PCM_24"),
        ("wav", "PCM_U8", "PCM_U8"),
        ("wav", "FLOAT", "FLOAT"),
        ("wav", "VORBIS", "PCM_24"),
        ("wav", "MPEG_LAYER_III", "PCM_24"),
        ("WAV", "PCM_16", "PCM_16"),
        ("flac", None, "PCM_24"),
        ("flac", "FLOAT", "PCM_24"),
        ("flac", "PCM_U8", "PCM_24"),
        ("flac", "PCM_16", "PCM_16"),
        ("aif", None, "PCM_24"),
        ("voc", "PCM_24", "PCM_16"),
        ("ogg", "PCM_16", "VORBIS"),
    ],
)
def test_the_subtype_is_the_one_asked_for_or_the_best_common_one(tmp_path, extension, subtype, used):
    wav.write(tmp_path / f"a.{extension}", noise(100), RATE, subtype)
    assert wav.read(tmp_path / f"a.{extension}").subtype == used


def test_a_signal_of_many_blocks_is_written_whole(tmp_path):
    x = noise(150_000, 1, level=1.5)
    assert len(x) > 2 * wav.BLOCK
    clipped = wav.write(tmp_path / "a.wav", x, RATE, "PCM_24")
    samples = wav.read(tmp_path / "a.wav").samples
    assert np.abs(samples - np.clip(x, -1, 1)).max() <= 2.0**-23
    assert clipped == np.count_nonzero(np.abs(x) > 1)


def test_minutes_of_vorbis_do_not_end_the_process(tmp_path):
    n = 100 * 44100
    wav.write(tmp_path / "long.ogg", np.zeros(n, dtype=np.float32), 44100)
    assert sf.info(tmp_path / "long.ogg").frames == n


@pytest.mark.parametrize("name", ["a", "a.txt", "a.raw", "a.sd2"])
def test_an_unknown_extension_is_answered_with_those_that_are_known(tmp_path, name):
    with pytest.raises(AudioError, match=r"known audio format \(.*\.flac.*\.wav.*\)$"):
        wav.write(tmp_path / name, noise(10), RATE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "samples, rate, subtype, message",
    [
        (np.zeros((0, 1)), RATE, None, r"got \(0, 1\)"),
        (np.zeros((2, 3, 4)), RATE, None, r"got \(2, 3, 4\)"),
        (np.array([0.0, np.nan]), RATE, None, "not all finite"),
        (np.array([0, 20000], dtype=np.int16), RATE, None, "got int16"),
        (np.array([0j]), RATE, None, "got complex128"),
        (noise(10), RATE, "PCM16", "no subtype PCM16"),
        (noise(10, 9), RATE, None, r"9 channel\(s\)"),
        (noise(10), 0, None, "at 0 Hz"),
    ],
)
def test_what_cannot_be_written_leaves_the_file_as_it_was(tmp_path, samples, rate, subtype, message):
    path = tmp_path / "a.flac"
    path.write_bytes(b"old")
    with pytest.raises(AudioError, match=message) as caught:
        wav.write(path, samples, rate, subtype)
    assert "tmp-" not in str(caught.value)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.flac"]


def test_a_missing_directory_is_said_as_such(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        wav.write(tmp_path / "missing" / "a.wav", noise(10), RATE)


def test_writing_does_not_change_the_samples(tmp_path):
    x = noise(100, 1, level=2.0)
    before = x.copy()
    wav.write(tmp_path / "a.wav", x, RATE, "PCM_16")
    np.testing.assert_array_equal(x, before)


# ---------------------------------------------------------------------------------------------- signals


def test_mono_is_the_mean_of_the_channels():
    np.testing.assert_array_equal(wav.mono(np.array([[1.0, 0.0], [0.5, -0.5], [1.0, 1.0]])), [0.5, 0.0, 1.0])
    np.testing.assert_array_equal(wav.mono(np.array([[0.25], [0.5]])), [0.25, 0.5])
    np.testing.assert_array_equal(wav.mono(np.array([0.25, 0.5])), [0.25, 0.5])
    for shape in [(2, 3, 4), (5, 0), ()]:
        with pytest.raises(AudioError, match="expected samples of shape"):
            wav.mono(np.zeros(shape))


def test_silence_is_refused_and_a_whisper_is_not():
    path = Path("take 1.wav")
    for samples in (np.zeros((10, 2)), np.full(10, -0.99e-6), np.zeros((0, 1))):
        with pytest.raises(AudioError, match=r"^take 1\.wav is silent"):
            wav.check_usable(samples, path)
    wav.check_usable(np.array([0.0, -1.01e-6]), path)


# ---------------------------------------------------------------------------------------------- ESR


def test_esr_by_hand():
    # errors 1, 0, -2: energy 5; target energy 1 + 4 + 0
    assert esr([0.0, 2.0, 2.0], [1.0, 2.0, 0.0]) == 1.0
    assert esr([[0.0], [1.0]], [[0.0], [2.0]]) == 0.25
    assert esr_db([1.0, 9.0], [1.0, 10.0]) == pytest.approx(10 * math.log10(1 / 101))


@settings(derandomize=True, deadline=None)
@given(st.floats(-3, 3), st.lists(st.floats(-1, 1), min_size=1, max_size=20))
def test_esr_of_a_copy_that_is_too_loud_is_the_square_of_the_excess(gain, target):
    target = np.array([1.0, *target])
    assert esr(gain * target, target) == pytest.approx((1 - gain) ** 2)


def test_silence_scores_0_db_and_a_perfect_copy_minus_infinity():
    target = noise(100)
    assert esr_db(np.zeros_like(target), target) == 0.0
    assert esr(target, target) == 0.0
    assert esr_db(target, target) == -math.inf
    assert math.isnan(esr_db(np.full_like(target, np.nan), target))


def test_esr_sums_in_float64():
    target, y = (noise(1000)[:, k].astype(np.float32) for k in (0, 1))
    error = math.fsum((t - v) ** 2 for t, v in zip(target.tolist(), y.tolist(), strict=True))
    assert esr(y, target) == pytest.approx(error / math.fsum(t * t for t in target.tolist()), rel=1e-13)


def test_esr_refuses_what_it_cannot_compare():
    with pytest.raises(ValueError, match=r"got \(3,\) and \(3, 1\)"):
        esr(np.ones(3), np.ones((3, 1)))
    for target in (np.zeros(3), np.zeros(0)):
        with pytest.raises(ValueError, match="not silent"):
            esr_db(np.ones_like(target), target)


# ------------------------------------------------------------------------------------------- in blocks


@pytest.mark.parametrize("channels", [1, 2])
def test_sound_in_blocks_is_written_as_the_whole_is(tmp_path, channels):
    x = noise(10_000, channels, level=1.2)
    clipped = wav.write(tmp_path / "whole.wav", x, RATE)
    blocks = iter(np.split(x, [1, 500, 9000]))
    assert wav.write_blocks(tmp_path / "blocks.wav", blocks, RATE, channels=channels) == clipped > 0
    assert (tmp_path / "blocks.wav").read_bytes() == (tmp_path / "whole.wav").read_bytes()


def test_what_making_the_blocks_raises_leaves_the_file_as_it_was(tmp_path):
    def blocks():
        yield noise(100, 1)
        raise ValueError("no more")

    (tmp_path / "a.wav").write_bytes(b"old")
    with pytest.raises(ValueError, match=r"^no more$"):
        wav.write_blocks(tmp_path / "a.wav", blocks(), RATE)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.wav", b"old")]


@pytest.mark.parametrize(
    "blocks, message",
    [
        ([], "expected samples for .*, got none"),
        ([noise(9, 1), noise(9, 2)], r"expected 1 channel\(s\) for .*, got 2"),
        ([noise(9, 1), np.array([np.nan])], "not all finite"),
    ],
)
def test_blocks_that_cannot_be_written_leave_nothing(tmp_path, blocks, message):
    with pytest.raises(AudioError, match=message):
        wav.write_blocks(tmp_path / "a.wav", blocks, RATE)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_cannot_be_written_is_refused_before_the_first_block(tmp_path):
    made = []
    with pytest.raises(wav.AudioError, match="extension"):
        wav.write_blocks(tmp_path / "a.xyz", (made.append(k) or np.zeros(1) for k in range(9)), 8000)
    assert made == []


# -------------------------------------------------------------------------------------------- in parts


@pytest.mark.parametrize("extension, subtype", [("wav", "PCM_24"), ("flac", "PCM_16"), ("wav", "FLOAT")])
def test_parts_of_a_file_are_those_of_the_whole_in_any_order(tmp_path, extension, subtype):
    path = tmp_path / f"a.{extension}"
    wav.write(path, noise(5000), RATE, subtype)
    whole = wav.read(path)
    with wav.Reader(path) as sound:
        about = (sound.length, sound.channels, sound.rate, sound.subtype, sound.format)
        assert about == (5000, 2, RATE, whole.subtype, whole.format)
        for start, stop in (
            (4000, 5000),
            (0, 3),
            (3, 3000),
            (2999, 3001),
            (100, 100),
            (5000, 5000),
            (0, 5000),
        ):
            part = sound.read(start, stop)
            assert part.dtype == float and part.shape == (stop - start, 2)
            np.testing.assert_array_equal(part, whole.samples[start:stop])


def test_what_is_not_finite_is_refused_where_it_is_read(tmp_path):
    samples = noise(900, 1)
    samples[600] = np.nan
    sf.write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")
    with wav.Reader(tmp_path / "a.wav") as sound:
        assert sound.read(0, 600).shape == (600, 1)
        with pytest.raises(AudioError, match="not finite"):
            sound.read(300, 900)


def test_a_file_that_was_cut_off_is_as_long_as_what_is_left_of_it(tmp_path):
    path = tmp_path / "a.wav"
    wav.write(path, noise(1000, 1), RATE, "PCM_16")
    whole = wav.read(path).samples
    path.write_bytes(path.read_bytes()[:-1000])
    with wav.Reader(path) as sound:
        assert sound.length == 500
        np.testing.assert_array_equal(sound.read(0, sound.length), whole[:500])


def test_reading_in_parts_takes_the_memory_of_a_part(tmp_path):
    path = tmp_path / "a.wav"
    wav.write(path, noise(400_000, 2), RATE, "PCM_16")
    with wav.Reader(path) as sound:
        tracemalloc.start()
        for start in range(0, sound.length, 4000):
            sound.read(start, start + 4000)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 10 * 4000 * 2 * 8, "of 6.4 MB in all"


def test_a_reader_lets_go_of_its_file(tmp_path):
    wav.write(tmp_path / "a.wav", noise(100), RATE)
    with wav.Reader(tmp_path / "a.wav") as sound:
        pass
    with pytest.raises(AudioError):
        sound.read(0, 10)
