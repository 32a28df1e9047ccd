"""What the figures were measured on, and how repeated measurements are summed up."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

__all__ = ["describe_machine", "spread"]

_PACKAGES = ("torch", "onnxruntime", "faiss-gpu", "faiss-cpu", "pillow", "av", "numpy", "sqlalchemy")


def describe_machine() -> dict[str, Any]:
    """Processor, cores, memory, system, and the versions that matter."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[1], 1),  # of the last five minutes, the measurement's own work included
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: found for name in _PACKAGES if (found := _version(name))},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except ImportError:
        return None


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median with least and most: these machines are noisy."""
    return {
        "median": round(statistics.median(values), 4),
        "least": round(min(values), 4),
        "most": round(max(values), 4),
        "runs": len(values),
    }
