"""The page of a run: what is in it, what it escapes and refuses, and how a browser shows it."""

import base64
import io
import json
import struct
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import browser
import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex

from numpylstm import plots, report
from numpylstm.history import History
from numpylstm.report import Example, save_examples, write_report

RATE = 8000  # Hz
NASTY = "<script>alert(1)</script>\" onload='x' & \udcff"
VOID = ("meta", "link", "img", "input", "br")


def noise(n: int = 1600, seed: int = 0, level: float = 0.1) -> np.ndarray:
    return level * np.random.default_rng(seed).standard_normal(n)


def example(name: str = "amy_1_01", n: int = 1600, **values) -> Example:
    sounds = {"mixture": noise(n, 0), "voice": noise(n, 1), "voice, estimated": noise(n, 2)}
    return Example(name, RATE, sounds, **{"measures": {"SDR (dB)": 8.125, "SIR (dB)": np.nan}, **values})


def write_run(folder: Path, config=None, figures=None, rows=None, network=None) -> Path:
    folder.mkdir(exist_ok=True)
    described = {"config": {"task": "separate", "seed": 0} if config is None else config}
    described |= {"figures": {"gnsdr_db": 8.61234} if figures is None else figures, "network": network}
    (folder / "config.json").write_text(json.dumps(described))
    rows = (
        History([3.0, 2.0, 1.0], [4.0, 3.0, 3.5], [0.1] * 3, [1.0, 2.0, 3.0]).rows() if rows is None else rows
    )
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


