"""A network that goes on with sound, sample by sample: its model file, and running it free.

It has heard the first second of what was held out of the corpus, and goes on from there at the corpus's
working rate. See `samples` for how it is trained.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

import numpy as np

from .. import checkpoint
from ..audio import mulaw
from ..audio.alive import check_reference
from ..layers import Layer
from .play import check_temperature, draw, in_16_bit
from .run import find_model

HEADS = ("softmax", "scalar", "mlp")

SEED = 1.0
"""Seconds of held-out sound that a run continues."""


@dataclass
class Model:
    """A network and what stands beside it in its file.

    Attributes:
        head: "softmax" over mu-law classes; "scalar" or "mlp" for the mean of the next sample.
        classes: of the mu-law, for the softmax.
        rate: Hz.
        gain: what the corpus was multiplied by to reach full scale.
        temperature: that the trials chose; the logits are divided by it.
        held_out: (m,) samples of the corpus, to continue and to judge by.
    """

    net: Layer
    head: str
    classes: int
    rate: int
    gain: float
    temperature: float
    held_out: np.ndarray

    def encode(self, signal: np.ndarray) -> np.ndarray:
        """Samples (T, B) as what the network hears: classes (T, B), or numbers (T, B, 1)."""
        if self.head == "softmax":
            return mulaw.encode(signal * self.gain, self.classes)
        return (signal * self.gain).astype(np.float32)[:, :, None]

    def blocks(self, temperature: float, seed: int | np.random.Generator) -> Iterator[np.ndarray]:
        """Sound without end that continues the seed, in blocks of a second."""
        player = Player(self, np.random.default_rng(seed), temperature)
        while True:
            yield player.play(self.rate)[:, 0]

    def seed(self) -> np.ndarray:
        """What a run continues: the first second that was held out, (n,)."""
        return self.held_out[: round(SEED * self.rate)]

    def extra(self) -> dict[str, Any]:
        """The JSON values beside the network in its file."""
        described = {"task": "generate", "kind": "samples", "head": self.head, "classes": self.classes}
        return described | {"rate": self.rate, "gain": self.gain, "temperature": self.temperature}

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays beside the network in its file: what was held out, in 16 bit."""
        return {"held_out": in_16_bit(self.held_out)}


class Player:
    """A network that has heard the seed and goes on by itself: `play` as often and as much as wanted.

    Args:
        rng: what the classes are drawn with.
        temperature: that of the model if None; 0 always takes the likeliest class.
        count: runs side by side.
    """

    def __init__(
        self, model: Model, rng: np.random.Generator, temperature: float | None = None, count: int = 1
    ) -> None:
        self.temperature = model.temperature if temperature is None else temperature
        check_temperature(self.temperature)
        self.model, self.rng = model, rng
        self.stream = model.net.stream(batch=count)
        self.next = self.stream.process(model.encode(np.repeat(model.seed()[:, None], count, axis=1)))[-1]

    def play(self, samples: int) -> np.ndarray:
        """The next samples, (samples, count), full scale 1. In pieces or at once, they are the same."""
        made = self._classes(samples) if self.model.head == "softmax" else self._means(samples)
        return made / self.model.gain

    def _classes(self, samples: int) -> np.ndarray:
        drawn = np.empty((samples, self.stream.batch), np.intp)
        chance = self.rng.random(drawn.shape)
        for t in range(samples):
            drawn[t] = draw(self.next, self.temperature, chance[t])
            self.next = self.stream.process(drawn[t : t + 1])[0]
        return mulaw.decode(drawn, self.model.classes)

    def _means(self, samples: int) -> np.ndarray:
        heard = np.empty((samples, self.stream.batch, 1), np.float32)
        for t in range(samples):
            heard[t] = np.clip(self.next, -1, 1)
            self.next = self.stream.process(heard[t : t + 1])[0]
        return heard[:, :, 0].astype(float)


def load(path: str | PathLike[str]) -> Model:
    """The model of a run folder or model file.

    Raises:
        ValueError: it is none that generates samples.
    """
    net, arrays, extra = checkpoint.load_with_extra(find_model(path))
    try:
        options = {name: extra[name] for name in ("head", "classes", "rate", "gain", "temperature")}
        model = Model(net, **options, held_out=arrays["held_out"] / 2.0**15)
        check_reference(model.held_out, model.rate)
        width = net.predict(model.encode(np.zeros((1, 1)))).shape[2]
        fits = extra["task"] == "generate" and model.head in HEADS and model.gain > 0
        fits = fits and width == (model.classes if model.head == "softmax" else 1)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        fits = False
    if not fits:
        raise ValueError(f"expected a model that `generate train` made, got another in {fspath(path)}")
    return model
