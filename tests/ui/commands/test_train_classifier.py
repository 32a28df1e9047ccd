"""`vidi train classifier` as a person types it: heads and models, what is refused, and what is left behind."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from retrieval.experts.appearance import AppearanceOutput
from retrieval.models.classifier_files import read_classifier
from retrieval.models.named import AnyConfig, config_of, with_drop_path
from retrieval.training.classifier import features, head_run, teachers
from ui.command_line import main
from ui.exit_codes import EXIT_FAILURE, EXIT_USAGE

Captured = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[3]
COLOURS = {"blue": (40, 70, 220), "green": (30, 160, 60), "red": (220, 30, 30)}
MINI = ["--model", "deit_mini", "--epochs", "1", "--batch", "4", "--augment", "none", "--size", "8"]


class QuickAppearance:
    """Stands for the tower: the mean colour, many times."""

    name = "appearance"
    version = "quick"
    dim = 6
    picture_size = 224

    def encode(self, pixels: Any) -> AppearanceOutput:
        seen = pixels.mean(axis=(1, 2)).astype(np.float32) / 255
        return AppearanceOutput(np.concatenate([seen, seen**2], axis=1), np.zeros((len(seen), 1000), np.float32))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six pictures of each of three colours; the tower is a quick one."""
    for module in (features, head_run, teachers):
        monkeypatch.setattr(module, "Appearance", QuickAppearance)
    for colour, value in COLOURS.items():
        (tmp_path / "data" / colour).mkdir(parents=True)
        for number in range(6):
            grain = np.random.default_rng(number).normal(0, 30, (12, 12, 3))
            pixels = np.clip(np.array(value) + grain, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / colour / f"{number}.png")
    return tmp_path / "data"


def train(data: Path, *more: str, out: str = "out") -> int:
    return main(["train", "classifier", str(data), "--out", str(data.parent / out), *more])


def only_line(capsys: Captured) -> str:
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = [line for line in shown.err.splitlines() if "left out" not in line]
    assert len(lines) == 1, shown.err
    return lines[0]


def test_help_names_every_argument(capsys: Captured) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["train", "classifier", "--help"])
    shown = capsys.readouterr().out
    names = ("DATA", "--out", "--model", "--weights", "--teacher", "--distillation", "--epochs", "--size", "--batch")
    assert all(name in shown for name in names)


@pytest.mark.parametrize("model", ["head", "mlp"])
def test_a_head_is_trained_and_says_how_good_it_is(data: Path, capsys: Captured, model: str) -> None:
    assert train(data, "--model", model, "--data-note", "made, CC0") == 0
    shown = capsys.readouterr()
    assert shown.out.split("\n")[0].split() == ["top1", "100.0"]
    assert "vidi tag --classifier" in shown.err
    found = read_classifier(data.parent / "out")
    assert found.classes == ("blue", "green", "red")
    assert found.features_expert == ("appearance", "quick")
    assert found.card["data"]["note"] == "made, CC0"
    assert str(data.parent) not in json.dumps(dict(found.card))  # no path of a person's machine
    kept = sorted(path.name for path in (data.parent / "out").iterdir())
    assert kept == ["card.json", "learning_curve.csv", "learning_curve.svg", "model.safetensors", "training.json"]


def test_a_finished_training_is_not_done_again(data: Path, capsys: Captured) -> None:
    assert train(data) == 0
    before = (data.parent / "out" / "card.json").stat().st_mtime_ns
    assert train(data) == 0
    assert "is trained already; give another --out" in capsys.readouterr().err
    assert (data.parent / "out" / "card.json").stat().st_mtime_ns == before


def test_a_model_is_trained_taught_and_trained_on(data: Path, capsys: Captured) -> None:
    assert train(data, out="head") == 0
    taught = [*MINI, "--teacher", str(data.parent / "head"), "--distillation", "soft"]
    assert train(data, *taught, out="taught") == 0
    assert train(data, *MINI, "--weights", str(data.parent / "taught"), out="on") == 0
    found = read_classifier(data.parent / "on")
    assert found.on_pixels()(np.zeros((1, 8, 8, 3), np.uint8)).shape == (1, 3)
    assert found.card["recipe"]["weights"] == "taught"
    assert read_classifier(data.parent / "taught").card["recipe"]["teacher"] == "head"
    curve = (data.parent / "taught" / "learning_curve.csv").read_text().splitlines()
    assert curve[0] == "epoch,learning_rate,train_loss,dev_loss,dev_accuracy,seconds"
    assert len(curve) == 2
    assert (data.parent / "taught" / "learning_curve.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(("more", "rate"), [([], 0.3), (["--drop-path", "0"], 0.0), (["--drop-path", "0.1"], 0.1)])
def test_drop_path_is_the_models_own_unless_it_is_given(
    data: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], rate: float
) -> None:
    def config(name: str, **sides: int) -> AnyConfig:
        return with_drop_path(config_of(name, **sides), 0.3)

    monkeypatch.setattr("retrieval.training.classifier.model_run.config_of", config)
    assert train(data, "--model", "cvt_mini", "--epochs", "1", "--size", "16", *more) == 0
    card = read_classifier(data.parent / "out").card
    assert card["config"]["stages"][-1]["drop_path"] == card["recipe"]["drop_path"] == rate


