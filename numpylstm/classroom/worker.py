"""The other end of `student.Student`: loads a student's file and calls its functions when asked to.

Runs in a process of its own, as a script, and knows nothing of the package: what a student's file does to
this process, it does to nobody else. Its three arguments are limits: bytes of memory, seconds of processor
time, and 1 if it is to write into no file at all, not even where its standard error leads.

Before the file is run the process gives up what it will not need: `limit` the system's means, `drop_user` the
rights of root, `guard` whatever of Python reaches beyond this process. The first two are the system's and
hold; the last is Python's own, and stops all who do not write machine code.

A message is 8 bytes with the length of a header, the header in JSON, and the bytes of the arrays it tells of.
"""

import importlib.abc
import json
import linecache
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import module_from_spec, spec_from_loader
from typing import IO, Any

import numpy as np

KINDS = "biufc"  # of arrays that may travel: numbers
LARGEST = 1 << 26  # bytes of one message
LONGEST = 1 << 22  # bytes of its header


class Broken(Exception):
    """The other end sends what is no message."""


class Closed(Broken):
    """The other end has closed the line."""


def write_message(stream: IO[bytes], message: Any, kept: dict[int, Any], functions: dict[int, Any]) -> None:
    """Numbers, texts, None, arrays, and tuples, lists and dicts of them travel; a Generator as the state it
    is in, a function as a number to call it by. Of anything else only its number does: it stays here, in
    `kept`."""
    arrays: list[np.ndarray] = []
    header = json.dumps(encode(message, arrays, kept, functions)).encode()
    size = sum(array.nbytes for array in arrays)
    if size > LARGEST or len(header) > LONGEST:
        raise ValueError(f"{(size + len(header)) / 1e6:.0f} MB are too much to be sent at once")
    for data in (len(header).to_bytes(8, "little") + header, *(array.tobytes() for array in arrays)):
        left = memoryview(data)
        while left:  # a pipe without a buffer may take less than all
            left = left[stream.write(left) :]
    stream.flush()


