"""Voices and accompaniments: every layout, laziness, lists of names, and folders that are refused."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from numpylstm.audio import wav
from numpylstm.datasets import Clip, load_stems, singer

RATE = 16_000
STEP = 2.0**-15  # of 16 bits


def tones(n: int = 800, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A voice and an accompaniment (n,) that 16 bits hold exactly."""
    voice, accompaniment = np.random.default_rng(seed).integers(-9000, 9000, (2, n)) * STEP
    return voice, accompaniment


def write(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str = "PCM_16") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sf.write(path, samples, rate, subtype=subtype)


def write_channels(folder: Path, *names: str, extension: str = "wav", rate: int = RATE, n: int = 800) -> None:
    """Clips as MIR-1K has them, each with a voice and accompaniment of its own."""
    for seed, name in enumerate(names):
        voice, accompaniment = tones(n, seed)
        write(folder / f"{name}.{extension}", np.stack([accompaniment, voice], axis=1), rate)


def check(clip: Clip, name: str, seed: int = 0, n: int = 800) -> None:
    voice, accompaniment = tones(n, seed)
    assert clip.name == name and clip.rate == RATE
    np.testing.assert_array_equal(clip.voice, voice)
    np.testing.assert_array_equal(clip.accompaniment, accompaniment)
    np.testing.assert_array_equal(clip.mixture, voice + accompaniment)
    assert clip.voice.dtype == clip.accompaniment.dtype == float
    assert clip.voice.flags.c_contiguous and clip.accompaniment.flags.c_contiguous


# ---------------------------------------------------------------------------------------- the layouts


@pytest.mark.parametrize("extension", ["wav", "flac", "WAV"])
@pytest.mark.parametrize("inside", ["", "Wavfile"])
def test_mir_1k_and_ikala_have_the_accompaniment_left_and_the_voice_right(tmp_path, extension, inside):
    write_channels(tmp_path / inside, "amy_1_01", "abjones_1_02", extension=extension)
    if inside:  # MIR-1K comes with the whole songs beside the clips
        write_channels(tmp_path / "UndividedWavfile", "amy_1")
        (tmp_path / "readme.txt").write_text("about")
    stems = load_stems(tmp_path)
    assert stems.names == ("abjones_1_02", "amy_1_01")
    check(stems[0], "abjones_1_02", seed=1)
    check(stems[1], "amy_1_01", seed=0)


@pytest.mark.parametrize(
    "voice_name, accompaniment_name", [("voice", "accompaniment"), ("vocals", "no_vocals")]
)
@pytest.mark.parametrize("pattern", ["{name}/{stem}.wav", "{name}_{stem}.flac", "{name}/{stem}.flac"])
def test_pairs_of_stems_lie_in_folders_or_side_by_side(tmp_path, pattern, voice_name, accompaniment_name):
    for seed, name in enumerate(["b_side", "a"]):
        voice, accompaniment = tones(seed=seed)
        for stem, samples in (
            (voice_name, voice),
            (accompaniment_name, accompaniment),
            ("mixture", voice + accompaniment),
        ):
            write(tmp_path / pattern.format(name=name, stem=stem), samples)
    stems = load_stems(tmp_path)
    assert stems.names == ("a", "b_side")
    check(stems[0], "a", seed=1)
    check(stems[1], "b_side", seed=0)


def test_musdb_has_parts_that_add_up_to_the_accompaniment(tmp_path):
    voice, accompaniment = tones()
    for subset, name in (("train", "One - First"), ("test", "Two - Second #1")):
        folder = tmp_path / subset / name
        write(folder / "vocals.wav", np.stack([voice - STEP, voice + STEP], axis=1))
        write(folder / "bass.wav", np.stack([accompaniment, accompaniment], axis=1))
        write(folder / "drums.wav", np.stack([4 * STEP * np.ones(800)] * 2, axis=1))
        write(folder / "other.wav", -4 * STEP * np.ones(800))
        write(folder / "mixture.wav", np.zeros((3, 2)))
    stems = load_stems(tmp_path)
    assert stems.names == ("test/Two - Second #1", "train/One - First")
    assert stems.subsets == ("train", "test")
    check(stems[1], "train/One - First")
    (clip,) = stems.subset("test")
    check(clip, "test/Two - Second #1")
    (clip,) = load_stems(tmp_path / "test")
    check(clip, "Two - Second #1")
    with pytest.raises(ValueError, match=r"expected a subset among train, test, got 'dev'"):
        stems.subset("dev")


def test_a_whole_accompaniment_counts_and_not_the_parts_beside_it(tmp_path):
    voice, accompaniment = tones()
    for stem, samples in (("vocals", voice), ("no_vocals", accompaniment), ("drums", accompaniment)):
        write(tmp_path / "song" / f"{stem}.wav", samples)
    check(load_stems(tmp_path)[0], "song")


