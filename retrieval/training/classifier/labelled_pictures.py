"""A person's own labels: a folder for each class, or a table ``path,label``; and how they are split.

Shapes: n pictures.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import DatasetError
from retrieval.evaluation.tables import read_table
from retrieval.media.kinds import kind_of
from retrieval.paths import display_of
from retrieval.store.labels import label_name
from retrieval.training.stage_cache import digest_of
from retrieval.types import MediaKind

__all__ = [
    "FEWEST_OF_A_CLASS",
    "LabelledPictures",
    "check_counts",
    "describe_pictures",
    "folds_of",
    "held_out",
    "read_labelled",
]

FEWEST_OF_A_CLASS: Final = 2
"""One to learn from, and one to be measured on."""
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPictures:
    """``paths`` [n] and ``labels`` [n], places in ``classes``, which are in the order of their names."""

    paths: tuple[Path, ...]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        return f"LabelledPictures({len(self)} pictures of {len(self.classes)} classes)"

    def only(self, rows: Sequence[int]) -> LabelledPictures:
        """The pictures at ``rows``; the classes stay."""
        return LabelledPictures(tuple(self.paths[row] for row in rows), self.labels[list(rows)], self.classes)


def read_labelled(data: Path) -> LabelledPictures:
    """The pictures under ``data``: a folder with a folder for each class, or a CSV ``path,label``.

    Raises:
        DatasetError: it can't be read; it holds fewer than two classes; a file has two labels; a class has one picture
            or an empty folder, or a name that can't be a tag.
    """
    pairs = _unique(_folders(data) if data.is_dir() else _rows(data), data)
    classes = tuple(sorted(set(pairs.values())))
    if len(classes) < 2:
        names = f"the one class {classes[0]!r}" if classes else "no picture"
        raise DatasetError(f"{data} holds {names}, expected pictures of two classes or more: a folder for each, or "
                           f"a CSV with path,label")  # fmt: skip
    _check_names(classes, data)
    numbers = {name: number for number, name in enumerate(classes)}
    labels = np.array([numbers[name] for name in pairs.values()], np.int64)
    check_counts(labels, classes, str(data))
    return LabelledPictures(tuple(pairs), labels, classes)


def check_counts(labels: NDArray[np.int64], classes: Sequence[str], where: str) -> None:
    """Refuses classes with too few of ``labels`` [n].

    Raises:
        DatasetError: a class has fewer than two pictures; the message names the first of such classes.
    """
    counts = np.bincount(labels, minlength=len(classes))
    few = [f"{name!r} ({count})" for name, count in zip(classes, counts, strict=True) if count < FEWEST_OF_A_CLASS]
    if few:
        more = f" and {len(few) - _SHOWN} more" if len(few) > _SHOWN else ""
        raise DatasetError(
            f"{where}: too few pictures of {', '.join(few[:_SHOWN])}{more}; a class needs at least "
            f"{FEWEST_OF_A_CLASS}, one to learn from and one to measure on: add some, or take the class out"
        )


def folds_of(labels: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """A fold from 0 to ``folds`` - 1 for each of ``labels`` [n], by turns within a class: [n].

    The same labels and seed give the same folds on every machine.
    """
    rng = np.random.default_rng(seed)
    chosen = np.empty(len(labels), np.int64)
    start = 0
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        chosen[rows] = (start + np.arange(len(rows))) % folds
        start += len(rows)
    return chosen


def held_out(labels: NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """Which of ``labels`` [n] are kept for measuring: about ``share`` of each class, at least one, never all: [n]."""
    rng = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        chosen[rows[: min(len(rows) - 1, max(1, round(share * len(rows))))]] = True
    return chosen


def _check_names(classes: Sequence[str], data: Path) -> None:
    """Refuses classes that as tags would be nothing, or one and the same."""
    known: dict[str, str] = {}
    for name in classes:
        label = label_name(name)
        if not label or not name.isprintable():
            raise DatasetError(
                f"{display_of(os.fsencode(data))}: the name of the class '{display_of(os.fsencode(name))}' can't be a "
                "tag: it has letters that can't be shown, or none; rename it"
            )
        if (other := known.setdefault(label.casefold(), name)) != name:
            raise DatasetError(f"{data}: the classes {other!r} and {name!r} would be one tag; rename one of them")


def _unique(pairs: Iterator[tuple[Path, str]], data: Path) -> dict[Path, str]:
    """Each file once; a row that is given twice counts once."""
    found: dict[Path, str] = {}
    for path, label in pairs:
        if found.setdefault(path, label) != label:
            raise DatasetError(
                f"{data}: {path} has two labels, {found[path]!r} and {label!r}; a picture trains one class: keep one"
            )
    return found


def _rows(table: Path) -> Iterator[tuple[Path, str]]:
    for row in read_table(table, ("path", "label")):
        yield row.path(), row.text("label")


def _folders(data: Path) -> Iterator[tuple[Path, str]]:
    try:
        folders = sorted(entry for entry in data.iterdir() if entry.is_dir() and not entry.name.startswith("."))
        found = {folder.name: sorted(_files_under(folder)) for folder in folders}
    except OSError as error:
        raise DatasetError(f"{data} can't be read ({error.strerror}); expected a folder for each class") from error
    empty = [name for name, paths in found.items() if not paths]
    if empty and len(empty) < len(found):  # a class would be missing, and nobody would know
        more = f" and {len(empty) - _SHOWN} more" if len(empty) > _SHOWN else ""
        raise DatasetError(
            f"{display_of(os.fsencode(data))}: no picture that can be read lies in "
            f"{', '.join(repr(display_of(os.fsencode(name))) for name in empty[:_SHOWN])}{more}; "
            "add some, or take the folder away"
        )
    for name, paths in found.items():
        yield from ((path, name) for path in paths)


def _files_under(folder: Path) -> Iterator[Path]:
    """Pictures under a folder, by their names; files of other kinds and hidden ones are passed over.

    Raises:
        OSError: a folder can't be read.
    """
    for parent, folders, names in os.walk(folder, onerror=_fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if not name.startswith(".") and kind_of(Path(name)) is MediaKind.PICTURE:
                yield Path(parent, name)


def _fail(error: OSError) -> None:
    raise error


def describe_pictures(pictures: LabelledPictures) -> str:
    """A digest of the files' paths, labels, sizes and times: changed pictures are other data."""
    parts = [*pictures.classes]
    for path, label in zip(pictures.paths, pictures.labels, strict=True):
        try:
            state = os.stat(path)
            parts.append(f"{path} {label} {state.st_size} {state.st_mtime_ns}")
        except OSError:
            parts.append(f"{path} {label} absent")
    return digest_of(parts)
