"""Words and numbers for people."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["beside", "clock", "duration", "megabytes", "plural", "span"]


def plural(count: int, noun: str) -> str:
    """``1 file``, ``2 files``, ``1,000 files``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def clock(seconds: float) -> str:
    """A time in a video: ``0:07``, ``12:03``, ``1:02:03``."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def span(start_seconds: float, end_seconds: float) -> str:
    """A moment: ``0:07-0:12``."""
    return f"{clock(start_seconds)}\N{EN DASH}{clock(end_seconds)}"


def duration(seconds: float) -> str:
    """Time left: ``12 s``, ``3 min``, ``2 h 05 min``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def megabytes(size_bytes: int) -> str:
    """``18.8 MB``, in units of a million bytes."""
    return f"{size_bytes / 1e6:,.1f} MB"


_SUFFIXES_SHOWN = 5


def beside(others: Mapping[str, int], hidden: int) -> str:
    """What is no media by its name: ``12 other files (8 .txt, 4 without a suffix), 1 hidden name passed over``."""
    names = {"": "without a suffix", "*": "of rarer suffixes"}
    shown = sorted(others.items(), key=lambda item: -item[1])
    listed = [f"{count:,} {names.get(suffix, suffix)}" for suffix, count in shown[:_SUFFIXES_SHOWN]]
    if len(shown) > _SUFFIXES_SHOWN:
        listed.append(f"{sum(count for _, count in shown[_SUFFIXES_SHOWN:]):,} more")
    told = [f"{plural(sum(others.values()), 'other file')} ({', '.join(listed)})"] if others else []
    return ", ".join([*told, *([f"{plural(hidden, 'hidden name')} passed over"] if hidden else [])])