def test_subsets_may_be_of_any_layout(tmp_path):
    write_channels(tmp_path / "train", "amy_1_01")
    write_channels(tmp_path / "dev" / "Wavfile", "amy_1_01")
    assert load_stems(tmp_path).names == ("dev/amy_1_01", "train/amy_1_01")


def test_hidden_files_are_none(tmp_path):
    write_channels(tmp_path, "amy_1_01", "._amy_1_01")
    assert load_stems(tmp_path).names == ("amy_1_01",)


def test_a_layout_can_be_stated(tmp_path):
    write_channels(tmp_path, "amy_1_01")
    write(tmp_path / "song" / "voice.wav", tones()[0])
    write(tmp_path / "song" / "accompaniment.wav", tones()[1])
    with pytest.raises(ValueError, match=r"got channels \(amy_1_01\) and folders \(song\): say which"):
        load_stems(tmp_path)
    assert load_stems(tmp_path, "folders").names == ("song",)
    assert load_stems(tmp_path, layout="channels").names == ("amy_1_01",)
    with pytest.raises(ValueError, match="expected layout 'channels' or 'pairs' or 'folders', got 'mir1k'"):
        load_stems(tmp_path, "mir1k")


# ------------------------------------------------------------------------------------ lazy and bounded


def test_nothing_is_read_before_it_is_asked_for(tmp_path, monkeypatch):
    write_channels(tmp_path, "amy_1_01", "amy_1_02", "leon_1_01")
    read = []
    original = wav.read
    monkeypatch.setattr(wav, "read", lambda path: read.append(Path(path).stem) or original(path))
    stems = load_stems(tmp_path, names=["amy_1_02", "leon_1_01"])
    assert len(stems) == 2 and stems.names and stems.singers and stems[::-1] and stems.by("amy")
    assert "2 clips" in repr(stems) and not read
    assert stems[-1].name == "leon_1_01" and read == ["leon_1_01"]
    assert [clip.name for clip in stems] == ["amy_1_02", "leon_1_01"] and len(read) == 3
    with pytest.raises(IndexError):
        stems[2]


def test_going_through_many_clips_takes_the_memory_of_few(tmp_path):
    n, count = 100_000, 12
    write_channels(tmp_path, *(f"amy_1_{i:02}" for i in range(count)), n=n)
    stems = load_stems(tmp_path)
    one = 2 * 8 * n
    tracemalloc.start()
    try:
        for clip in stems:
            assert len(clip.voice) == n
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The clip before, the samples of the file, the clip made of them, and what checking them takes.
    assert peak < 4 * one < count * one / 2


def test_clips_come_at_the_rate_asked_for(tmp_path):
    n, t = 4410, np.arange(4410) / 44_100
    tone = 0.5 * np.sin(2 * np.pi * 440 * t)
    write(tmp_path / "10161_chorus.wav", np.stack([np.zeros(n), tone], axis=1), 44_100)
    assert load_stems(tmp_path)[0].rate == 44_100
    clip = load_stems(tmp_path, rate=16_000)[0]
    assert clip.rate == 16_000 and len(clip.voice) == len(clip.accompaniment) == 1600
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(1600) / 16_000)
    np.testing.assert_allclose(clip.voice[200:-200], expected[200:-200], atol=2e-3)
    assert not clip.accompaniment.any()
    assert load_stems(tmp_path, rate=16_000)[:1].rate == 16_000, "a part has the rate of the whole"
    with pytest.raises(ValueError, match="at least 1 Hz, got 0"):
        load_stems(tmp_path, rate=0)


# -------------------------------------------------------------------------------------- names and singers


def test_a_list_of_names_may_have_comments_extensions_and_folders(tmp_path):
    write_channels(tmp_path / "Wavfile", "amy_1_01", "amy_1_02", "amy_1_03", "leon_1_01")
    path = tmp_path / "list.txt"
    path.write_text(
        "\ufeffleon_1_01.wav\r\n\r\n  # the best:\r\nWavfile\\amy_1_02.WAV  # fine\r\n", encoding="utf-8"
    )
    for names in (path, str(path), ["leon_1_01", "amy_1_02"], ("amy_1_02.flac", "./leon_1_01")):
        assert load_stems(tmp_path, names=names).names == ("amy_1_02", "leon_1_01")


