"""Makes docs/gallery.md and the pictures in docs/gallery/: every lesson's figure, and how it begins.

    python docs/make_gallery.py [NUMBER ...]      # runs these lessons in full, all if none is named
    python docs/make_gallery.py --page            # runs none and writes the page alone

The page holds the first cell of each lesson as it stands there; a test holds the two equal.
"""

import argparse
import io
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from numpylstm.files import write_bytes, write_text

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent / "benchmarks"))

from lessons import run_lesson, scripts  # noqa: E402

LARGEST = 60_000
"""Bytes of a picture."""

SIZES = ((720, 128), (720, 64), (640, 64), (560, 64), (480, 64), (480, 32), (480, 16), (360, 16))
"""Pixels in width and colours, from what one would like to what even a noisy spectrogram fits in."""

HEAD = """\
# Gallery

What each lesson draws, and how it begins. Each is a script in `# %%` cells: step through it in VS Code,
Spyder or PyCharm, or run it with `python`. The figures are the lessons' own.
"""


def opening(script: Path) -> tuple[str, str]:
    """The title of a lesson's first cell, and the rest of that cell, as Markdown."""
    cell = script.read_text(encoding="utf-8").split("\n# %%")[0]
    lines = [line.removeprefix("#").removeprefix(" ") for line in cell.split("\n")[1:]]
    title, *rest = lines
    return title.removeprefix("# "), "\n".join(rest).strip()


def page(lessons: Sequence[Path]) -> str:
    """The whole page."""
    parts = [HEAD]
    for script in lessons:
        title, text = opening(script)
        parts.append(
            f"## [{title}](../tutorials/{script.name})\n\n{text}\n\n"
            f"![The figure of lesson {script.name[:2]}](gallery/{script.stem}.png)\n"
        )
    return "\n".join(parts)


def small_png(path: Path) -> bytes:
    """A figure in the first of SIZES that LARGEST bytes hold."""
    figure = Image.open(path).convert("RGB")
    for width, colours in SIZES:
        size = width, round(figure.height * width / figure.width)
        picture = figure.resize(size, Image.Resampling.LANCZOS).quantize(colours, dither=Image.Dither.NONE)
        data = io.BytesIO()
        picture.save(data, "PNG", optimize=True)
        if data.tell() <= LARGEST:
            break
    return data.getvalue()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("numbers", nargs="*", metavar="NUMBER", help="of a lesson, such as 07; default: all")
    parser.add_argument("--page", action="store_true", help="run no lesson, write the page alone")
    args = parser.parse_args(argv)
    lessons = scripts()
    unknown = set(args.numbers) - {script.name[:2] for script in lessons}
    if unknown:
        parser.error(f"expected numbers of lessons such as 07, got {', '.join(sorted(unknown))}")
    (DOCS / "gallery").mkdir(exist_ok=True)
    failed = 0
    for script in [] if args.page else lessons:
        if args.numbers and script.name[:2] not in args.numbers:
            continue
        with tempfile.TemporaryDirectory() as folder:
            lesson = run_lesson(script, Path(folder))
            print("\n".join(lesson.lines()), flush=True)
            failed += bool(lesson.failure)
            if not lesson.failure:
                picture = small_png(Path(folder) / "runs" / f"{script.stem}.png")
                write_bytes(DOCS / "gallery" / f"{script.stem}.png", picture)
    write_text(DOCS / "gallery.md", page(lessons))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
