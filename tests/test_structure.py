"""Who may know whom, read from the imports; and a few things that no module does."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import numpylstm

PACKAGE = Path(numpylstm.__file__).parent
FILES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def imports(name: str, tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """(what, whether when the module is loaded) of every import; the package's own begin with a dot.

    Names imported from a package are modules where such a file exists: `from . import losses`.
    """
    folder = name.split("/")[:-1]
    inside = {id(node) for f in ast.walk(tree) if isinstance(f, FUNCTIONS) for node in ast.walk(f)}
    typing = {id(node) for i in ast.walk(tree) if is_type_checking(i) for node in ast.walk(i)}
    for node in ast.walk(tree):
        if id(node) in typing:
            continue
        loaded = id(node) not in inside
        if isinstance(node, ast.Import):
            yield from ((alias.name, loaded) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if not node.level and (node.module or "").split(".")[0] != "numpylstm":
                yield node.module or "", loaded
                continue
            base = folder[: len(folder) - node.level + 1] if node.level else []
            base = [*base, *(node.module or "").removeprefix("numpylstm").strip(".").split(".")]
            base = [part for part in base if part]
            for alias in node.names:
                path = "/".join([*base, alias.name])
                is_module = f"{path}.py" in FILES or f"{path}/__init__.py" in FILES
                yield "." + ".".join([*base, alias.name] if is_module else base), loaded


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


IMPORTS = {name: sorted(set(imports(name, tree))) for name, tree in TREES.items()}


def room(module: str) -> str:
    """`.layers.lstm` -> `layers`, `layers/lstm.py` -> `layers`, `training.py` -> `training`.

    The checks of an exercise are a room of their own: they hold a student's work against all of the library.
    """
    if module.startswith("classroom/exercises/"):
        return "exercises"
    return module.removeprefix(".").replace("/", ".").removesuffix(".py").split(".")[0]


def rooms_known_by(name: str, only_loaded: bool = False) -> set[str]:
    own = [what for what, loaded in IMPORTS[name] if what.startswith(".") and (loaded or not only_loaded)]
    return {room(what) for what in own} - {room(name)}


def libraries_known_by(name: str) -> set[str]:
    return {what.split(".")[0] for what, _ in IMPORTS[name] if not what.startswith(".")}


# What each room may know: exactly the arrows of the plan, from the ground up.
MAY_KNOW = {
    "parameters": set(),
    "activations": set(),
    "threads": set(),
    "files": set(),
    "optimizers": set(),
    "gradcheck": set(),
    "losses": {"activations"},
    "layers": {"parameters", "activations", "threads"},
    "audio": {"files"},
    "datasets": {"files"},
    "doctor": {"threads"},
    "plots": {"files"},
    "plots_inside": {"plots"},
    "report": {"files", "history", "plots"},
    "checkpoint": {"files", "layers"},
    "interop": {"files", "layers"},
    "history": set(),
    "classroom": {"files", "gradcheck"},
    "training": {"checkpoint", "history", "layers", "losses", "optimizers"},
    "diagnostics": {"layers", "losses", "optimizers", "training"},
}

# Imports inside a function: only where something is asked for that most users never need.
MAY_ALSO_ASK_FOR = {
    "layers/base.py": {"checkpoint"},
    "history.py": {"plots"},
    "datasets/stems.py": {"audio"},
}


def test_the_reading_of_imports_sees_what_is_there():
    assert (".layers.base", True) in IMPORTS["checkpoint.py"]
    assert (".losses", True) in IMPORTS["tasks/gradients.py"] and (".losses", True) in IMPORTS["__init__.py"]
    assert (".plots", False) in IMPORTS["cli/single.py"] and (".tasks.run", True) in IMPORTS["cli/single.py"]
    assert ("scipy.optimize", False) in IMPORTS["optimizers.py"]
    assert rooms_known_by("layers/state.py") == set(), "an import for type checking alone is none"


@pytest.mark.parametrize("name", [name for name in FILES if room(name) in MAY_KNOW])
def test_a_module_knows_only_what_lies_below_it(name):
    assert rooms_known_by(name, only_loaded=True) <= MAY_KNOW[room(name)]
    assert rooms_known_by(name) <= MAY_KNOW[room(name)] | MAY_ALSO_ASK_FOR.get(name, set())


def test_every_room_has_its_place():
    known = {*MAY_KNOW, "tasks", "cli", "exercises", "__init__", "__main__"}
    assert {room(name) for name in FILES} <= known, "say in MAY_KNOW what a new room may know"


def test_nobody_below_them_knows_the_tasks_and_the_command():
    for name in FILES:
        if room(name) not in ("tasks", "cli", "__main__"):
            assert not rooms_known_by(name) & {"tasks", "cli"}, name
        elif room(name) == "tasks":
            assert not rooms_known_by(name) & {"cli", "plots", "report"}, name


def test_only_tasks_and_above_know_about_sound_and_data():
    for name in FILES:
        if room(name) not in ("tasks", "cli", "exercises", "audio", "datasets"):
            known = {"audio"} if name == "__init__.py" else {"audio", "datasets"}  # which names nl.datasets
            assert not rooms_known_by(name) & known, name
            assert not libraries_known_by(name) & {"soundfile", "sklearn"}, name


@pytest.mark.parametrize(
    "name", ["parameters.py", "activations.py", "losses.py", "optimizers.py", "gradcheck.py"]
)
def test_the_mathematics_knows_numpy_scipy_and_the_standard_library_alone(name):
    assert libraries_known_by(name) <= {"numpy", "scipy", *sys.stdlib_module_names}


def test_layers_know_numpy_and_the_standard_library_alone():
    for name in FILES:
        if room(name) == "layers":
            assert libraries_known_by(name) <= {"numpy", *sys.stdlib_module_names}, name


FIGURES = ("plots", "plots_inside", "report")


def test_figures_are_imported_only_where_one_is_asked_for():
    for name, found in IMPORTS.items():
        for what, loaded in found:
            if room(name) not in FIGURES:  # which are themselves imported only where a figure is asked for
                assert not (loaded and room(what) in FIGURES and what.startswith(".")), name
            assert "pyplot" not in what, f"{name}: pyplot keeps figures and may open a display"
            if what.split(".")[0] == "matplotlib":
                assert room(name) in FIGURES, name


def test_importing_the_package_loads_nothing_heavy():
    heavy = ["matplotlib", "soundfile", "scipy", "tqdm", "safetensors", "sklearn"]
    program = f"import sys, numpylstm; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_nothing_can_execute_what_a_file_holds():
    for name in FILES:
        assert not libraries_known_by(name) & {"pickle", "dill", "marshal", "shelve", "joblib"}, name
        for function, node in calls(TREES[name]):
            assert function not in ("eval", "exec", "__import__"), name
            assert not any(word.arg == "allow_pickle" for word in node.keywords), name


def test_files_are_written_through_atomic_write_alone():
    for name in FILES:
        if name == "files.py":
            continue
        for function, node in calls(TREES[name]):
            last = function.split(".")[-1]
            assert not (last in ("write_text", "write_bytes") and "." in function), name
            if last == "open":
                arguments = node.args[1:] if function in ("open", "gzip.open") else node.args
                arguments = [*arguments, *(word.value for word in node.keywords if word.arg == "mode")]
                modes = [argument.value for argument in arguments if isinstance(argument, ast.Constant)]
                assert not any(set(str(mode)) & set("wax+") for mode in modes), f"{name}: {ast.unparse(node)}"


def test_random_numbers_come_from_generators_that_are_handed_on():
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np.random", "numpy.random"):
                assert node.attr in ("default_rng", "Generator"), f"{name}: {ast.unparse(node)}"
        assert "random" not in libraries_known_by(name), name


def test_no_two_scripts_that_tests_import_have_one_name():
    # Tests put benchmarks and docs on the path: of two modules of one name the second would get the first.
    names = [
        path.stem
        for folder in ("benchmarks", "docs", "tests")
        for path in (Path(__file__).parents[1] / folder).glob("*.py")
    ]
    assert sorted(names) == sorted(set(names))