def test_corrupt_pictures_are_a_line_each_and_left_out(data: Path, capsys: Captured) -> None:
    (data / "red" / "bad.jpg").write_bytes(b"no picture")
    (data / "blue" / "cut.png").write_bytes((data / "blue" / "0.png").read_bytes()[:200])
    assert train(data) == 0
    shown = capsys.readouterr().err
    assert shown.count("vidi: left out: ") == 2
    assert "2 of 20 pictures were left out" in shown
    assert read_classifier(data.parent / "out").card["data"] == {"pictures": 18, "left_out": 2, "note": "not told"}


@pytest.mark.parametrize("more", [[], MINI], ids=["head", "model"])
def test_nothing_is_left_of_data_that_cannot_be_used(data: Path, capsys: Captured, more: list[str]) -> None:
    for path in data.rglob("*.png"):
        path.write_bytes(b"no picture")
    assert train(data, *more) == EXIT_FAILURE
    assert "not one of the 18 pictures can be used" in capsys.readouterr().err
    assert not (data.parent / "out").exists()


def test_a_class_of_which_one_picture_is_left_is_refused(data: Path, capsys: Captured) -> None:
    for number in range(5):
        (data / "red" / f"{number}.png").write_bytes(b"no picture")
    assert train(data) == EXIT_FAILURE
    assert "too few pictures of 'red' (1)" in capsys.readouterr().err
    assert not (data.parent / "out").exists()


def test_a_folder_that_is_not_ours_is_left_alone(data: Path, capsys: Captured) -> None:
    (data.parent / "out").mkdir()
    (data.parent / "out" / "thesis.tex").write_text("three years")
    assert train(data) == EXIT_USAGE
    assert "holds files that are not of this training; choose an --out that is new or empty" in only_line(capsys)
    assert [path.name for path in (data.parent / "out").iterdir()] == ["thesis.tex"]


def test_another_training_is_not_written_over(data: Path, capsys: Captured) -> None:
    assert train(data) == 0
    capsys.readouterr()
    assert train(data, "--seed", "1") == EXIT_USAGE
    assert "holds another training (not the same: seed)" in only_line(capsys)


def test_a_checkpoint_of_another_architecture_is_one_line(data: Path, capsys: Captured) -> None:
    save_file({"stem.weight": torch.zeros(3)}, data.parent / "other.safetensors")
    assert train(data, *MINI, "--weights", str(data.parent / "other.safetensors")) == EXIT_FAILURE
    line = only_line(capsys)
    assert "is of another model than DeiT: missing: " in line
    assert "and 81 more" in line or " more; unexpected: stem.weight" in line
    assert not (data.parent / "out").exists()


