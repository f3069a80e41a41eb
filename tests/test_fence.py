"""What a student's file may import and reach for, read off its text."""

import pytest

from numpylstm.classroom import fence
from numpylstm.classroom.failure import Failure
from numpylstm.classroom.reading import LONGEST, read_source, refused

# Correct code, however it is written: names of builtins and files as variables, all of NumPy's arithmetic.
RIGHT = {
    "docstring": '"""Leads to __globals__ and eval."""',
    "future": "from __future__ import annotations\nimport numpy.typing as npt\nx: npt.NDArray",
    "star": "from numpy import *\nload = zeros(3)\nprint(load)",
    "parts": "import numpy as np\nnp.linalg.norm, np.random.random, np.fft.rfft, np.ma.array",
    "array": "import numpy as np\nnp.array, np.select, np.copy, np.linalg.trace, np.lib.stride_tricks",
    "windows": "from numpy.lib.stride_tricks import sliding_window_view, as_strided",
    "polynomial": "import numpy as np\nnp.polynomial.polynomial.polyval(1.0, [1.0])",
    "testing": "import numpy as np\nfrom numpy.testing import assert_allclose\nnp.testing.assert_array_equal",
    "version": "import numpy as np\nnp.__version__, np.float64.__name__",
    "modules": "import time, bisect, copy, heapq\ntime.time, bisect.bisect, copy.copy, heapq.heappush",
    "abc": "import collections.abc\nfrom collections import abc, namedtuple\ncollections.abc.Callable",
    "getattr": "import numpy as np\ndef f(name, x): return getattr(np, name)(x), getattr(x, 'sh' + 'ape')",
    "parameters": "def f(input, vars=None, *, open=1, **compile): return input, vars, open, compile",
    "locals": "def f():\n    input = 3\n    def g(): return input\n    return g(), [input for _ in [1]]",
    "lambdas": "f = lambda input: input + 1\nfor vars in range(3): print(vars)",
    "comprehension": "def f(x): return [input * 2 for input in x], {vars: open for vars, open in x}",
    "walrus": "def f(x):\n    y = [input := z for z in x]\n    return input, y",
    "module": "def f(): return input + 1\ninput = 3\nprint(input)",
    "main": 'if __name__ == "__main__":\n    input = 3\n    print(input, locals())',
    "function": "def compile(x): return x\ndef f(): return compile(3)",
    "class": "class Model:\n    vars = 3\n    def load(self, input): self.__dict__.update(open=input)\n"
    "    def save(self): return self.load(3), self.__class__.__name__, super().__init__()",
    "except": "try: pass\nexcept ValueError as open: print(open)",
    "match": "def f(x):\n    match x:\n        case [input, *vars]: return input, vars",
    "global": "input = 1\ndef f():\n    global input\n    input += 1\n    return input",
    "dataclass": "from dataclasses import dataclass, field, replace\n@dataclass\nclass C:\n    open: int = 0",
    "operators": "class V:\n    def __matmul__(self, o): return self.__add__(o)",
}

WRONG = {
    "torch": "import torch",
    "inside": "def f():\n    from jax import numpy",
    "library": "import numpylstm.layers as l",
    "os": "import os.path",
    "relative": "from .x import y",
    "relative star": "from . import *",
    "alias": "e = eval\ne('1')",
    "builtins": "__builtins__['eval']",
    "load": "import numpy as np\nnp.load('x')",
    "load by name": "from numpy import load",
    "load by star": "from numpy import *\nload('x')",
    "load by getattr": "import numpy as np\ngetattr(np, 'lo' + 'ad')('x')",
    "load by alias": "import numpy as np\nm = np\nk = m\nk.load('x')",
    "load by walrus": "import numpy as np\nx = (w := np).load",
    "core": "import numpy as np\nnp.core.multiarray",
    "private": "import numpy as np\nnp._core",
    "lib": "import numpy as np\nnp.lib.npyio",
    "linalg": "import numpy.linalg as la\nla.linalg",
    "ctypes": "import numpy.ctypeslib",
    "rundocs": "from numpy.testing import rundocs",
    "by another": "import collections\ncollections._sys.modules",
    "from another": "from dataclasses import sys",
    "renamed": "import enum\nenum.bltns",
    "code": "from types import CodeType",
    "dunder": "(lambda: 0).__globals__",
    "classes": "().__class__.__base__.__subclasses__()",
    "self": "print.__self__",
    "text": "x = '__globals__'",
    "joined": "f = 0\ngetattr(f, ''.join(['__glo', 'bals__']))",
    "times": "f = 0\ngetattr(f, '_' * 2 + 'globals' + '_' * 2)",
    "formatted": "x = f\"{'__glo'}{'bals__'}\"",
    "pieces": "def f(x, n): return getattr(x, '__' + n + '__')",
    "attrgetter": "import operator\noperator.attrgetter('f.__globals__.x')",
    "vars": "import numpy as np\nvars(np)['load']",
    "too early": "e = eval\neval = 0",
    "deleted": "open = 1\ndel open\nopen('x')",
    "method": "class A:\n    exec = 0\n    def f(self): return exec('1')",
    "comprehension": "def f(): return [0 for eval in ()], eval",
    "iterable": "def f(): return [x for x in eval('1')]",
    "default": "def f(open=open): return open",
    "global": "def f(eval):\n    def g():\n        global eval\n        return eval('1')\n    return g",
    "nested": "f(" * 90 + ")" * 90 + "\n" + "-" * 100_000 + "1",
}


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_correct_code_may_use_any_names(text):
    assert fence.refused(text) == []


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_what_leads_out_of_an_exercise_is_refused_with_its_line(text):
    try:
        found = fence.refused(text)
    except (RecursionError, MemoryError):
        found = [(1, "is nested too deeply to be read.")]
    assert found
    for line, sentence in found:
        assert 1 <= line <= text.count("\n") + 1 and sentence.endswith(".")


def test_a_framework_is_told_by_its_name():
    ((line, sentence),) = fence.refused("import numpy as np\nfrom torch.nn import LSTM\n")
    assert line == 2 and sentence == "imports torch: this is to be written with NumPy alone."


def test_a_file_is_read_in_a_process_of_its_own(tmp_path):
    path = tmp_path / "exercise.py"
    path.write_text("import numpy as np\nimport os\n")
    (sentence,) = refused(path)
    assert sentence.startswith("exercise.py, line 2: imports os: expected NumPy and abc,")
    path.write_text("x = " + "-" * 100_000 + "1")
    assert refused(path) == ["exercise.py, line 1: is nested too deeply to be read."]
    path.write_text("def f(:\n")
    assert refused(path) == [], "what is no Python is said when it is loaded"


def test_a_source_is_read_as_python_reads_it_or_refused_in_one_sentence(tmp_path):
    path = tmp_path / "exercise.py"
    path.write_bytes("# -*- coding: latin-1 -*-\r\nname = 'Zoë'\r\n".encode("latin-1"))
    assert read_source(path).splitlines()[1] == "name = 'Zoë'"
    for data, said in (
        ("name = 'Zoë'".encode("latin-1"), "is not text in UTF-8"),
        (b"# coding: morse\n", "is not text in UTF-8"),
        (b"#" * (LONGEST + 1), "is longer than 256 kB"),
    ):
        path.write_bytes(data)
        with pytest.raises(Failure, match=said):
            read_source(path)
    with pytest.raises(Failure, match="no ordinary file"):
        read_source(tmp_path)
    with pytest.raises(Failure, match="cannot be read: No such file"):
        read_source(tmp_path / "nowhere.py")