def encode(value: Any, arrays: list[np.ndarray], kept: dict[int, Any], functions: dict[int, Any]) -> Any:
    if value is None or (isinstance(value, bool | int | str) and type(value) in (bool, int, str)):
        return value
    if isinstance(value, Kept):
        return {"kept": value.number}
    if isinstance(value, float | complex | np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind in KINDS:
            arrays.append(array)
            scalar = not isinstance(value, np.ndarray)
            return {"dtype": array.dtype.str, "shape": array.shape, "scalar": scalar}
    for kind in (tuple, list):
        if isinstance(value, kind):
            return {kind.__name__: [encode(item, arrays, kept, functions) for item in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: encode(item, arrays, kept, functions) for key, item in value.items()}}
    if isinstance(value, np.random.Generator) and type(value.bit_generator).__name__ == "PCG64":
        return {"generator": value.bit_generator.state}
    table, name = (functions, "function") if callable(value) else (kept, "kept")
    number = len(table)
    table[number] = value
    return {name: number, "type": type(value).__name__}


def read_message(
    stream: IO[bytes], of_kept: Callable[[int, str], Any], of_function: Callable[[int], Any]
) -> Any:
    """The next message.

    Raises:
        Broken: there is none, or it is not one.
    """
    try:
        length = int.from_bytes(_read(stream, 8), "little")
        if length > LONGEST:
            raise Broken(f"sent what is no message: a header of {length} bytes")
        return decode(json.loads(_read(stream, length)), stream, of_kept, of_function, [LARGEST])
    except Broken:
        raise
    except Exception as error:  # whatever a file that meddles with this line may have written
        raise Broken(f"sent what is no message: {error}") from None


def decode(
    value: Any,
    stream: IO[bytes],
    of_kept: Callable[[int, str], Any],
    of_function: Callable[[int], Any],
    left: list[int],
) -> Any:
    """A message from its header; `left` is the number of bytes that its arrays may still take."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if "dtype" in value:
        dtype, shape = np.dtype(value["dtype"]), tuple(map(int, value["shape"]))
        if dtype.kind not in KINDS or min(shape, default=0) < 0:
            raise Broken(f"sent an array of {dtype} {shape}")
        size = dtype.itemsize * int(np.prod(shape, dtype=object))
        # An array without entries may still have axes: what is computed of it would have as many.
        left[0] -= dtype.itemsize * int(np.prod([max(length, 1) for length in shape], dtype=object))
        if left[0] < 0:
            raise Broken(f"sent more than {LARGEST} bytes at once")
        array = np.frombuffer(bytearray(_read(stream, size)), dtype).reshape(shape)
        return array[()] if value["scalar"] else array
    for kind in (tuple, list):
        if kind.__name__ in value:
            items = value[kind.__name__]
            return kind(decode(item, stream, of_kept, of_function, left) for item in items)
    if "dict" in value:
        items = value["dict"].items()
        return {key: decode(item, stream, of_kept, of_function, left) for key, item in items}
    if "generator" in value:
        rng = np.random.default_rng(0)
        rng.bit_generator.state = value["generator"]
        return rng
    if "function" in value:
        return of_function(value["function"])
    return of_kept(value["kept"], str(value.get("type", "")))


def arrays_in(value: Any) -> Iterator[np.ndarray]:
    """All arrays of nested tuples, lists and dicts, in their order."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple | list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from arrays_in(item)


def _read(stream: IO[bytes], size: int) -> bytes:
    data = bytearray()
    while len(data) < size:  # a pipe without a buffer gives what has arrived
        piece = stream.read(size - len(data))
        if not piece:
            raise Closed("closed the line")
        data += piece
    return bytes(data)


class Kept:
    """Stands for an object that stayed in the other process."""

    def __init__(self, number: int, type_name: str = "") -> None:
        self.number, self.type_name = number, type_name

    def __repr__(self) -> str:
        return f"<{self.type_name or 'object'} that stays with the student>"


class Loader:
    """Loads one file and answers requests until the line is closed."""

    def __init__(self, incoming: IO[bytes], outgoing: IO[bytes]) -> None:
        self.incoming, self.outgoing = incoming, outgoing
        self.kept: dict[int, Any] = {}
        self.module: Any = None

    def run(self) -> None:
        while True:
            try:
                request = self.read()
            except Broken:
                return
            try:
                self.write(getattr(self, request.pop("do"))(**request))
            except BaseException as error:  # SystemExit and KeyboardInterrupt of a student's file as well
                self.write({"error": describe(error)})

    def read(self) -> Any:
        return read_message(self.incoming, lambda number, _: self.kept[number], self.calling)

    def write(self, message: Any) -> None:
        write_message(self.outgoing, message, self.kept, {})

    def ready(self) -> dict[str, Any]:
        return {"result": None}

    def load(self, path: str, text: str) -> dict[str, Any]:
        """Run the file, whose text is sent along: this process may open nothing."""
        loader = Source(path, text)
        spec = spec_from_loader("exercise", loader)
        assert spec is not None
        self.module = module_from_spec(spec)
        sys.modules["exercise"] = self.module  # where dataclasses look
        linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)  # for tracebacks
        loader.exec_module(self.module)
        return {"result": sorted(name for name, value in vars(self.module).items() if callable(value))}

    def call(self, function: str, args: Any, kwargs: Any, kept: list[int]) -> dict[str, Any]:
        result = getattr(self.module, function)(*args, **kwargs)
        if kept and isinstance(result, tuple | list):
            result = tuple(self.keep(part) if index in kept else part for index, part in enumerate(result))
        return {"result": result, "args": list(arrays_in([args, kwargs]))}

    def keep(self, value: Any) -> Kept:
        self.kept[len(self.kept)] = value
        return Kept(len(self.kept) - 1)

    def calling(self, number: int) -> Callable[..., Any]:
        """A function of the other process, as one that can be called here; what it writes into its
        arguments is written into them here."""

        def function(*args: Any, **kwargs: Any) -> Any:
            self.write({"callback": number, "args": args, "kwargs": kwargs})
            answer = self.read()
            if "refused" in answer:
                raise ValueError(answer["refused"])
            for array, written in zip(arrays_in([args, kwargs]), answer["written"], strict=True):
                if written is not None:
                    array[...] = written
            return answer["result"]

        return function


class Source(importlib.abc.ExecutionLoader):
    """Loads a module from a text."""

    def __init__(self, path: str, text: str) -> None:
        self.path, self.text = path, text

    def get_filename(self, fullname: str) -> str:
        return self.path

    def get_source(self, fullname: str) -> str:
        return self.text


