"""`vidi status`: what is indexed, by which space, what failed and why."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from ui.wording import beside, megabytes, plural

if TYPE_CHECKING:
    from retrieval.library import LibraryStatus
    from retrieval.store.census import Census

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `vidi status`."""
    parser.add_argument("--failed", action="store_true", help="list every file that failed, and why")
    parser.add_argument("--json", action="store_true", help="print the status as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the library's state."""
    from retrieval.library import Library  # help must not wait for it

    with Library(arguments.library) as library:
        status = library.status()
    if arguments.json:
        print(json.dumps(status.to_json(), indent=2))
    else:
        print("\n".join(_failures(status) if arguments.failed else _summary(status)))
    return 0


def _summary(status: LibraryStatus) -> list[str]:
    census = status.census
    kinds = ", ".join(plural(count, kind.value) for kind, count in census.assets.items() if count) or "nothing yet"
    lines = [
        f"Library  {status.library}  ({megabytes(status.size_bytes)})",
        f"Content  {kinds}",
        f"Files    {census.files_present:,} present: {_sum_of(census)}; {census.files_missing:,} missing",
    ]
    if census.others or census.hidden:
        lines.append(f"Beside   {beside(census.others, census.hidden)}")
    searched = "; what a search takes" if len({space.name for space in census.spaces}) > 1 else ""
    for space in census.spaces:
        lines.append(
            f"Space    {space.name} ({space.version}): {plural(space.assets, 'asset')}, "
            f"{plural(space.vectors, 'vector')}{searched if space.name == status.default_space else ''}"
        )
    if status.whisper_model:
        lines.append(f"Speech   transcribed by {status.whisper_model}")
    if status.sounds_awaiting:
        lines.append(f"{plural(status.sounds_awaiting, 'sound')} found by words alone yet; run `vidi index` again.")
    if census.troubles:
        lines.append(f"{plural(len(census.troubles), 'place')} could not be looked into or judged.")
    if census.failed_sidecars:
        lines.append(f"{plural(len(census.failed_sidecars), 'sidecar')} could not be read.")
    if census.failed_experts:
        files = len({failed.path for failed in census.failed_experts})
        lines.append(f"Experts failed at {plural(files, 'file')}, which the others speak of.")
    if census.failures or census.troubles or census.failed_sidecars or census.failed_experts:
        lines.append("See why with `vidi status --failed`.")
    return lines


def _sum_of(census: Census) -> str:
    parts = f", {census.files_parts:,} parts of others" if census.files_parts else ""
    return (
        f"{census.files_indexed:,} indexed, {census.files_failed:,} failed, "
        f"{census.files_waiting:,} waiting to be indexed{parts}"
    )


def _failures(status: LibraryStatus) -> list[str]:
    """Places first, since what lies below them has no line of its own."""
    lines = [f"{trouble.display}\n    {trouble.reason}" for trouble in status.census.troubles]
    lines += [
        f"{failure.display}\n    {failure.reason}" + ("" if failure.permanent else " (tried again at the next run)")
        for failure in status.census.failures
    ]
    lines += [f"{failed.display}\n    {failed.reason}" for failed in status.census.failed_sidecars]
    lines += [
        f"{failed.display}\n    {failed.reason} (asked again with --retry-failed)"
        for failed in status.census.failed_experts
    ]
    return lines or ["No file has failed."]
