"""What `separate train` and `separate eval` leave to look at and to listen to."""

from pathlib import Path
from typing import Any


def write_page(folder: Path, net: Any, clips: Any, evaluation: Any) -> None:
    """The figures clip by clip, and a page with some of the clips to look at and listen to."""
    from ..files import write_text
    from ..report import EXAMPLES, Example, save_examples, write_report
    from ..tasks import separation

    examples = []
    for index in separation.worth_hearing(evaluation, EXAMPLES):
        clip, measures = clips[index], evaluation.estimates[index].voice
        mixture = clip.voice + clip.accompaniment
        estimate = separation.separate(net, mixture[:, None], clip.rate)[:, 0]
        sounds = {
            "mixture": mixture,
            "voice": clip.voice,
            "voice, estimate": estimate,
            "accompaniment": clip.accompaniment,
            "accompaniment, estimate": mixture - estimate,
        }
        named = {f"{name.upper()} (dB)": value for name, value in measures._asdict().items()}
        examples.append(Example(clip.name, clip.rate, sounds, named))
    write_text(folder / "clips.csv", evaluation.csv())
    save_examples(folder, examples)
    write_report(folder)
