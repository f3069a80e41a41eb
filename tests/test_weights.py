"""The weights that come with the package: small, readable, and good at what they are for."""

import json
from pathlib import Path

import numpy as np
import pytest

from numpylstm.datasets import synthetic_singer
from numpylstm.tasks import separation

FOLDER = Path(separation.shipped()).parent


def test_both_together_take_at_most_5_mb():
    assert sum(separation.shipped(streaming).stat().st_size for streaming in (False, True)) <= 5_000_000


@pytest.mark.parametrize("streaming", [False, True])
def test_weights_say_what_they_were_trained_on_and_come_with_their_log(streaming):
    assert separation.origin(streaming=streaming) == "1000 synthetic clips alone"
    log = separation.shipped(streaming).with_suffix(".jsonl")
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert rows[-1]["validation_loss"] < rows[0]["validation_loss"]
    assert rows[-1]["seconds"] <= 3600
    assert (FOLDER / "README.md").read_text(encoding="utf-8").count(log.name) == 1


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
