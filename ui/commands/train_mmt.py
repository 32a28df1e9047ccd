"""`vidi train mmt`: the multi-modal video transformer, from captioned videos or from photographs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

from ui.arguments import fraction, multiple, positive, whole_number

if TYPE_CHECKING:
    from retrieval.training.mmt.run import ClipSource

__all__ = ["DESCRIPTION", "SUMMARY", "add_arguments", "train"]

SUMMARY: Final = "a space for video, by the multi-modal transformer, from captioned videos or photographs"
DESCRIPTION: Final = (
    "Train the multi-modal video transformer on captioned videos, or on videos composed of captioned photographs. The "
    "folder that it writes is a space: --space mmt/DIR. A run that was stopped continues where it was."
)
_HELD_OUT: Final = 0.1
_CLIPS: Final = 40_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi train mmt`."""
    parser.add_argument(
        "--captions", required=True, type=Path, metavar="CSV",
        help="header: path,caption and perhaps start_seconds,end_seconds",
    )  # fmt: skip
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="where the space is written")
    measured = parser.add_mutually_exclusive_group()
    measured.add_argument("--dev", type=Path, metavar="CSV", help="measure on these videos, and hold none out")
    measured.add_argument(
        "--held-out", type=fraction, metavar="S",
        help="share of the videos that is measured on, and not learned from (default: 0.1; with --compose a twentieth "
        "of the photographs, always)",
    )  # fmt: skip
    parser.add_argument(
        "--tracks", type=Path, metavar="DIR",
        help="where what the experts say of each file is kept, for every later run (default: vidi's cache folder)",
    )  # fmt: skip
    parser.add_argument(
        "--expert", action="append", default=[], metavar="NAME=MODEL:WEIGHTS",
        help="learn over an expert whose weights vidi doesn't ship, as `vidi index --expert` takes it, in the place of "
        "vidi's own of that name, if there is one (may be repeated, each NAME once)",
    )  # fmt: skip
    parser.add_argument(
        "--whisper", metavar="MODEL",
        help="what transcribes speech, as `vidi index --whisper` takes it (default: tiny.en, which comes with "
        "vidi[speech])",
    )  # fmt: skip
    parser.add_argument("--name", default="", metavar="TEXT", help="for the card (default: the name of DIR)")
    parser.add_argument("--data-note", default="", metavar="TEXT", help="where the videos are from, for the card")
    parser.add_argument("--licence", default="", metavar="TEXT", help="of the space, for the card")
    _add_recipe(parser.add_argument_group("how it is trained"))
    _add_composed(parser.add_argument_group("videos composed of photographs"))


def _add_recipe(group: Any) -> None:
    group.add_argument(
        "--loss", choices=("margin", "cross-entropy"), default="margin",
        help="bidirectional max-margin (default, the paper's), or symmetric cross entropy",
    )  # fmt: skip
    group.add_argument("--epochs", type=whole_number(1), default=20, metavar="N", help="default: 20")
    group.add_argument("--batch", type=whole_number(2), default=64, metavar="N", help="clips of a step (default: 64)")
    group.add_argument(
        "--learning-rate", type=positive, default=5e-4, metavar="R", help="at its highest (default: 5e-4)"
    )
    group.add_argument(
        "--each-expert", type=fraction, default=0.2, metavar="W",
        help="weight of the loss of each expert alone, beside that of all (default: 0.2)",
    )  # fmt: skip
    group.add_argument(
        "--leave-out", type=fraction, default=0.0, metavar="P",
        help="chance that an expert is left out of a clip in a step (default: 0)",
    )  # fmt: skip
    group.add_argument("--width", type=multiple(4, 8), default=256, metavar="N", help="of the model (default: 256)")
    group.add_argument("--layers", type=whole_number(1), default=2, metavar="N", help="of the model (default: 2)")
    group.add_argument("--precision", choices=("auto", "float32", "bfloat16", "float16"), default="auto")
    group.add_argument("--device", metavar="D", help="such as cpu or cuda:1 (default: a GPU where there is one)")
    group.add_argument("--seed", type=whole_number(0), default=0, metavar="N", help="of every draw (default: 0)")


def _add_composed(group: Any) -> None:
    group.add_argument("--compose", action="store_true", help="the captions are of photographs: compose videos of them")
    group.add_argument("--clips", type=whole_number(16), metavar="N", help=f"compose so many (default: {_CLIPS:,})")
    group.add_argument(
        "--sounds", type=Path, action="append", metavar="DIR",
        help="a folder of named sounds, in the place of those of Debian's packages; may be repeated (default: where "
        "these have them)",
    )  # fmt: skip
    group.add_argument(
        "--atoms", type=Path, metavar="DIR", help="where rendered parts are kept (default: vidi's cache folder)"
    )


