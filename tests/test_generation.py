"""Generation: the corpus of sound, samples, their batches and free run, and the command of all kinds."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

import numpylstm as nl
from numpylstm import checkpoint
from numpylstm.audio import midi, mulaw
from numpylstm.audio.midi import Note, Song
from numpylstm.audio.wav import AudioError
from numpylstm.cli import main
from numpylstm.datasets import plucked_melodies
from numpylstm.tasks import corpus as corpora
from numpylstm.tasks import generation, play, play_samples, samples
from numpylstm.tasks.corpus import load_corpus
from numpylstm.tasks.play import draw
from numpylstm.tasks.play_samples import Model, Player
from numpylstm.tasks.samples import Batches, network_for

RATE = corpora.RATE


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def melody(seconds: float = 8.0, rate: int = 8000, channels: int = 1, seed: int = 0) -> np.ndarray:
    sound = plucked_melodies(seconds, rate, seed)
    return sound if channels == 1 else np.stack([sound, 0.5 * sound], axis=1)


def write(name: str, samples: np.ndarray, rate: int = 8000) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    sf.write(name, samples, rate)
    return name


def model_of(head: str = "softmax", classes: int = 16, seconds: float = 3.0) -> Model:
    """A small network with parameters large enough that what it makes varies."""
    net = network_for(head, classes, cell="gru", layers=1, hidden_size=8)
    net.theta[...] *= 2 if head == "mlp" else 3
    return Model(net, head, classes, RATE, 2.0, 0.9, melody(seconds, RATE))


# -------------------------------------------------------------------------------- the melodies


def test_melodies_are_reproducible_at_any_rate_and_full():
    np.testing.assert_array_equal(plucked_melodies(2.0), plucked_melodies(2.0))
    assert np.abs(plucked_melodies(2.0) - plucked_melodies(2.0, seed=1)).max() > 0.1
    assert plucked_melodies(0.3, 44100).shape == (13230,)
    sound = plucked_melodies(20.0, 8000)
    assert np.abs(sound).max() == pytest.approx(0.7)
    levels = np.sqrt(np.mean(sound.reshape(20, 8000) ** 2, axis=1)) / np.sqrt(np.mean(sound**2))
    assert 0.75 < levels.min() and levels.max() < 1.3
    power = np.abs(np.fft.rfft(sound)) ** 2
    assert power[20 * 2000 :].sum() < 1e-3 * power.sum(), "4,000 samples a second hold it"


@pytest.mark.parametrize("seconds, rate", [(0.0, 8000), (-1.0, 8000), (1.0, 3999)])
def test_melodies_that_cannot_be(seconds, rate):
    with pytest.raises(ValueError, match="at least 4000 Hz and one sample"):
        plucked_melodies(seconds, rate)


def test_the_file_of_melodies_is_what_its_script_makes(tmp_path):
    import runpy

    data = Path(__file__).parents[1] / "data"
    runpy.run_path(str(data / "make_plucked_melodies.py"))["main"](["--out", str(tmp_path / "again.flac")])
    kept, again = sf.read(data / "plucked_melodies.flac"), sf.read(tmp_path / "again.flac")
    assert kept[1] == again[1] == 8000 and kept[0].shape == (480_000,)
    assert np.abs(kept[0] - again[0]).max() <= 2.0**-15
    assert (data / "plucked_melodies.flac").stat().st_size < 700_000


# ---------------------------------------------------------------------------------- the corpus


def test_a_corpus_is_files_and_folders_at_any_rate_in_any_channels():
    write("folder/a.wav", melody(6, 44100, 2), 44100)
    write("folder/deeper/b.flac", melody(4, 11025), 11025)
    Path("folder/notes.txt").write_text("not sound")
    Path("folder/._a.wav").write_text("what some systems leave behind")
    one = write("one.wav", melody(0.7, 4000), 4000)
    corpus = load_corpus(["folder", one])
    seconds = 6 + 4 + 0.7
    assert corpus.files == 3 and corpus.rate == RATE
    assert (len(corpus.train) + len(corpus.held_out)) / RATE == pytest.approx(seconds, abs=0.001)
    assert len(corpus.held_out) / RATE == pytest.approx(3.0, abs=0.001)


def test_resampling_keeps_what_it_can_hold_and_no_more():
    t = np.arange(2 * 44100) / 44100
    kept = corpora.resample(np.sin(2 * np.pi * 440 * t), 44100, RATE)
    assert len(kept) == 2 * RATE
    expected = np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)
    np.testing.assert_allclose(kept[400:-400], expected[400:-400], atol=2e-3)
    gone = corpora.resample(np.sin(2 * np.pi * 3000 * t), 44100, RATE)
    assert np.abs(gone[400:-400]).max() < 1e-2


def test_the_end_of_every_file_is_held_out():
    signals = [np.full(n, float(k)) for k, n in enumerate((40_000, 20_000, 100), 1)]
    corpus = corpora.make_corpus(signals, RATE)
    for k, signal in enumerate(signals, 1):
        held_out = (corpus.held_out == k).sum()
        assert held_out + (corpus.train == k).sum() == len(signal)
        assert held_out / len(signal) == pytest.approx(3 * RATE / 60_100, abs=0.01)
    long = corpora.make_corpus([np.ones(400_000)], RATE)
    assert len(long.held_out) == 60_000 and len(long.train) == 340_000


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: write("a.wav", melody(0.2)), ("at least 6 s", "0.2 s")),
        (lambda: write("silent.wav", np.zeros(80_000)), ("silent.wav", "silent")),
        (lambda: write("end.wav", np.append(melody(8), np.zeros(64_000))), ("silent in the part held out",)),
        (lambda: write("constant.wav", np.full(80_000, 0.3)), ("constant.wav", "all the same")),
        (lambda: write("start.wav", np.append(np.zeros(400_000), melody(8))), ("in the part trained on",)),
        (lambda: Path("bad.wav").write_text("no sound" * 50) and "bad.wav", ("bad.wav", "read")),
        (lambda: "nowhere.wav", ("nowhere.wav", "exist")),
        (lambda: Path("empty").mkdir() or "empty", ("folder with audio", "empty")),
    ],
    ids=["short", "silent", "silent end", "constant", "silent start", "corrupt", "missing", "empty folder"],
)
def test_a_corpus_that_cannot_be_used_is_refused_in_one_sentence(make, words):
    with pytest.raises(ValueError) as error:
        load_corpus([make()])
    for word in words:
        assert word in str(error.value)


def test_one_bad_file_in_a_folder_is_named():
    write("folder/good.wav", melody(8))
    Path("folder/broken.wav").write_bytes(Path("folder/good.wav").read_bytes()[:20])
    with pytest.raises(AudioError, match=r"broken\.wav"):
        load_corpus(["folder"])


@pytest.mark.parametrize("rate", [0, 1999, 48_001])
def test_a_rate_out_of_reach_is_refused(rate):
    with pytest.raises(ValueError, match="2000 to 48000"):
        load_corpus([write("a.wav", melody(8))], rate)


# --------------------------------------------------------------------------------- the network


@pytest.mark.parametrize("head, outputs", [("softmax", 16), ("scalar", 1), ("mlp", 1)])
@pytest.mark.parametrize("cell, kind", [("lstm", nl.LSTM), ("gru", nl.GRU)])
@pytest.mark.parametrize("layers", [1, 5])
@pytest.mark.parametrize("concat", [False, True])
def test_every_network_that_can_be_asked_for(head, outputs, cell, kind, layers, concat):
    net = network_for(head, 16, cell=cell, layers=layers, hidden_size=6, concat=concat)
    model = Model(net, head, 16, RATE, 1.0, 1.0, melody(3, RATE))
    assert net.dtype == np.float32
    assert net.predict(model.encode(np.zeros((5, 3)))).shape == (5, 3, outputs)
    body = net.layers[0].layers if concat else net.layers[:-1]
    assert [type(layer) for layer in body] == [kind] * layers
    assert isinstance(net.layers[0], nl.ConcatHidden) == concat
    assert (not isinstance(net.layers[-1], nl.Dense)) == (concat or head == "mlp")


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"head": "crystal"}, "'softmax' or 'scalar' or 'mlp', got 'crystal'"),
        ({"cell": "cat"}, "'lstm' or 'gru', got 'cat'"),
        ({"layers": 0}, "1 to 5 layers, got 0"),
        ({"layers": 6}, "1 to 5 layers, got 6"),
        ({"batches": "all"}, "'lanes' or 'random' or 'shifted', got 'all'"),
        ({"noise": -0.1}, "noise from 0 to 1"),
        ({"noise": math.nan}, "noise from 0 to 1"),
        ({"classes": 1}, "classes of at least 2, got 1"),
        ({"updates": 0}, "updates of at least 1, got 0"),
        ({"hidden_size": 0}, "hidden_size of at least 1, got 0"),
    ],
)
def test_an_option_that_does_not_exist_is_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        samples.train(corpora.make_corpus([melody(8, RATE)], RATE), quick=True, **changed)


# --------------------------------------------------------------------------------- the batches


def numbered_batches(kind: str, noise: float = 0.0, samples: int = 30_000, **options) -> Batches:
    """Batches of a signal whose every sample tells its own place."""
    signal = np.arange(samples) / samples
    net = network_for("scalar", 2, cell="gru", layers=1, hidden_size=2)
    model = Model(net, "scalar", 2, RATE, 1.0, 1.0, signal)
    return Batches(signal, model, kind, noise, **({"pieces": 4, "epochs": 10} | options))


@pytest.mark.parametrize("kind", samples.BATCHES)
def test_the_target_is_the_very_next_sample(kind):
    batches = numbered_batches(kind)
    made = list(batches(np.random.default_rng(0)))
    assert len(batches) == 4
    assert sum((len(x) - samples.WARMUP) // samples.PIECE for x, _ in made) == 4, "as many updates"
    for x, target in made:
        assert x.shape == target.shape and x.shape[1:] == (samples.LANES, 1)
        places, next_places = (np.rint(30_000 * part[:, :, 0]).astype(int) for part in (x, target))
        np.testing.assert_array_equal(next_places, (places + 1) % 30_000)
        np.testing.assert_array_equal((np.diff(places, axis=0)) % 30_000, 1)
        starts = places[0]
        if kind == "shifted":
            np.testing.assert_array_equal(np.diff(starts), 1)
        else:
            assert np.ptp(starts) > 5000


def test_a_short_corpus_goes_round():
    ((x, _),) = numbered_batches("lanes", samples=100)(np.random.default_rng(0))
    assert len(x) > 500 and set(np.rint(100 * x[:, 0, 0]).astype(int)) == set(range(100))


def test_noise_is_on_the_input_alone_and_fades_to_a_third():
    clean, noisy = numbered_batches("lanes"), numbered_batches("lanes", noise=0.3)
    sizes = []
    for epoch in range(10):
        ((x, target),) = clean(np.random.default_rng(epoch))
        ((heard, same),) = noisy(np.random.default_rng(epoch))
        np.testing.assert_array_equal(same, target)
        sizes.append((heard - x).std())
    assert sizes[0] == pytest.approx(0.3, rel=0.03)
    assert sizes[4] == pytest.approx(0.2, rel=0.03)
    assert sizes[8] == pytest.approx(0.1, rel=0.03) == sizes[9]


def test_classes_hear_the_noise_before_they_are_encoded():
    model = model_of()
    batches = Batches(np.full(5000, 0.2), model, "lanes", 0.1, 4, 10)
    ((x, target),) = batches(np.random.default_rng(0))
    assert (target == mulaw.encode(0.4, 16)).all() and x.dtype.kind == "i"
    heard = mulaw.decode(x, 16)
    assert heard.std() == pytest.approx(0.1, rel=0.3), "noise is a share of full scale, after the gain"


def test_training_never_hears_what_is_held_out():
    corpus = corpora.make_corpus([melody(8, RATE)], RATE)
    results = []
    for factor in (1.0, -0.5):
        changed = corpora.Corpus(corpus.train, factor * corpus.held_out, RATE, 1)
        results.append(samples.train(changed, quick=True, hidden_size=4, progress=False))
    np.testing.assert_array_equal(results[0].model.net.theta, results[1].model.net.theta)
    assert results[0].history.validation_loss != results[1].history.validation_loss


def test_the_same_seed_trains_the_same_model_and_run():
    corpus = corpora.make_corpus([melody(8, RATE)], RATE)

    def train(seed):
        return samples.train(corpus, quick=True, hidden_size=4, seed=seed, progress=False).continuation

    np.testing.assert_array_equal(train(1), train(1))
    assert not np.array_equal(train(1), train(2))


def test_the_temperature_is_the_one_at_which_most_runs_are_alive(monkeypatch):
    class Run:
        def __init__(self, model, rng, temperature, count):
            self.temperature, self.count = temperature, count

        def play(self, samples):
            return np.full((samples, self.count), self.temperature)

    def judge(counts):
        seen: dict[float, int] = {}

        def alive(run, reference, rate):
            seen[run[0]] = seen.get(run[0], 0) + 1
            return type("Report", (), {"alive": seen[run[0]] <= counts[run[0]]})

        return alive

    monkeypatch.setattr(samples, "Player", Run)
    for counts, wanted in (
        ({1.0: 3, 0.9: 5, 0.8: 4}, 0.9),
        ({1.0: 3, 0.9: 5, 0.8: 6}, 0.8),
        ({1.0: 7, 0.9: 5, 0.8: 6}, 1.0),
        ({1.0: 0, 0.9: 0, 0.8: 0}, 0.9),
    ):
        monkeypatch.setattr(samples, "alive", judge(counts))
        rng = np.random.default_rng(0)
        choose = samples.choose_temperature
        assert choose(model_of(), rng, samples.TEMPERATURES, progress=False) == wanted


# ------------------------------------------------------------------------------ running free


@pytest.mark.parametrize("head", play_samples.HEADS)
def test_a_run_in_pieces_is_the_run_in_one_go(head):
    model = model_of(head)
    whole = Player(model, np.random.default_rng(3), count=2).play(400)
    player = Player(model, np.random.default_rng(3), count=2)
    pieces = np.concatenate([player.play(n) for n in (1, 0, 7, 92, 300)])
    np.testing.assert_array_equal(whole, pieces)
    assert whole.shape == (400, 2) and len(np.unique(whole)) > 3, "it does not stand still"


def test_a_run_is_repeated_prediction_on_all_that_was_heard_so_far():
    model = model_of(seconds=0.01)
    made = Player(model, np.random.default_rng(5), temperature=0.7).play(30)[:, 0]
    chance = np.random.default_rng(5).random(30)
    heard = model.encode(model.seed()[:, None])
    for t in range(30):
        logits = model.net.forward(heard)[0][-1]
        heard = np.concatenate([heard, draw(logits, 0.7, chance[t : t + 1])[None]])
    np.testing.assert_allclose(made, mulaw.decode(heard[-30:, 0], 16) / model.gain)


def test_a_run_of_means_hears_its_own_means():
    model = model_of("scalar", seconds=0.01)
    # In float64: a run that hears itself makes rounding errors grow a thousandfold within these 20 samples.
    model.net = model.net.astype(float)
    made = Player(model, np.random.default_rng(0)).play(20)[:, 0]
    heard = model.encode(model.seed()[:, None])
    for _ in range(20):
        mean = model.net.forward(heard)[0][-1:]
        heard = np.concatenate([heard, np.clip(mean, -1, 1).astype(np.float32)])  # heard in float32
    np.testing.assert_allclose(made, heard[-20:, 0, 0] / model.gain, atol=1e-11)


# --------------------------------------------------------------------------------- the command


def run(capsys, *argv: str) -> dict:
    capsys.readouterr()
    assert main([*argv, "--json"]) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def refused(capsys, *argv: str) -> str:
    before = sorted(Path(".").rglob("*"))
    capsys.readouterr()
    assert main(list(argv)) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("numpylstm: ")
    assert sorted(Path(".").rglob("*")) == before, "nothing is left behind"
    return err


PARTS = {"level", "flux", "spectrum", "notes", "variety", "constant", "repetition"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> str:
    """The run folder of a short training."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    assert main(["generate", "train", "--quick", "--out", str(folder), "--json", "--hidden-size", "8"]) == 0
    return str(folder)


