"""A student's own folder: which exercise is being worked on, which hints were opened, what is handed in."""

import zipfile
from os import PathLike
from pathlib import Path
from typing import Any

from ..files import atomic_write, write_json
from .exercise import NOTE, Exercise, read_note

LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The date of everything in a zip: the same work gives the same file."""


def find_work(number: str | None = None, where: str | PathLike[str] = ".") -> Path:
    """The folder of an exercise that was started: this one, or one in it.

    Args:
        number: of two digits; None: this folder's exercise, or the one in it that was changed last.

    Raises:
        ValueError: none was started here, or not this one.
    """
    where = Path(where)
    found = [path for path in (where, *sorted(where.iterdir())) if path.is_dir() and read_note(path)]
    if number is not None:
        found = [path for path in found if read_note(path)["exercise"][:2] == number]
    if not found:
        what = f"exercise {number}" if number else "an exercise"
        raise ValueError(
            f"{what} was not started in {where.resolve()}: numpylstm exercise start {number or 'N'}"
        )
    if where in found:
        return where
    return max(found, key=lambda path: _changed(path / "exercise.py"))


def _changed(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


def next_hint(exercise: Exercise, folder: Path | None, level: int | None = None) -> tuple[int, str]:
    """The next level of hints and its text; the folder remembers how far they were opened.

    Raises:
        ValueError: a level that there is not.
    """
    hints = exercise.hints
    note: dict[str, Any] = read_note(folder) if folder else {}
    opened = note.get("hints", 0) if isinstance(note.get("hints"), int) else 0
    if level is None:
        level = min(opened + 1, len(hints))
    if not 1 <= level <= len(hints):
        raise ValueError(f"expected a level from 1 to {len(hints)}, got {level}")
    if folder:
        write_json(folder / NOTE, note | {"hints": max(opened, level)})
    return level, hints[level - 1]


def hand_in(folder: Path, out: str | PathLike[str] = ".") -> Path:
    """Pack a student's file and note into NN_name.zip, or NN_name_NUMBER.zip for a personal exercise.

    Raises:
        FileNotFoundError: there is no exercise.py in the folder.
    """
    note = read_note(folder)
    if not (folder / "exercise.py").is_file():
        raise FileNotFoundError(f"there is no exercise.py in {folder}")
    student = note.get("student")
    name = note["exercise"] + (f"_{student}" if student is not None else "")
    path = Path(out) / f"{name}.zip"
    with atomic_write(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in ("exercise.py", NOTE):
            entry = zipfile.ZipInfo(f"{note['exercise']}/{file}", LONG_AGO)
            archive.writestr(entry, (folder / file).read_bytes(), zipfile.ZIP_DEFLATED)
    return path
