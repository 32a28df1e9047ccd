"""Words and numbers for people."""

from __future__ import annotations

__all__ = ["clock", "duration", "megabytes", "plural", "span"]


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
