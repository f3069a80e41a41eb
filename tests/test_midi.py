"""Notes of standard MIDI files: there and back, what other programs write, and what is no MIDI file."""

import re
import struct
import sys

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpylstm.audio import midi
from numpylstm.audio.midi import MidiError, Note, Song


def variable(value: int) -> bytes:
    """A number as MIDI files hold it, seven bits a byte, the last without the top bit."""
    parts = [value & 127]
    while value := value >> 7:
        parts.append(128 | value & 127)
    return bytes(reversed(parts))


def file(*tracks: bytes, type: int = 1, division: int = 96) -> bytes:
    """A file written by hand, so that reading is not checked against mido's own writing."""
    header = b"MThd" + struct.pack(">IHHH", 6, type, len(tracks), division)
    return header + b"".join(b"MTrk" + struct.pack(">I", len(track)) + track for track in tracks)


def on(wait: int, pitch: int, velocity: int = 64, channel: int = 0) -> bytes:
    return variable(wait) + bytes([0x90 | channel, pitch, velocity])


def off(wait: int, pitch: int, channel: int = 0) -> bytes:
    return variable(wait) + bytes([0x80 | channel, pitch, 0])


def tempo(wait: int, microseconds: int) -> bytes:
    return variable(wait) + b"\xff\x51\x03" + microseconds.to_bytes(3, "big")


END = b"\x00\xff\x2f\x00"


# ----------------------------------------------------------------------------------- there and back


@st.composite
def songs(draw):
    """Any song as `read` gives one: in order, a key never struck while it sounds."""
    played = draw(
        st.lists(st.tuples(st.integers(0, 60), st.integers(0, 127), st.integers(1, 40)), min_size=1)
    )
    return Song(midi.from_starts(midi._one_at_a_time(played)), 60e6 / draw(st.integers(200_000, 16_000_000)))


@given(songs())
@settings(max_examples=100)
def test_what_is_written_is_read_back(tmp_path_factory, song):
    path = tmp_path_factory.mktemp("midi") / "song.mid"
    midi.write(path, song)
    again = midi.read(path)
    assert again.notes == song.notes
    assert again.bpm == pytest.approx(song.bpm, rel=1e-12)
    assert again.seconds == pytest.approx(song.seconds) == mido.MidiFile(path).length


def test_a_key_struck_while_it_sounds_is_let_go_first(tmp_path):
    song = Song([Note(0, 60, 24), Note(6, 60, 24), Note(0, 60, 3), Note(0, 64, 4)])
    midi.write(tmp_path / "a.mid", song)
    assert midi.read(tmp_path / "a.mid").notes == [Note(0, 60, 6), Note(6, 60, 24), Note(0, 64, 4)]


def test_sixteenths_and_triplets_are_on_the_grid(tmp_path):
    song = Song([Note(steps, 60 + k, steps) for k, steps in enumerate([3, 3, 6, 4, 4, 4, 12, 1])])
    midi.write(tmp_path / "a.mid", song)
    assert midi.read(tmp_path / "a.mid").notes == song.notes


# --------------------------------------------------------------------------- what others have written


def test_a_chord_and_a_melody_in_two_tracks():
    chord = on(0, 48) + on(0, 52) + off(192, 48) + off(0, 52) + END
    melody = (
        on(24, 72, channel=1) + off(8, 72, channel=1) + on(4, 74, channel=1) + on(24, 74, 0, channel=1) + END
    )
    song = midi.parse(file(chord, melody))
    # 96 ticks a beat are 8 a step of the grid: 36 ticks round to 5 steps, 60 to 8.
    assert song.notes == [Note(0, 48, 24), Note(0, 52, 24), Note(3, 72, 1), Note(2, 74, 3)]


def test_running_status_and_what_is_no_note_are_read_over():
    track = on(0, 60) + variable(96) + bytes([60, 0])  # running status: no status byte, velocity 0
    track += variable(0) + b"\xc0\x05" + variable(0) + b"\xb0\x40\x7f"  # a program, a pedal
    track += variable(0) + b"\xff\x03\x04Name" + variable(0) + b"\xf0\x03\x01\x02\xf7" + END
    assert midi.parse(file(track, type=0)).notes == [Note(0, 60, 12)]


def test_percussion_is_left_out():
    drums = on(0, 36, channel=9) + off(96, 36, channel=9) + END
    both = file(drums, on(96, 60) + off(96, 60) + END)
    assert midi.parse(both).notes == [Note(12, 60, 12)]
    with pytest.raises(MidiError, match="holds no notes"):
        midi.parse(file(drums))


def test_a_note_without_an_end_lasts_to_the_end():
    assert midi.parse(file(on(0, 60) + on(96, 62) + off(96, 62) + END)).notes == [
        Note(0, 60, 24),
        Note(12, 62, 12),
    ]


