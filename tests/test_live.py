"""A filter in real time: blocks of every size, the meter, and a sound card that is none."""

import sys
import types

import numpy as np
import pytest

import numpylstm as nl
from numpylstm.tasks import live

RATE = 8000  # Hz


def network(seed: int = 0) -> nl.Layer:
    net = nl.Residual(nl.Sequential(nl.LSTM(1, 5), nl.Dense(5, 1)), dtype=np.float32, seed=seed)
    rng = np.random.default_rng(seed)
    net.theta[...] += 0.05 * rng.standard_normal(net.theta.size)  # biases: silence moves the state
    return net


def sound(samples: int = 1000) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.3, 0.3, samples).astype(np.float32)


# --------------------------------------------------------------------------- a simulated sound card


@pytest.mark.parametrize("block", [1, 7, 64, 480, 5000])
def test_blocks_of_any_size_give_what_the_whole_gives(block):
    x, net = sound(), network()
    output, meter = live.simulate(net, x, RATE, block)
    assert output.shape == x.shape and output.dtype == np.float32
    np.testing.assert_allclose(output, net.predict(x[:, None, None])[:, 0, 0], atol=1e-6)
    assert len(meter.seconds) == -(-len(x) // block) and all(seconds > 0 for seconds in meter.seconds)
    assert (meter.block, meter.rate) == (block, RATE)


def test_no_samples_take_no_blocks():
    output, meter = live.simulate(network(), np.zeros(0), RATE)
    assert output.shape == (0,) and meter.figures()["blocks"] == 0


def test_what_is_beyond_full_scale_is_limited_to_it():
    net = network()
    x = 20 * sound()
    whole = net.predict(x[:, None, None])[:, 0, 0]
    assert whole.max() > 2 and whole.min() < -2
    output, _ = live.simulate(net, x, RATE, 64)
    np.testing.assert_allclose(output, np.clip(whole, -1, 1), atol=1e-5)


@pytest.mark.parametrize("block", [0, -5])
def test_blocks_without_samples_are_refused(block, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", SoundCard(sound()).module())
    for run in (
        lambda: live.simulate(network(), sound(), RATE, block),
        lambda: live.live(network(), RATE, 1, block),
    ):
        with pytest.raises(ValueError, match=f"blocks of at least 1 sample, got {block}"):
            run()


def test_the_first_block_that_only_makes_buffers_is_forgotten():
    net, x = network(), sound(50)[:, None]
    x = np.ascontiguousarray(x)
    once, again = np.zeros_like(x), np.zeros_like(x)
    for out in (once, again):
        live.callback_for(net, live.Meter(50, RATE))(x, out, 50, None, None)
    np.testing.assert_array_equal(once, again)
    np.testing.assert_allclose(once[:, 0], net.predict(x[:, :, None])[:, 0, 0], atol=1e-6)


@pytest.mark.parametrize("n", [1, 40])
def test_a_stream_writes_where_it_is_told_to(n):
    net, x = network(), sound(n)
    expected = net.stream().process(x)
    out = np.full(n, 9, np.float32)
    assert net.stream().process(x, out=out) is out
    np.testing.assert_array_equal(out, expected)
    net.stream().process(x, out=x)
    np.testing.assert_array_equal(x, expected)
    with pytest.raises(ValueError, match=rf"expected out of shape \({n},\), got \({n}, 1\)"):
        net.stream().process(x, out=np.zeros((n, 1), np.float32))


# ------------------------------------------------------------------------------------- the meter


def test_the_meter_measures_against_what_a_block_lasts():
    meter = live.Meter(80, RATE, seconds=[0.001] * 98 + [0.005, 0.02])  # a block lasts 10 ms
    figures = meter.figures()
    assert figures["real_time_factor"] == pytest.approx(1.0 / 0.123)
    assert figures["p99_ms"] == pytest.approx(1000 * np.percentile(meter.seconds, 99))
    assert 1 < figures["p99_ms"] < 20
    assert (figures["blocks"], figures["late_blocks"]) == (100, 1)
    assert (figures["block"], figures["block_ms"], figures["rate"]) == (80, 10.0, RATE)


# ------------------------------------------------------------------------------- a fake sound card


class SoundCard:
    """What `live` uses of the sounddevice library; it plays a recording into the callback."""

    def __init__(self, samples: np.ndarray, works: bool = True) -> None:
        self.samples, self.works, self.heard, self.asked = samples, works, [], {}

    def module(self) -> types.ModuleType:
        module = types.ModuleType("sounddevice")
        module.check_input_settings = module.check_output_settings = self.check
        module.Stream, module.sleep = self.stream, self.sleep
        return module

    def check(self) -> None:
        if not self.works:
            raise RuntimeError("Error querying device -1")

    def stream(self, *, callback, **options):
        self.callback, self.asked = callback, options
        return self

    def __enter__(self):
        self.running = True
        return self

    def __exit__(self, *exception) -> None:
        self.running = False

    def sleep(self, milliseconds: int) -> None:
        assert self.running
        block, self.slept = self.asked["blocksize"], milliseconds
        for start in range(0, len(self.samples) - block + 1, block):
            outdata = np.full((block, 1), 9, np.float32)
            indata = self.samples[start : start + block, None]
            self.callback(indata, outdata, block, None, "input overflow" if start == block else "")
            self.heard.append(outdata[:, 0])


def test_a_sound_card_calls_the_same_callback(monkeypatch):
    card, net = SoundCard(sound(960)), network()
    monkeypatch.setitem(sys.modules, "sounddevice", card.module())
    meter = live.live(net, RATE, 1.5, block=96)
    assert card.asked == {"samplerate": RATE, "blocksize": 96, "channels": 1, "dtype": "float32"}
    assert card.slept == 1500 and not card.running
    simulated, _ = live.simulate(net, card.samples, RATE, 96)
    np.testing.assert_array_equal(np.concatenate(card.heard), simulated)
    assert len(meter.seconds) == 10 and meter.remarks == ["input overflow"]


@pytest.mark.parametrize("library", ["missing", "without a card"])
def test_without_a_sound_card_one_sentence_says_so(monkeypatch, library):
    module = None if library == "missing" else SoundCard(sound(), works=False).module()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    assert live.find_sound_card() is None
    with pytest.raises(ValueError, match=r"expected a sound card .*numpylstm\[live\].*found none"):
        live.live(network(), RATE, 1)
