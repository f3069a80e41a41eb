"""Writing files so that nobody ever sees half of one.

A file that took an hour of training must not be lost because the next one was interrupted while it was
being written. So everything is first written to a temporary file next to the target, and only when that is
complete does it take the target's place, in one step that the operating system does wholly or not at all.
"""

import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path to write to; when the block ends well, it replaces `path`.

        with atomic_write("model.npz") as temporary:
            np.savez(temporary, theta=theta)

    The temporary file lies in the same directory and has the same suffix, for writers that go by it. If the
    block raises anything, also on Ctrl-C, the temporary file is removed and an existing `path` is untouched.
    The new file has the permissions that `open(path, "w")` would give a new file. A symbolic link is
    followed: the file it points to is replaced, the link stays.

    Raises FileNotFoundError if the directory does not exist, IsADirectoryError if `path` is a directory,
    ValueError if it is something else that is no regular file (`/dev/null`), and OSError if the directory
    cannot be written to.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no directory {target.parent}")
    if target.is_dir():
        raise IsADirectoryError(f"cannot write {path}: it is a directory")
    if target.exists() and not target.is_file():
        # A device can be written to, but os.replace would put an ordinary file in its place.
        raise ValueError(f"cannot write {path}: it is not a regular file")

    temporary = target.with_name(f".tmp-{secrets.token_hex(8)}{target.suffix}")
    try:
        # Made here with mode 0666, the umask decides as usual; tempfile.mkstemp would give 0600 for good.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # else a power cut after the rename may leave an empty file
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` as UTF-8, atomically, with the line ends it has. Raises as `atomic_write`."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write bytes, atomically. Raises as `atomic_write`."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def write_pieces(path: str | os.PathLike[str], pieces: Iterable[str]) -> None:
    """As `write_text`, of a text that comes in pieces and is never in memory as a whole."""
    with atomic_write(path) as temporary:
        with open(temporary, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(pieces)


def write_json(path: str | os.PathLike[str], obj: Any) -> None:
    """Write `obj` as indented JSON, atomically. NumPy numbers and arrays become numbers and lists.

    Raises ValueError for NaN and infinity, which JSON does not have, TypeError for what JSON cannot hold,
    both before anything is written, and otherwise as `atomic_write`.
    """
    text = json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False, default=from_numpy)
    write_text(path, text + "\n")


def from_numpy(obj: Any) -> Any:
    """A NumPy number or array as a number or list, for `json.dumps(default=...)`."""
    if hasattr(obj, "tolist"):
        return obj.tolist()
    raise TypeError(f"JSON cannot hold a {type(obj).__name__}")
