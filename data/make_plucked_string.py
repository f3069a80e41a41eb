"""Make `plucked_string.flac`: 6 s of plucked notes, 16 kHz, mono, 16 bit.

    python data/make_plucked_string.py [--out PATH]

The sound is synthesised by `numpylstm.datasets.plucked_string`, so no recording and nobody's rights are
involved; running the script again gives the same samples.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from numpylstm.audio import wav
from numpylstm.datasets import plucked_string

RATE = 16000  # Hz


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write six seconds of plucked notes.")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(__file__).with_name("plucked_string.flac"),
        help="the file to write (default: plucked_string.flac next to this script)",
    )
    out = parser.parse_args(argv).out
    wav.write(out, plucked_string(seconds=6.0, rate=RATE, seed=0), RATE, "PCM_16")


if __name__ == "__main__":
    main()
