"""The frame of the library tab; the page's script fills it from the programming interface."""

from __future__ import annotations

from html import escape

__all__ = ["library_markup"]


_JOB = (
    '<div class="vidi-job" role="group" aria-label="Index job" tabindex="-1">'
    '<p class="vidi-job-state" role="status"></p>'
    '<progress aria-label="Files that are done" hidden></progress><p class="vidi-progress"></p>'
    '<p class="vidi-job-report"></p><p class="vidi-job-error" role="alert"></p><div class="vidi-job-notices"></div>'
    '<ul class="vidi-failures" aria-label="Files that failed"></ul>'
    '<button type="button" class="vidi-button vidi-job-stop" hidden>Stop</button>'
    '<button type="button" class="vidi-button vidi-job-continue" hidden>Continue</button></div>'
)
"""What changes in it as the job goes on is text alone: a button that is drawn anew under a finger isn't pressed."""
_FAILED = (
    '<section class="vidi-panel vidi-failed" hidden><h3></h3><ul class="vidi-failures" aria-label="What failed"></ul>'
    '<button type="button" class="vidi-button vidi-again">Try again</button></section>'
)


def library_markup(allowed: str) -> str:
    """HTML. ``allowed``: the folders below which one may be added, in one line.

    The button waits for the script: a browser would send the form by itself, and lose what was typed.
    """
    return (
        '<section class="vidi-panel" aria-label="Add a folder"><h3>Add a folder</h3>'
        '<form class="vidi-add"><input type="text" name="path" placeholder="/home/me/Pictures" '
        'aria-label="Path of a folder on this machine" autocomplete="off" spellcheck="false">'
        '<button type="submit" class="vidi-button" disabled>Index</button></form>'
        f'<p class="vidi-quiet">With all below it. Allowed: {escape(allowed)}. Originals are only read.</p>'
        f'<p class="vidi-add-told" role="alert"></p>{_JOB}</section>{_FAILED}'
        '<section class="vidi-panel"><h3>What is indexed</h3><div class="vidi-holds"></div>'
        '<div class="vidi-spaces"></div><p class="vidi-space-told" role="status"></p></section>'
        '<section class="vidi-panel"><h3>Models</h3><div class="vidi-models"></div>'
        '<p class="vidi-quiet">Any model of open_clip is a space beside these: <code>vidi index FOLDER --space '
        "open_clip/MODEL/WEIGHTS</code> fetches it. What is indexed in several spaces is searched in the one chosen "
        "above.</p></section>"
    )
