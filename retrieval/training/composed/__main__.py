"""Composes videos of captioned photographs: `python -m retrieval.training.composed captions.csv --out DIR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from retrieval.errors import VidiError
from retrieval.training.composed.generate import draw_clips, generate
from retrieval.training.composed.sounds import PACKAGES

__all__ = ["main"]


def main() -> int:
    """Write the videos, ``captions.csv`` and ``clips.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", type=Path, help="a table path,caption of pictures")
    parser.add_argument("--out", type=Path, required=True, help="where the videos are written")
    parser.add_argument("--count", type=int, default=100, help="of videos (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="of every draw (default: 0)")
    parser.add_argument(
        "--sounds", type=Path, action="append", metavar="DIR", help="a folder of named sounds (may be repeated)"
    )
    parser.add_argument("--held-out-sounds", action="store_true", help="with the sounds that training does not hear")
    arguments = parser.parse_args()
    try:
        sounds = arguments.sounds or PACKAGES
        clips = draw_clips(
            arguments.photographs, arguments.count, arguments.seed, sounds, held_out_sounds=arguments.held_out_sounds
        )
        paths = generate(clips, arguments.out, lambda line: print(line, file=sys.stderr, flush=True))
    except VidiError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(paths):,} videos and captions.csv in {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
