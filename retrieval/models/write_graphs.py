"""Writes the kept graphs: ``python -m retrieval.models.write_graphs``, after a change of a ``build_graph``."""

from __future__ import annotations

from pathlib import Path

from retrieval.models import bert, efficientnet_lite

__all__ = ["built_graphs", "write_graphs"]


def built_graphs() -> dict[str, bytes]:
    """The graphs as their builders make them, by name."""
    lite0 = efficientnet_lite.efficientnet_lite0()
    models = {
        "efficientnet_lite0": efficientnet_lite.build_graph(lite0),
        "efficientnet_lite0_map": efficientnet_lite.build_map_graph(lite0),
        "minilm_l6": bert.build_graph(bert.minilm_l6()),
    }
    return {name: model.SerializeToString(deterministic=True) for name, model in models.items()}


def write_graphs(folder: Path) -> None:
    """Writes each graph to ``folder/<name>.onnx``."""
    for name, content in built_graphs().items():
        (folder / f"{name}.onnx").write_bytes(content)


if __name__ == "__main__":
    write_graphs(Path(__file__).with_name("graphs"))
