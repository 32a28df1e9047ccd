"""Pictures in the form that a model was trained on: as its own transform makes them, however they were stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from retrieval.experts.appearance import Appearance
from retrieval.media.forms import cut_to, size_before_cut
from retrieval.media.picture import decode_picture
from retrieval.media.video import sample_video
from retrieval.media.wire import settings_from, settings_message
from retrieval.models.clip.sample import sample_pictures
from retrieval.settings import MediaLimits, SamplingSettings
from retrieval.types import PictureForm, ResizeMode

FORMS = [
    PictureForm(96, 96, ResizeMode.SHORTEST),
    PictureForm(96, 96, ResizeMode.SHORTEST, is_bilinear=True),
    PictureForm(96, 64, ResizeMode.SHORTEST),
    PictureForm(64, 96, ResizeMode.LONGEST, fill=7),
    PictureForm(96, 96, ResizeMode.LONGEST),
    PictureForm(80, 96, ResizeMode.SQUASH),
]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.resize}-{form.height}x{form.width}")
@pytest.mark.parametrize("size", [(301, 200), (133, 300), (96, 96), (40, 50)])
def test_pixels_are_those_of_open_clip(form: PictureForm, size: tuple[int, int], tmp_path: Path) -> None:
    from open_clip.transform import PreprocessCfg, image_transform_v2

    path = tmp_path / "picture.png"
    Image.fromarray(sample_pictures(size[1], size[0], count=1)[0]).save(path)
    transform = image_transform_v2(
        PreprocessCfg(
            size=(form.height, form.width),
            mean=(0.0, 0.0, 0.0),
            std=(1.0, 1.0, 1.0),
            interpolation="bilinear" if form.is_bilinear else "bicubic",
            resize_mode=form.resize.value,
            fill_color=form.fill,
        ),
        is_train=False,
    )
    expected = np.rint(transform(Image.open(path)).permute(1, 2, 0).numpy() * 255)
    ours = decode_picture(path, form, MediaLimits())[1].pixels
    assert ours.shape == expected.shape
    assert np.abs(ours.astype(int) - expected).max() <= 1


@settings(max_examples=200, deadline=None)
@given(
    form=st.builds(
        PictureForm, st.integers(1, 50), st.integers(1, 50), st.sampled_from(list(ResizeMode)), fill=st.just(9)
    ),
    width=st.integers(1, 3000),
    height=st.integers(1, 3000),
)
def test_any_picture_comes_to_the_form_and_stays_small(form: PictureForm, width: int, height: int) -> None:
    columns, rows = size_before_cut(form, width, height)
    assert 1 <= columns <= 32 * form.width
    assert 1 <= rows <= 32 * form.height
    assert cut_to(np.zeros((rows, columns, 3), np.uint8), form).shape == (form.height, form.width, 3)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_turned_picture_is_cut_upright(orientation: int, tmp_path: Path) -> None:
    upright = Image.fromarray(sample_pictures(300, 200, count=1)[0])
    turns = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    turn = turns[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "turned.png", exif=exif)
    upright.save(tmp_path / "upright.png")
    form = FORMS[2]
    turned, plain = (decode_picture(tmp_path / name, form, MediaLimits()) for name in ("turned.png", "upright.png"))
    assert (turned[0].width, turned[0].height) == (200, 300)
    assert np.abs(turned[1].pixels.astype(int) - plain[1].pixels).mean() < 1


@pytest.mark.parametrize("size", [(2000, 1500), (1200, 800), (640, 480)])
@pytest.mark.parametrize("mode", [ResizeMode.SHORTEST, ResizeMode.SQUASH])
def test_decoding_small_gives_the_features_of_decoding_in_full(
    size: tuple[int, int], mode: ResizeMode, tmp_path: Path
) -> None:
    grain = np.random.default_rng(1).integers(-6, 7, (size[1], size[0], 1))
    pixels = np.clip(sample_pictures(size[1], size[0], count=1)[0] + grain, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "small.jpg", quality=88)
    Image.open(tmp_path / "small.jpg").convert("RGB").save(tmp_path / "full.png", compress_level=1)
    form = PictureForm(224, 224, mode)
    small, full = (decode_picture(tmp_path / name, form, MediaLimits())[1].pixels for name in ("small.jpg", "full.png"))
    one, other = Appearance(threads=1).encode(np.stack([small, full])).features
    assert float(one @ other / np.linalg.norm(one) / np.linalg.norm(other)) > 0.995


def test_another_form_makes_no_other_frames(make: Any) -> None:
    path = make.video("video.mp4", make.shots(1.5, 1.5))
    square = list(sample_video(path, SamplingSettings(frame_size=64), MediaLimits()))
    formed = list(sample_video(path, SamplingSettings(frame_size=64, form=FORMS[2]), MediaLimits()))
    assert [frame.span for frame in square] == [frame.span for frame in formed]
    assert {frame.pixels.shape for frame in formed} == {(96, 64, 3)}


def test_a_form_goes_to_a_worker_and_is_whole() -> None:
    sampling = SamplingSettings(form=FORMS[3])
    assert settings_from(settings_message(MediaLimits(), sampling, 0))[1] == sampling


def test_a_form_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a form has sides from 1 up"):
        PictureForm(0, 10)
