"""The weights that come with the package: small, readable, and good at what they are for."""

import json

import numpy as np
import pytest

import numpylstm as nl
from numpylstm.datasets import synthetic_singer
from numpylstm.tasks import separation
from numpylstm.tasks.recipes import RECIPES

FOLDER = separation.shipped("large").parent


def test_all_together_take_at_most_5_mb():
    assert sum(separation.shipped(name).stat().st_size for name in separation.WEIGHTS) <= 5_000_000
    assert sorted(path.name for path in FOLDER.glob("*.safetensors")) == sorted(separation.WEIGHTS.values())


@pytest.mark.parametrize("name", separation.WEIGHTS)
def test_weights_say_what_they_were_trained_on_and_come_with_their_log(name):
    assert separation.origin(separation.shipped(name)) == "1000 synthetic clips alone"
    log = separation.shipped(name).with_suffix(".jsonl")
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert rows[-1]["validation_loss"] < rows[0]["validation_loss"]
    assert rows[-1]["seconds"] <= 3600
    assert (FOLDER / "README.md").read_text(encoding="utf-8").count(log.name) == 1


def test_those_for_a_whole_song_are_told_as_one():
    assert separation.origin() == separation.origin(separation.shipped("bands"))
    parts = [nl.load(separation.shipped(name)).theta for name in separation.BUILT_IN[False]]
    np.testing.assert_array_equal(separation.load().theta, np.concatenate(parts))


@pytest.mark.parametrize("name", separation.WEIGHTS)
def test_weights_are_those_of_their_recipe(name):
    def kinds(layer):
        sizes = {key: array.shape for key, array in layer.params.items()}
        return type(layer).__name__, sizes, [kinds(inner) for inner in getattr(layer, "layers", ())]

    new = RECIPES[name].build(np.random.default_rng(0))
    assert kinds(nl.load(separation.shipped(name))) == kinds(new)


@pytest.mark.parametrize("streaming, least", [(False, 8.0), (True, 6.0)])
def test_weights_separate_singers_never_trained_on(streaming, least):
    net = separation.load(streaming=streaming)
    assert net.causal == streaming
    clips = [synthetic_singer(seed, split="test", seconds=4) for seed in range(100, 104)]
    gains = [clip.voice.nsdr for clip in separation.evaluate(net, clips, progress=False).estimates]
    assert np.mean(gains) > least


def test_silence_stays_silent():
    net = separation.load()
    assert not separation.separate(net, np.zeros((16_000, 2)), 44_100).any()