def test_generate_train_needs_no_files_and_fills_its_folder(capsys):
    figures = run(capsys, "generate", "train", "--quick", "--out", "run", "--seed", "3", "--hidden-size", "8")
    assert {"alive", "seconds", "seed", "temperature"} | PARTS <= figures.keys()
    assert figures["seed"] == 3 and isinstance(figures["alive"], bool)
    assert figures["alive"] == all(figures[part]["passed"] for part in PARTS)
    names = {"config.json", "metrics.jsonl", "model.safetensors", "generate.png"}
    assert {path.name for path in Path("run").iterdir()} == names
    described = json.loads(Path("run/config.json").read_text())
    wanted = {"task": "generate", "kind": "samples", "head": "softmax", "cell": "gru", "batches": "lanes"}
    assert wanted.items() <= described["config"].items() and described["figures"] == figures
    assert nl.load("run/model.safetensors").config() == described["network"]
    assert Path("run/generate.png").read_bytes().startswith(b"\x89PNG")


def test_the_options_of_generate_train_make_the_network(capsys):
    corpus = write("corpus/a.flac", melody(8, 22050, 2), 22050)
    options = "--cell lstm --layers 2 --hidden-size 5 --head mlp --concat --batches shifted --noise 0"
    figures = run(capsys, "generate", "train", corpus, "corpus", *options.split(), "--quick", "--out", "run")
    described = json.loads(Path("run/config.json").read_text())["config"]
    assert described["corpus"] == [corpus, "corpus"] and described["batches"] == "shifted"
    net = nl.load("run/model.safetensors")
    assert repr(net).count("LSTM(") == 2 and "ConcatHidden" in repr(net) and figures["temperature"] == 1
    assert run(capsys, "generate", "sample", "run", "out.wav", "--seconds", "0.01")["samples"] == 40


