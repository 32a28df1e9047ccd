"""Makes the media that the benchmarks run on, the same on every machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ui.sample_media import sample_media

__all__ = ["make_pictures", "make_video"]

TWO_MEGAPIXELS = (1632, 1224)
_SHORT_SIDE_LEAST = 350


def make_pictures(folder: Path, count: int, size: tuple[int, int] = TWO_MEGAPIXELS, seed: int = 0) -> list[Path]:
    """``count`` JPEGs of ``size`` that differ: random windows of the sample photographs, with a camera's grain."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    sources = list(_photographs())
    paths = [folder / f"{number:06}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        if not path.exists():
            _window(sources[number % len(sources)], size, generator).save(path, quality=88)
    return paths


def _photographs() -> Iterator[Image.Image]:
    for path in sample_media()[0]:
        if path.suffix in {".jpg", ".jpeg", ".png"}:
            picture = Image.open(path).convert("RGB")
            if min(picture.size) >= _SHORT_SIDE_LEAST:
                yield picture


def _window(source: Image.Image, size: tuple[int, int], generator: np.random.Generator) -> Image.Image:
    share = generator.uniform(0.6, 1.0)
    width = int(min(source.width, source.height * size[0] / size[1]) * share)
    height = int(width * size[1] / size[0])
    left = int(generator.integers(0, source.width - width + 1))
    top = int(generator.integers(0, source.height - height + 1))
    enlarged = source.resize(size, Image.Resampling.BICUBIC, (left, top, left + width, top + height))
    grain = generator.integers(-6, 7, size=(size[1], size[0], 1), dtype=np.int16)
    return Image.fromarray(np.clip(np.asarray(enlarged, dtype=np.int16) + grain, 0, 255).astype(np.uint8))


def make_video(
    path: Path,
    seconds: int,
    size: tuple[int, int] = (1280, 720),
    rate: int = 25,
    seed: int = 0,
    *,
    sound_of: Callable[[int], NDArray[np.float32]] | None = None,
    writing_of: Callable[[int], str] = lambda _shot: "",
) -> Path:
    """H.264 with AAC sound at the encoder's defaults: pans over photographs, a cut every four seconds.

    ``sound_of`` gives the mono sound ``[48000]`` of each second, by default a tone; ``writing_of`` what stands on the
    screen in each shot.
    """
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part.mp4")
    with av.open(str(temporary), "w") as container:
        video = container.add_stream("libx264", rate=rate)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        sound = container.add_stream("aac", rate=48_000)
        for number, pixels in enumerate(_pan(seconds, size, rate, seed, writing_of)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(video.encode(frame))
            if number % rate == 0:
                container.mux(sound.encode(_sound_frame((sound_of or _tone)(number // rate), number // rate)))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))
    temporary.replace(path)
    return path


def _pan(
    seconds: int, size: tuple[int, int], rate: int, seed: int, writing_of: Callable[[int], str]
) -> Iterator[NDArray[np.uint8]]:
    generator = np.random.default_rng(seed)
    sources = list(_photographs())
    for shot in range(0, seconds, 4):
        wide = _window(sources[(shot // 4) % len(sources)], (size[0] + 200, size[1] + 100), generator)
        pixels = np.asarray(wide)
        for step in range(min(4, seconds - shot) * rate):
            left, top = 2 * step % 200, step % 100
            grain = generator.integers(-3, 4, size=(size[1], size[0], 1), dtype=np.int16)
            window = pixels[top : top + size[1], left : left + size[0]]
            shown = np.clip(window.astype(np.int16) + grain, 0, 255).astype(np.uint8)
            yield _written(shown, writing_of(shot // 4))


def _written(pixels: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """With ``text`` as a subtitle."""
    if not text:
        return pixels
    image = Image.fromarray(pixels)
    place = (image.width // 8, image.height * 5 // 6)
    font = ImageFont.load_default(size=image.height // 16)
    ImageDraw.Draw(image).text(place, text, fill="white", font=font, stroke_width=2, stroke_fill="black")
    return np.asarray(image)


def _tone(second: int) -> NDArray[np.float32]:
    times = np.arange(48_000) / 48_000
    return (0.2 * np.sin(2 * np.pi * (220 + 20 * (second % 12)) * times)).astype(np.float32)


def _sound_frame(wave: NDArray[np.float32], second: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts, frame.time_base = 48_000, second * 48_000, Fraction(1, 48_000)
    return frame
