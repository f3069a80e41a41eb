"""Wrong submissions, most of them kept as what sets them apart from right ones.

`wrong/NN_name.diff` holds many, each as

    == NN_name__slip from right/NN_name__style.py
    the head of the file: what has to be said of it
    @@
     a line that stays
    -a line of the right one
    +what was written in its place

with as many @@ as there are places, and before and after each as many lines that stay as it takes to find it.
Those that are written from scratch are files of their own in the same folder.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
WRONG = HERE / "wrong"
HEAD = re.compile(r'\s*("""(?:.|\n)*?"""|(?:#[^\n]*\n)+)\s*\n')


def wrong_files(*names: str) -> list[Path]:
    """All wrong submissions of exercises, by the beginnings of their names: "06" or "06_lstm_backward"."""
    found = [*WRONG.glob("*.py"), *_made().glob("*.py")]
    return sorted((path for path in found if path.name.startswith(names)), key=lambda path: path.name)


def wrong_file(name: str) -> Path:
    (path,) = (path for path in wrong_files(name) if path.stem == name)
    return path


@cache
def _folder() -> "TemporaryDirectory[str]":
    return TemporaryDirectory(prefix="wrong-")


@cache
def _made() -> Path:
    """A folder with the files that the diffs describe, there as long as the tests run."""
    folder = Path(_folder().name)
    for path in sorted(WRONG.glob("*.diff")):
        for name, text in slips(path.read_text(encoding="utf-8")):
            (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder


def slips(diff: str) -> Iterator[tuple[str, str]]:
    """(name, text of the file) of each slip in a diff.

    Raises:
        ValueError: a place that the right file does not have, or has more than once.
    """
    for part in re.split(r"^== ", diff, flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        name, _, base = title.partition(" from ")
        head, *places = re.split(r"^@@\n", rest, flags=re.MULTILINE)
        lines = body((HERE / base).read_text(encoding="utf-8")).splitlines()
        for place in places:
            marked = place.splitlines()
            old = [line[1:] for line in marked if line[0] != "+"]
            at = [k for k in range(len(lines) - len(old) + 1) if lines[k : k + len(old)] == old]
            if len(at) != 1:
                raise ValueError(f"expected the lines of {name} once in {base}, got them {len(at)} times")
            lines[at[0] : at[0] + len(old)] = [line[1:] for line in marked if line[0] != "-"]
        yield name, head + "\n".join(lines) + "\n"


def body(text: str) -> str:
    """A file without its docstring or the remark that it begins with."""
    match = HEAD.match(text)
    return text[match.end() :].lstrip("\n") if match else text