def test_generate_train_speaks_in_sentences(capsys, trained):
    assert main(["generate", "train", "--quick", "--hidden-size", "8"]) == 0
    out = capsys.readouterr().out
    assert "alive" in out and "runs/generate" in out and "spectrum" in out and "nan" not in out
    assert main(["generate", "sample", trained, "out.wav", "--seconds", "1"]) == 0
    assert "4000 samples at 4000 Hz" in capsys.readouterr().out


@pytest.mark.parametrize("seconds, samples", [("0.00025", 1), ("1.3", 5200), ("4", 16_000)])
def test_a_sample_is_as_long_as_asked_for(capsys, trained, seconds, samples):
    figures = run(capsys, "generate", "sample", trained, "out.wav", "--seconds", seconds)
    assert {"alive", "seconds", "seed"} | PARTS <= figures.keys()
    info = sf.info("out.wav")
    assert (info.frames, info.samplerate, info.channels) == (samples, RATE, 1)
    assert (figures["samples"], figures["rate"], figures["clipped"]) == (samples, RATE, 0)


def test_a_sample_goes_on_as_a_run_does_and_by_its_seed(capsys, trained):
    made = {}
    for name, seed, seconds in (("a", "1", "3"), ("b", "1", "2.5"), ("c", "2", "3")):
        argv = ("generate", "sample", f"{trained}/model.safetensors", f"{name}.wav", "--seed", seed)
        run(capsys, *argv, "--seconds", seconds)
        made[name] = sf.read(f"{name}.wav")[0]
    np.testing.assert_array_equal(made["a"][:10_000], made["b"])
    assert not np.array_equal(made["a"], made["c"])
    played = Player(play_samples.load(trained), np.random.default_rng(1)).play(12_000)[:, 0]
    np.testing.assert_allclose(made["a"], played, atol=1e-6)