def test_off_the_grid_is_the_nearest_step_and_at_least_one():
    track = on(3, 60) + off(1, 60) + on(1, 62) + off(18, 62) + END  # at 3 to 4 and 5 to 23 ticks, 8 a step
    assert midi.parse(file(track)).notes == [Note(0, 60, 1), Note(1, 62, 2)]


def test_the_tempo_is_the_one_in_which_the_whole_lasts_as_long():
    steady = midi.parse(file(on(0, 60) + off(960, 60) + END))
    assert steady.bpm == 120 and steady.seconds == 5
    track = tempo(0, 500_000) + tempo(480, 1_000_000) + END  # 5 beats at 120, then 5 at 60
    changing = midi.parse(file(track, on(0, 60) + off(960, 60) + END))
    assert changing.bpm == pytest.approx(80) and changing.seconds == pytest.approx(7.5)
    late = midi.parse(file(tempo(96_000, 250_000) + END, on(0, 60) + off(960, 60) + END))
    assert late.bpm == 120, "a tempo after the last note is none of its"


# ---------------------------------------------------------------------------------- what is refused

NOTE = on(0, 60) + off(96, 60) + END


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"", "cannot be read as a MIDI file (it ends too early)"),
        (b"RIFF" + bytes(100), "cannot be read as a MIDI file"),
        (file(NOTE)[:-6], "it ends too early"),
        (file(NOTE, type=2), "expected a MIDI file of type 0 or 1, got the file of type 2"),
        (file(NOTE, division=0xE728), "counts in beats, got the file, which counts in frames"),
        (file(NOTE, division=0), "counts in beats"),
        (file(END), "the file holds no notes"),
        (file(on(2**28 - 1, 60) + off(9, 60) + END, division=1), "longer than any song"),
        (file(b"\x00\x90\x3c\xff" + END), "data byte"),
        (file(b"\x00\x3c\x40" + END), "running status"),
        (file(b"\x00\xff\x59\x02\x63\x09" + NOTE), "cannot be read as a MIDI file"),
    ],
)
def test_what_is_no_midi_file_of_beats_is_refused_in_one_sentence(content, sentence):
    with pytest.raises(MidiError, match=re.escape(sentence)) as caught:
        midi.parse(content)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda track: file(track)))
@settings(max_examples=400)
def test_any_bytes_are_a_song_or_refused(content):
    try:
        song = midi.parse(content)
    except MidiError as error:
        assert "\n" not in str(error)
    else:
        assert song.notes and song.bpm > 0


@given(st.data())
@settings(max_examples=400)
def test_a_damaged_file_is_a_song_or_refused(data):
    content = bytearray(
        file(tempo(0, 400_000) + END, on(3, 60) + on(90, 64) + off(9, 60) + off(96, 64) + END)
    )
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        song = midi.parse(bytes(content))
    except MidiError:
        return
    assert all(note.wait >= 0 and 0 <= note.pitch <= 127 and note.duration >= 1 for note in song.notes)
    assert 3.5 < song.bpm <= 60e6


def test_missing_files_and_directories_are_told_apart(tmp_path):
    with pytest.raises(MidiError, match=r"missing\.mid does not exist$"):
        midi.read(tmp_path / "missing.mid")
    with pytest.raises(MidiError, match="is a directory"):
        midi.read(tmp_path)


@pytest.mark.parametrize(
    "name, song, sentence",
    [
        ("a.txt", Song([Note(0, 60, 1)]), "expected a name that ends in .mid or .midi"),
        ("a.mid", Song([]), "expected notes to write"),
        ("a.mid", Song([Note(0, 128, 1)]), "got Note(wait=0, pitch=128, duration=1)"),
        ("a.mid", Song([Note(-1, 60, 1)]), "a wait from 0"),
        ("a.mid", Song([Note(0, 60, 0)]), "a duration from 1"),
        ("a.mid", Song([Note(0, 60, 1)], 3.0), "expected a tempo of 3.6 to 60000000 beats a minute, got 3.0"),
        ("a.mid", Song([Note(0, 60, 1)], float("nan")), "got nan"),
    ],
)
def test_what_cannot_be_written_leaves_nothing(tmp_path, name, song, sentence):
    with pytest.raises(MidiError, match=re.escape(sentence)):
        midi.write(tmp_path / name, song)
    assert list(tmp_path.iterdir()) == []


def test_without_mido_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mido", None)
    with pytest.raises(MidiError, match=re.escape("pip install 'numpylstm[midi]'")):
        midi.parse(file(NOTE))


# ------------------------------------------------------------------------------------ without end


def test_the_first_seconds_of_notes_without_end():
    def endless(wait):
        while True:
            yield Note(wait, 60, 1)

    assert len(midi.first_seconds(endless(6), 2.0, 120.0)) == 7  # at 6, 12, ... 42 of 48 steps
    assert len(midi.first_seconds(endless(1000), 2.0, 120.0)) == 1
    assert len(midi.first_seconds(endless(0), 1.0, 120.0)) <= 128 * 24 + 1, "a chord for ever ends as well"
