"""Tables of names go both ways and lose none."""

from __future__ import annotations

import pytest

from retrieval.models import cpvt, cvt, deit, vit
from retrieval.models.weight_names import NameTable

TABLES = {
    "ViT": vit.TIMM_NAMES,
    "DeiT": deit.TIMM_NAMES,
    "CPVT": cpvt.AUTHORS_NAMES,
    "CvT, transformers": cvt.TRANSFORMERS_NAMES,
    "CvT, authors": cvt.OFFICIAL_NAMES,
}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_pair_is_reversible(table: NameTable) -> None:
    assert len(set(table.pairs.values())) == len(table.pairs)
    for ours, theirs in table.pairs.items():
        assert ours.count("*") == theirs.count("*")
        ours, theirs = (f"{name.replace('*', '7', 1).replace('*', '12')}.weight" for name in (ours, theirs))
        assert table.theirs(ours) == theirs
        assert table.ours(theirs) == ours


def test_a_name_is_taken_whole() -> None:
    table = NameTable({"norm": "ln", "blocks.*.norm": "layer*.ln"})

    assert table.theirs("blocks.31.norm.bias") == "layer31.ln.bias"
    assert table.ours("layer31.ln.bias") == "blocks.31.norm.bias"
    assert table.theirs("norm") == "ln"
    for unknown in ("norms.bias", "blocks.x.norm.bias", "old.norm.bias", "norm.inner.bias"):
        assert table.theirs(unknown) is None
