"""How well a network separates: BSS-EVAL of every clip, the ceiling beside it, and the seams of its masks."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..audio import wav
from ..audio.bss_eval import FILTER_LENGTH, ClipMeasures, global_measures, measure
from ..audio.masks import flux, flux_ratio, ratio_mask
from ..audio.stft import istft, sine_window, stft
from ..datasets import Clip
from ..layers import Layer
from .run import progress_bar
from .separator import STREAMED_LEVEL, Frames, separate

Array = NDArray[Any]

SEAM = 32
"""Frames of the blocks whose borders the seam ratio looks at: those of the plain stack (`blocks`)."""


@dataclass
class Evaluation:
    """What was measured of each clip.

    Attributes:
        names: of the clips.
        estimates: of what the network separated.
        oracle: of what the ratio mask of the true sources separates: the ceiling.
        fluxes: (T - 1,) of each clip, how much the mask changes from frame to frame.
    """

    names: list[str]
    estimates: list[ClipMeasures]
    oracle: list[ClipMeasures]
    fluxes: list[Array]

    def figures(self) -> dict[str, Any]:
        """Means over the clips, weighted by length, of voice and accompaniment, in dB.

        The seam ratio is NaN if no clip lasts for more than a block, which is a second.
        """
        voice, accompaniment = (
            global_measures(self.estimates),
            global_measures(self.estimates, "accompaniment"),
        )
        oracle = global_measures(self.oracle)
        known = any(len(changes) >= SEAM for changes in self.fluxes)
        return {
            "gnsdr_db": voice.gnsdr,
            "gsir_db": voice.gsir,
            "gsar_db": voice.gsar,
            "accompaniment_gnsdr_db": accompaniment.gnsdr,
            "oracle_gnsdr_db": oracle.gnsdr,
            "oracle_gsir_db": oracle.gsir,
            "oracle_gsar_db": oracle.gsar,
            "seam_ratio": flux_ratio(self.fluxes, SEAM) if known else np.nan,
            "clips": len(self.names),
            "clips_left_out": voice.left_out,
        }

    def csv(self) -> str:
        """One line a clip: figures of voice and accompaniment in dB, empty where a source was silent."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        names = ("sdr", "sir", "sar", "nsdr")
        header = [f"{source}_{name}_db" for source in ("voice", "accompaniment") for name in names]
        writer.writerow(["clip", "samples", *header, "oracle_voice_nsdr_db"])
        for name, clip, oracle in zip(self.names, self.estimates, self.oracle, strict=True):
            values = [*clip.voice, *clip.accompaniment, oracle.voice.nsdr]
            writer.writerow(
                [name, clip.samples, *("" if np.isnan(value) else f"{value:.4f}" for value in values)]
            )
        return text.getvalue()

    def table(self) -> str:
        """The means beside the ceiling and the floor."""
        rows = {
            "this network": global_measures(self.estimates),
            "oracle ratio mask": global_measures(self.oracle),
        }
        lines = [f"{'voice, means over clips by length, dB':38} {'GNSDR':>7} {'GSIR':>7} {'GSAR':>7}"]
        for name, row in rows.items():
            lines.append(f"{name:38} {row.gnsdr:7.2f} {row.gsir:7.2f} {row.gsar:7.2f}")
        lines.append(f"{'the mixture itself':38} {0:7.2f}")
        if rows["this network"].left_out:
            lines.append(f"{rows['this network'].left_out} clips with a silent source are left out")
        return "\n".join(lines)


def evaluate(net: Layer, clips: Sequence[Clip], *, progress: bool = True) -> Evaluation:
    """Separate every clip and measure it with BSS-EVAL, and the ratio mask of its true sources beside it.

    Raises:
        ValueError: no clips at all, or one shorter than two filters of BSS-EVAL or a frame.
    """
    if not len(clips):
        raise ValueError("expected clips to measure with, got none")
    result = Evaluation([], [], [], [])
    with progress_bar(len(clips), "clip", progress, "measuring") as bar:
        for clip in clips:
            mixture = clip.mixture
            shortest = max(2 * FILTER_LENGTH, Frames(clip.rate).n)
            if len(mixture) < shortest:
                raise ValueError(
                    f"expected clips of at least {shortest} samples, got {clip.name} with {len(mixture)}"
                )
            voice = separate(net, mixture[:, None], clip.rate)[:, 0]
            ideal = oracle(clip)
            result.names.append(clip.name)
            result.fluxes.append(flux(mask_of(net, mixture, clip.rate)[:, 0]))
            for rows, estimate in ((result.estimates, voice), (result.oracle, ideal)):
                rows.append(measure(clip.voice, clip.accompaniment, estimate, mixture - estimate))
            bar.update(1)
    return result


def mask_of(net: Layer, mixture: Array, rate: int) -> Array:
    """How much of each bin of a mixture (n,) is voice, (T, 1, bins), from all of it at once."""
    frames = Frames(rate)
    level = STREAMED_LEVEL if net.causal else max(float(np.sqrt(np.mean(np.square(mixture)))), wav.SILENCE)
    x = frames.magnitudes(frames.cut(mixture[:, None]), level)
    return frames.masks(x, net.predict(x))


def oracle(clip: Clip) -> Array:
    """The voice (n,) that the ratio mask of the true sources separates: no such mask can do much better."""
    frames = Frames(clip.rate)
    voice, accompaniment = (
        stft(source, sine_window(frames.n), frames.hop) for source in (clip.voice, clip.accompaniment)
    )
    mask = ratio_mask(voice, accompaniment)
    return istft(mask * (voice + accompaniment), sine_window(frames.n), frames.hop, len(clip.voice))


def worth_hearing(evaluation: Evaluation, count: int) -> list[int]:
    """Which clips show what the network can do: the worst, the best, and some between, by what was gained."""
    gains = np.nan_to_num([clip.voice.nsdr for clip in evaluation.estimates], nan=-np.inf)
    ranks = np.unique(np.linspace(0, len(gains) - 1, min(len(gains), count)).round().astype(int))
    indices: list[int] = np.argsort(gains)[ranks].tolist()
    return indices
