"""`vidi train classifier`: a person's own labels, from a folder for each class or a table."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ui.arguments import fraction, whole_number

__all__ = ["DESCRIPTION", "SUMMARY", "add_arguments", "train"]

SUMMARY: Final = "a classifier for your own labels, that `vidi tag --classifier` takes"
DESCRIPTION: Final = (
    "Train a classifier for your own labels: in seconds a head on the features that vidi keeps of every picture, or "
    "one of the papers' models in full. A run that was stopped continues where it was."
)
_HEADS: Final = ("head", "mlp")
_FULL_ONLY: Final = (
    "weights", "teacher", "distillation", "epochs", "size", "batch", "learning_rate", "augment", "mixup", "cutmix",
    "smoothing", "drop_path", "precision",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi train classifier`."""
    parser.add_argument(
        "data", type=Path, metavar="DATA", help="a folder with a folder for each class, or a CSV path,label"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="where the classifier is written")
    parser.add_argument(
        "--model", default=None, metavar="MODEL",
        help="head (default): linear on the embedded tower's features; mlp: with a hidden layer; or a model from "
        "pixels, such as deit_mini, vit_ti16, deit_s_distilled, cpvt_ti, cvt_13 (docs/train_classifier.md has all)",
    )  # fmt: skip
    parser.add_argument("--name", default="", metavar="TEXT", help="for the card (default: the name of DIR)")
    parser.add_argument("--seed", type=whole_number(0), default=0, metavar="N", help="of every draw (default: 0)")
    parser.add_argument("--data-note", default="", metavar="TEXT", help="where the pictures are from, for the card")
    parser.add_argument("--licence", default="", metavar="TEXT", help="of the classifier, for the card")
    _add_full(parser.add_argument_group("models from pixels alone"))


def _add_full(group: Any) -> None:
    group.add_argument(
        "--weights", metavar="W",
        help="start from published weights by name (deit_s_in1k …), a file, or a trained classifier's folder",
    )  # fmt: skip
    group.add_argument(
        "--teacher", metavar="T", help="learn from a trained classifier's folder, or from efficientnet-lite0"
    )
    group.add_argument("--distillation", choices=("hard", "soft"), help="what to learn from it (default: hard)")
    group.add_argument("--epochs", type=whole_number(1), metavar="N", help="default: 100; 20 from weights")
    group.add_argument(
        "--size", type=whole_number(8), metavar="PIXELS", help="side of the pictures (default: the model's)"
    )
    group.add_argument("--batch", type=whole_number(1), metavar="N", help="pictures of a step (default: 128)")
    group.add_argument(
        "--learning-rate", type=float, metavar="R", help="at its highest (default: 1e-3; 1e-4 from weights)"
    )
    group.add_argument(
        "--augment", choices=("none", "light", "deit"), help="default: deit from 128 pixels a side on, else light"
    )
    group.add_argument("--mixup", type=float, metavar="A", help="0 mixes none (default: 0.8)")
    group.add_argument("--cutmix", type=float, metavar="A", help="0 mixes none (default: 1)")
    group.add_argument("--smoothing", type=fraction, metavar="S", help="of labels (default: 0.1)")
    group.add_argument("--drop-path", type=fraction, metavar="P", help="default: the model's; DeiT's recipe has 0.1")
    group.add_argument("--precision", choices=("auto", "float32", "bfloat16", "float16"), help="default: auto")


def train(arguments: argparse.Namespace, say: Callable[[str], None]) -> list[str]:
    """Train, and give the figures in lines."""
    card = _head_run(arguments, say) if _is_head(arguments) else _model_run(arguments, say)
    if not card:  # one of several processes, that only helped
        return []
    say(f"written: model.safetensors, card.json and the learning curve in {arguments.out}")
    say(f"to tag a library with it: vidi tag --classifier {arguments.out}")
    return [f"{name.replace('_', ' '):<16}{value}" for name, value in card["figures"].items()]


def _is_head(arguments: argparse.Namespace) -> bool:
    """Whether a head is meant; arguments that a head has no use for are refused."""
    from retrieval.errors import UsageError

    if arguments.distillation and not arguments.teacher:
        raise UsageError("--distillation says what to learn from a teacher: name one by --teacher")
    given = [name for name in _FULL_ONLY if getattr(arguments, name) is not None]
    if arguments.model is None and arguments.weights is not None:
        return False  # published weights know their model
    if (arguments.model or "head") in _HEADS:
        if given:
            raise UsageError(
                f"--{given[0].replace('_', '-')} is for models that learn from pixels; choose one by --model, such as "
                f"deit_mini"
            )
        return True
    return False


def _head_run(arguments: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    from retrieval.training.classifier.head_run import HeadRun

    return HeadRun(
        data=arguments.data,
        out=arguments.out,
        say=say,
        model=arguments.model or "head",
        name=arguments.name,
        seed=arguments.seed,
        data_note=arguments.data_note,
        licence=arguments.licence,
    ).train()


def _model_run(arguments: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    # Here, not above: help must not wait for torch.
    from retrieval.training.classifier.model_options import model_run

    chosen = {name: getattr(arguments, name) for name in _FULL_ONLY}
    run = model_run(
        arguments.data, arguments.out, say, arguments.model, seed=arguments.seed, **chosen,
        name=arguments.name, data_note=arguments.data_note, licence=arguments.licence,
    )  # fmt: skip
    return run.train()
