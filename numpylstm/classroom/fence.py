"""What a file imports and reaches for, read and not run: NumPy, and what needs no machine behind it.

Nobody can read off a file all that it will do: this is a fence, which tells frameworks and files from
exercises; the wall is the process that the file runs in (worker.py). Whoever writes an exercise never meets
it: a variable may be called `input`, `vars` or `load`.

Runs as a script: the file on standard input, a list of [line, sentence] in JSON on standard output.
"""

import ast
import json
import sys
from collections.abc import Iterator

ALLOWED = {
    *("__future__", "abc", "bisect", "cmath", "collections", "copy", "dataclasses", "enum", "fractions"),
    *("functools", "heapq", "itertools", "math", "numbers", "numpy", "operator", "statistics", "string"),
    *("textwrap", "time", "types", "typing", "warnings"),
}
FRAMEWORKS = {
    *("autograd", "cupy", "flax", "jax", "keras", "mxnet", "numpylstm", "paddle", "sympy", "tensorflow"),
    *("theano", "tinygrad", "torch"),
}

FORBIDDEN = {
    *("__builtins__", "__import__", "__loader__", "__spec__", "breakpoint", "compile", "eval", "exec"),
    *("globals", "input", "open", "vars"),
}
"""Builtins with which a file could get at what it may not import."""

FAR = {
    *("DataSource", "fromfile", "fromregex", "genfromtxt", "load", "loadtxt", "memmap", "save", "savetxt"),
    *("savez", "savez_compressed"),
    *("compat", "core", "ctypeslib", "distutils", "f2py", "matrixlib", "test", "os", "sys"),
}
"""Functions of NumPy that reach files, and modules of it that reach everything."""

INNER = {
    *("__array_interface__", "__base__", "__bases__", "__builtins__", "__closure__", "__code__"),
    *("__getattribute__", "__globals__", "__import__", "__loader__", "__mro__", "__reduce__"),
    *("__reduce_ex__", "__self__", "__spec__", "__subclasses__", "__traceback__"),
    *("ag_frame", "cr_frame", "f_back", "f_builtins", "f_globals", "f_locals", "gi_frame", "tb_frame"),
}
"""Attributes that lead from any object to the interpreter."""

PLAIN = {"__all__", "__doc__", "__name__", "__version__", "_asdict"}
MODULES = (sys.stdlib_module_names - {"abc", "array", "copy", "select", "trace"}) | {
    *("bltns", "bit_generator", "extras", "mtrand", "np", "stdlib_re"),
}
"""What modules are called where others have imported them: a way around the list above."""

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
Finding = tuple[int, str]


def refused(text: str) -> list[Finding]:
    """(line, sentence) of all that a file may not do.

    Raises:
        SyntaxError, ValueError: it is no Python.
        RecursionError, MemoryError: it is nested too deeply.
    """
    tree = ast.parse(text)
    modules = _modules(tree)
    return sorted({*_imports(tree), *_attributes(tree, modules), *_names(tree)})


