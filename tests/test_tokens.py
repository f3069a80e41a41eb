"""Text and notes: what is learnt is known beforehand, what is sampled can be read."""

import math
import re
import tracemalloc
from itertools import islice

import numpy as np
import pytest

import numpylstm as nl
from numpylstm import checkpoint
from numpylstm.audio import midi
from numpylstm.audio.midi import Note, Song
from numpylstm.tasks import play_tokens, tokens
from numpylstm.tasks.network import build_network

SENTENCE = "the quick brown fox. "


SPOKEN = tokens.make_tokens("text", SENTENCE * 60)


@pytest.fixture(scope="module")
def trained() -> tokens.TokensResult:
    """A network that knows SENTENCE by heart."""
    return tokens.train(SPOKEN, hidden_size=24, updates=200, progress=False)


def save(result: tokens.TokensResult, path) -> str:
    checkpoint.save(result.model.net, path, result.model.arrays(), result.model.extra())
    return str(path)


def melody(bars: int = 40) -> list[Note]:
    return [
        Note(wait, pitch, 6) for _ in range(bars) for wait, pitch in ((6, 60), (6, 64), (0, 67), (12, 72))
    ]


# ------------------------------------------------------------------------------------ what is learnt


def test_a_text_that_repeats_is_continued_exactly(trained):
    corpus = SPOKEN
    heard = corpus.tokens[: len(SENTENCE) + 5]
    continued = islice(play_tokens.generate(trained.model.net, heard, temperature=0), 500)
    expected = (SENTENCE * 30)[5:505]
    assert "".join(corpus.vocabulary[token] for token in continued) == expected
    assert trained.figures["dev_cross_entropy"] < 0.4 < math.log(len(corpus.vocabulary))


@pytest.mark.parametrize("odds", [[0.25] * 4, [0.5, 0.25, 0.125, 0.125]])
def test_no_network_comes_below_the_entropy_of_independent_tokens(odds):
    rng = np.random.default_rng(0)
    corpus = tokens.make_tokens("text", "".join(rng.choice(list("abcd"), 12_000, p=odds)))
    result = tokens.train(corpus, hidden_size=12, updates=100, progress=False)
    _, (_, target) = tokens.parts(corpus.tokens)
    floor = -np.log(odds)[target].mean()  # what knowing the odds would score on the very same tokens
    # A sample of n lets the best of all odds seem better by (C - 1) / 2n on average: 0.0013 here.
    assert floor - 0.003 < result.figures["dev_cross_entropy"] < 1.01 * floor
    before = result.history.train_loss[0]
    assert before > result.figures["dev_cross_entropy"], "it comes from above"


def test_the_figures_are_those_of_the_last_tenth(trained):
    figures = trained.figures
    dev = SPOKEN.tokens[-126:]
    x, target = dev[:-1, None], dev[1:, None]
    expected = nl.evaluate(trained.model.net, (x, target), loss=nl.losses.softmax_cross_entropy)
    assert figures["dev_cross_entropy"] == pytest.approx(expected)
    assert figures["dev_perplexity"] == pytest.approx(math.exp(expected))
    guesses = trained.model.net.predict(x).argmax(axis=-1)
    assert figures["dev_accuracy"] == pytest.approx((guesses == target).mean()) and (guesses == target).any()
    assert (figures["tokens"], figures["vocabulary"]) == (1260, len(set(SENTENCE)))
    assert figures["seconds"] > 0 and figures["seed"] == 0


def test_the_last_tenth_is_never_trained_on():
    text = SENTENCE * 60
    results = [
        tokens.train(tokens.make_tokens("text", t), hidden_size=4, quick=True, progress=False)
        for t in (text, text[:1134] + text[1134:][::-1])
    ]
    first, spoilt = (result.history for result in results)
    assert first.train_loss == spoilt.train_loss and first.validation_loss != spoilt.validation_loss


