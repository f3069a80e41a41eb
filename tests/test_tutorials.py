"""Every lesson runs from start to end in its quick form and leaves the figure it promises, nothing else."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted((ROOT / "tutorials").glob("[0-9][0-9]_*.py"))

TWICE = ("07_gru", "14_your_own_cell")
"""Lessons that are run twice, to see that they say the same; they train as the others do, and quickly."""

MARKERS = ("# %%", "# %% [markdown]")


def run_quickly(script, folder, **variables):
    # A deprecation is another library's affair, the Matplotlib's with its parser for one.
    warnings = ["-W", "error", "-W", "ignore::DeprecationWarning"]
    command = [sys.executable, *warnings, str(script), "--quick"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | variables  # this checkout, wherever it is run
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stdout


def cells(text):
    """(marker, the cell's text) of each cell in jupytext's percent format."""
    parts = re.split(r"^(# ?%%.*)\n", text, flags=re.MULTILINE)
    assert parts[0] == "", "the first line begins the first cell"
    return list(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_lesson_runs_and_leaves_its_figure_and_what_it_says(script, tmp_path):
    said = run_quickly(script, tmp_path)
    figure = tmp_path / "runs" / f"{script.stem}.png"
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert figure.stat().st_size > 10_000
    left = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in left if path.endswith(".png")] == [f"runs/{script.stem}.png"]
    assert [path for path in left if path not in said] == []
    assert "\nclaim: " in said, "benchmarks/lessons.py looks for lines that begin so"
    assert re.search(r"^\d+ s$", said, re.MULTILINE)
    if script.stem in TWICE:
        # Another seed of Python's hashes: an order that rests on one would change.
        again = run_quickly(script, tmp_path, PYTHONHASHSEED="1")
        assert re.sub(r"^\d+ s$", "", again, flags=re.MULTILINE) == re.sub(
            r"^\d+ s$", "", said, flags=re.MULTILINE
        )


def test_the_lessons_run_twice_are_there():
    assert set(TWICE) <= {script.stem for script in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_lesson_is_cells_that_jupytext_reads(script):
    for marker, text in cells(script.read_text(encoding="utf-8")):
        assert marker in MARKERS
        assert text.strip(), "an empty cell"
        if marker == "# %% [markdown]":
            assert all(line.startswith("# ") or line in ("", "#") for line in text.split("\n")), text
        else:
            assert ast.parse(text).body, "a cell of code in which nothing is done"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_lesson_opens_with_what_one_will_be_able_to_do_and_how_long_it_takes(script):
    text = script.read_text(encoding="utf-8")
    (marker, opening), *rest = cells(text)
    assert marker == "# %% [markdown]" and opening.startswith(f"# # {script.name[:2]} ")
    assert "# Afterwards you can\n#\n# - " in opening
    assert re.search(
        r"^# (Under a minute|A few seconds) to run, about (\d+ minutes|an hour) to work through[.,]",
        opening,
        re.M,
    )
    first = next(index for index, (_, cell) in enumerate(rest) if "uess" in cell)
    assert any("assert " in cell for _, cell in rest[first + 1 :]), "a guess, and what holds the answer"
    assert text.count("save_figure(") == 1 and f'"runs/{script.stem}.png"' in text


def test_what_is_no_cell_is_seen():
    with pytest.raises(AssertionError):
        cells("import sys\n# %%\nprint()\n")
    assert cells("# %% [markdown]\n# # a\n\n#%%\nprint()\n")[1] == ("#%%", "print()\n")


def test_there_is_a_lesson():
    assert SCRIPTS
