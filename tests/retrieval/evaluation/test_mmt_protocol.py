"""The paper's table, against ranks counted one by one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from retrieval.errors import DatasetError, WeightsError
from retrieval.evaluation.mmt_features import FeatureFiles, read_split
from retrieval.evaluation.mmt_protocol import evaluate_mmt, paper_table
from retrieval.models.bert_tokens import BertTokens
from retrieval.models.checkpoints import to_their_names
from retrieval.models.mmt import Mmt, texts_to_torch, videos_to_torch
from retrieval.models.mmt_authors import authors_names
from retrieval.models.mmt_config import BertText, MmtConfig, UnitLength, mmt_msrvtt
from retrieval.models.mmt_inputs import Window, prepare_texts, prepare_windows
from retrieval.types import Float32Array
from tests.retrieval.evaluation.authors_features import DIMS, VIDEOS, WORDS, write_data_set
from tests.retrieval.models.mmt_cases import small_bert

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", *WORDS]


def config() -> MmtConfig:
    experts = tuple(replace(expert, dim=DIMS[expert.name]) for expert in mmt_msrvtt().experts)
    bert = replace(small_bert().bert, vocabulary=len(VOCABULARY), most_tokens=30, positions=512)
    return replace(
        mmt_msrvtt(), experts=experts, text=BertText(bert=bert), width=16, feed_forward=24, unit_length=UnitLength.SLOTS
    )


def made() -> Mmt:
    torch.manual_seed(0)
    model = Mmt(config())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return model.eval()


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    folder = write_data_set(tmp_path)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    state = to_their_names(made().state_dict(), authors_names(config().names))
    torch.save({"state_dict": state, "epoch": 50}, folder / "trained_model.pth")
    return folder


def similarities(folder: Path, captions: list[tuple[str, int]]) -> Float32Array:
    """Of each caption with each video, one pair at a time."""
    model, files = made(), FeatureFiles(folder)
    words = BertTokens(folder / "vocab.txt", most=30)
    rows = []
    for video, number in captions:
        text = texts_to_torch(prepare_texts(words.encode(files.read(video, DIMS, number).captions), model.config))
        row = []
        for other in VIDEOS:
            window = Window(files.read(other, DIMS).tracks)
            with torch.inference_mode():
                row.append(model(text, videos_to_torch(prepare_windows([window], model.config))).item())
        rows.append(row)
    return np.array(rows, np.float32)


def test_the_table_is_that_of_ranks_counted_one_by_one(data_set: Path) -> None:
    captions = [(video, number) for video, number in read_split(data_set, "jsfusion") if number is not None]
    scores = similarities(data_set, captions)
    to_media = np.array([1 + (row > row[i]).sum() for i, row in enumerate(scores)], np.float64)
    to_text = np.array([1 + (row > row[i]).sum() for i, row in enumerate(scores.T)], np.float64)

    figures = evaluate_mmt(data_set, "jsfusion", None, lambda line: None)

    assert figures.text_to_media == paper_table(to_media)
    assert figures.media_to_text == paper_table(to_text)
    assert len(set(to_media)) > 2
    assert (figures.videos, figures.captions) == (6, 6)
    assert figures.missing["face"] == 3
    assert figures.missing["speech"] == 2
    assert figures.missing["rgb"] == 0


def test_all_captions_count_in_the_full_split(data_set: Path) -> None:
    figures = evaluate_mmt(data_set, "full", data_set / "trained_model.pth", lambda line: None)

    assert (figures.videos, figures.captions) == (6, 18)


def test_the_papers_columns_and_tied_ranks() -> None:
    table = paper_table(np.array([1.0, 3.5, 7.0, 50.0, 51.0]))

    assert table == {"R@1": 20.0, "R@5": 40.0, "R@10": 60.0, "R@50": 80.0, "MdR": 7.0, "MnR": 22.5}


def test_a_space_of_ones_own_is_led_to_the_command_that_measures_it(data_set: Path, tmp_path: Path) -> None:
    """Whatever `vidi train mmt` writes compares frames and reads vidi's experts: feature files hold neither."""
    with pytest.raises(
        WeightsError, match=r"expected a checkpoint of the authors.*`vidi eval retrieval --space mmt/.*`"
    ):
        evaluate_mmt(data_set, "jsfusion", tmp_path, lambda line: None)


def test_without_a_checkpoint_the_option_is_named(data_set: Path) -> None:
    (data_set / "trained_model.pth").unlink()

    with pytest.raises(WeightsError, match=r"holds 0 checkpoints \(\*\.pth\), expected one; .*--checkpoint FILE"):
        evaluate_mmt(data_set, "jsfusion", None, lambda line: None)


def test_another_vocabulary_is_refused(data_set: Path) -> None:
    (data_set / "vocab.txt").write_text("\n".join([*VOCABULARY, "more"]))

    with pytest.raises(WeightsError, match="has 19 words, expected 18: that of BERT-base-cased"):
        evaluate_mmt(data_set, "jsfusion", None, lambda line: None)


def test_no_vocabulary_anywhere_says_where_to_put_it(
    data_set: Path, monkeypatch: pytest.MonkeyPatch, nobody_answers: None
) -> None:
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    (data_set / "vocab.txt").unlink()

    with pytest.raises(WeightsError, match=r"vocabulary of BERT-base-cased is not on this machine.*put its vocab\.txt"):
        evaluate_mmt(data_set, "jsfusion", None, lambda line: None)


def test_a_damaged_video_stops_with_its_name(data_set: Path) -> None:
    next((data_set / "vid_feat_files").rglob(f"{VIDEOS[4]}.h5")).write_bytes(b"")

    with pytest.raises(DatasetError, match=rf"{VIDEOS[4]}\.h5 can't be read \(it is no HDF5 file, or damaged\)"):
        evaluate_mmt(data_set, "jsfusion", None, lambda line: None)
