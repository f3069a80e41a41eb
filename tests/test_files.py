"""Files: whole or not at all."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from numpylstm.files import atomic_write, write_json, write_pieces, write_text


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())


def test_the_new_content_replaces_the_old_only_when_it_is_complete(tmp_path):
    target = tmp_path / "model.bin"
    target.write_bytes(b"old")
    with atomic_write(target) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".bin"
        temporary.write_bytes(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["model.bin"]


@pytest.mark.parametrize("exception", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_the_target_and_no_temporary_file(tmp_path, exception):
    target = tmp_path / "model.bin"
    target.write_bytes(b"old")
    with pytest.raises(exception), atomic_write(target) as temporary:
        temporary.write_bytes(b"half of")
        raise exception
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["model.bin"]


def test_an_exception_makes_no_target_where_there_was_none(tmp_path):
    with pytest.raises(RuntimeError), atomic_write(tmp_path / "model.bin"):
        raise RuntimeError
    assert names(tmp_path) == []


def test_a_missing_directory_is_named(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match=r"there is no directory .*runs$"),
        atomic_write(tmp_path / "runs" / "model.bin"),
    ):
        pass
    assert names(tmp_path) == []


def test_a_directory_is_refused_before_the_work_is_done(tmp_path):
    (tmp_path / "model").mkdir()
    with pytest.raises(IsADirectoryError, match=r"it is a directory$"), atomic_write(tmp_path / "model"):
        pytest.fail("the block was entered")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a named pipe")
def test_a_special_file_is_refused_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match=r"not a regular file$"), atomic_write(tmp_path / "pipe"):
        pytest.fail("the block was entered")
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
@pytest.mark.parametrize("umask, mode", [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_are_those_of_any_new_file(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_text(tmp_path / "note.txt", "for all")
    finally:
        os.umask(before)
    assert (tmp_path / "note.txt").stat().st_mode & 0o777 == mode


@pytest.mark.skipif(sys.platform == "win32", reason="needs the right to make symbolic links")
def test_a_symbolic_link_stays_and_what_it_points_to_is_replaced(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "model.txt").write_text("old")
    (tmp_path / "model.txt").symlink_to(tmp_path / "disk" / "model.txt")
    write_text(tmp_path / "model.txt", "new")
    assert (tmp_path / "model.txt").is_symlink()
    assert (tmp_path / "disk" / "model.txt").read_text() == "new"
    assert names(tmp_path / "disk") == ["model.txt"]


def test_text_is_utf8_with_the_line_ends_it_has(tmp_path):
    write_text(tmp_path / "note.txt", "Välimäki\nθ\r\n")
    assert (tmp_path / "note.txt").read_bytes() == "Välimäki\nθ\r\n".encode()


def test_json_holds_numpy_numbers_and_arrays(tmp_path):
    config = {
        "name": "Välimäki",
        "hidden_size": np.int64(16),
        "lr": np.float32(0.25),
        "theta": np.array([[1.0, 2.0]]),
        "quick": np.bool_(True),
    }
    write_json(tmp_path / "config.json", config)
    text = (tmp_path / "config.json").read_text(encoding="utf-8")
    assert json.loads(text) == {
        "name": "Välimäki",
        "hidden_size": 16,
        "lr": 0.25,
        "theta": [[1.0, 2.0]],
        "quick": True,
    }
    assert '\n  "name": "Välimäki",\n' in text
    assert text.endswith("}\n")


@pytest.mark.parametrize(
    "content, error",
    [({"loss": float("nan")}, ValueError), ({"loss": np.inf}, ValueError), ({"f": print}, TypeError)],
)
def test_what_json_cannot_hold_leaves_the_file_as_it_was(tmp_path, content, error):
    target = tmp_path / "metrics.json"
    target.write_text("{}")
    with pytest.raises(error):
        write_json(target, content)
    assert target.read_text() == "{}"
    assert names(tmp_path) == ["metrics.json"]


def test_a_text_in_pieces_is_written_as_the_whole_is(tmp_path):
    write_pieces(tmp_path / "note.txt", iter(["Väli", "", "mäki\nθ\r\n"]))
    assert (tmp_path / "note.txt").read_bytes() == "Välimäki\nθ\r\n".encode()


def test_pieces_that_break_off_leave_nothing(tmp_path):
    def pieces():
        yield "half of"
        raise KeyError

    with pytest.raises(KeyError):
        write_pieces(tmp_path / "note.txt", pieces())
    assert names(tmp_path) == []
