"""The page of a run: one HTML file with figures, learning curve and pictures, and sound to listen to.

`report.html` stands on its own: pictures and sounds are inside it, it asks the network for nothing, runs no
program, and opens from disk in any browser, in a narrow window or a wide one, light or dark. It stays below
16 MB: at most 4 examples of 12 s each, shorter where their rate is high or their sounds are many.

The page is made of the run folder alone. What is to be heard is put into it first:

    save_examples(folder, [Example("amy_1_01", 16_000, {"mixture": x, "voice": y}, {"SDR (dB)": 8.1})])
    write_report(folder)

Sounds are 16 bit WAV, which every browser plays.
"""

import base64
import json
import math
import struct
import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from . import plots
from .files import write_bytes, write_pieces
from .history import History

PAGE, SOUNDS = "report.html", "examples.safetensors"

EXAMPLES, TOGETHER, SECONDS = 4, 6, 12.0
"""Examples on a page at most, sounds in each, and seconds of them."""

SOUND_BYTES, PICTURE_BYTES = 6_400_000, 1_200_000
"""Room for all sounds, which is 4 examples of 5 sounds of 10 s at 16 kHz, and for the pictures of the run."""

LOWEST_RATE = 3000
"""Hz below which browsers do not play a sound."""

STEPS = 32768  # of 16 bits, to full scale
PNG = b"\x89PNG\r\n\x1a\n"

UNITS = {"db": "dB", "ppm": "ppm", "percent": "%", "ms": "ms", "hz": "Hz"}
ACRONYMS = ("esr", "mse", "sse", "sdr", "sir", "sar", "nsdr", "gnsdr", "gsir", "gsar")


@dataclass
class Example:
    """Sounds of one length that are heard side by side, and what was measured of them.

    Attributes:
        name: of the example.
        rate: Hz.
        sounds: samples (n,) by title, full scale 1, in the order of the page. The first has the measures
            beside it, the others follow in rows of two: mixture; voice, its estimate; and so on.
        measures: figures by their names, units included; NaN for what could not be measured.
        note: a sentence beside them.

    Raises:
        ValueError: not 1 to 6 sounds, samples that are not (n,), not as many as the others', none at all or
            not finite, or a rate below 3000 Hz.
    """

    name: str
    rate: int
    sounds: Mapping[str, np.ndarray]
    measures: Mapping[str, float] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        if not 1 <= len(self.sounds) <= TOGETHER:
            raise ValueError(f"expected 1 to {TOGETHER} sounds in {self.name}, got {len(self.sounds)}")
        if self.rate < LOWEST_RATE:
            raise ValueError(f"expected a rate of at least {LOWEST_RATE} Hz in {self.name}, got {self.rate}")
        lengths = {np.shape(samples) for samples in self.sounds.values()}
        if len(lengths) > 1 or any(len(shape) != 1 or shape[0] == 0 for shape in lengths):
            shapes = ", ".join(f"{title} {np.shape(samples)}" for title, samples in self.sounds.items())
            raise ValueError(f"expected samples (n,) of one length n >= 1 in {self.name}, got {shapes}")
        for title, samples in self.sounds.items():
            if not np.isfinite(samples).all():
                raise ValueError(f"expected finite samples in {self.name}, got others in {title}")


