"""A student's file in a process of its own, whose functions can be called from here.

    with Student("exercise.py") as student:
        h, cache = student.call("rnn_forward", x, h0, W_x, W_h, b, kept=(1,))
        dx, dh0 = student.call("rnn_backward", dh, cache)

Whatever the file does, an endless loop, an exit, another NumPy in place of NumPy, it does over there: here
arrive arrays, and are compared here. What arrives is never believed to be more than numbers.

The text of the file is read here and sent over: the process needs no file, and may open none.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import worker
from .failure import Failure, TooSlow, plain
from .reading import read_source
from .worker import Broken, Closed, Kept, arrays_in, read_message, write_message

SECONDS, TOTAL, MEMORY = 10.0, 60.0, 2 << 30
"""Seconds for one call and for all of them, and bytes of address space, some of which NumPy reserves."""

START = 30.0
"""Seconds a process may take to import NumPy, on a slow machine."""


class Student:
    """One file, loaded anew after a call that ended its process.

    Args:
        path: of the student's file.
        seconds: one call may take, and loading the file.
        total: seconds all calls together may take.
        memory: bytes the process may use.
        silent: do not show what the file prints, and let it write into nothing.
        number: of the student, for personal exercises.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        seconds: float = SECONDS,
        total: float = TOTAL,
        memory: int = MEMORY,
        silent: bool = False,
        number: int | None = None,
    ) -> None:
        self.path, self.seconds, self.memory = Path(os.path.abspath(path)), seconds, memory
        self.silent, self.number = silent, number
        self.functions: list[str] = []
        self._left = self.total = total
        self._process: subprocess.Popen[bytes] | None = None
        self._unloadable: Failure | None = None

    def __enter__(self) -> "Student":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def call(
        self, function: str, *args: Any, kept: Sequence[int] = (), seconds: float | None = None, **kwargs: Any
    ) -> Any:
        """What a function of the file returns.

        Args:
            args: numbers, texts, arrays, Generators, functions of this process, tuples, lists and dicts of
                them, and what was kept before.
            kept: which parts of a returned tuple stay over there, and come back as a `Kept`, to be handed to
                later calls as the very objects they are.

        Raises:
            Failure: there is no such function; it raised, took too long (TooSlow), needed too much memory,
                ended its process, or wrote into one of its arguments.
        """
        self.load()
        if function not in self.functions:
            raise Failure(f"there is no function {function} in {self.path.name}.")
        functions: dict[int, Any] = {}
        sent = [
            (where, array)
            for where, arg in [*enumerate(args, 1), *kwargs.items()]
            for array in arrays_in(arg)
        ]
        request = {"do": "call", "function": function, "args": args, "kwargs": kwargs, "kept": list(kept)}
        answer = self._ask(request, function, seconds or self.seconds, functions)
        # Only that process could say whether an argument has changed: it may say nothing.
        returned = answer.get("args")
        for (where, array), back in zip(sent, returned if isinstance(returned, list) else [], strict=False):
            if not _same(array, back):
                raise Failure(
                    f"{function} wrote into argument {where}, an array of shape {array.shape}.",
                    "an operation in place (+=, *=, out=) on an array that belongs to the caller.",
                )
        return answer.get("result")

    def load(self) -> None:
        """Start the process and load the file, if that is not done.

        Raises:
            Failure: the file cannot be loaded.
        """
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        if self._unloadable is not None:
            raise self._unloadable  # and not once more for every check: it may have taken long
        try:
            self._start(read_source(self.path))
        except Failure as failure:
            self.close()
            self._unloadable = failure
            raise

    def _start(self, text: str) -> None:
        # Isolated: neither the user's packages nor the folder it is started from can stand in for NumPy.
        left = self._left
        limits = (self.memory, round(START + self.total), int(self.silent))
        kept = ("PATH", "SYSTEMROOT", "HOME")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        environment |= dict.fromkeys(THREADS, "1")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", worker.__file__, *map(str, limits)],
            bufsize=0,  # a buffer could not be closed while a thread waits at it
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if self.silent else None,
            cwd=os.path.abspath(os.sep),
            env=environment,
            start_new_session=True,  # so that what it may start ends with it
        )
        self._ask({"do": "ready"}, "NumPy", START, {})
        self._left = left  # how long NumPy takes to start is not the student's affair
        request = {"do": "load", "path": str(self.path), "text": text}
        names = self._ask(request, self.path.name, self.seconds, {}).get("result")
        if not isinstance(names, list):
            raise Failure(f"{self.path.name} sent what is no answer.")
        self.functions = [name for name in names if isinstance(name, str)]

    def close(self) -> None:
        """End the process and all it has started."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            process.kill()
        except ProcessLookupError:
            pass
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()

    def _ask(self, request: Any, what: str, seconds: float, functions: dict[int, Any]) -> dict[str, Any]:
        """Send a request and wait for its answer, answering calls of this process's functions meanwhile."""
        if self._left <= 0:
            raise Failure(f"{what} was not run: the {self.total:g} s for all calls together are used up.")
        assert self._process is not None
        # Writing and reading both wait for the other end as long as it likes, so a thread does both.
        arrived: list[Any] = []
        args = (self._process.stdin, self._process.stdout, request, functions, arrived)
        thread = threading.Thread(target=_exchange, args=args, daemon=True)
        started = time.monotonic()
        thread.start()
        thread.join(seconds)
        self._left -= time.monotonic() - started
        if not arrived:
            self.close()
            raise TooSlow(f"{what} took longer than {seconds:.3g} s.")
        (message,) = arrived
        if not isinstance(message, dict):
            code = self._ended() if isinstance(message, Closed) else None
            self.close()
            raise Failure(_ending(what, code, message))
        if "error" in message:
            raise _failure(what, message["error"])
        return message

    def _ended(self) -> int | None:
        """The code a process ended with, None if it still runs."""
        assert self._process is not None
        try:
            return self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return None


THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def _exchange(
    incoming: Any, outgoing: Any, request: Any, functions: dict[int, Any], arrived: list[Any]
) -> None:
    """Send a request; put the answer, or the reason why there is none, into `arrived`."""
    try:
        write_message(incoming, request, {}, functions)
        while True:
            message = read_message(outgoing, Kept, _no_function)
            if not isinstance(message, dict):
                raise Broken("sent what is no answer")
            if "callback" not in message:
                break
            write_message(incoming, _answer(message, functions), {}, functions)
    except Broken as error:
        message = error
    except OSError:
        message = Closed("closed the line")
    except Exception as error:  # whatever a forged call may lead to
        message = Broken(f"sent what is no message: {error}")
    arrived.append(message)


def _no_function(number: int) -> Any:
    return Kept(number, "function")


def _same(array: np.ndarray, back: Any) -> bool:
    return (
        isinstance(back, np.ndarray)
        and (back.shape, back.dtype) == (array.shape, array.dtype)
        and back.tobytes() == array.tobytes()
    )


def _answer(message: dict[str, Any], functions: dict[int, Any]) -> dict[str, Any]:
    """What one of this process's functions returns, and what it has written into its arguments."""
    given = list(arrays_in([message["args"], message["kwargs"]]))
    before = [array.copy() for array in given]
    try:
        result = functions[message["callback"]](*message["args"], **message["kwargs"])
    except Exception as error:
        return {"refused": plain(error, 300)}
    written = [None if _same(old, array) else array for array, old in zip(given, before, strict=True)]
    return {"result": result, "written": written}


def _failure(what: str, error: Any) -> Failure:
    """What the other process says of an error, which may be anything."""
    told = error if isinstance(error, dict) else {}
    kind, text, code = (plain(told.get(name) or "", 300) for name in ("type", "message", "code"))
    detail = str(told.get("traceback") or "")
    if kind == "NotImplementedError":
        return Failure(f"{what} is not written yet.", detail=detail)
    if kind == "MemoryError":
        return Failure(f"{what} needed too much memory.", detail=detail)
    message = f"{what} raised {kind}{': ' + text if text else ''}"
    if isinstance(told.get("line"), int):
        message += f", in line {told['line']}: {code}"
    return Failure(message, detail=detail)


def _ending(what: str, code: int | None, error: Exception) -> str:
    if code is None:
        return f"{what} {error}."
    if code == -getattr(signal, "SIGXCPU", 24) or code == -getattr(signal, "SIGKILL", 9):
        return f"{what} used up its time or its memory."
    if code < 0:
        return f"{what} crashed its process, with signal {-code}."
    return f"{what} ended its process, with code {code}."
