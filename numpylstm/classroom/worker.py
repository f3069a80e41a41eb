"""The other end of `student.Student`: loads a student's file and calls its functions when asked to.

Runs in a process of its own, as a script, and knows nothing of the package: what a student's file does to
this process, it does to nobody else. Its two arguments are limits: bytes of memory, seconds of processor
time.

A message is 8 bytes with the length of a header, the header in JSON, and the bytes of the arrays it tells of.
"""

import importlib.util
import itertools
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import IO, Any

import numpy as np

KINDS = "biufc"  # of arrays that may travel: numbers
LARGEST = 1 << 28  # bytes of one message


class Broken(Exception):
    """The other end has closed the line, or sends what is no message."""


def write_message(stream: IO[bytes], message: Any, kept: dict[int, Any], functions: dict[int, Any]) -> None:
    """Numbers, texts, None, arrays, and tuples, lists and dicts of them travel; a Generator as the state it
    is in, a function as a number to call it by. Of anything else only its number does: it stays here, in
    `kept`."""
    arrays: list[np.ndarray] = []
    header = json.dumps(encode(message, arrays, kept, functions)).encode()
    stream.write(len(header).to_bytes(8, "little") + header)
    for array in arrays:
        stream.write(array.tobytes())
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
        header = json.loads(_read(stream, _length(int.from_bytes(_read(stream, 8), "little"))))
        return decode(header, stream, of_kept, of_function, itertools.count())
    except Broken:
        raise
    except Exception as error:  # whatever a file that meddles with this line may have written
        raise Broken(f"sent what is no message: {error}") from None


def decode(
    value: Any,
    stream: IO[bytes],
    of_kept: Callable[[int, str], Any],
    of_function: Callable[[int], Any],
    arrays: Any,
) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if "dtype" in value:
        dtype, shape = np.dtype(value["dtype"]), tuple(map(int, value["shape"]))
        if dtype.kind not in KINDS or min(shape, default=0) < 0:
            raise Broken(f"sent an array of {dtype} {shape}")
        size = _length(dtype.itemsize * int(np.prod(shape, dtype=object)))
        array = np.frombuffer(bytearray(_read(stream, size)), dtype).reshape(shape)
        return array[()] if value["scalar"] else array
    for kind in (tuple, list):
        if kind.__name__ in value:
            items = value[kind.__name__]
            return kind(decode(item, stream, of_kept, of_function, arrays) for item in items)
    if "dict" in value:
        items = value["dict"].items()
        return {key: decode(item, stream, of_kept, of_function, arrays) for key, item in items}
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


def _length(size: int) -> int:
    if not 0 <= size <= LARGEST:
        raise Broken(f"sent {size} bytes at once, more than {LARGEST}")
    return size


def _read(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise Broken("closed the line")
    return data


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
                answer = getattr(self, request.pop("do"))(**request)
            except BaseException as error:  # SystemExit and KeyboardInterrupt of a student's file as well
                answer = {"error": describe(error)}
            self.write(answer)

    def read(self) -> Any:
        return read_message(self.incoming, lambda number, _: self.kept[number], self.calling)

    def write(self, message: Any) -> None:
        write_message(self.outgoing, message, self.kept, {})

    def load(self, path: str) -> dict[str, Any]:
        spec = importlib.util.spec_from_file_location("exercise", path)
        assert spec is not None and spec.loader is not None
        self.module = importlib.util.module_from_spec(spec)
        sys.modules["exercise"] = self.module  # where dataclasses look
        spec.loader.exec_module(self.module)
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
    return {"type": type(error).__name__, "message": message, "line": line, "code": code, "traceback": text}


def limit(memory: int, seconds: int) -> None:
    """What this process may use, where the system can hold it to it: not on Windows."""
    try:
        import resource
    except ImportError:
        return
    for what, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds)):
        if most:
            try:
                resource.setrlimit(what, (most, most))
            except (ValueError, OSError):
                pass  # a lower limit is set already, or the system knows no such limit


def main() -> None:
    # The line is this process's standard input and output. A student's own prints go to standard error.
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    limit(int(sys.argv[1]), int(sys.argv[2]))
    Loader(incoming, outgoing).run()


if __name__ == "__main__":
    main()