def test_the_same_seed_gives_the_same_network():
    corpus = tokens.make_tokens("text", SENTENCE * 20)
    first, again, other = (
        tokens.train(corpus, hidden_size=4, quick=True, seed=seed, progress=False).model.net.theta
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("n", [1, 300, 5000, 100_000])
def test_lanes_cover_the_sequence_in_its_order(n):
    laid_out = tokens.lanes(np.arange(n))
    steps, count = laid_out.shape
    assert 1 <= count <= tokens.LANES and n - steps * count < count
    np.testing.assert_array_equal(laid_out.T.ravel(), np.arange(steps * count))
    (x, target), (x_dev, target_dev) = tokens.parts(np.arange(n + 100))
    np.testing.assert_array_equal(x + 1, target)
    np.testing.assert_array_equal(x_dev + 1, target_dev)
    assert x.max() < target.max() < x_dev.min()


@pytest.mark.parametrize("cell, kind, layers", [("lstm", nl.LSTM, 1), ("gru", nl.GRU, 3)])
def test_the_network_goes_from_classes_to_logits(cell, kind, layers):
    net = build_network(9, 11, cell=cell, layers=layers, hidden_size=5)
    assert net.predict(np.zeros((4, 2), int)).shape == (4, 2, 11) and net.dtype == np.float32
    assert [type(layer) for layer in net.layers] == [kind] * layers + [nl.Dense]


# ------------------------------------------------------------------------------------------ sampling


def test_generating_is_repeated_prediction_on_all_that_was_heard(trained):
    heard = list(SPOKEN.tokens[:10])
    for token in islice(play_tokens.generate(trained.model.net, heard, temperature=0), 15):
        logits = trained.model.net.forward(np.array(heard)[:, None])[0][-1, 0]
        assert token == logits.argmax()
        heard.append(token)


def test_memory_does_not_grow_with_the_length(trained, tmp_path):
    path = save(trained, tmp_path / "model.safetensors")

    def peak(seconds):
        tracemalloc.start()
        play_tokens.sample(path, tmp_path / "a.txt", seconds=seconds, progress=False)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(1)
    short, long = peak(100), peak(3000)
    assert long < short + 150_000, "45,000 characters in a list are 360,000 bytes"


# ----------------------------------------------------------------------------- a text file, a MIDI file


def test_a_text_is_sampled_into_a_file(trained, tmp_path):
    path = save(trained, tmp_path / "model.safetensors")
    figures = play_tokens.sample(path, tmp_path / "a.txt", seconds=20, temperature=0)
    text = (tmp_path / "a.txt").read_text(encoding="utf-8")
    start = tokens.PRIMED % len(SENTENCE)
    assert text == (SENTENCE * 20)[start : start + 300]
    assert figures == {"kind": "text", "tokens": 300, "length_seconds": 20, "temperature": 0}
    play_tokens.sample(path, tmp_path / "b.txt", seconds=2, temperature=0, prime="the quick br")
    assert (tmp_path / "b.txt").read_text() == "own fox. the quick brown fox. "


def test_the_seed_says_what_is_sampled(trained, tmp_path):
    path = save(trained, tmp_path / "model.safetensors")
    texts = []
    for seed in (1, 1, 2):
        play_tokens.sample(path, tmp_path / "a.txt", seconds=20, temperature=3.0, seed=seed)
        texts.append((tmp_path / "a.txt").read_text())
    assert texts[0] == texts[1] != texts[2]


def test_notes_are_learnt_and_sampled_into_a_midi_file(tmp_path):
    midi.write(tmp_path / "in.mid", Song(melody(), 150.0))
    corpus = tokens.load_notes([tmp_path / "in.mid"])
    assert corpus.kind == "notes" and corpus.bpm == pytest.approx(150)
    assert sorted(corpus.vocabulary) == [(0, 67, 6), (6, 60, 6), (6, 64, 6), (12, 72, 6)]
    result = tokens.train(corpus, hidden_size=16, updates=120, progress=False)
    path = save(result, tmp_path / "model.safetensors")
    figures = play_tokens.sample(path, tmp_path / "out.mid", seconds=8, temperature=0)
    song = midi.read(tmp_path / "out.mid")
    assert song.notes == melody()[: len(song.notes)]  # PRIMED notes are 16 whole bars
    assert song.bpm == pytest.approx(150)
    assert figures["kind"] == "notes" and figures["tokens"] == len(song.notes)
    assert figures["length_seconds"] == pytest.approx(song.seconds) and 7 < song.seconds < 9
    with refused("expected no prime for notes"):
        play_tokens.sample(path, tmp_path / "out.mid", seconds=1, prime="c")


def test_several_files_and_folders_are_one_corpus(tmp_path):
    (tmp_path / "a.txt").write_text("ab" * 60, encoding="utf-8")
    (tmp_path / "b.txt").write_text("ßé" * 60, encoding="utf-8")
    (tmp_path / "c.wav").write_text("no text")
    for paths in ([tmp_path / "a.txt", tmp_path / "b.txt"], [tmp_path]):
        corpus = tokens.load_text(paths)
        assert "".join(corpus.vocabulary[token] for token in corpus.tokens) == "ab" * 60 + "ßé" * 60


# ------------------------------------------------------------------------------------ what is refused


def refused(sentence: str):
    return pytest.raises(ValueError, match=re.escape(sentence))


def test_a_corpus_that_cannot_be_used_is_refused(tmp_path):
    (tmp_path / "latin.txt").write_bytes(b"abc\xe9" * 100)
    (tmp_path / "short.txt").write_text("too short")
    with refused("latin.txt, whose byte 3 is none"):
        tokens.load_text([tmp_path / "latin.txt"])
    with refused("expected at least 100 characters, got 9"):
        tokens.load_text([tmp_path / "short.txt"])
    with refused("missing.txt, where there is none"):
        tokens.load_text([tmp_path / "missing.txt"])
    (tmp_path / "folder").mkdir()
    with refused("expected a folder with texts (.txt) in it, got"):
        tokens.load_text([tmp_path / "folder"])
    with refused("expected a folder with MIDI files (.mid, .midi) in it, got"):
        tokens.load_notes([tmp_path / "folder"])
    with refused("expected characters that differ, got 'a' again and again"):
        tokens.make_tokens("text", "a" * 200)
    with refused("expected at least 100 notes, got 0"):
        tokens.load_notes([])
    midi.write(tmp_path / "short.mid", Song(melody(2)))
    with refused("expected at least 100 notes, got 8"):
        tokens.load_notes([tmp_path / "short.mid"])


@pytest.mark.parametrize(
    "option, sentence",
    [
        ({"cell": "rnn"}, "expected cell 'lstm' or 'gru', got 'rnn'"),
        ({"layers": 6}, "expected 1 to 5 layers, got 6"),
        ({"hidden_size": 0}, "expected hidden_size of at least 1, got 0"),
        ({"updates": 0}, "expected updates of at least 1, got 0"),
    ],
)
def test_options_out_of_their_range_are_refused(option, sentence):
    with refused(sentence):
        tokens.train(SPOKEN, **option)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"seconds": 0}, "expected seconds above 0, got 0"),
        ({"seconds": math.nan}, "expected seconds above 0, got nan"),
        ({"prime": "fox!"}, "expected a prime of characters of the corpus, got '!'"),
        ({"temperature": -1}, "expected a temperature of at least 0, got -1"),
    ],
)
def test_what_cannot_be_sampled_leaves_nothing(trained, tmp_path, options, sentence):
    path = save(trained, tmp_path / "model.safetensors")
    with refused(sentence):
        play_tokens.sample(path, tmp_path / "a.txt", **{"seconds": 1} | options)
    assert [file.name for file in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("damage", ["vocabulary", "start", "kind", "weights", None])
def test_another_model_is_refused(trained, tmp_path, damage):
    extra = trained.model.extra()
    if damage:
        extra[damage] = {"vocabulary": ["a"], "start": [99], "kind": "spectra"}.get(damage)
    net = trained.model.net.astype(np.float32)
    if damage == "weights":
        net.theta[-1] = np.nan
    checkpoint.save(net, tmp_path / "m.safetensors", extra=extra if damage else None)
    with refused("expected a network for text or notes, got another in"):
        play_tokens.sample(tmp_path / "m.safetensors", tmp_path / "a.txt", seconds=1)