def test_a_sharp_in_a_title_is_no_comment(tmp_path):
    for name in ("Song #1", "Song"):
        write(tmp_path / name / "vocals.wav", tones()[0])
        write(tmp_path / name / "accompaniment.wav", tones()[1])
    assert load_stems(tmp_path, names=["Song #1"]).names == ("Song #1",)
    assert load_stems(tmp_path, names=["Song # one"]).names == ("Song",)


def test_a_name_in_two_subsets_needs_its_subset(tmp_path):
    write_channels(tmp_path / "train", "amy_1_01", "amy_1_02")
    write_channels(tmp_path / "test", "amy_1_01")
    names = load_stems(tmp_path, names=["test/amy_1_01", "amy_1_02"]).names
    assert names == ("test/amy_1_01", "train/amy_1_02")
    with pytest.raises(ValueError, match="1 of them are not there: amy_1_01"):
        load_stems(tmp_path, names=["amy_1_01"])


def test_a_list_that_does_not_fit_is_refused(tmp_path):
    write_channels(tmp_path, "amy_1_01", "amy_1_02")
    missing = ["amy_1_01", *(f"bug_1_{i:02}" for i in range(1, 8))]
    with pytest.raises(
        ValueError, match=r"the list in .*7 of them are not there: bug_1_01, bug_1_02, bug_1_03 and 4"
    ):
        load_stems(tmp_path, names=missing)
    with pytest.raises(ValueError, match="every name once in the list, got amy_1_01 twice"):
        load_stems(tmp_path, names=["amy_1_01", "amy_1_01.wav"])
    (tmp_path / "empty.txt").write_text("# nothing\n\n")
    with pytest.raises(ValueError, match=r"names of clips in .*empty\.txt, got none"):
        load_stems(tmp_path, names=tmp_path / "empty.txt")
    with pytest.raises(ValueError, match="expected a text file"):
        load_stems(tmp_path, names=tmp_path / "amy_1_01.wav")
    with pytest.raises(FileNotFoundError):
        load_stems(tmp_path, names=tmp_path / "none.txt")


def test_folds_are_made_by_singer(tmp_path):
    write_channels(tmp_path, "abjones_1_01", "abjones_5_12", "amy_1_01", "Kenshin_2_03")
    stems = load_stems(tmp_path)
    assert stems.singers == ("Kenshin", "abjones", "amy")
    assert stems.by("amy", "Kenshin").names == ("Kenshin_2_03", "amy_1_01")
    assert stems.without("amy", "Kenshin").names == ("abjones_1_01", "abjones_5_12")
    for name in stems.singers:
        both = stems.by(name).names + stems.without(name).names
        assert sorted(both) == sorted(stems.names)
    for choose in (stems.by, stems.without):
        with pytest.raises(ValueError, match="expected singers among Kenshin, abjones, amy, got 'Amy'"):
            choose("Amy")


def test_the_singer_is_what_stands_before_the_two_numbers():
    assert singer("abjones_1_01") == singer("train/abjones_12_3") == "abjones"
    assert singer("a_b_1_01") == "a_b"
    assert singer("10161_chorus") == "10161_chorus" and singer("test/Band - Song") == "Band - Song"


def test_mir_1k_is_parted_as_published(tmp_path):
    train = ["abjones_1_01", "abjones_5_07", "amy_9_10", "amy_12_01"]
    dev = ["abjones_5_08", "abjones_5_09", "amy_9_08", "amy_9_09"]
    test = ["Ani_1_01", "titon_5_08", "yifen_2_11"]
    write_channels(tmp_path / "Wavfile", *train, *dev, *test)
    stems = load_stems(tmp_path, rate=RATE)
    for part, names in (("train", train), ("dev", dev), ("test", test)):
        chosen = stems.mir1k(part)
        assert chosen.names == tuple(sorted(names)) and chosen.rate == RATE
        assert not set(chosen.singers) & set(stems.mir1k("test").singers) or part == "test"
    with pytest.raises(ValueError, match=r"^expected train, dev or test, got 'valid'$"):
        stems.mir1k("valid")


def test_the_lists_of_mir_1k_hold_in_sub_folders_too_and_are_not_empty(tmp_path):
    write_channels(tmp_path / "train", "abjones_1_01", "amy_9_10")
    write_channels(tmp_path / "dev", "amy_9_08")
    stems = load_stems(tmp_path)
    assert stems.mir1k("train").names == ("train/abjones_1_01", "train/amy_9_10")
    assert stems.mir1k("dev").names == ("dev/amy_9_08",)
    with pytest.raises(
        ValueError, match=r"expected clips of MIR-1K's test list, got none among dev/amy_9_08"
    ):
        stems.mir1k("test")


# -------------------------------------------------------------------------------- what cannot be used


