"""The pictures of an experiment: a folder or a zip with ``train/<class>`` and ``test/<class>``, or with ``<class>``."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.settings import Settings
from retrieval.training.classifier.labelled_pictures import LabelledPictures, held_out, read_labelled
from retrieval.training.classifier.picture_set import PictureSet, decode_pictures

__all__ = ["first_of_each", "open_images", "picture_sets", "split_paths"]

_TEST_SHARE = 0.3  # of a folder that is not split


@contextmanager
def open_images(images: Path) -> Iterator[Path]:
    """The folder of ``images``; a zip is unpacked for the time."""
    if images.is_dir():
        yield images
        return
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(images) as archive:
        archive.extractall(folder)  # refuses paths that lead out of the folder
        inside = Path(folder)
        entries = [entry for entry in inside.iterdir() if entry.is_dir()]
        yield entries[0] if len(entries) == 1 and (entries[0] / "train").is_dir() else inside


def first_of_each(pictures: LabelledPictures, count: int) -> LabelledPictures:
    """The first ``count`` pictures of each class, or fewer where there are fewer."""
    rows = [np.flatnonzero(pictures.labels == label)[:count] for label in range(len(pictures.classes))]
    return pictures.only(np.concatenate(rows).tolist())


def split_paths(folder: Path, train: int, test: int) -> tuple[LabelledPictures, LabelledPictures]:
    """So many pictures of each class to train and to test on; the same ones every time."""
    if (folder / "train").is_dir() and (folder / "test").is_dir():
        known, unseen = read_labelled(folder / "train"), read_labelled(folder / "test")
        if known.classes != unseen.classes:
            raise SystemExit(f"{folder}: train and test hold other classes")
    else:
        every = read_labelled(folder)
        tested: NDArray[np.bool_] = held_out(every.labels, _TEST_SHARE, seed=0)
        known = every.only(np.flatnonzero(~tested).tolist())
        unseen = every.only(np.flatnonzero(tested).tolist())
    return first_of_each(known, train), first_of_each(unseen, test)


def picture_sets(folder: Path, train: int, test: int, size: int) -> tuple[PictureSet, PictureSet]:
    """As :func:`split_paths`, decoded at ``size`` pixels a side."""
    settings = replace(Settings())
    first, second = (
        decode_pictures(pictures, size, settings, print)[0] for pictures in split_paths(folder, train, test)
    )
    return first, second