def save_examples(folder: str | PathLike[str], examples: Sequence[Example]) -> None:
    """Put the first EXAMPLES examples into a run folder, as they will be on its page.

    They are cut to SECONDS, or less if all together would exceed SOUND_BYTES, and rounded to 16 bits. If a
    sound exceeds full scale, all of its example are made softer by the same factor.
    """
    from safetensors.numpy import save as serialize

    shown = examples[:EXAMPLES]
    bytes_a_second = sum(2 * example.rate * len(example.sounds) for example in shown)
    seconds = min(SECONDS, SOUND_BYTES / max(bytes_a_second, 1))
    tensors, described = {}, []
    for number, example in enumerate(shown):
        samples = np.stack([np.asarray(samples, float) for samples in example.sounds.values()])
        kept = min(max(int(seconds * example.rate), 1), samples.shape[1])
        cut = f"Cut from {samples.shape[1] / example.rate:.1f} s."
        note = f"{example.note} {cut}".strip() if kept < samples.shape[1] else example.note
        samples = samples[:, :kept]
        peak = max(float(np.abs(samples).max()), 1.0)
        steps = np.rint(samples / peak * STEPS)
        tensors[str(number)] = np.clip(steps, -STEPS, STEPS - 1).astype(np.int16)
        described.append(
            {
                "name": example.name,
                "rate": int(example.rate),
                "titles": list(example.sounds),
                "measures": {name: _or_none(value) for name, value in example.measures.items()},
                "note": note,
            }
        )
    about = {"examples": json.dumps(described), "all": str(len(examples))}
    write_bytes(Path(folder) / SOUNDS, serialize(tensors, about))


def write_report(folder: str | PathLike[str]) -> dict[str, Any]:
    """Write `report.html` into a run folder, of what is in it: figures, losses, pictures, examples.

    Returns:
        The figures of the page: report (its path), bytes, pictures and examples.

    Raises:
        ValueError: no run folder, or a file in it that is not what its name says.
        OSError: the folder cannot be read or written to.
    """
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise ValueError(f"expected a run folder with config.json in it, got {folder}")
    described = _read_json(folder / "config.json")
    config, figures, network = (described.get(key) for key in ("config", "figures", "network"))
    trained = (folder / "metrics.jsonl").is_file()
    rows = _read_rows(folder / "metrics.jsonl")
    pictures, left_out = _read_pictures(folder)
    examples, count = _read_examples(folder / SOUNDS)
    config = config if isinstance(config, dict) else {}
    figures = figures if isinstance(figures, dict) else {}
    name, task = folder.resolve().name, config.get("task")
    title = f"{task}: {name}" if isinstance(task, str) and task != name else name

    page = folder / PAGE
    write_pieces(
        page,
        _page(
            title,
            [
                ("Figures", "figures", _figures(figures)),
                *([("Learning curve", "curve", _curve(_history(rows)))] if trained else []),
                ("Listen", "listen", _examples(examples, count)),
                ("Pictures", "pictures", _pictures(pictures, left_out)),
                ("Configuration", "configuration", _configuration(config, network)),
            ],
        ),
    )
    counted = {"pictures": len(pictures), "examples": len(examples)}
    return {"report": str(page), "bytes": page.stat().st_size} | counted


# --------------------------------------------------------------------------- reading the run folder


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f"expected an object in {path}, got {type(content).__name__}")
    return content