def _imports(tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _module(node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            yield from _module(node.lineno, name)
            for alias in node.names:
                yield from _part(node.lineno, name, alias.name)


def _module(line: int, name: str) -> Iterator[Finding]:
    parts = name.split(".")
    if parts[0] in FRAMEWORKS:
        yield line, f"imports {parts[0]}: this is to be written with NumPy alone."
    elif parts[0] not in ALLOWED:
        known = ", ".join(sorted(ALLOWED - {"numpy", "__future__"}))
        yield line, f"imports {name}: expected NumPy and {known}."
    else:
        for end in range(1, len(parts)):
            yield from _part(line, ".".join(parts[:end]), parts[end])


def _part(line: int, module: str, name: str) -> Iterator[Finding]:
    """An attribute of a module that a file has imported."""
    top = module.split(".")[0]
    wrong = name.startswith("_") and name not in PLAIN
    if module == "numpy":
        wrong |= name in FAR
    elif module == "numpy.lib":
        wrong |= name not in ("stride_tricks", "scimath")
    elif module == "numpy.testing":
        wrong |= not name.startswith(("assert_", "suppress_", "*"))
    elif module == "types":
        wrong |= name in ("CodeType", "FunctionType")
    elif top in ALLOWED and (top, name) != ("numpy", "polynomial"):
        own = module.split(".")[-1] == name  # time.time
        wrong |= (name in MODULES and not own) or (top == "numpy" and name in ("core", "linalg"))
    if wrong and top in ALLOWED:
        yield line, f"{module}.{name} is not needed here."


def _modules(tree: ast.Module) -> dict[str, str]:
    """The modules that a file's names stand for: {"np": "numpy", "la": "numpy.linalg"}."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.split(".")[0]
                found[alias.asname or name] = name
        elif isinstance(node, ast.ImportFrom) and node.module == "numpy":
            found |= {
                alias.asname or alias.name: f"numpy.{alias.name}"
                for alias in node.names
                if alias.name in ("fft", "lib", "linalg", "ma", "polynomial", "random", "testing")
            }
    before = -1
    while before < len(found):  # m = np; k = m
        before = len(found)
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
                module = _path(node.value, found)
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [target.id for target in targets if isinstance(target, ast.Name)]
                if module:
                    found = dict.fromkeys(names, module) | found
    return found


def _path(node: ast.expr, modules: dict[str, str]) -> str | None:
    """The module that an expression stands for, if it is a name, or a part of NumPy."""
    if isinstance(node, ast.Name):
        return modules.get(node.id)
    if isinstance(node, ast.NamedExpr):
        return _path(node.value, modules)
    if isinstance(node, ast.Attribute):
        module = _path(node.value, modules)
        if module and module.split(".")[0] == "numpy":
            if node.attr in ("fft", "lib", "linalg", "ma", "polynomial", "random", "testing"):
                return f"{module}.{node.attr}"
    return None


def _attributes(tree: ast.Module, modules: dict[str, str]) -> Iterator[Finding]:
    """Attributes of modules, inner ones of anything, and names of such in texts."""
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            if node.attr in INNER:
                yield node.lineno, f"{node.attr} is not needed here."
            elif module := _path(node.value, modules):
                yield from _part(node.lineno, module, node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            module = _path(node.args[0], modules) if node.args else None
            if node.func.id == "vars" and module:
                yield node.lineno, f"vars of {module} is not needed here."
            elif node.func.id in ("getattr", "setattr", "delattr") and len(node.args) > 1:
                name = _text(node.args[1])
                if module and name is not None:
                    yield from _part(node.lineno, module, name)
                elif name is None and any("__" in text for text in _texts(node.args[1])):
                    yield node.lineno, f"{node.func.id} of a name with __ is not needed here."
        if (
            isinstance(node, ast.Constant | ast.BinOp | ast.JoinedStr | ast.Call)
            and id(node) not in docstrings
        ):
            for name in INNER & _words(_text(node)):
                yield node.lineno, f"{name} is not needed here."


def _words(text: str | None) -> set[str]:
    """The identifiers in a text."""
    return set("".join(c if c.isidentifier() or c.isdigit() else " " for c in text or "").split())


def _texts(node: ast.expr) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _text(node: ast.expr) -> str | None:
    """The text that an expression of texts makes: "__glo" + "bals__", "".join(...), "_" * 2."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text(node.left), _text(node.right)
        return None if left is None or right is None else left + right
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, count = _text(node.left), node.right
        if left is not None and isinstance(count, ast.Constant) and isinstance(count.value, int):
            return left * min(count.value, 10)
    if isinstance(node, ast.JoinedStr):
        parts = [_text(part.value if isinstance(part, ast.FormattedValue) else part) for part in node.values]
        return None if None in parts else "".join(map(str, parts))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "join":
        glue = _text(node.func.value)
        items = node.args[0] if node.args else None
        if glue is not None and isinstance(items, ast.List | ast.Tuple):
            parts = [_text(item) for item in items.elts]
            return None if None in parts else glue.join(map(str, parts))
    return None


def _names(tree: ast.Module) -> Iterator[Finding]:
    """Builtins that are really read: not parameters, variables or functions of the same name."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    star = any(alias.name == "*" for node in imports for alias in node.names)
    own = _bound(tree.body)
    yield from _scope(tree, tree.body, own, set(), set(own), FORBIDDEN | FAR if star else FORBIDDEN)


def _scope(
    scope: ast.AST, body: list, own: dict[str, int], around: set[str], top: set[str], forbidden: set[str]
) -> Iterator[Finding]:
    """What is read in a module, a class or a function, and in those inside of it.

    Args:
        own: names bound here, and since which line. In a function a name is its own from the start; in a
            module or a class it is the builtin's until then.
        around: names bound around it.
        top: names bound in the module, to which `global` leads back.
    """
    early = isinstance(scope, ast.Module | ast.ClassDef)
    inside = around if isinstance(scope, ast.ClassDef) else around | set(own)  # methods see no class's names
    todo = list(body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Name) and node.id in forbidden:
            known = node.id in around or (node.id in own and not (early and node.lineno < own[node.id]))
            if isinstance(node.ctx, ast.Del) or (isinstance(node.ctx, ast.Load) and not known):
                yield node.lineno, f"{node.id} is not needed here."
        elif isinstance(node, FUNCTIONS):
            outer = [*node.args.defaults, *node.args.kw_defaults, *getattr(node, "decorator_list", [])]
            todo += [part for part in outer if part is not None]
            inner = node.body if isinstance(node.body, list) else [node.body]
            parameters = (part.arg for part in ast.walk(node.args) if isinstance(part, ast.arg))
            shared = _globals(inner)
            names = dict.fromkeys(parameters, 0) | _bound(inner)
            names = {name: line for name, line in names.items() if name not in shared}
            yield from _scope(node, inner, names, inside - shared | (shared & top), top, forbidden)
        elif isinstance(node, ast.ClassDef):
            todo += [*node.bases, *(word.value for word in node.keywords), *node.decorator_list]
            yield from _scope(node, node.body, _bound(node.body), inside, top, forbidden)
        elif isinstance(node, COMPREHENSIONS):
            first, *others = node.generators
            todo.append(first.iter)  # which is looked up outside
            parts = [first.target, *first.ifs, *others]
            parts += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            names = _bound([generator.target for generator in node.generators])
            yield from _scope(node, parts, names, inside, top, forbidden)
        else:
            todo += ast.iter_child_nodes(node)


def _bound(body: list) -> dict[str, int]:
    """Names that a scope binds anywhere, and in which line first; not what scopes inside of it bind."""
    found: dict[str, int] = {}
    todo = list(body)
    while todo:
        node = todo.pop()
        names: list[str | None] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, COMPREHENSIONS):
            todo += [part for part in ast.walk(node) if isinstance(part, ast.NamedExpr)]
        elif not isinstance(node, ast.Lambda):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names = [node.id]
            elif isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.asname or alias.name.split(".")[0] for alias in node.names]
            elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
                names = [node.name]
            elif isinstance(node, ast.MatchMapping):
                names = [node.rest]
            todo += ast.iter_child_nodes(node)
        for name in names:
            if name:
                found[name] = min(found.get(name, node.lineno), node.lineno)
    return found


def _globals(body: list) -> set[str]:
    """Names that a function takes from the module by `global`."""
    parts = (part for node in body for part in ast.walk(node))
    return {name for part in parts if isinstance(part, ast.Global) for name in part.names}


def main() -> None:
    try:
        found = refused(sys.stdin.buffer.read().decode())
    except (SyntaxError, ValueError):
        found = []  # said when the file is loaded
    except (RecursionError, MemoryError):
        found = [(1, "is nested too deeply to be read.")]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
