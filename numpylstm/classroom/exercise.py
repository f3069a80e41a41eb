"""Exercises as folders, and the folders that students work in.

An exercise is a folder NN_name with

    README.md      what is to be written; its first line is "# NN title"
    exercise.py    the stub, in which every function to write raises NotImplementedError
    checks.py      CHECKS, functions (student, rng) that raise a Failure; HIDDEN, those of them that are run
                   again in grading, under other seeds; MARKS, what it is worth, 0 for practice
    hints.md       three levels of hints, each below a line that begins with "## "
    target.png     what it looks like when it is right

The package's own lie beside this file; a teacher's in any folder.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import module_from_spec, spec_from_file_location
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ..files import write_bytes, write_json
from .student import Student

FOLDER = Path(__file__).parent / "exercises"
NAME = re.compile(r"(\d\d)_[a-z0-9_]+")
FILES = ("README.md", "exercise.py", "checks.py", "hints.md")
HANDED_OUT = ("README.md", "exercise.py", "target.png")
NOTE = "exercise.json"

Check = Callable[[Student, np.random.Generator], None]


@dataclass(frozen=True)
class Exercise:
    """One exercise: where it lies, and what its files say."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def number(self) -> str:
        """Of two digits, as its lesson has it: "06"."""
        return self.name[:2]

    @property
    def title(self) -> str:
        text = (self.folder / "README.md").read_text(encoding="utf-8")
        return text.partition("\n")[0].lstrip("# ").removeprefix(self.number).strip()

    @property
    def hints(self) -> list[str]:
        """Levels of hints, the first the least."""
        text = (self.folder / "hints.md").read_text(encoding="utf-8")
        parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
        return [part.partition("\n")[2].strip("\n").rstrip() for part in parts]  # indented lines stay so

    @cached_property
    def module(self) -> ModuleType:
        """The exercise's checks.py, which is the teacher's own and trusted."""
        spec = spec_from_file_location(f"checks_{self.name}", self.folder / "checks.py")
        assert spec is not None and spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    @property
    def checks(self) -> Sequence[Check]:
        return tuple(self.module.CHECKS)

    @property
    def hidden(self) -> Sequence[Check]:
        return tuple(getattr(self.module, "HIDDEN", ()))

    @property
    def marks(self) -> float:
        return float(getattr(self.module, "MARKS", 0))

    def start(self, parent: str | PathLike[str] = ".", student: int | None = None) -> Path:
        """Copy what a student needs into a new folder of this exercise's name. Returns that folder.

        A checks.py may have a function `personal(number) -> {file name: text}` with what is to be handed
        out to one student, in place of or beside the common files.

        Raises:
            FileExistsError: there is such a folder: nobody's work is ever written over.
            NotADirectoryError: the parent is a file.
            ValueError: a personal exercise without a student's number.
        """
        personal = getattr(self.module, "personal", None)
        if personal and student is None:
            raise ValueError(
                f"exercise {self.number} is personal: expected a student's number, got none: --student N"
            )
        if Path(parent).exists() and not Path(parent).is_dir():
            raise NotADirectoryError(f"expected a folder to make {self.name} in, got the file {parent}")
        folder = Path(parent) / self.name
        if folder.exists():
            raise FileExistsError(f"{folder} is there already; move it away to start anew")
        files = {
            name: (self.folder / name).read_bytes() for name in HANDED_OUT if (self.folder / name).exists()
        }
        if personal:
            files |= {name: text.encode() for name, text in personal(student).items()}
        folder.mkdir(parents=True)
        for name, data in files.items():
            write_bytes(folder / name, data)
        write_json(folder / NOTE, {"exercise": self.name, "student": student, "hints": 0})
        return folder


def exercises(folder: str | PathLike[str] | None = None) -> dict[str, Exercise]:
    """The exercises by number: the package's own, and those in a teacher's folder, which come first.

    Raises:
        ValueError: a folder without an exercise, or one that lacks a file.
    """
    found = {path.name[:2]: Exercise(path) for path in (_folders(FOLDER) if FOLDER.is_dir() else [])}
    if folder is None:
        return dict(sorted(found.items()))
    own = _folders(Path(folder))
    if not own:
        raise ValueError(f"expected folders such as 16_my_exercise in {folder}, got none")
    for path in own:
        missing = [name for name in FILES if not (path / name).is_file()]
        if missing:
            raise ValueError(f"expected {', '.join(FILES)} in {path}, got no {', '.join(missing)}")
    return dict(sorted((found | {path.name[:2]: Exercise(path) for path in own}).items()))


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ValueError(f"expected a folder of exercises, got {folder}")
    return sorted(path for path in folder.iterdir() if path.is_dir() and NAME.fullmatch(path.name))


def read_note(folder: Path) -> dict[str, Any]:
    """What `start` has left in a student's folder; {} if it has not, or something else stands there."""
    try:
        note = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return note if isinstance(note, dict) and isinstance(note.get("exercise"), str) else {}
