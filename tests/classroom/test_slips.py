"""Wrong submissions are what their diffs say."""

import pytest
from slips import WRONG, slips, wrong_files

DIFF = """== 06_lstm_backward__kept from solutions/06_lstm_backward.py
\"\"\"Looks like: something.\"\"\"

@@
-import numpy as np
+import numpy as numpy
"""


def test_a_slip_is_its_right_file_with_lines_replaced():
    ((name, text),) = slips(DIFF)
    assert name == "06_lstm_backward__kept"
    assert text.startswith('"""Looks like: something."""\n\nimport numpy as numpy\n')
    assert "def lstm_backward(" in text and "row blocks of W_x, W_h and b stand" not in text


def test_a_place_that_is_not_there_is_told():
    with pytest.raises(
        ValueError, match=r"expected the lines of 06_lstm_backward__kept once in .*, got them 0"
    ):
        list(slips(DIFF.replace("-import numpy as np", "-import numpy as nothing")))


def test_every_slip_has_a_name_of_its_own_and_differs_from_what_is_right():
    names = [path.stem for path in wrong_files("0", "1")]
    assert len(names) == len(set(names)) > 400
    assert len(list(WRONG.glob("*.py"))) < 80, "most are kept as diffs"
