"""A student's file in this process: `Student` without the process, for tests of many files.

Everything goes through the messages as it does over there; only nothing is limited, and a file that ends its
process would end the tests.
"""

import io
import warnings
from typing import Any

from numpylstm.classroom import Student
from numpylstm.classroom.reading import read_source
from numpylstm.classroom.student import _answer, _failure, _no_function
from numpylstm.classroom.worker import Kept, Loader, describe, read_message, write_message


class NearStudent(Student):
    """Drop-in for `Student`."""

    _loader: Loader | None = None

    def load(self) -> None:
        if self._loader is None:
            self._loader = Loader(io.BytesIO(), io.BytesIO())
            request = {"do": "load", "path": str(self.path), "text": read_source(self.path)}
            answer = self._ask(request, self.path.name, 0, {})
            self.functions = [str(name) for name in answer["result"]]

    def close(self) -> None:
        self._loader = None

    def _ask(self, request: Any, what: str, seconds: float, functions: dict[int, Any]) -> dict[str, Any]:
        loader = self._loader
        assert loader is not None

        def calling(number: int) -> Any:
            def function(*args: Any, **kwargs: Any) -> Any:
                args, kwargs = travel((args, kwargs), loader.kept, {}, Kept, _no_function)
                answer = _answer({"callback": number, "args": args, "kwargs": kwargs}, functions)
                answer = travel(answer, {}, functions, loader.kept.get, calling)
                if "refused" in answer:
                    raise ValueError(answer["refused"])
                return answer["result"]

            return function

        def of_kept(number: int, _: str) -> Any:
            return loader.kept[number]

        request = travel(request, {}, functions, of_kept, calling)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # over there they are printed
                answer = getattr(loader, request.pop("do"))(**request)
        except Exception as error:
            # Without this file's own line, which is not there either.
            last = error.__traceback__
            raise _failure(what, describe(error.with_traceback(last and last.tb_next))) from None
        return travel(answer, loader.kept, {}, Kept, _no_function)


def travel(message: Any, kept: Any, functions: Any, of_kept: Any, of_function: Any) -> Any:
    """What comes out at the other end of the line."""
    line = io.BytesIO()
    write_message(line, message, kept, functions)
    line.seek(0)
    return read_message(line, of_kept, of_function)
