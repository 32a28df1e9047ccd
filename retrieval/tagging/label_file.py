"""Files of labels for zero-shot tagging: a label a line.

    # group: pets
    # template: a photo of a {}
    dog | puppy | hound
    cat

After ``|`` stand other words for the same. A line that begins with ``#`` is a comment; two kinds of it are read:
``# group: NAME`` begins a group, and ``# template: TEXT`` gives a sentence with ``{}`` for the label, in the place of
CLIP's. UTF-8, with or without a byte order mark.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from retrieval.errors import DatasetError

__all__ = ["LabelSet", "LabelWords", "parse_labels", "read_label_file"]

_LABELS_MOST: Final = 10_000
_LETTERS_MOST: Final = 256
_EXPECTED: Final = "expected a label a line in UTF-8, other words for the same after |"


@dataclass(frozen=True, slots=True)
class LabelWords:
    """A label, the words that it is looked for by (itself first), and its group ("" without one)."""

    name: str
    wordings: tuple[str, ...]
    group: str = ""


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The labels of one file, in its order, and its own templates, none where it gives none."""

    labels: tuple[LabelWords, ...]
    templates: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of its groups, in its order."""
        return tuple(dict.fromkeys(label.group for label in self.labels))

    @property
    def digest(self) -> str:
        """Changes when anything of it does."""
        return hashlib.sha256(repr((self.labels, self.templates)).encode()).hexdigest()[:12]


def read_label_file(path: Path) -> LabelSet:
    """The labels of a file.

    Raises:
        DatasetError: it can't be read, is not UTF-8, is empty, or a line of it can't be used; the message names it.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DatasetError(f"{path} can't be read ({error.strerror}); {_EXPECTED}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not UTF-8 (byte {error.start}); save it as text in UTF-8") from error
    return parse_labels(text, str(path))


def parse_labels(text: str, source: str) -> LabelSet:
    """The labels of ``text``; ``source`` is named in messages.

    Raises:
        DatasetError: as :func:`read_label_file`.
    """
    labels: dict[str, LabelWords] = {}
    lines: dict[str, int] = {}
    templates: list[str] = []
    group = ""
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{source}, line {number}"
        kind, value = _directive(line)
        if kind == "group":
            group = value
        elif kind == "template":
            templates.append(_template(value, where))
        elif line.strip() and not line.lstrip().startswith("#"):
            label = _label(line, group, where)
            key = label.name.casefold()
            if key in labels:
                raise DatasetError(
                    f"{where}: the label {label.name!r} stands in line {lines[key]} too; keep one of them"
                )
            labels[key], lines[key] = label, number
    if not labels:
        raise DatasetError(f"{source} holds no labels; {_EXPECTED}")
    if len(labels) > _LABELS_MOST:
        raise DatasetError(f"{source} holds {len(labels):,} labels, expected at most {_LABELS_MOST:,}; use fewer")
    return LabelSet(tuple(labels.values()), tuple(templates))


def _directive(line: str) -> tuple[str, str]:
    if not line.lstrip().startswith("#"):
        return "", ""
    kind, colon, value = line.lstrip(" #\t").partition(":")
    return (kind.strip().lower(), value.strip()) if colon else ("", "")


def _template(value: str, where: str) -> str:
    if value.count("{}") != 1 or value.replace("{}", "").count("{") or value.replace("{}", "").count("}"):
        raise DatasetError(f"{where}: the template is {value!r}, expected {{}} in it once, as in: a photo of a {{}}")
    return value


def _label(line: str, group: str, where: str) -> LabelWords:
    words = [" ".join(word.split()) for word in line.split("|")]
    if not all(words):
        raise DatasetError(f"{where}: a label or another word for it is empty; write: label | other word | other word")
    if any(len(word) > _LETTERS_MOST or not word.isprintable() for word in words):
        raise DatasetError(f"{where}: a label is longer than {_LETTERS_MOST} letters or can't be printed; shorten it")
    return LabelWords(words[0], tuple(dict.fromkeys(words)), group)