def test_a_long_sample_keeps_its_last_minute_alone(capsys, monkeypatch, trained):
    class Counter:
        def __init__(self, *args):
            self.made = 0

        def play(self, samples):
            self.made += samples
            return np.full((samples, 1), (self.made - 1) // RATE / 1000)

    seen = []
    monkeypatch.setattr(play_samples, "Player", Counter)
    monkeypatch.setattr(play, "alive", lambda signal, *_: seen.append(signal) or Judged())
    run(capsys, "generate", "sample", trained, "out.wav", "--seconds", "75")
    np.testing.assert_allclose(np.unique(seen[-1]), np.arange(15, 75) / 1000)
    assert sf.info("out.wav").frames == 75 * RATE


class Judged:
    failed = ()

    def as_dict(self) -> dict:
        return {"alive": True}


def test_what_is_held_out_is_in_the_model_file(trained):
    model = play_samples.load(trained)
    corpus = corpora.built_in_corpus()
    np.testing.assert_allclose(model.held_out, corpus.held_out, atol=2.0**-16 + 1e-12)
    assert model.rate == RATE and model.head == "softmax" and model.classes == 64


# ----------------------------------------------------------------------------------- the kinds


def texts() -> str:
    Path("texts").mkdir()
    Path("texts/a.txt").write_text("the quick brown fox. " * 20)
    return "texts"


def songs() -> str:
    notes = [Note(6, pitch, 6) for _ in range(30) for pitch in (60, 64, 67, 72)]
    midi.write("a.mid", Song(notes, 120.0))
    return "a.mid"


@pytest.fixture
def sound() -> str:
    return write("folder/a.flac", melody(12, 44100, 2), 44100)


def test_generate_of_spectra_trains_and_samples_and_is_judged(capsys, sound):
    options = ("--kind", "spectra", "--quick", "--hidden-size", "6", "--codewords", "9", "--rate", "8000")
    figures = run(capsys, "generate", "train", "folder", "--out", "run", *options)
    wanted = {"alive", "dev_cross_entropy", "dev_phase", "codebook_error", "frames", "seconds", "seed"}
    assert wanted | PARTS <= figures.keys() and figures["kind"] == "spectra"
    assert figures["alive"] == all(figures[part]["passed"] for part in PARTS)
    described = json.loads(Path("run/config.json").read_text())
    wanted = {"kind": "spectra", "rate": 8000, "codewords": 9, "hidden_size": 6, "cell": "lstm", "layers": 1}
    assert wanted.items() <= described["config"].items() and "head" not in described["config"]
    names = {"config.json", "metrics.jsonl", "model.safetensors", "generate.png"}
    assert {path.name for path in Path("run").iterdir()} == names
    made = run(capsys, "generate", "sample", "run", "out.wav", "--seconds", "2.5", "--temperature", "0.5")
    info = sf.info("out.wav")
    assert (info.frames, info.samplerate) == (20_000, 8000) == (made["samples"], made["rate"])
    assert {"alive", "seconds", "seed"} | PARTS <= made.keys() and made["temperature"] == 0.5


@pytest.mark.parametrize("kind, corpus, output", [("text", texts, "out.txt"), ("notes", songs, "out.mid")])
def test_generate_of_notes_and_text_trains_and_samples(capsys, kind, corpus, output):
    corpus = corpus()
    options = ("--quick", "--hidden-size", "6", "--out", "run")
    figures = run(capsys, "generate", "train", corpus, *options)
    wanted = {
        "dev_cross_entropy",
        "dev_perplexity",
        "dev_accuracy",
        "tokens",
        "vocabulary",
        "seconds",
        "seed",
    }
    assert wanted <= figures.keys() and figures["kind"] == kind and "alive" not in figures
    assert Path("run/generate.png").read_bytes().startswith(b"\x89PNG")
    config = json.loads(Path("run/config.json").read_text())["config"]
    assert config["kind"] == kind and config["updates"] == 1500 and "rate" not in config
    made = run(capsys, "generate", "sample", "run", output, "--seconds", "3", "--temperature", "1.5")
    assert made["kind"] == kind and made["tokens"] > 0 and made["temperature"] == 1.5
    if kind == "text":
        assert len(Path(output).read_text()) == 45 == made["tokens"]
        assert "name for a text" in refused(capsys, "generate", "sample", "run", "out.wav")
    else:
        assert len(midi.read(output).notes) == made["tokens"]
        assert "out.wav" in refused(capsys, "generate", "sample", "run", "out.wav")
    for argv in (("train", corpus, *options), ("sample", "run", output)):
        assert main(["generate", *argv]) == 0
    spoken = capsys.readouterr()
    assert "nats a token" in spoken.out and f"learning {kind}, as the files" in spoken.err
    assert ("characters" if kind == "text" else "notes") in spoken.out.splitlines()[-1]


def test_the_kind_goes_by_the_files(sound):
    text, song = texts(), songs()
    for paths, kind in (
        ([], "samples"),
        ([sound], "samples"),
        (["folder"], "samples"),
        ([text], "text"),
        ([song], "notes"),
        ([song, song], "notes"),
        ([song, sound], "samples"),
        ([text, "folder"], "samples"),
        (["nowhere.MIDI"], "notes"),
        (["nowhere"], "samples"),
    ):
        assert generation.choose_kind(paths) == kind, paths
    Path("folder/.hidden.txt").write_text("no text")
    Path("empty").mkdir()
    assert generation.choose_kind(["folder"]) == generation.choose_kind(["empty"]) == "samples"


@pytest.mark.parametrize(
    "kind, options, word",
    [
        ("spectra", ["--head", "mlp"], "--head"),
        ("spectra", ["--noise", "0"], "--noise"),
        ("samples", ["--codewords", "9"], "--codewords"),
        ("text", ["--rate", "8000"], "--rate"),
        ("notes", ["--batches", "random"], "--batches"),
        ("notes", ["--classes", "9"], "--classes"),
        ("text", ["--no-concat", "--codewords", "3"], "--codewords"),
    ],
)
def test_an_option_that_a_kind_does_not_have_is_refused(capsys, kind, options, word):
    said = refused(capsys, "generate", "train", "--kind", kind, *options)
    assert said.rstrip().endswith(f"got {word}") and f"--kind {kind} (--" in said and "--hidden-size" in said


def test_every_option_of_a_kind_is_one_of_the_command_and_the_defaults_are_told(capsys):
    with pytest.raises(SystemExit):
        main(["generate", "train", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    for kind in generation.KINDS:
        assert kind in told
        for name, value in generation.options_of(kind).items():
            assert f"--{name.replace('_', '-')}" in told
            if not isinstance(value, bool | str):
                assert f"(default: {value:g}" in told or f" {value:g} for " in told, (kind, name, value)


def test_notes_and_text_need_files(capsys):
    for kind in ("notes", "text"):
        assert f"expected files to learn {kind} from, got none" in refused(
            capsys, "generate", "train", "--kind", kind
        )
    Path("empty").mkdir()
    assert "folder with texts" in refused(capsys, "generate", "train", "--kind", "text", "empty")


def test_bad_input_ends_in_one_line(capsys, trained):
    for argv, word in (
        (["train", write("short.wav", melody(0.1)), "--out", "run"], "6 s"),
        (["train", write("silent.wav", np.zeros(90_000)), "--out", "run"], "silent.wav"),
        (["train", "--layers", "9", "--quick", "--out", "run"], "1 to 5 layers"),
        (["train", "--rate", "100", "--quick", "--out", "run"], "Hz"),
        (["train", "--updates", "0", "--quick", "--out", "run"], "updates of at least 1"),
        (["train", "--kind", "spectra", "--codewords", "1", "--out", "run"], "codewords of at least 2"),
        (["train", "--kind", "spectra", "--layers", "6", "--out", "run"], "1 to 5 layers"),
        (["sample", trained, "out.wav", "--seconds", "0"], "at least one sample"),
        (["sample", trained, "out.wav", "--seconds", "nan"], "at least one sample"),
        (["sample", trained, "out.wav", "--temperature", "-1"], "temperature"),
        (["sample", trained, "out.xyz", "--seconds", "0.1"], "out.xyz"),
        (["sample", trained, "nowhere/out.wav", "--seconds", "0.1"], "nowhere"),
        (["sample", "nowhere", "out.wav"], "nowhere"),
    ):
        assert word in refused(capsys, "generate", *argv), argv


@pytest.mark.parametrize(
    "changed",
    [
        {"head": "crystal"},
        {"classes": 12},
        {"rate": 100},
        {"rate": None},
        {"gain": 0.0},
        {"gain": "much"},
        {"task": "filter"},
    ],
    ids=str,
)
def test_a_model_that_does_not_generate_is_refused(capsys, changed):
    model = model_of()
    checkpoint.save(model.net, "a.safetensors", model.arrays(), model.extra())
    play_samples.load("a.safetensors")
    checkpoint.save(model.net, "a.safetensors", model.arrays(), model.extra() | changed)
    assert "generate train" in refused(capsys, "generate", "sample", "a.safetensors", "out.wav")


def test_a_model_without_what_was_held_out_is_refused(capsys):
    model = model_of()
    for arrays in (None, {"held_out": np.zeros(20_000, np.int16)}, {"held_out": np.ones(5, np.int16)}):
        checkpoint.save(model.net, "a.safetensors", arrays, model.extra())
        assert "generate train" in refused(capsys, "generate", "sample", "a.safetensors", "out.wav")
