"""How a person names experts whose weights vidi doesn't ship, and what is told where they can't be had."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from retrieval.errors import UsageError, WeightsError
from retrieval.experts.audio import Audio
from retrieval.experts.foreign import EXPERT_MODELS, ForeignModel, foreign_experts, option_of, parse_model
from retrieval.experts.motion import Motion
from retrieval.experts.over_time import TimeExpert, title_of
from retrieval.media.pieces import Stream
from retrieval.models.video_nets import VIDEO_NETS
from tests.retrieval.models.foreign_files import ast_folder, clap_folder, places_file, torchvision_file


def test_a_model_is_named_with_or_without_its_weights() -> None:
    assert parse_model("motion=torchvision/s3d") == ForeignModel("motion", "torchvision", "s3d")
    assert parse_model("audio=clap:some/model") == ForeignModel("audio", "clap", "", "some/model")
    assert parse_model("rgb=timm/vit_tiny.augreg:a:b.pth") == ForeignModel("rgb", "timm", "vit_tiny.augreg", "a:b.pth")
    assert {f"motion=torchvision/{name}" for name in VIDEO_NETS} == {
        name for name in EXPERT_MODELS if name.startswith("motion")
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("torchvision/s3d", r"named as NAME=MODEL or NAME=MODEL:WEIGHTS, got 'torchvision/s3d'"),
        ("motion=", "named as NAME=MODEL"),
        ("motion=torchvision/s3d:", "named as NAME=MODEL"),
        ("motion=torchvision/s4d", "no expert's model 'torchvision/s4d'; did you mean torchvision/s3d"),
        ("motion=i3d", "no expert's model 'i3d'; "),
        ("rgb=timm", "no expert's model 'timm'; did you mean timm/NAME"),
        ("audio=torchvision/s3d:x", "makes the expert motion, not 'audio'; give motion=torchvision/s3d:x"),
        ("appearance=timm/resnet18", "makes the expert rgb, not 'appearance'; give rgb=timm/resnet18"),
        ("audio=vggish", "no hub has the weights of vggish: give their file, --expert audio=vggish:FILE"),
        ("scene=places365/resnet18", "--expert scene=places365/resnet18:FILE"),
    ],
)
def test_what_names_none_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_model(text)


def test_a_model_of_timm_that_is_at_no_hub_wants_a_file(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"no hub has the weights of timm/darknet17: give their file, --expert rgb=timm/darknet17:FILE"
    ):
        foreign_experts(["rgb=timm/darknet17"])
    torch.save({}, tmp_path / "timm.pth")
    assert [expert.name for expert in foreign_experts([f"rgb=timm/darknet17:{tmp_path / 'timm.pth'}"])] == ["rgb"]


def test_one_name_is_given_once() -> None:
    with pytest.raises(UsageError, match="two models are given for the expert audio"):
        foreign_experts(["audio=clap:a", "audio=ast:b"])


@pytest.fixture(scope="module")
def all_of_them(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("foreign")
    torch.save({}, folder / "vggish.pth")
    torch.save({}, folder / "timm.pth")
    return [
        f"motion=torchvision/mc3_18:{torchvision_file(folder / 'mc3.pth', 'mc3_18')}",
        f"audio=clap:{clap_folder(folder / 'clap')}",
        f"audio=ast:{ast_folder(folder / 'ast')}",
        f"audio=vggish:{folder / 'vggish.pth'}",
        f"scene=places365/resnet18:{places_file(folder / 'places.pth.tar')}",
        f"rgb=timm/test_vit:{folder / 'timm.pth'}",
    ]


def test_each_is_an_expert_whose_version_tells_model_and_weights(all_of_them: list[str]) -> None:
    found = [foreign_experts([text])[0] for text in all_of_them]

    assert all(isinstance(expert, TimeExpert) for expert in found)
    assert [(expert.name, expert.dim, expert.stream) for expert in found] == [
        ("motion", 512, Stream.CLIPS),
        ("audio", 16, Stream.SOUND),
        ("audio", 16, Stream.SOUND),
        ("audio", 128, Stream.SOUND),
        ("scene", 512, Stream.FRAMES),
        ("rgb", 64, Stream.FRAMES),
    ]
    labels = [text.partition("=")[2].partition(":")[0] for text in all_of_them]
    for expert, label in zip(found, labels, strict=True):
        assert expert.version.startswith(label.replace("/", ".") + "-")
        assert title_of(expert) == f"{expert.name} ({label})"
        assert option_of(expert.name, expert.version) in (
            f"--expert {expert.name}={label}:FILE",
            f"--expert {expert.name}={label}:FOLDER",
        )
        assert option_of("speech", expert.version) is None


def test_other_weights_are_another_version(tmp_path: Path) -> None:
    versions = {
        foreign_experts([f"motion=torchvision/mc3_18:{torchvision_file(tmp_path / 'a.pth', 'mc3_18', seed)}"])[
            0
        ].version
        for seed in (0, 0, 1)
    }

    assert len(versions) == 2


def test_what_comes_with_vidi_needs_no_option() -> None:
    assert option_of("motion", Motion.version) is None
    assert option_of("audio", Audio.version) is None
    assert option_of("motion", "1") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("motion=torchvision/s3d:{}/none.pth", r"none\.pth is no file: expected weights"),
        ("audio=vggish:{}", "is no file: expected weights"),
        ("audio=clap:{}", r"lacks config\.json: expected config\.json, preprocessor_config\.json, model\.safetensors"),
        ("rgb=timm/nobody:{}/x", "timm has no model 'nobody'"),
    ],
)
def test_files_that_are_not_there_are_told(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        foreign_experts([text.format(tmp_path)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "motion=torchvision/r2plus1d_18",
            r"torchvision's r2plus1d_18 for Kinetics-400 is not on this machine, .*copy the file "
            r"r2plus1d_18-91a641e6\.pth here and name it: --expert motion=torchvision/r2plus1d_18:FILE",
        ),
        (
            "audio=clap",
            r"clap-htsat-unfused is neither a folder nor a model on this machine, .*"
            r"copy its folder here and name it: --expert audio=clap:FOLDER",
        ),
        ("audio=ast:nobody/model", r"nobody/model is neither a folder .*--expert audio=ast:FOLDER"),
        ("rgb=timm/resnet18", r"the weights timm/resnet18 are not on this machine, .* give its path"),
    ],
)
def test_without_a_hub_one_line_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nobody_answers: None, text: str, message: str
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))

    with pytest.raises(WeightsError, match=message) as told:
        foreign_experts([text])

    assert "\n" not in str(told.value)


def test_what_torch_has_fetched_before_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    torchvision_file(tmp_path / "checkpoints" / "mc3_18-a90a0ba3.pth", "mc3_18")

    foreign_experts(["motion=torchvision/mc3_18"])[0].load()


def test_who_asks_none_imports_none() -> None:
    code = (
        "import sys; from retrieval.experts.foreign import foreign_experts, option_of; foreign_experts([]);"
        "print(sorted({'torch', 'torchvision', 'timm', 'transformers', 'av'} & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
