"""Runs experiments: `python -m benchmarks.experiments positions --images cifar10.zip --small`."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from benchmarks.experiments.claims import EXPERIMENTS
from benchmarks.experiments.data import open_images
from benchmarks.experiments.scale import LARGE, SMALL, TRIALS


def main() -> None:
    """Run the chosen experiments. One that was stopped continues."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.experiments", description=__doc__)
    parser.add_argument("name", choices=[*EXPERIMENTS, "all"], help="which claim")
    parser.add_argument(
        "--images", type=Path, required=True, metavar="FOLDER_OR_ZIP",
        help="holds train/<class> and test/<class>, or a folder for each class",
    )  # fmt: skip
    sized = parser.add_mutually_exclusive_group()
    sized.add_argument("--small", action="store_true", help="for two cores: the direction alone")
    sized.add_argument("--trial", choices=TRIALS, help="for two cores: other settings than those of --small")
    arguments = parser.parse_args()
    scale = TRIALS[arguments.trial] if arguments.trial else SMALL if arguments.small else LARGE
    if scale is not LARGE:
        torch.set_num_threads(1)  # models as small as these lose more by sharing a layer than they gain
    with open_images(arguments.images) as folder:
        for name in EXPERIMENTS if arguments.name == "all" else [arguments.name]:
            EXPERIMENTS[name](folder, scale)


if __name__ == "__main__":
    main()