def _read_rows(path: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl; none if there is no such file, as where nothing was trained."""
    rows = []
    lines = path.read_bytes().splitlines() if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise ValueError(f"expected a JSON object in every line of {path}, got another in line {number}")
        rows.append(row)
    return rows


def _read_pictures(folder: Path) -> tuple[dict[str, bytes], list[str]]:
    """The pictures of a run by name, and the names of those that there is no room for."""
    pictures: dict[str, bytes] = {}
    left_out = []
    for path in sorted(folder.glob("*.png")):
        if path.name.startswith(".") or not path.is_file():
            continue
        if sum(map(len, pictures.values())) + path.stat().st_size > PICTURE_BYTES:
            left_out.append(path.name)
            continue
        content = path.read_bytes()
        if not content.startswith(PNG) or content[-8:-4] != b"IEND":
            raise ValueError(f"expected a PNG picture, got {path}")
        pictures[path.name] = content
    return pictures, left_out


def _read_examples(path: Path) -> tuple[list[Example], int]:
    """The examples that `save_examples` put there, and how many it was given."""
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return [], 0
    try:
        with safe_open(path, "numpy") as file:
            about = file.metadata() or {}
            described = json.loads(about["examples"])[:EXAMPLES]
            steps = [file.get_tensor(str(number)) for number in range(len(described))]
            if any(some.dtype != np.int16 for some in steps):
                raise ValueError("its samples are not of 16 bits")
            examples = [
                Example(
                    str(one["name"]),
                    int(one["rate"]),
                    dict(zip(map(str, one["titles"]), some / STEPS, strict=True)),
                    {str(name): _number(value) for name, value in one["measures"].items()},
                    str(one["note"]),
                )
                for one, some in zip(described, steps, strict=True)
            ]
            return examples, int(about["all"])
    except (SafetensorError, KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ValueError(f"expected examples as save_examples writes them, got {path} ({error})") from error


def _history(rows: Sequence[Mapping[str, Any]]) -> History:
    """The losses of metrics.jsonl; NaN for what is not a number, as after a training that diverged."""
    history = History()
    for name, losses in (("train_loss", history.train_loss), ("validation_loss", history.validation_loss)):
        if any(name in row for row in rows):
            losses += [_number(row.get(name)) for row in rows]
    if rows and "iteration" in rows[0]:
        history.unit = "iteration"
        between = _number(rows[-1].get("iteration")) / max(len(rows) - 1, 1)
        history.every = int(between) if 1 <= between < math.inf else 1
    return history


def _number(value: Any) -> float:
    try:
        return float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:  # JSON's whole numbers have no end
        return math.nan


def _or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


# --------------------------------------------------------------------------------- writing the page


def _page(title: str, sections: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """The page in pieces; a section without content is left out."""
    yield f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'">
<link rel="icon" href="data:,">
<title>{_text(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{_text(title)}</h1>
</header>
<main>
"""
    for heading, name, content in sections:
        if content:
            yield f'<section id="{name}" aria-labelledby="{name}-heading">\n'
            yield f'<h2 id="{name}-heading">{heading}</h2>\n{content}</section>\n'
    yield "</main>\n<footer><p>Written by <code>numpylstm report</code>.</p></footer>\n</body>\n</html>\n"


def _figures(figures: Mapping[str, Any]) -> str:
    """Numbers large, side by side; whatever else there is in a table below."""
    large = {key: value for key, value in figures.items() if _is_short(value)}
    others = {
        key: value for key, value in figures.items() if key not in large and value not in (None, [], {})
    }
    tiles = "".join(
        f"<div><dt>{_text(_words(key))}</dt><dd>{_text(_shown(value))}</dd></div>\n"
        for key, value in large.items()
    )
    return (f"<dl>\n{tiles}</dl>\n" if tiles else "") + _table(others, _words)


def _is_short(value: Any) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, str) and 0 < len(value) <= 12)


def _curve(history: History) -> str:
    if not any(map(math.isfinite, [*history.train_loss, *history.validation_loss])):
        return "<p>There are no losses: nothing was trained, or it diverged at once.</p>\n"
    sentences = []
    for name, losses in (("training", history.train_loss), ("validation", history.validation_loss)):
        known = [loss for loss in losses if math.isfinite(loss)]
        if known:
            first, last, lowest = map(_shown, (known[0], known[-1], min(known)))
            sentences.append(f"{name} loss from {first} to {last}, lowest {lowest}")
        if len(known) < len(losses):
            sentences.append(f"{len(losses) - len(known)} of {len(losses)} {name} losses not finite")
    text = _sentence("; ".join(sentences))
    picture = _png(plots.learning_curve(history, width=5.2), 150)
    return (
        f'<figure class="paper">\n{_image(picture, text)}<figcaption>{_text(text)}</figcaption>\n</figure>\n'
    )


