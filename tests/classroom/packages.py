"""Look through wheels and sdists for solutions, and for what an exercise needs: python packages.py FILE..."""

import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent))

from numpylstm.classroom.building import BEGINS, ENDS  # noqa: E402
from numpylstm.classroom.exercise import FILES, FOLDER  # noqa: E402


def marked_parts(text: str) -> list[str]:
    """What stands between the marks, line by line without indentation."""
    parts = [part.partition(ENDS)[0] for part in text.split(BEGINS)[1:]]
    return [_plain(part) for part in parts]


def _plain(text: str) -> str:
    return "\n".join(line for raw in text.splitlines() if (line := raw.strip()) and not line.startswith("#"))


def solutions() -> dict[str, list[str]]:
    """The marked parts of all solutions, by file: the project's own and the example of a teacher's."""
    files = [*(HERE / "solutions").glob("*.py"), *(HERE / "teacher").glob("*/exercise.py")]
    return {
        path.relative_to(HERE).as_posix(): marked_parts(path.read_text(encoding="utf-8")) for path in files
    }


def faults(folder: Path) -> list[str]:
    """What is wrong with an unpacked archive."""
    texts = {path: _plain(path.read_text(encoding="utf-8")) for path in folder.rglob("*.py")}
    texts |= {path: _plain(path.read_text(encoding="utf-8")) for path in folder.rglob("*.md")}
    found = [
        f"{path.relative_to(folder)} has the marked solution of {name}"
        for name, parts in solutions().items()
        for part in parts
        for path, text in texts.items()
        if part in text
    ]
    for path in (path for path in FOLDER.iterdir() if path.is_dir() and path.name[:2].isdecimal()):
        for name in (*FILES, "target.png"):
            if not list(folder.rglob(f"classroom/exercises/{path.name}/{name}")):
                found.append(f"there is no {path.name}/{name}")
    return found


def unpack(archive: Path, folder: Path) -> None:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(folder)
    else:
        with tarfile.open(archive) as sdist:
            sdist.extractall(folder, filter="data")


def main() -> int:
    archives = [Path(name) for name in sys.argv[1:]]
    if not archives:
        print("expected wheels and sdists, got none", file=sys.stderr)
        return 2
    code = 0
    for archive in archives:
        with tempfile.TemporaryDirectory() as folder:
            unpack(archive, Path(folder))
            found = faults(Path(folder))
        print(
            "\n".join(f"{archive.name}: {fault}" for fault in found) or f"{archive.name}: no solution in it"
        )
        code = code or bool(found)
    return code


if __name__ == "__main__":
    sys.exit(main())