class Page(HTMLParser):
    """Reads a page and holds what every page must be: well nested, of its own, and within reach of all."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.content = (folder / "report.html").read_text(encoding="utf-8")
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(self.content)
        self.close()
        assert self.open == [], "every element is closed"
        self.check()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), "no attribute twice"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def check(self) -> None:
        assert self.content.startswith("<!doctype html>") and self.all("html") == [{"lang": "en"}]
        assert len(self.all("h1")) == len(self.all("title")) == len(self.all("main")) == 1
        assert any("width=device-width" in (meta.get("content") or "") for meta in self.all("meta"))
        assert any("default-src 'none'" in (meta.get("content") or "") for meta in self.all("meta"))
        assert "http:" not in self.content and "https:" not in self.content, "nothing from the network"
        levels = [int(tag[1]) for tag, _ in self.tags if tag in ("h1", "h2", "h3")]
        assert all(after <= before + 1 for before, after in pairwise(levels))
        ids = [attributes["id"] for _, attributes in self.tags if "id" in attributes]
        assert len(ids) == len(set(ids))
        for tag, attributes in self.tags:
            assert tag not in ("script", "iframe", "object", "embed", "form", "base")
            for name, value in attributes.items():
                assert not name.startswith("on")
                if name in ("src", "href"):
                    assert value.startswith("data:")
                if name in ("aria-labelledby", "for"):
                    assert value in ids
        for picture in self.all("img"):
            assert picture["alt"] and int(picture["width"]) > 0 and int(picture["height"]) > 0
            assert data(picture["src"], "image/png").startswith(b"\x89PNG")
        for player in self.all("audio"):
            assert "controls" in player and player["aria-label"]

    def sounds(self) -> list[tuple[np.ndarray, int]]:
        return [sf.read(io.BytesIO(data(player["src"], "audio/wav"))) for player in self.all("audio")]


def data(address: str, kind: str) -> bytes:
    head, content = address.split(",", 1)
    assert head == f"data:{kind};base64"
    return base64.b64decode(content, validate=True)


def tree(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


# ------------------------------------------------------------------------------------ what is in it


def test_the_page_holds_figures_curve_examples_pictures_and_configuration(tmp_path):
    network = {"layer": "LSTM", "hidden_size": 256}
    figures = {"gnsdr_db": 8.61234, "seconds": 3412.31, "clips": 171, "diverged": False, "stopped": None}
    figures |= {"frequency_error_ppm": -0.00123, "remarks": ["one", "two"], "parts": {"level": True}}
    run = write_run(
        tmp_path / "amy & co", {"task": "separate", "data": None, "quick": True}, figures, None, network
    )
    plots.save_figure(plots.learning_curve(History([3.0, 2.0])), run / "separate.png")
    (run / ".hidden.png").write_bytes(b"")
    save_examples(run, [example(), example("leon_2_03")])
    made = write_report(run)
    page = Page(run)
    assert made == {
        "report": str(run / "report.html"),
        "bytes": (run / "report.html").stat().st_size,
        "pictures": 1,
        "examples": 2,
    }
    assert "separate: amy & co" in page.text
    for words in (
        "GNSDR (dB)",
        "8.612",
        "3412",
        "171",
        "diverged",
        "no",
        "frequency error (ppm)",
        "−0.00123",
    ):
        assert words in page.text
    assert "one; two" in page.text and '{"level": true}' in page.text and "stopped" not in page.text
    assert "Training loss from 3 to 1, lowest 1; validation loss from 4 to 3.5, lowest 3." in page.text
    assert len(page.all("img")) == 1 + 2 * 3 + 1 and len(page.all("audio")) == 2 * 3
    assert (run / "separate.png").read_bytes() in [data(img["src"], "image/png") for img in page.all("img")]
    assert page.text.index("mixture") < page.text.index("8.125") < page.text.index("voice, estimated")
    assert "leon_2_03" in page.text and "0.2 s at 8 kHz." in page.text
    assert '"hidden_size": 256' in page.text and "quick" in page.text
    assert any("0.2 s, 0 to 4 kHz" in img["alt"] for img in page.all("img"))


def test_what_there_is_not_is_left_out(tmp_path):
    page_of = write_run(tmp_path / "run", {}, {}, [])
    (page_of / "metrics.jsonl").unlink()
    assert write_report(page_of)["examples"] == 0
    page = Page(page_of)
    assert "Listen" not in page.text and "Pictures" not in page.text and "Configuration" not in page.text
    assert "Learning curve" not in page.text and not page.all("img")


def test_sounds_are_the_samples_rounded_to_16_bits(tmp_path):
    run = write_run(tmp_path / "run")
    sounds = {"a": noise(seed=3), "b": np.linspace(-1, 1, 1600), "c": np.float32(noise(seed=4))}
    save_examples(run, [Example("x", RATE, sounds)])
    write_report(run)
    for (samples, rate), expected in zip(Page(run).sounds(), sounds.values(), strict=True):
        assert rate == RATE
        np.testing.assert_allclose(samples, expected, atol=1.01 * 2.0**-15)


def test_sounds_beyond_full_scale_are_made_softer_together(tmp_path):
    run = write_run(tmp_path / "run")
    loud, soft = 4 * np.sin(np.arange(1600)), 0.5 * np.sin(np.arange(1600))
    save_examples(run, [Example("x", RATE, {"loud": loud, "soft": soft}), Example("y", RATE, {"soft": soft})])
    write_report(run)
    (a, _), (b, _), (c, _) = Page(run).sounds()
    assert 0.99 < np.abs(a).max() <= 1 and np.abs(b).max() == pytest.approx(0.125, rel=0.01)
    assert np.abs(c).max() == pytest.approx(0.5, rel=0.01)


def test_the_same_folder_gives_the_same_page(tmp_path):
    run = write_run(tmp_path / "run")
    save_examples(run, [example()])
    write_report(run)
    first = (run / "report.html").read_bytes()
    write_report(run)
    assert (run / "report.html").read_bytes() == first
    assert {path.name for path in run.iterdir()} == {
        "config.json",
        "metrics.jsonl",
        "examples.safetensors",
        "report.html",
    }


def test_long_sounds_are_cut_and_it_is_said(tmp_path):
    run = write_run(tmp_path / "run")
    save_examples(run, [Example("x", RATE, {"a": noise(30 * RATE)}, note="A song.")])
    write_report(run)
    page = Page(run)
    assert len(page.sounds()[0][0]) == 12 * RATE
    assert "12.0 s at 8 kHz. A song. Cut from 30.0 s." in page.text


def test_a_hundred_examples_are_no_more_than_four_and_the_page_has_a_bound(tmp_path):
    run = write_run(tmp_path / "run")
    n, rate = 14 * 16_000, 48_000
    sounds = {str(number): noise(n, number, 0.3) for number in range(report.TOGETHER)}
    save_examples(run, [Example(f"song {number}", rate, sounds) for number in range(100)])
    for number in range(3):
        head = report.PNG + struct.pack(">I4sII", 13, b"IHDR", 900, 300)
        (run / f"{number}.png").write_bytes(head + bytes(800_000) + b"IEND1234")
    made = write_report(run)
    page = Page(run)
    assert made["examples"] == 4 and len(page.all("audio")) == 24
    assert "The first 4 of 100 examples." in page.text and "song 3" in page.text and "song 4" not in page.text
    assert "left in the folder: 1.png, 2.png." in page.text and made["pictures"] == 1
    seconds = len(page.sounds()[0][0]) / rate
    assert seconds == pytest.approx(report.SOUND_BYTES / (24 * 2 * rate), abs=0.01)
    assert made["bytes"] < 16e6


# -------------------------------------------------------------------------------- what others wrote


def test_text_of_others_stays_text(tmp_path):
    run = write_run(tmp_path / "a <b> & 'c'", {"task": NASTY, NASTY: NASTY}, {NASTY: NASTY, "short": "<i>"})
    described = json.loads((run / "config.json").read_text()) | {"network": {NASTY: [NASTY]}}
    (run / "config.json").write_text(json.dumps(described))
    plots.save_figure(plots.learning_curve(History([3.0, 2.0])), run / "<img src=x onerror=y>.png")
    save_examples(
        run, [Example(NASTY.replace("\udcff", ""), RATE, {"<b>'\"&": noise()}, {"<u>": 1.0}, note="</p><hr>")]
    )
    write_report(run)
    page = Page(run)
    assert not page.all("b") and not page.all("i") and not page.all("u") and not page.all("hr")
    assert "<script>alert(1)</script>\" onload='x' & ?" in page.text
    assert any(player["aria-label"].endswith("<b>'\"&") for player in page.all("audio"))
    assert any("<img src=x" in picture["alt"] for picture in page.all("img"))


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.text(st.characters(codec="utf-8")))
def test_any_text_reads_back_as_it_was(text):
    read = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: read.append(attrs[0][1])
    parser.handle_data = read.append
    parser.feed(f'<p title="{report._text(text)}">{report._text(text)}</p>')
    parser.close()
    assert read[0] == text and "".join(read[1:]) == text


@pytest.mark.parametrize(
    "rows, says",
    [
        ([{"epoch": 0, "train_loss": None}], "nothing was trained, or it diverged at once"),
        ([{"epoch": 0, "train_loss": float("nan"), "validation_loss": None}], "nothing was trained"),
        (
            [{"epoch": i, "train_loss": [3.0, 2.0, float("nan")][i]} for i in range(3)],
            "1 of 3 training losses not",
        ),
        ([{"epoch": 0, "train_loss": 1.5}], "Training loss from 1.5 to 1.5, lowest 1.5."),
        ([{"epoch": 0, "train_loss": -1.0}, {"train_loss": 0.0}], "from −1 to 0"),
        ([{"epoch": 0, "train_loss": 10**400}, {"epoch": 1, "train_loss": 1e300}], "1 of 2 training losses"),
        ([{"iteration": 0, "train_loss": 2.0}, {"iteration": 10**400, "train_loss": "x"}], "1 of 2"),
        ([{"epoch": 0}, {"loss": 3.0}], "nothing was trained"),
    ],
)
def test_losses_that_are_not_all_numbers_make_a_page_all_the_same(tmp_path, rows, says):
    run = write_run(tmp_path / "run", rows=rows)
    write_report(run)
    assert says in Page(run).text


def test_the_curve_counts_as_the_training_did():
    history = report._history([{"iteration": 5 * i, "train_loss": 1.0} for i in range(4)])
    assert (history.unit, history.every, history.validation_loss) == ("iteration", 5, [])
    assert History(history.train_loss, unit="iteration", every=5).rows() == history.rows()
    assert report._history([{"epoch": 0, "train_loss": 1.0}]).unit == "epoch"


@pytest.mark.parametrize(
    "name, content, says",
    [
        ("config.json", b"{", "config.json is not JSON"),
        ("config.json", b"\xff", "config.json is not JSON"),
        ("config.json", b"[" * 100_000, "config.json is not JSON"),
        ("config.json", b"[1]", "expected an object in .*config.json, got list"),
        ("metrics.jsonl", b'{"epoch": 0}\nnonsense\n', "metrics.jsonl, got another in line 2"),
        ("metrics.jsonl", b"\xff\xfe", "metrics.jsonl, got another in line 1"),
        ("metrics.jsonl", b"3\n", "metrics.jsonl, got another in line 1"),
        ("sine.png", b"", "expected a PNG picture, got .*sine.png"),
        ("sine.png", b"\x89PNG\r\n\x1a\n cut off", "expected a PNG picture, got .*sine.png"),
        ("examples.safetensors", b"nonsense", "expected examples as save_examples writes them, got"),
    ],
)
def test_a_folder_with_something_else_in_it_is_refused_and_nothing_written(tmp_path, name, content, says):
    run = write_run(tmp_path / "run")
    (run / name).write_bytes(content)
    before = tree(run)
    with pytest.raises(ValueError, match=says):
        write_report(run)
    assert tree(run) == before


def test_a_folder_without_a_run_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ValueError, match=r"expected a run folder with config\.json in it, got"):
            write_report(folder)


@pytest.mark.parametrize(
    "tensor, about",
    [
        (np.zeros((1, 9), np.int16), {}),
        (np.zeros((1, 9), np.int16), {"examples": "[", "all": "1"}),
        (np.zeros((1, 9), np.int16), {"examples": '[{"name": 3}]', "all": "1"}),
        (np.zeros((1, 9), np.int16), {"titles": ["a"], "all": "one"}),
        (np.zeros((1, 9), np.int16), {"titles": ["a", "b"]}),
        (np.zeros((1, 9), np.int16), {"titles": ["a"], "measures": [3]}),
        (np.zeros((1, 0), np.int16), {"titles": ["a"]}),
        (np.zeros((1, 9), np.float32), {"titles": ["a"]}),
        (np.zeros(9, np.int16), {"titles": [*"abcdefghi"]}),
    ],
)
def test_examples_of_other_making_are_refused(tmp_path, tensor, about):
    from safetensors.numpy import save_file

    run = write_run(tmp_path / "run")
    if "examples" not in about and about:
        one = {"name": "x", "rate": RATE, "measures": {}, "note": "", **about}
        about = {"examples": json.dumps([one]), "all": about.get("all", "1")}
    save_file({"0": tensor}, run / "examples.safetensors", about)
    with pytest.raises(ValueError, match="expected examples as save_examples writes them, got"):
        write_report(run)


@pytest.mark.parametrize(
    "sounds, rate, says",
    [
        ({}, RATE, "expected 1 to 6 sounds in x, got 0"),
        ({str(i): noise() for i in range(7)}, RATE, "expected 1 to 6 sounds in x, got 7"),
        ({"a": noise(), "b": noise(0)}, RATE, r"one length n >= 1 in x, got a \(1600,\), b \(0,\)"),
        ({"a": noise(0)}, RATE, r"one length n >= 1 in x, got a \(0,\)"),
        ({"a": np.zeros((9, 2))}, RATE, r"got a \(9, 2\)"),
        ({"a": noise() * np.nan}, RATE, "expected finite samples in x, got others in a"),
        ({"a": noise()}, 2000, "expected a rate of at least 3000 Hz in x, got 2000"),
    ],
)
def test_what_cannot_be_heard_is_refused(sounds, rate, says):
    with pytest.raises(ValueError, match=says):
        Example("x", rate, sounds)


# -------------------------------------------------------------------------------------- the pictures


def test_spectrograms_share_a_scale_and_have_axes_with_units():
    t = np.arange(RATE) / RATE
    tone = np.sin(2 * np.pi * 1000 * t)
    loud, soft, silent = plots.spectrograms([tone, 0.1 * tone, 0 * tone], RATE)
    for figure, level in ((loud, 0), (soft, -20), (silent, -70)):
        axes, bar = figure.axes
        (image,) = axes.get_images()
        assert image.get_array().max() == pytest.approx(level, abs=1e-6) and image.get_clim() == (-70, 0)
        assert tuple(image.get_extent()) == (0, 1, 0, 4)
        if level > -70:
            row = image.get_array()[:, 60].argmax() / image.get_array().shape[0]
            assert row == pytest.approx(1000 / 4000, abs=0.01)
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (s)", "frequency (kHz)")
        assert bar.get_ylabel() == "level (dB)"
        assert to_hex(figure.get_facecolor()) == plots.SCREEN
        assert to_hex(axes.xaxis.label.get_color()) == plots.WRITING
    assert plots.spectrograms([0 * tone], RATE)[0].axes[0].get_images()[0].get_array().max() <= 0


@pytest.mark.parametrize("n", [1, 2, 100])
def test_a_spectrogram_needs_but_one_sample(n):
    (figure,) = plots.spectrograms([np.ones(n)], 16_000)
    assert report._png(figure, 50).startswith(report.PNG)


# --------------------------------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    if browser.MISSING:
        pytest.skip(f"not installed: {' and '.join(browser.MISSING)}")
    run = write_run(
        tmp_path_factory.mktemp("runs") / "a-run-with-a-name-of-some-length",
        {"task": "separate", "data": "/a/folder/" + 12 * "whose_name_does_not_end_", "long": [1.25] * 40},
        {"gnsdr_db": 8.61, "clips": 171, "chosen": "in a sentence of some length that has to be broken"},
        network={"layer": "Sequential", "layers": [{"layer": "LSTM", "hidden_size": 256}] * 3},
    )
    plots.save_figure(plots.learning_curve(History([3.0, 2.0])), run / "separate.png")
    save_examples(
        run, [example(n=RATE), example("unbroken" * 20, n=RATE), Example("one", 3000, {"a": noise(3000)})]
    )
    write_report(run)
    with browser.browser() as window:
        yield window, run / "report.html"


@pytest.mark.parametrize("width", [360, 1200])
def test_a_browser_shows_the_page_and_loads_its_sounds(shown, width):
    window, page = shown
    window.console()
    window.open(page, width)
    window.wait_for("[...document.querySelectorAll('audio')].every(a => a.readyState > 0 || a.error)")
    players = window.ask("[...document.querySelectorAll('audio')].map(a => [a.error === null, a.duration])")
    assert len(players) == 7 and all(fine and seconds == pytest.approx(1) for fine, seconds in players)
    window.wait_for("[...document.images].every(i => i.complete)")
    pictures = window.ask("[...document.images].map(i => [i.naturalWidth, i.clientWidth, i.clientHeight])")
    assert len(pictures) == 9 and all(min(sizes) > 100 for sizes in pictures)
    assert window.ask("innerWidth") == width
    wide = (
        "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth)"
    )
    assert window.ask(f"{wide}.map(e => e.outerHTML.slice(0, 80))") == []
    assert window.ask("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    for scheme in ("light", "dark"):
        window.prefer(scheme)
        ink, paper = window.ask(
            "['color', 'backgroundColor'].map(c => getComputedStyle(document.body)[c])"
            ".map(c => c.match(/\\d+/g).reduce((a, b) => a + +b, 0))"
        )
        assert (ink > paper + 300) if scheme == "dark" else (paper > ink + 300)
    assert window.console() == []


def test_the_players_are_reached_and_started_by_keys(shown):
    window, page = shown
    window.open(page, 1200)
    window.wait_for("[...document.querySelectorAll('audio')].every(a => a.readyState > 0)")
    reached = []
    for _ in range(60):
        window.press("Tab", 9)
        tag, label = window.ask("[document.activeElement.tagName, document.activeElement.ariaLabel]")
        if tag == "AUDIO" and label not in reached:
            if not reached:
                window.press(" ", 32)
                window.wait_for("document.activeElement.currentTime > 0")
            reached.append(label)
    assert len(reached) == 7 and reached[0] == "amy_1_01, mixture"


def test_a_picture_can_be_had_larger_in_a_narrow_window(shown):
    window, page = shown
    window.open(page, 360)
    width = "document.querySelector('.frame img').clientWidth"
    assert window.ask(width) < 360
    window.ask("document.querySelector('.frame').parentElement.querySelector('label').click()")
    assert 600 < window.ask(width) < 700
    assert window.ask("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