def describe(error: BaseException) -> dict[str, Any]:
    """What happened, and in which line of the student's file."""
    text = "".join(traceback.format_exception(error))
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError) and error.filename:
        line, code = error.lineno, (error.text or "").strip()
    else:
        own = [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame.filename]
        # The last line of the file itself: what NumPy's own lines say helps nobody.
        file = own[0].filename if own else ""
        last = [frame for frame in own if frame.filename == file][-1:]
        line, code = (last[0].lineno, last[0].line or "") if last else (None, "")
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    told = {"type": type(error).__name__, "message": message, "code": code, "traceback": text[-20_000:]}
    return {name: value[:20_000] for name, value in told.items()} | {"line": line}


def limit(memory: int, seconds: int, files: bool) -> None:
    """What this process may use, where the system can hold it to it: not on Windows."""
    try:
        import resource
    except ImportError:
        return
    limits = {"RLIMIT_AS": memory, "RLIMIT_CPU": seconds, "RLIMIT_NPROC": 0, "RLIMIT_CORE": 0}
    if not files:
        limits["RLIMIT_FSIZE"] = 0
    for name, most in limits.items():
        try:
            resource.setrlimit(getattr(resource, name), (most, most))
        except (AttributeError, ValueError, OSError):
            pass  # a lower limit is set already, or the system knows no such limit


def drop_user() -> None:
    """Root becomes nobody: another one for every process, so that none reaches another's."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return
    nobody = 61184 + os.getpid() % 4000  # numbers that no system gives to its users
    try:
        os.setgroups([])
        os.setresgid(nobody, nobody, nobody)
        os.setresuid(nobody, nobody, nobody)
    except (AttributeError, OSError):
        pass  # root of a container that may not change its user


# What a file may import is there before it is run: afterwards a library may lie where nobody is let in, and
# NumPy's own first steps look at more than an exercise needs.
NEEDED = [
    *("abc", "bisect", "cmath", "collections", "copy", "dataclasses", "enum", "fractions", "functools"),
    *("heapq", "itertools", "math", "numbers", "operator", "statistics", "string", "textwrap", "time"),
    *("tokenize", "types", "typing", "unicodedata", "warnings"),
    *("numpy.fft", "numpy.linalg", "numpy.ma", "numpy.polynomial", "numpy.random", "numpy.testing"),
    *("numpy.typing", "numpy.lib.stride_tricks"),
]


def guard() -> None:
    """From now on Python refuses what reaches beyond this process (PEP 578: a hook cannot be taken away)."""
    refused = frozenset(
        (
            *(
                "ctypes",
                "fcntl",
                "gc",
                "glob",
                "mmap",
                "msvcrt",
                "os",
                "pathlib",
                "pty",
                "resource",
                "shutil",
            ),
            *("signal", "socket", "sqlite3", "subprocess", "syslog", "tempfile", "urllib", "webbrowser"),
            *("winreg", "_winapi"),
        )
    )
    standard, text, number = frozenset(sys.stdlib_module_names), str, int
    folders = [os.path.dirname(str(module.__file__)) + os.sep for module in (os, np)]
    libraries = (*folders, *map(os.path.realpath, folders))
    writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    no_module, no_permission = ImportError, PermissionError

    def hook(event: str, args: tuple) -> None:
        # Builtins and this module's names are the student's to change: all that is used here is its own.
        if event == "import":
            name = text.partition(args[0], ".")[0]
            if name != "numpy" and name not in standard:
                raise no_module(f"{name} is not needed here")
        elif event == "open":
            path, _, flags = args
            library = type(path) is text and path.startswith(libraries) and ".." not in path
            if not library or type(flags) is not number or flags & writing:
                raise no_permission("no file is needed here")
        elif event.partition(".")[0] in refused and event != "os.listdir":  # which importing needs
            raise no_permission(f"{event} is not needed here")

    for module in (os, sys.modules.get("posix")):
        for name in ("mkfifo", "mknod"):  # of which no hook is told
            if hasattr(module, name):
                delattr(module, name)
    sys.addaudithook(hook)


def main() -> None:
    # The line is this process's standard input and output. A student's own prints go to standard error.
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    memory, seconds, silent = map(int, sys.argv[1:])
    for name in NEEDED:
        import_module(name)
    limit(memory, seconds, files=not silent)
    drop_user()
    guard()
    Loader(incoming, outgoing).run()


if __name__ == "__main__":
    main()
