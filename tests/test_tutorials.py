"""Every lesson runs from start to end in its quick form and saves the figure it promises."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted((ROOT / "tutorials").glob("[0-9][0-9]_*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_lesson_runs_and_saves_its_figure(script, tmp_path):
    # A deprecation is another library's affair, the Matplotlib's with its parser for one.
    warnings = ["-W", "error", "-W", "ignore::DeprecationWarning"]
    command = [sys.executable, *warnings, str(script), "--quick"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    figure = tmp_path / "runs" / f"{script.stem}.png"
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert figure.stat().st_size > 10_000


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_lesson_is_cells_that_open_with_what_one_will_be_able_to_do(script):
    text = script.read_text(encoding="utf-8")
    assert text.startswith("# %% [markdown]\n# # ")
    assert "Afterwards you can" in text.split("# %%\n")[0]
    assert "Guess" in text
    assert "assert " in text


def test_there_is_a_lesson():
    assert SCRIPTS