def train(arguments: argparse.Namespace, say: Callable[[str], None]) -> list[str]:
    """Train, and give the figures on what was held out in lines."""
    # Here, not above: help must not wait for torch.
    from retrieval.settings import cache_path
    from retrieval.training.classifier.recipe import Precision
    from retrieval.training.mmt.recipe import Loss, MmtRecipe
    from retrieval.training.mmt.run import MmtRun

    recipe = MmtRecipe(
        loss=Loss(arguments.loss), epochs=arguments.epochs, batch=arguments.batch, seed=arguments.seed,
        learning_rate=arguments.learning_rate, left_out=arguments.leave_out,
        each_expert=arguments.each_expert,
    )  # fmt: skip
    run = MmtRun(
        source=_source(arguments, cache_path()),
        out=arguments.out,
        say=say,
        command=_command(arguments),
        tracks=arguments.tracks or cache_path() / "tracks",
        expert_models=tuple(arguments.expert),
        whisper_model=arguments.whisper,
        name=arguments.name,
        recipe=recipe,
        width=arguments.width,
        layers=arguments.layers,
        precision=Precision(arguments.precision),
        device=arguments.device,
        data_note=arguments.data_note,
        licence=arguments.licence,
    )
    card = run.train()
    clips = f"  of {card['figures'].get('held_out_clips', 0):,} held-out clips"
    return [
        f"{way.replace('_', ' '):<16}" + "  ".join(f"{name} {value:g}" for name, value in figures.items()) + clips
        for way, figures in card["figures"].items()
        if isinstance(figures, dict)
    ]


def _check(arguments: argparse.Namespace) -> None:
    """Nothing that a person gave is passed over in silence."""
    from retrieval.errors import UsageError

    options = ("dev", "held_out") if arguments.compose else ("sounds", "atoms", "clips")
    if given := [name for name in options if getattr(arguments, name) is not None]:
        option = f"--{given[0].replace('_', '-')}"
        if arguments.compose:
            raise UsageError(f"{option} is for videos: of photographs, a twentieth is held out; leave it out")
        raise UsageError(f"{option} is for videos composed of photographs; give --compose too, or leave it out")


def _source(arguments: argparse.Namespace, cache: Path) -> ClipSource:
    _check(arguments)
    if not arguments.compose:
        from retrieval.training.mmt.run import VideoSource

        return VideoSource(
            captions=arguments.captions, dev=arguments.dev, held_out=_held_out(arguments), seed=arguments.seed
        )
    from retrieval.training.composed.sounds import PACKAGES
    from retrieval.training.composed.source import ComposedSource

    return ComposedSource(
        photographs=arguments.captions,
        atoms=arguments.atoms or cache / "atoms",
        sounds=tuple(arguments.sounds or PACKAGES),
        clips=arguments.clips or _CLIPS,
        seed=arguments.seed,
    )


def _command(arguments: argparse.Namespace) -> str:
    """What the card says to type, without the folders of this machine."""
    from retrieval.experts.foreign import parse_model  # as above

    told = f"vidi train mmt --captions {quote(arguments.captions.name)} --out DIR --loss {arguments.loss}"
    told += f" --epochs {arguments.epochs} --batch {arguments.batch} --learning-rate {arguments.learning_rate:g}"
    told += f" --each-expert {arguments.each_expert:g} --leave-out {arguments.leave_out:g}"
    told += f" --precision {arguments.precision} --width {arguments.width} --layers {arguments.layers}"
    told += "".join(f" --expert {parse_model(text).option}" for text in arguments.expert)
    told += f" --whisper {quote(Path(arguments.whisper).name)}" if arguments.whisper else ""
    told += _data_of(arguments)
    return f"{told} --seed {arguments.seed}"


def _data_of(arguments: argparse.Namespace) -> str:
    if arguments.compose:
        sounds = "".join(f" --sounds {quote(folder.resolve().name)}" for folder in arguments.sounds or ())
        return f" --compose --clips {arguments.clips or _CLIPS}{sounds}"
    return f" --dev {quote(arguments.dev.name)}" if arguments.dev else f" --held-out {_held_out(arguments):g}"


def _held_out(arguments: argparse.Namespace) -> float:
    return _HELD_OUT if arguments.held_out is None else float(arguments.held_out)