def _examples(examples: Sequence[Example], count: int) -> str:
    if not examples:
        return ""
    from tqdm import tqdm

    first = f"The first {len(examples)} of {count} examples. " if count > len(examples) else ""
    text = "The spectrograms of an example share one scale, in dB below the loudest of its sounds; all its "
    text += "sounds play at one gain."
    drawn = [
        _example(f"example-{number}", example)
        for number, example in enumerate(tqdm(examples, unit="example", delay=2, leave=False), 1)
    ]
    return f"<p>{first}{text}</p>\n{''.join(drawn)}"


def _example(name: str, example: Example) -> str:
    titles, sounds = list(example.sounds), list(example.sounds.values())
    seconds = len(sounds[0]) / example.rate
    figures = []
    for title, samples, figure in zip(titles, sounds, plots.spectrograms(sounds, example.rate), strict=True):
        alt = f"Spectrogram of {title}: {seconds:.1f} s, 0 to {example.rate / 2000:g} kHz"
        picture = _image(_png(figure, 130), alt)
        figures.append(
            f'<figure class="sound">\n<figcaption>{_text(title)}</figcaption>\n{picture}'
            f'<audio controls preload="metadata" aria-label="{_text(f"{example.name}, {title}")}" '
            f'src="{_data("audio/wav", _wav(samples, example.rate))}"></audio>\n</figure>\n'
        )
    about = f"{seconds:.1f} s at {example.rate / 1000:g} kHz. {example.note}"
    beside = f"<div>\n{_table(example.measures, str)}<p>{_text(about)}</p>\n</div>\n"
    return (
        f'<article aria-labelledby="{name}">\n<h3 id="{name}">{_text(example.name)}</h3>\n'
        f'<div class="sounds">\n{figures[0]}{beside}{"".join(figures[1:])}</div>\n</article>\n'
    )


def _pictures(pictures: Mapping[str, bytes], left_out: Sequence[str]) -> str:
    """The run's pictures; in a narrow window each can be had larger, to read what it says."""
    parts = []
    for number, (name, content) in enumerate(pictures.items(), 1):
        parts.append(
            f'<figure class="paper">\n<input type="checkbox" id="larger-{number}">'
            f'<label for="larger-{number}">larger</label>\n'
            f'<div class="frame">{_image(content, f"Picture {name} of this run")}</div>\n'
            f"<figcaption>{_text(name)}</figcaption>\n</figure>\n"
        )
    if left_out:
        names = ", ".join(left_out[:5]) + (f" and {len(left_out) - 5} more" if len(left_out) > 5 else "")
        parts.append(f"<p>Too large for this page, and left in the folder: {_text(names)}.</p>\n")
    return "".join(parts)


def _configuration(config: Mapping[str, Any], network: Any) -> str:
    text = _table(config, _words)
    if network:
        described = _text(json.dumps(network, indent=2, ensure_ascii=False))
        text += f"<details>\n<summary>The network</summary>\n<pre>{described}</pre>\n</details>\n"
    return text


def _table(values: Mapping[str, Any], words: Callable[[str], str]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_text(words(key))}</th><td>{_text(_shown(value))}</td></tr>\n'
        for key, value in values.items()
    )
    return f"<table>\n{rows}</table>\n" if rows else ""


def _words(key: str) -> str:
    """`gnsdr_db` -> `GNSDR (dB)`, `real_time_factor` -> `real time factor`."""
    words = key.split("_")
    unit = UNITS.get(words[-1]) if len(words) > 1 else None
    words = [word.upper() if word in ACRONYMS else word for word in words[: -1 if unit else None]]
    return " ".join(words) + (f" ({unit})" if unit else "")


