from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from retrieval.errors import WeightsError
from retrieval.spaces.cards import ModelCard, model_cards
from tests.retrieval.spaces.test_mmt import config, write


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, ModelCard]:
    monkeypatch.setenv("VIDI_CACHE", str(tmp_path))  # in which no model of open_clip was used
    return {card.name: card for card in model_cards()}


def test_every_model_has_a_card_and_is_here(cards: dict[str, ModelCard]) -> None:
    assert [name for name in cards if name != "mmt/starter"] == [
        "efficientnet-lite0",
        "all-MiniLM-L6-v2",
        "whisper-tiny.en",
        "silero-vad",
        "PP-OCRv4-det",
        "PP-OCRv4-rec",
        "starter",
    ]
    for card in cards.values():
        assert card.available
        assert card.path is not None
        assert Path(card.path).stat().st_size == card.size_bytes


@pytest.mark.parametrize(
    "name", ["efficientnet-lite0", "all-MiniLM-L6-v2", "whisper-tiny.en", "PP-OCRv4-rec", "starter"]
)
def test_weights_are_verified_on_request(name: str, cards: dict[str, ModelCard]) -> None:
    cards[name].verify()


def test_other_weights_are_refused(cards: dict[str, ModelCard], tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"other")

    with pytest.raises(WeightsError, match="is not starter: expected sha256"):
        replace(cards["starter"], path=str(other)).verify()
    with pytest.raises(WeightsError, match="can't be read"):
        replace(cards["starter"], path=str(tmp_path)).verify()


def test_cards_are_plain_values(cards: dict[str, ModelCard]) -> None:
    for card in cards.values():
        assert json.loads(json.dumps(asdict(card)))["name"] == card.name


def test_verifying_an_absent_model_says_what_to_install(cards: dict[str, ModelCard]) -> None:
    absent = replace(cards["starter"], available=False, path=None)

    with pytest.raises(WeightsError, match="starter is not on this machine: expected vidi"):
        absent.verify()


def test_the_mmt_that_comes_with_vidi_has_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrieval.spaces.cards.MMT_STARTER", write(tmp_path / "mmt_starter", config()))

    card = {card.name: card for card in model_cards()}["mmt/starter"]

    card.verify()
    assert card.dim == config().dim
    assert card.available
