from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from retrieval.experts import registry
from retrieval.experts.over_time import TimeExpert
from retrieval.experts.registry import TIME_EXPERTS, loaded, time_experts
from tests.broken_package import break_package


def test_all_that_is_installed_is_present_in_the_order_of_the_alphabet() -> None:
    experts = time_experts()

    assert tuple(expert.name for expert in experts.present) == TIME_EXPERTS == ("audio", "motion", "ocr", "speech")
    assert experts.absent == ()
    assert all(isinstance(expert, TimeExpert) for expert in experts.present)
    assert [expert.dim for expert in experts.present] == [464, 164, 384, 384]
    assert len({expert.version for expert in experts.present}) == 4


@pytest.mark.parametrize(
    ("module", "gone", "command"),
    [
        ("faster_whisper", {"audio", "speech"}, 'pip install "vidi[speech]"'),
        ("rapidocr_onnxruntime", {"ocr"}, 'pip install "vidi[ocr]"'),
        ("cv2", {"motion"}, "pip install opencv-python-headless"),
    ],
)
def test_an_absent_one_is_named_with_its_install_command(
    monkeypatch: pytest.MonkeyPatch, module: str, gone: set[str], command: str
) -> None:
    find = registry.find_spec
    monkeypatch.setattr(registry, "find_spec", lambda name: None if name == module else find(name))

    experts = time_experts()

    assert {expert.name for expert in experts.absent} == gone
    assert {expert.name for expert in experts.present} == set(TIME_EXPERTS) - gone
    assert all(command in expert.reason and module in expert.reason for expert in experts.absent)


@pytest.mark.parametrize(
    ("package", "gone", "command"),
    [
        ("ctranslate2", {"audio", "speech"}, 'run: pip install "vidi[speech]"'),
        ("pyclipper", {"ocr"}, 'run: pip install "vidi[ocr]"'),
        ("cv2", {"motion", "ocr"}, "run: pip install "),
    ],
)
def test_one_whose_package_can_not_be_imported_is_absent_once_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, gone: set[str], command: str
) -> None:
    break_package(package, tmp_path, monkeypatch)
    found = time_experts()

    experts = loaded(found, [(expert.name, expert.version) for expert in found.present if expert.name in gone])

    assert {expert.name for expert in experts.absent} == gone
    assert {expert.name for expert in experts.present} == set(TIME_EXPERTS) - gone
    assert all("can't be imported (" in expert.reason and command in expert.reason for expert in experts.absent)


def test_weights_that_are_absent_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.models.packaged.PackagedFile.find", lambda self: None)

    reasons = {expert.name: expert.reason for expert in time_experts().absent}

    assert set(reasons) == {"audio", "ocr", "speech"}
    assert "model/model.bin is not installed" in reasons["audio"]


def test_asking_what_is_here_loads_nothing() -> None:
    code = (
        "import sys; from retrieval.experts.registry import time_experts; time_experts();"
        "heavy = {'cv2', 'faster_whisper', 'ctranslate2', 'rapidocr_onnxruntime', 'onnxruntime', 'torch', 'av'};"
        "print(sorted(heavy & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
