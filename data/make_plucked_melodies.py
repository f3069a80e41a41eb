"""Make `plucked_melodies.flac`: 60 s of plucked melodies, 8 kHz, mono, 16 bit.

    python data/make_plucked_melodies.py [--out PATH]

The sound is synthesised by `numpylstm.datasets.plucked_melodies`, so no recording and nobody's rights are
involved; running the script again gives the same samples.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from numpylstm.audio import wav
from numpylstm.datasets import plucked_melodies

RATE = 8000  # Hz


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write a minute of plucked melodies.")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(__file__).with_name("plucked_melodies.flac"),
        help="the file to write (default: plucked_melodies.flac next to this script)",
    )
    out = parser.parse_args(argv).out
    wav.write(out, plucked_melodies(seconds=60.0, rate=RATE, seed=0), RATE, "PCM_16")


if __name__ == "__main__":
    main()
