"""What students have handed in: folders and zips, read and never unpacked.

Nothing of a submission is trusted. Links are not followed, out of a zip two small files are read and the rest
is left in it, and what cannot be graded is said in one sentence while the others are graded all the same.
"""

import csv
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from .exercise import NAME, NOTE
from .failure import plain
from .reading import LONGEST

FILE = "exercise.py"
DEPTH, ENTRIES = 3, 1000
"""How deep below a submission its files may lie, and how many there may be beside them."""

LARGEST_ZIP, LARGEST_CONTENT = 16 << 20, 64 << 20
"""Bytes of a zip, and of all that it says is in it."""


@dataclass
class Submission:
    """What one student has handed in.

    Attributes:
        name: of the folder or zip, without ".zip".
        files: (exercise.py, exercise.json or nothing) by the folder they lie in, "." for the outermost.
        refused: why it cannot be graded, or None.
    """

    name: str
    files: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)
    refused: str | None = None


def submissions(folder: str | os.PathLike[str]) -> list[Submission]:
    """The one submission in a folder, or those of many students, a folder or a zip each, sorted by name.

    A folder is one submission if it holds exercise.py, or nothing but folders that are called as exercises
    with an exercise.py in each.

    Raises:
        ValueError: there is no such folder, or nothing in it that could be graded.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"expected a folder of submissions, got {folder}")
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "__")))
    if is_one(folder):
        return [_submission(folder.resolve())]
    handed_in = [path for path in entries if path.is_symlink() or path.is_dir() or is_zip(path)]
    if not handed_in:
        raise ValueError(f"expected {FILE}, or a folder or a zip for each student in {folder}, got none")
    found: dict[str, Submission] = {}
    for path in handed_in:
        submission = _submission(path)
        same = sum(is_called(name, submission.name) for name in found)
        if same:
            submission.refused = f"there is another submission called {submission.name}"
            submission.name += f" ({same + 1})"
        found[submission.name] = submission
    return list(found.values())


def is_one(folder: Path) -> bool:
    """Whether a folder is one student's work, not a folder of many students'."""
    if os.path.lexists(folder / FILE):
        return True
    inside = [path for path in folder.iterdir() if path.is_dir() or is_zip(path)]
    inside = [path for path in inside if not path.name.startswith((".", "__"))]
    # All of them: else one student's odd name would make the others parts of one submission.
    return bool(inside) and all(NAME.fullmatch(path.name) and (path / FILE).exists() for path in inside)


def is_called(name: str, other: str) -> bool:
    return name == other or re.fullmatch(re.escape(other) + r" \(\d+\)", name) is not None


def is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip"


def ignored(folder: str | os.PathLike[str]) -> list[str]:
    """Names of files beside the submissions that are none: a bare exercise.py under another name, say."""
    folder = Path(folder)
    if is_one(folder):
        return []
    return sorted(
        plain(path.name, 100)
        for path in folder.iterdir()
        if not path.is_dir() and not is_zip(path) and not path.is_symlink() and not path.name.startswith(".")
    )


def _submission(path: Path) -> Submission:
    name = plain(path.name[:-4] if is_zip(path) else path.name, 60) or "nameless"
    try:
        if path.is_symlink():
            raise ValueError(f"{path.name} is a link")
        files = _from_folder(path) if path.is_dir() else _from_zip(path)
    except (ValueError, OSError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile) as error:
        return Submission(name, refused=plain(error, 200))
    except Exception as error:  # zlib.error and whatever a broken file leads to
        return Submission(name, refused=plain(f"cannot be read: {error}", 200))
    if not files:
        return Submission(name, refused=f"expected {FILE}, got none")
    return Submission(name, files)


def _from_folder(folder: Path) -> dict[str, tuple[bytes, bytes]]:
    files = {}
    for place in _places(folder, DEPTH, [ENTRIES]):
        if os.path.lexists(place / FILE):
            note = _read(place / NOTE) if os.path.lexists(place / NOTE) else b""
            files[place.relative_to(folder).as_posix()] = (_read(place / FILE), note)
    return files


def _places(folder: Path, depth: int, left: list[int]) -> Iterator[Path]:
    """A folder and those below it; links to folders are left out."""
    yield folder
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        left[0] -= 1
        if left[0] < 0:
            raise ValueError(f"expected at most {ENTRIES} files, got more")
        if depth > 1 and entry.is_dir(follow_symlinks=False) and not entry.name.startswith((".", "__")):
            yield from _places(Path(entry.path), depth - 1, left)


def _read(path: Path) -> bytes:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ValueError(f"{path.name} is no ordinary file")
    with open(path, "rb") as file:
        return file.read(LONGEST + 1)


def _from_zip(path: Path) -> dict[str, tuple[bytes, bytes]]:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path.name} is no ordinary file")
    if status.st_size > LARGEST_ZIP:
        raise ValueError(f"the zip is larger than {LARGEST_ZIP >> 20} MB")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        _expect_harmless(members)
        # Some programs on Windows pack backslashes.
        names = {member.filename.replace("\\", "/"): member for member in members}
        if len(names) < len(members):
            raise ValueError("the zip holds two files of the same name")
        files = {}
        for name, member in names.items():
            place = PurePosixPath(name)
            if place.name != FILE or len(place.parts) > DEPTH or place.parts[0].startswith((".", "__")):
                continue
            note = names.get((place.parent / NOTE).as_posix())
            files[place.parent.as_posix()] = (
                _member(archive, member),
                _member(archive, note) if note else b"",
            )
    return files


def _expect_harmless(members: list[zipfile.ZipInfo]) -> None:
    """Nothing is ever unpacked, so nothing here could do harm: but nobody packs such a zip by accident."""
    if len(members) > ENTRIES:
        raise ValueError(f"the zip holds {len(members)} files, more than {ENTRIES}")
    if sum(member.file_size for member in members) > LARGEST_CONTENT:
        raise ValueError(f"the zip holds more than {LARGEST_CONTENT >> 20} MB")
    for member in members:
        # orig_filename: what stands in the zip, before zipfile has cut it at a zero or turned a backslash.
        name = member.orig_filename
        place = PurePosixPath(name.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts or name[1:2] == ":" or "\0" in name:
            raise ValueError(f"the zip holds a file that would lie outside of it: {name}")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ValueError(f"the zip holds a link: {name}")
        if member.flag_bits & 1:
            raise ValueError("the zip is encrypted")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError("the zip is packed in an unusual way: expected stored or deflated files")


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        return file.read(LONGEST + 1)


def read_roster(path: str | os.PathLike[str]) -> dict[str, int]:
    """Students' numbers by the name of their submission, from a CSV with the columns name and number.

    Raises:
        ValueError: a line without both, a number that is none, a name that stands there twice.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if any(row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is no CSV in UTF-8: {error}") from None
    except OSError as error:
        raise ValueError(f"cannot read the roster {path}: {error.strerror}") from None
    if rows and rows[0][1:2] == ["number"]:
        rows = rows[1:]
    roster: dict[str, int] = {}
    for row in rows:
        if len(row) < 2 or not row[1].isdecimal():
            raise ValueError(f"{path}: expected lines such as anna,1234, got {','.join(row)}")
        name = row[0][:-4] if row[0].lower().endswith(".zip") else row[0]
        if name in roster:
            raise ValueError(f"{path}: {name} stands there twice")
        roster[name] = int(row[1])
    return roster
