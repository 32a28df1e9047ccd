"""Packages that a machine may lack, or have and fail to import: a wheel of OpenCV, for one, wants system libraries."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from retrieval.errors import MissingExtraError

__all__ = [
    "OPENCV_COMMAND",
    "import_opencv",
    "import_package",
    "import_timm",
    "import_torchvision",
    "import_transformers",
]

OPENCV_COMMAND: Final = "pip install opencv-python-headless"


def import_package(module: str, title: str, command: str) -> Any:
    """The module of that name; ``title``: what people call its package, ``command``: what installs it.

    Raises:
        MissingExtraError: it isn't installed, or can't be imported.
    """
    try:
        return import_module(module)
    except Exception as error:  # a package's own code may raise anything
        if isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]:
            raise MissingExtraError(f"{title} is not installed; run: {command}") from error
        reason = " ".join(str(error).split()) or type(error).__name__
        raise MissingExtraError(f"{title} is installed, but can't be imported ({reason}); run: {command}") from error


def import_opencv() -> Any:
    """OpenCV.

    Raises: as :func:`import_package`.
    """
    return import_package("cv2", "OpenCV", OPENCV_COMMAND)


def import_timm() -> Any:
    """timm.

    Raises: as :func:`import_package`.
    """
    return import_package("timm", "timm", "pip install timm")


def import_torchvision() -> Any:
    """``torchvision.models``.

    Raises: as :func:`import_package`.
    """
    return import_package("torchvision.models", "torchvision", "pip install torchvision")


def import_transformers() -> Any:
    """transformers.

    Raises: as :func:`import_package`.
    """
    return import_package("transformers", "transformers", "pip install transformers")
