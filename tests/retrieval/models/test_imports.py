"""Packages that are installed and can't be imported, as OpenCV's usual wheel where a display's libraries are absent."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval.errors import MissingExtraError
from retrieval.experts.motion import Motion
from retrieval.models.foreign_weights import find_torchvision_weights
from retrieval.models.imports import import_package
from retrieval.models.picture_nets import PLACES_NETS, PictureNet, timm_kind
from retrieval.models.rapid_ocr import RapidOcr
from retrieval.models.sound_nets import import_transformers
from retrieval.models.video_nets import VIDEO_NETS, VideoNet
from retrieval.models.whisper import Whisper, voiced
from tests.broken_package import break_package

REASON = "libGL.so.1: cannot open shared object file"
NOWHERE = Path("nowhere")
BROKEN: dict[str, tuple[str, Callable[[], object], str]] = {
    "motion": ("cv2", Motion().load, "run: pip install opencv-python-headless"),
    "ocr": ("rapidocr_onnxruntime", RapidOcr().load, r'run: pip install "vidi\[ocr\]"'),
    "ocr by OpenCV": ("cv2", RapidOcr().load, r'run: pip install "vidi\[ocr\]"'),
    "speech": ("faster_whisper", Whisper().load, r'run: pip install "vidi\[speech\]"'),
    "speech by its runtime": ("ctranslate2", Whisper().load, r'run: pip install "vidi\[speech\]"'),
    "a video net": ("torchvision", VideoNet(VIDEO_NETS["r3d_18"], NOWHERE).load, "run: pip install torchvision"),
    "its weights": (
        "torchvision",
        lambda: find_torchvision_weights("r3d_18", "motion=torchvision/r3d_18"),
        "run: pip install torchvision",
    ),
    "a net of places": (
        "torchvision",
        PictureNet(PLACES_NETS["resnet18"], NOWHERE).load,
        "run: pip install torchvision",
    ),
    "timm": ("timm", lambda: timm_kind("resnet18"), "run: pip install timm"),
    "transformers": ("transformers", import_transformers, "run: pip install transformers"),
}


@pytest.mark.parametrize(("package", "load", "command"), BROKEN.values(), ids=BROKEN)
def test_what_can_not_be_imported_is_told_with_its_command(
    package: str, load: Callable[[], object], command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_package(package, tmp_path, monkeypatch, REASON)

    with pytest.raises(MissingExtraError, match=rf"is installed, but can't be imported \({REASON}\); {command}"):
        load()


def test_what_is_not_there_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)

    with pytest.raises(MissingExtraError, match="OpenCV is not installed; run: pip install opencv-python-headless"):
        Motion().load()


def test_whatever_a_package_raises_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "odd_package.py").write_text("raise RuntimeError('operator\\n does not exist')")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(MissingExtraError, match=r"Odd is installed, but .* \(operator does not exist\); run: it"):
        import_package("odd_package", "Odd", "it")


def test_voices_are_not_looked_for_without_their_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    break_package("faster_whisper", tmp_path, monkeypatch, REASON)

    with pytest.raises(MissingExtraError, match="faster-whisper is installed, but"):
        voiced(np.zeros(16_000, np.float32), longest_seconds=25, pause_seconds=0.5, pad_seconds=0.2)