def _shown(value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        # Four digits tell runs apart; powers of ten only where they are shorter.
        return f"{value:{'.0f' if 1e3 <= abs(value) < 1e9 else '.4g'}}".replace("-", "−")
    if isinstance(value, list) and all(isinstance(member, str) for member in value):
        return "; ".join(value) or "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _text(text: str) -> str:
    """Anybody's text as HTML, in an attribute or outside; what is no Unicode becomes a question mark."""
    return escape(text.encode("utf-8", "replace").decode())


def _image(png: bytes, alt: str) -> str:
    # With its size stated, what comes below does not jump when the picture is there.
    width, height = struct.unpack(">II", png[16:24])
    return f'<img src="{_data("image/png", png)}" width="{width}" height="{height}" alt="{_text(alt)}">\n'


def _png(figure: Any, dpi: int) -> bytes:
    file = BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()


def _wav(samples: np.ndarray, rate: int) -> bytes:
    """A 16 bit WAV file of samples (n,) that are whole steps already."""
    file = BytesIO()
    with wave.Wave_write(file) as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes((samples * STEPS).astype("<i2").tobytes())
    return file.getvalue()


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


STYLE = """
:root { --ink: #1d1b26; --soft: #5d5a6b; --back: #f6f5f9; --card: #fff; --line: #dcd9e4; --screen: #14121c;
        --writing: #e4e1ec; --accent: #0b6fb8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e9e7f0; --soft: #a6a3b5; --back: #1b1924; --card: #25222f; --line: #3a3747;
          --accent: #63b3ed; }
  .paper img { filter: brightness(.88); }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1rem clamp(.75rem, 3vw, 2.5rem) 3rem; color: var(--ink);
       background: var(--back); font: 1rem/1.5 system-ui, sans-serif;
       overflow-wrap: anywhere; }
h1 { margin: 1rem 0 0; font-size: clamp(1.5rem, 5vw, 2.2rem); line-height: 1.2; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.35rem; }
h3 { margin: 1.5rem 0 .5rem; font-size: 1.1rem; }
p { max-width: 46rem; margin: .5rem 0; color: var(--soft); }
footer { margin-top: 3rem; border-top: 1px solid var(--line); font-size: .9rem; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 9rem), 1fr)); gap: .6rem;
     margin: 0; }
dl div, figure, table, details { background: var(--card); border: 1px solid var(--line);
                                 border-radius: .5rem; }
dl div { padding: .6rem .8rem; }
dt { color: var(--soft); font-size: .85rem; line-height: 1.3; }
dd { margin: .1rem 0 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
figure { margin: 0 0 1rem; padding: .5rem; }
figcaption { padding: .3rem .3rem 0; color: var(--soft); font-size: .9rem; }
img { display: block; width: 100%; height: auto; }
.paper { width: fit-content; max-width: 100%; }
.paper img { width: auto; max-width: 100%; background: #fff; border-radius: .25rem; }
#curve .paper { width: min(100%, 39rem); }
#curve .paper img { width: 100%; }
.paper input, .paper label { display: none; }
.sounds { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr));
          gap: .75rem; }
.sound { margin: 0; display: flex; flex-direction: column; gap: .4rem; background: var(--screen);
         border-color: var(--screen); }
.sound figcaption { padding: .1rem .3rem; color: var(--writing); font-weight: 600; }
audio { width: 100%; height: 2.5rem; }
table { border-collapse: collapse; overflow: hidden; margin: .75rem 0; font-size: .95rem; }
.sounds table { margin-top: 0; width: 100%; }
th, td { padding: .35rem .8rem; border-top: 1px solid var(--line); text-align: left; vertical-align: top; }
tr:first-child > * { border-top: 0; }
th { color: var(--soft); font-weight: 400; min-width: 7rem; }
td { font-variant-numeric: tabular-nums; }
details { margin: .75rem 0; padding: .5rem .8rem; }
summary { cursor: pointer; }
pre { margin: .5rem 0 0; white-space: pre-wrap; font-size: .85rem; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
@media (min-width: 62rem) { .sounds { grid-template-columns: 1fr 1fr; } }
@media (max-width: 62rem) {
  .paper input, .paper label { display: inline; font-size: .9rem; color: var(--soft); }
  .paper input:checked ~ .frame { overflow-x: auto; }
  .paper input:checked ~ .frame img { width: max(100%, 42rem); max-width: none; }
}
"""
