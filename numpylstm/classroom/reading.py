"""What a file imports and calls, read and not run: NumPy, and what needs no machine behind it."""

import ast
from collections.abc import Iterator
from pathlib import Path

ALLOWED = {
    *("__future__", "cmath", "collections", "copy", "dataclasses", "enum", "fractions", "functools"),
    *("itertools", "math", "numbers", "numpy", "operator", "statistics", "string", "types", "typing"),
}
FRAMEWORKS = {"torch", "tensorflow", "keras", "jax", "autograd", "numpylstm", "theano", "mxnet", "tinygrad"}
FORBIDDEN = {"eval", "exec", "compile", "__import__", "open", "globals", "breakpoint", "input", "vars"}
"""Functions with which a file could get at what it may not import."""

FAR = {"ctypeslib", "f2py", "load", "save", "savez", "savetxt", "loadtxt", "fromfile", "memmap", "distutils"}
"""Parts of NumPy that reach files and other languages."""

INNER = {
    "__name__",
    "__init__",
    "__call__",
    "__len__",
    "__getitem__",
    "__setitem__",
    "__iter__",
    "__post_init__",
}


def refused(path: Path) -> list[str]:
    """What a file may not do, one sentence each; a file that is no Python is told when it is loaded.

    Nobody can read off a file all that it will do: this is a fence, and `Student`'s process is the wall.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [f"{path.name}, line {line}: {what}" for line, what in sorted(set(_found(tree)))]


def _found(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _module(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            yield from _module(node.lineno, "." * node.level + (node.module or ""))
            for alias in node.names:
                if alias.name in FAR and (node.module or "").startswith("numpy"):
                    yield node.lineno, f"numpy's {alias.name} is not needed here."
        elif isinstance(node, ast.Name) and node.id in FORBIDDEN | {"__builtins__", "__loader__", "__spec__"}:
            yield node.lineno, f"{node.id} is not needed here."
        elif isinstance(node, ast.Attribute):
            if node.attr.startswith("__") and node.attr.endswith("__") and node.attr not in INNER:
                yield node.lineno, f"{node.attr} is not needed here."
            elif node.attr in FAR and isinstance(node.value, ast.Name) and node.value.id in ("np", "numpy"):
                yield node.lineno, f"numpy's {node.attr} is not needed here."


def _module(line: int, name: str) -> Iterator[tuple[int, str]]:
    top = name.split(".")[0]
    if top in FRAMEWORKS:
        yield line, f"imports {top}: this is to be written with NumPy alone."
    elif top not in ALLOWED:
        yield (
            line,
            f"imports {name}: expected NumPy and {', '.join(sorted(ALLOWED - {'numpy', '__future__'}))}.",
        )
