"""The pages name what there is: every option of every command, every field for scripts, every page."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from indexer import IndexReport
from retrieval.spaces.cards import ModelCard
from ui.command_line import COMMANDS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = sorted(DOCS.glob("*.md"))
TEXTS = {page: page.read_text(encoding="utf-8") for page in [README, ROOT / "ARCHITECTURE.md", *PAGES]}

TOLD_IN = {
    "demo": "README.md",
    "index": "docs/index_runs.md",
    "search": "docs/search.md",
    "tag": "docs/tags.md",
    "ui": "docs/page.md",
    "why": "docs/why.md",
    "status": "docs/index_runs.md",
    "forget": "docs/index_runs.md",
    "models": "docs/models.md",
    "train contrastive": "docs/starter.md",
    "train classifier": "docs/train_classifier.md",
    "train mmt": "docs/train_mmt.md",
    "eval retrieval": "docs/search.md",
    "eval tags": "docs/search.md",
    "eval mmt": "docs/mmt.md",
}
"""The page that a person reads to use a command. One without options needs none."""


def _parsers(command: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """A command's parser, or those of its kinds, such as `eval tags`."""
    kinds = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for action in kinds:
        for name, kind in action.choices.items():
            yield from _parsers(f"{command} {name}", kind)
    if not kinds:
        yield command, parser


STATUS_FIELDS = [
    "library",
    "size_bytes",
    "default_space",
    "whisper_model",
    "spaces",
    "assets",
    "files",
    "other_files",
    "hidden_names",
    "sounds_awaiting_audio_expert",
    "failures",
    "failed_sidecars",
    "failed_experts",
    "troubled_places",
]


def _options() -> Iterator[tuple[str, str]]:
    """Of every command; `--library` is of all of them, and `--help` tells itself."""
    for command, entry in COMMANDS.items():
        parser = argparse.ArgumentParser(add_help=False)
        importlib.import_module(f"ui.commands.{entry.module}").add_arguments(parser)
        for name, each in _parsers(command, parser):
            for option in (option for action in each._actions for option in action.option_strings):
                if option not in ("-h", "--help", "--library"):
                    yield name, option


@pytest.mark.parametrize(("command", "option"), list(_options()))
def test_every_option_stands_on_the_page_of_its_command(command: str, option: str) -> None:
    text = TEXTS[ROOT / TOLD_IN[command]]
    assert f"vidi {command}" in text
    assert re.search(rf"{option}(?![\w-])", text), f"{TOLD_IN[command]} does not name {option} of `vidi {command}`"


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("docs/index_runs.md", list(IndexReport().to_json())),
        ("docs/index_runs.md", STATUS_FIELDS),
        ("docs/models.md", [each.name for each in fields(ModelCard)]),
    ],
    ids=["vidi index --json", "vidi status --json", "vidi models --json"],
)
def test_every_field_for_scripts_stands_on_a_page(page: str, names: list[str]) -> None:
    assert [name for name in names if f'"{name}"' not in TEXTS[ROOT / page]] == []


def test_the_readme_lists_every_page() -> None:
    missing = [page.name for page in PAGES if f"(docs/{page.name})" not in TEXTS[README]]
    assert missing == []


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """To a file of this repository, and to a heading that it has."""
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", TEXTS[page]):
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), target
        assert not anchor or anchor in _anchors(linked), target


def _anchors(page: Path) -> list[str]:
    """As GitHub makes them of headings: small letters, no signs, dashes for spaces."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
