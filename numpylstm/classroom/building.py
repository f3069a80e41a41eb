"""What is handed out, made from what a teacher writes: the same files without the marked solutions.

def double(x):
    # SOLUTION BEGINS
    return 2 * x
    # SOLUTION ENDS
"""

from os import PathLike
from pathlib import Path

from ..files import write_bytes
from .checking import check
from .exercise import FILES, NAME, Exercise

BEGINS, ENDS = "# SOLUTION BEGINS", "# SOLUTION ENDS"
LEFT = 'raise NotImplementedError("write this part")'


def strip(text: str) -> str:
    """A text in which each marked solution is one line that raises.

    Raises:
        ValueError: a marker without its other half.
    """
    kept: list[str] = []
    begun = 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        mark = line.strip()
        if mark == BEGINS:
            if begun:
                raise ValueError(f"line {number}: a solution begins within the one of line {begun}")
            begun = number
            kept.append(line.replace(BEGINS, LEFT))
        elif mark == ENDS:
            if not begun:
                raise ValueError(f"line {number}: a solution ends that has not begun")
            begun = 0
        elif not begun:
            kept.append(line)
    if begun:
        raise ValueError(f"line {begun}: a solution begins and does not end")
    return "".join(kept)


def build(source: str | PathLike[str], out: str | PathLike[str]) -> Exercise:
    """Write the exercise of a teacher's folder, without its solutions, as a folder of the same name in `out`.

    The solution has to pass the exercise's checks, and the stub must not.

    Args:
        source: a folder NN_name with README.md, exercise.py, checks.py and hints.md, and what else belongs to
            it.

    Raises:
        FileExistsError: there is such a folder in `out`.
        ValueError: a file is missing, no solution is marked, the marks do not fit, the solution fails or the
            stub passes.
    """
    source = Path(source)
    missing = [name for name in FILES if not (source / name).is_file()]
    if missing or not NAME.fullmatch(source.name):
        lacks = f"no {', '.join(missing)}" if missing else f"the name {source.name}"
        raise ValueError(f"expected a folder such as 16_my_exercise with {', '.join(FILES)}, got {lacks}")
    files = {path.name: _stripped(path) for path in sorted(source.iterdir()) if _handed_on(path)}
    if files["exercise.py"] == (source / "exercise.py").read_bytes():
        raise ValueError(
            f"expected a solution between {BEGINS} and {ENDS} in {source / 'exercise.py'}, got none"
        )
    report = check(Exercise(source), source / "exercise.py", number=0)
    if report.first is not None:
        raise ValueError(f"the solution fails its own check {report.first.number}: {report.first.failure}")
    target = Path(out) / source.name
    if target.exists():
        raise FileExistsError(f"{target} is there already; move it away to build anew")
    target.mkdir(parents=True)
    for name, data in files.items():
        write_bytes(target / name, data)
    exercise = Exercise(target)
    if check(exercise, target / "exercise.py", number=0).passed:
        raise ValueError(f"the stub in {target} passes all checks: they check nothing")
    return exercise


def _handed_on(path: Path) -> bool:
    return path.is_file() and not path.name.startswith(".")


def _stripped(path: Path) -> bytes:
    data = path.read_bytes()
    if BEGINS.encode() not in data and ENDS.encode() not in data:
        return data
    try:
        return strip(data.decode()).encode()
    except ValueError as error:
        raise ValueError(f"{path}, {error}") from None