class Harm:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_a_pickle_that_runs_code_never_runs(data: Path, capsys: Captured) -> None:
    (data.parent / "m.pth").write_bytes(pickle.dumps(Harm(data.parent / "it ran")))
    assert train(data, *MINI, "--weights", str(data.parent / "m.pth")) == EXIT_FAILURE
    assert "was not loaded: it is damaged, or holds more than tensors" in only_line(capsys)
    assert not (data.parent / "it ran").exists()
    assert not (data.parent / "out").exists()


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        (["--model", "resnet"], EXIT_USAGE, "no model is called 'resnet'; expected one of vit_mini, vit_ti16"),
        (["--epochs", "3"], EXIT_USAGE, "--epochs is for models that learn from pixels; choose one by --model"),
        ([*MINI, "--distillation", "soft"], EXIT_USAGE, "--distillation says what to learn from a teacher"),
        ([*MINI, "--mixup", "-1"], EXIT_USAGE, "mixup is -1.0, expected a number of 0 or more"),
        ([*MINI, "--mixup", "inf"], EXIT_USAGE, "mixup is inf, expected a number of 0 or more"),
        ([*MINI, "--learning-rate", "inf"], EXIT_USAGE, "learning_rate is inf, expected a number above 0"),
        ([*MINI, "--size", "30"], EXIT_USAGE, "deit_mini can't take that --size: pictures of 30 in patches of 4"),
        ([*MINI, "--weights", "nothing"], EXIT_FAILURE, "'nothing' is neither a file here nor the name of published"),
        ([*MINI, "--weights", "cvt_13_in1k"], EXIT_USAGE, "cvt_13_in1k are those of --model cvt_13, not of deit_mini"),
        ([*MINI, "--teacher", "nobody"], EXIT_FAILURE, "nobody is no trained classifier (No such file or directory"),
        (["--weights", "some.pth"], EXIT_USAGE, "--weights some.pth says nothing of its model: name that by --model"),
    ],
)
def test_wrong_arguments_are_one_line(data: Path, capsys: Captured, more: list[str], code: int, told: str) -> None:
    assert train(data, *more) == code
    assert told in only_line(capsys)
    assert not (data.parent / "out").exists()


def test_a_teacher_that_reads_other_features_is_refused(
    data: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train(data, out="head") == 0
    capsys.readouterr()
    monkeypatch.setattr(QuickAppearance, "version", "newer")
    assert train(data, *MINI, "--teacher", str(data.parent / "head")) == EXIT_USAGE
    assert "reads features of appearance quick, this vidi has appearance newer; train it again" in only_line(capsys)


def test_a_teacher_of_other_classes_is_refused(data: Path, capsys: Captured) -> None:
    assert train(data, out="head") == 0
    (data / "red").rename(data / "scarlet")
    capsys.readouterr()
    assert train(data, *MINI, "--teacher", str(data.parent / "head")) == EXIT_USAGE
    assert "doesn't know 'scarlet'; a teacher tells the same classes apart" in only_line(capsys)


QUICK_RUN = """
import sys
from dataclasses import replace
from pathlib import Path
from retrieval.training.classifier.model_options import model_run

data, out, *more = sys.argv[1:]
run = model_run(
    Path(data), Path(out), lambda line: print(line, flush=True), "deit_mini",
    epochs=12, batch=4, size=16, augment="light", **dict.fromkeys(more, 0.0),
)
replace(run, save_seconds=0.0).train()
"""


def _run(data: Path, out: str, *more: str, launched: bool = False) -> list[str]:
    """A training whose state is saved at every step; ``more`` names what is not mixed."""
    script = data.parent / "run.py"
    script.write_text(QUICK_RUN)
    launch = [sys.executable]
    if launched:
        launch += ["-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1"]
        launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    return [*launch, str(script), str(data), str(data.parent / out), *more]


def _start(command: list[str]) -> subprocess.Popen[str]:
    surroundings = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, cwd=ROOT, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.mark.long
def test_killed_again_and_again_it_ends_with_the_same_weights(data: Path) -> None:
    """kill -9 at random moments, against a run that was left alone."""
    whole_run = _start(_run(data, "whole"))
    said = whole_run.communicate(timeout=600)[0]
    assert whole_run.returncode == 0, said
    rng, kills, continued = np.random.default_rng(), 0, 0
    while True:
        process = _start(_run(data, "killed"))
        assert process.stdout is not None
        if kills < 4:
            for line in process.stdout:
                continued += "continuing after step" in line
                if "epoch" in line:  # it trains now
                    break
            time.sleep(rng.uniform(0, 0.5))
            process.send_signal(signal.SIGKILL)
        said = process.communicate(timeout=600)[0]
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, said
        kills += 1
    assert kills
    assert continued or "continuing after step" in said
    whole, killed = (load_file(data.parent / name / "model.safetensors") for name in ("whole", "killed"))
    assert all(torch.equal(whole[name], killed[name]) for name in whole)


@pytest.mark.long
def test_two_processes_under_accelerate_learn_what_one_does(data: Path) -> None:
    for name, launched in (("one", False), ("two", True)):
        process = _start(_run(data, name, "mixup", "cutmix", launched=launched))
        said = process.communicate(timeout=900)[0]
        assert process.returncode == 0, said
    first, second = (load_file(data.parent / name / "model.safetensors") for name in ("one", "two"))
    for name in first:
        torch.testing.assert_close(first[name], second[name], atol=2e-3, rtol=0)
