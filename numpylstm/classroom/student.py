"""A student's file in a process of its own, whose functions can be called from here.

    with Student("exercise.py") as student:
        h, cache = student.call("rnn_forward", x, h0, W_x, W_h, b, kept=(1,))
        dx, dh0 = student.call("rnn_backward", dh, cache)

Whatever the file does, an endless loop, an exit, another NumPy in place of NumPy, it does over there: here
arrive arrays, and are compared here. What arrives is never believed to be more than numbers.
"""

import os
import queue
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
from .failure import Failure, TooSlow
from .worker import Broken, Kept, arrays_in, read_message, write_message

SECONDS, MEMORY = 10.0, 4 << 30
"""For one call, and of address space: NumPy's libraries reserve a good part of it."""

START = 30.0
"""Seconds a process may take to import NumPy, on a slow machine."""


class Student:
    """One file, loaded anew after a call that ended its process.

    Args:
        path: of the student's file.
        seconds: one call may take.
        memory: bytes the process may use.
        silent: do not show what the file prints.
        number: of the student, for personal exercises.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        seconds: float = SECONDS,
        memory: int = MEMORY,
        silent: bool = False,
        number: int | None = None,
    ) -> None:
        self.path, self.seconds, self.memory = Path(path).resolve(), seconds, memory
        self.silent, self.number = silent, number
        self._process: subprocess.Popen[bytes] | None = None
        self._messages: queue.Queue[Any] = queue.Queue()
        self.functions: list[str] = []

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
        for (where, array), back in zip(sent, answer.get("args", []), strict=False):
            if not np.array_equal(array, back, equal_nan=True):
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
        # Isolated: neither the user's packages nor the folder it is started from can stand in for NumPy.
        command = [
            sys.executable,
            "-I",
            "-B",
            worker.__file__,
            str(self.memory),
            str(_processor(self.seconds)),
        ]
        environment = {
            name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "HOME") if name in os.environ
        }
        environment["OPENBLAS_NUM_THREADS"] = "1"
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if self.silent else None,
            cwd=self.path.parent,
            env=environment,
            start_new_session=True,  # so that what it may start ends with it
        )
        self._messages = queue.Queue()
        threading.Thread(target=_listen, args=(self._process.stdout, self._messages), daemon=True).start()
        answer = self._ask({"do": "load", "path": str(self.path)}, self.path.name, START, {})
        self.functions = [str(name) for name in answer["result"]]

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
                try:
                    stream.close()
                except OSError:
                    pass

    def _ask(self, request: Any, what: str, seconds: float, functions: dict[int, Any]) -> dict[str, Any]:
        """Send a request and wait for its answer, answering calls of this process's functions meanwhile."""
        assert self._process is not None and self._process.stdin is not None
        deadline = time.monotonic() + seconds
        try:
            write_message(self._process.stdin, request, {}, functions)
            while True:
                message = self._messages.get(timeout=max(deadline - time.monotonic(), 0))
                if isinstance(message, Broken):
                    raise message
                if not isinstance(message, dict):
                    raise Broken("sent what is no answer")
                if "callback" not in message:
                    break
                write_message(self._process.stdin, _answer(message, functions), {}, functions)
        except queue.Empty:
            self.close()
            raise TooSlow(f"{what} took longer than {seconds:.3g} s.") from None
        except (Broken, OSError) as error:
            code = self._ended()
            self.close()
            raise Failure(_ending(what, code, error)) from None
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


def _listen(stream: Any, messages: "queue.Queue[Any]") -> None:
    """Put message after message into the queue, and at last the reason why there are no more."""
    try:
        while True:
            messages.put(read_message(stream, Kept, _no_function))
    except (Broken, ValueError, OSError) as error:
        messages.put(error if isinstance(error, Broken) else Broken(str(error)))


def _no_function(number: int) -> Any:
    return Kept(number, "function")


def _answer(message: dict[str, Any], functions: dict[int, Any]) -> dict[str, Any]:
    """What one of this process's functions returns, and what it has written into its arguments."""
    given = list(arrays_in([message["args"], message["kwargs"]]))
    before = [array.copy() for array in given]
    try:
        result = functions[message["callback"]](*message["args"], **message["kwargs"])
    except Exception as error:
        return {"refused": f"{error}"}
    written = [
        None if np.array_equal(array, old, equal_nan=True) else array
        for array, old in zip(given, before, strict=True)
    ]
    return {"result": result, "written": written}


def _failure(what: str, error: Any) -> Failure:
    kind, text = str(error.get("type")), " ".join(str(error.get("message")).split())
    if kind == "NotImplementedError":
        return Failure(f"{what} is not written yet.", detail=str(error.get("traceback")))
    message = f"{what} raised {kind}{': ' + text if text else ''}"
    if error.get("line"):
        message += f", in line {error['line']}: {error['code']}"
    return Failure(message, detail=str(error.get("traceback")))


def _ending(what: str, code: int | None, error: Exception) -> str:
    if code is None:
        return f"{what} {error}."
    if code == -getattr(signal, "SIGXCPU", 24) or code == -getattr(signal, "SIGKILL", 9):
        return f"{what} used up its time or its memory."
    return f"{what} ended its process, with code {code}."


def _processor(seconds: float) -> int:
    """Seconds of processor time for all calls together: only what has run away meets it."""
    return int(60 * max(seconds, 1))
