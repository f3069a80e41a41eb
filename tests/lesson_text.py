"""What the lessons define, without running them."""

import ast
from pathlib import Path
from types import SimpleNamespace

TUTORIALS = Path(__file__).parents[1] / "tutorials"
KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)


def definitions(lesson: str, *tables: str) -> SimpleNamespace:
    """The imports, functions and classes of a lesson, and those of its tables that are named."""
    path = TUTORIALS / f"{lesson}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kept = [node for node in tree.body if isinstance(node, KEPT) or _assigned(node) in tables]
    names: dict = {}
    exec(compile(ast.Module(kept, type_ignores=[]), str(path), "exec"), names)
    return SimpleNamespace(**names)


def _assigned(node: ast.stmt) -> str | None:
    target = node.target if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [None])[0]
    return target.id if isinstance(target, ast.Name) else None
