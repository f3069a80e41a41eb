"""That the search for solutions in packages finds one: CI runs it on the real wheel and sdist."""

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location("packages", HERE / "packages.py")
assert spec is not None and spec.loader is not None
packages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(packages)


def parts() -> list[tuple[str, str]]:
    return [(name, part) for name, parts in packages.solutions().items() for part in parts]


def test_there_are_solutions_to_look_for():
    assert ("teacher/16_running_mean/exercise.py") in packages.solutions()
    assert all(part for _, part in parts()), "an empty part would be found everywhere"


@pytest.mark.parametrize("name", ["deep/in/it.py", "README.md"])
def test_a_solution_is_found_wherever_it_stands(tmp_path, name):
    (solution, part), *_ = parts()
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    indented = "\n".join(f"        {line}\n\n    # a remark" for line in part.splitlines())
    file.write_text(f"def f():\n{indented}\n", encoding="utf-8")
    assert any(solution in fault and name in fault for fault in packages.faults(tmp_path))


def test_a_package_without_the_exercises_is_told(tmp_path):
    for path in packages.FOLDER.glob("[0-9][0-9]_*"):
        assert f"there is no {path.name}/checks.py" in packages.faults(tmp_path)