def test_an_empty_or_odd_folder_says_what_was_looked_for_and_found(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere"):
        load_stems(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"Wavfile; or NAME_voice.wav and .*; got an empty folder"):
        load_stems(tmp_path)
    for name in "abcd":
        (tmp_path / f"{name}.stem.mp4").write_bytes(b"")
    (tmp_path / "notes").mkdir()
    with pytest.raises(
        ValueError, match=r"got 4 files \(a.stem.mp4, b.stem.mp4, c.stem.mp4 and 1 more\) and 1 folder"
    ):
        load_stems(tmp_path)
    write_channels(tmp_path, "amy_1_01")
    with pytest.raises(
        ValueError, match=r"expected clips in .*, as NAME_voice.wav and NAME_accomp.*wav; got 5 files"
    ):
        load_stems(tmp_path, "pairs")


def test_the_inside_of_a_track_is_no_set_of_clips(tmp_path):
    for stem in ("vocals", "bass", "drums", "other"):
        write(tmp_path / f"{stem}.wav", np.zeros((9, 2)))
    with pytest.raises(ValueError, match=r"expected clips in .*got 4 files"):
        load_stems(tmp_path)


@pytest.mark.parametrize(
    "files, found",
    [
        (["song/vocals.wav"], "song, got vocals$"),
        (["song/accompaniment.wav"], "song, got accompaniment$"),
        (["song/vocals.wav", "song/bass.wav", "song/drums.wav"], "song, got bass and drums and vocals$"),
        (["song/vocals.wav", "song/voice.wav", "song/no_vocals.wav"], "got no_vocals and vocals and voice$"),
        (["song_voice.wav"], "song, got voice$"),
        (["a_voice.wav", "b_no_vocals.wav"], "a, got voice$"),
    ],
)
def test_half_a_clip_is_refused(tmp_path, files, found):
    for file in files:
        write(tmp_path / file, tones()[0])
    with pytest.raises(ValueError, match=f"expected one voice and one accompaniment .* for .*{found}"):
        load_stems(tmp_path)


def test_a_clip_that_is_there_twice_is_refused(tmp_path):
    write_channels(tmp_path / "a", "amy_1_01")
    write_channels(tmp_path / "a", "amy_1_01", extension="flac")
    with pytest.raises(ValueError, match="expected amy_1_01 once"):
        load_stems(tmp_path / "a")
    for extension in ("wav", "flac"):
        write(tmp_path / "b" / "song" / f"voice.{extension}", tones()[0])
    with pytest.raises(ValueError, match="expected one file for a stem"):
        load_stems(tmp_path / "b")


def test_files_that_do_not_fit_are_refused_when_they_are_read(tmp_path):
    write(tmp_path / "a" / "amy_1_01.wav", tones()[0])
    stems = load_stems(tmp_path / "a")
    with pytest.raises(
        ValueError, match=r"expected two channels, left the accomp.*, got 1 in .*amy_1_01\.wav"
    ):
        stems[0]

    for folder, length, rate, message in (
        ("b", 799, RATE, "of one length, got .*voice.wav with 800 samples and .*accompaniment.wav with 799"),
        ("c", 800, 8000, "of one rate, got .*voice.wav at 16000 Hz and .*accompaniment.wav at 8000 Hz"),
    ):
        write(tmp_path / folder / "song" / "voice.wav", tones()[0])
        write(tmp_path / folder / "song" / "accompaniment.wav", tones()[1][:length], rate)
        with pytest.raises(ValueError, match=message):
            load_stems(tmp_path / folder)[0]

    for stem, length in (("vocals", 800), ("bass", 800), ("drums", 700), ("other", 800)):
        write(tmp_path / "d" / "song" / f"{stem}.wav", np.zeros(length))
    with pytest.raises(
        ValueError, match=r"of one length, got .*bass.wav with 800 samples and .*drums.wav with 700"
    ):
        load_stems(tmp_path / "d")[0]

    samples = np.stack(tones(), axis=1)
    samples[3, 1] = np.nan
    write(tmp_path / "e" / "amy_1_01.wav", samples, subtype="FLOAT")
    with pytest.raises(wav.AudioError, match="not finite"):
        load_stems(tmp_path / "e")[0]

    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "amy_1_01.wav").write_text("no sound")
    with pytest.raises(wav.AudioError, match="cannot be read as audio"):
        load_stems(tmp_path / "f")[0]


def test_a_link_to_nowhere_is_not_passed_over(tmp_path):
    try:
        (tmp_path / "amy_1_01.wav").symlink_to(tmp_path / "nowhere.wav")
    except OSError:
        pytest.skip("this system makes no symbolic links")
    with pytest.raises(wav.AudioError, match=r"amy_1_01\.wav does not exist"):
        load_stems(tmp_path)[0]
