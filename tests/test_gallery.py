"""The gallery shows every lesson as it begins, with its figure."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DOCS = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS))

import make_gallery  # noqa: E402

SCRIPTS = make_gallery.scripts()


def test_the_page_says_what_the_lessons_say():
    written = (DOCS / "gallery.md").read_text(encoding="utf-8")
    assert written == make_gallery.page(SCRIPTS), "make it anew: python docs/make_gallery.py"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_lesson_has_its_picture_and_its_text(script):
    picture = DOCS / "gallery" / f"{script.stem}.png"
    assert picture.stat().st_size <= make_gallery.LARGEST
    with Image.open(picture) as image:
        assert image.width in {width for width, _ in make_gallery.SIZES}
    title, text = make_gallery.opening(script)
    assert title.startswith(script.name[:2]) and text.startswith("Afterwards you can")
    assert " to work through" in text and "# " not in text.replace("`# %%`", "")


def test_there_is_no_picture_without_a_lesson():
    assert {path.stem for path in (DOCS / "gallery").glob("*.png")} == {script.stem for script in SCRIPTS}


def test_the_opening_is_the_first_cell_alone(tmp_path):
    script = tmp_path / "77_test.py"
    script.write_text(
        "# %% [markdown]\n# # 77 Test\n#\n# One.\n#\n# - two\n\n# %%\nprint()\n# %% [markdown]\n# No.\n"
    )
    assert make_gallery.opening(script) == ("77 Test", "One.\n\n- two")


@pytest.mark.parametrize("noisy", [False, True])
def test_a_large_figure_becomes_small(noisy, tmp_path):
    figure = np.full((400, 900, 3), 255, np.uint8)
    figure[150:160] = (11, 111, 184)
    if noisy:
        figure[:] = np.random.default_rng(0).integers(0, 256, (400, 900, 1))
    Image.fromarray(figure).save(tmp_path / "large.png")
    small = make_gallery.small_png(tmp_path / "large.png")
    with Image.open(io.BytesIO(small)) as image:
        assert image.size == (720, 320) or (noisy and image.width < 720)
    assert len(small) <= make_gallery.LARGEST


def test_only_lessons_that_are_there_can_be_named(capsys):
    with pytest.raises(SystemExit) as exit:
        make_gallery.main(["99"])
    assert (
        exit.value.code == 2 and "expected numbers of lessons such as 07, got 99" in capsys.readouterr().err
    )
