"""One index run: look at the roots, work on what is missing, bring the vector index up to date."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from indexer.companions import FoundPair, sidecars_at
from indexer.describe import describe_silent_assets
from indexer.job import Job
from indexer.meter import Meter
from indexer.pairs import pair_files
from indexer.reembed import embed_from_tracks
from indexer.report import IndexReport, ProgressCallback
from indexer.sidecars import read_sidecars
from indexer.survey import Survey
from indexer.territory import Territory
from indexer.windows import embed_windows, index_windows, needs_of, spaces_of
from indexer.work import Work
from retrieval.errors import LibraryError, ModelError
from retrieval.experts.expert import FrameExpert
from retrieval.experts.foreign import foreign_experts
from retrieval.experts.over_time import TimeExpert, title_of
from retrieval.experts.registry import AbsentExpert, Experts, loaded, time_experts
from retrieval.media.kinds import kind_of
from retrieval.media.pieces import Stream
from retrieval.models.whisper import PACKAGED_WHISPER
from retrieval.models.whisper_files import lasting_name
from retrieval.paths import display_of
from retrieval.search.default_space import default_space
from retrieval.search.tuning import tuning_queries
from retrieval.settings import Settings, library_path
from retrieval.spaces.experts import expert_of
from retrieval.spaces.mmt import MmtSpace
from retrieval.spaces.registry import DEFAULT_SPACE, get_space
from retrieval.spaces.space import Space
from retrieval.store.arrears import experts_in_arrears
from retrieval.store.catalog import Catalog, SpaceRow
from retrieval.store.database import CATALOG_NAME
from retrieval.store.descriptions import fill_text_index
from retrieval.store.expert_failures import forgive_experts
from retrieval.store.index_updates import update_index
from retrieval.store.intake import Intake
from retrieval.store.looks import Looks
from retrieval.store.lost_tracks import damaged_tracks, lost_tracks
from retrieval.store.parts import Parts
from retrieval.store.sweep import sweep_orphans
from retrieval.store.timed_texts import forget_tracks_without_words
from retrieval.types import TextSource

__all__ = ["Session", "absolute", "index", "named_roots"]

MEDIA_VERSION = "1"
"""Raised when our own decoding, or the choice of frames, changes: permanent failures are tried again then."""
_DECODERS = ("pillow", "av", "pillow-heif", "rawpy")
"""The last two are optional: what failed for want of one is tried again once it is there."""


def _ignore(_line: str) -> None:
    """The default for callers that want no notices."""


def index(
    paths: Iterable[str | os.PathLike[str]],
    library: str | os.PathLike[str] | None = None,
    *,
    space: str | None = None,
    retry_failed: bool = False,
    rehash: bool = False,
    settings: Settings | None = None,
    progress: ProgressCallback | None = None,
    notice: Callable[[str], None] = _ignore,
) -> IndexReport:
    """Index pictures, videos and sounds under ``paths`` into ``library`` (default: the platform's).

    ``space`` is the one to embed into: by default the one that a search of the library takes; in a new one that is the
    starter. Only what is missing is done: running again continues. A file that can't be used is recorded with its
    reason, and the run goes on. ``notice`` receives plain lines about what was passed over; ``progress`` at most ten
    states a second. Stopped by Ctrl-C, the run commits what is finished and reports ``interrupted``.

    Raises:
        LibraryError: none of ``paths`` can be found, or the library can't be used.
        LibraryBusyError: another process writes to it.
        UnknownSpaceError: no space is called ``space``.
    """
    roots = named_roots(paths)
    session = Session(library, space=space, settings=settings, progress=progress, notice=notice)
    return session.run(roots, retry_failed=retry_failed, rehash=rehash)


class Session:
    """Run after run over one library with the models that the first one loaded. Between runs it holds no lock."""

    def __init__(
        self,
        library: str | os.PathLike[str] | None = None,
        *,
        space: str | None = None,
        settings: Settings | None = None,
        progress: ProgressCallback | None = None,
        notice: Callable[[str], None] = _ignore,
    ) -> None:
        """Opens nothing yet. ``space``: by default the one that a search of the library takes, else the starter.

        Raises:
            UnknownSpaceError: no space is called ``space``.
            UsageError: the settings name an expert's model in no known form.
            ModelError: the Whisper model or an expert's model that they name can't be had.
        """
        self.library = library_path(library)
        self.territory = Territory()
        """The folders that were seen since the last run over whole roots began."""
        found, kept = _choices(self.library)
        chosen = get_space(space or found)
        self._space, self._windows = spaces_of(chosen)
        self._expert = expert_of(self._space)
        settings = settings or Settings()
        foreign = foreign_experts(settings.index.expert_models)
        for expert in foreign:
            expert.load()  # somebody asked for it: what is wrong with it is told now, not after hours
        self._whisper = settings.index.whisper_model
        self._kept_whisper = kept
        self._foreign = foreign
        self._asked = settings.index.experts
        here = time_experts(whisper_model=self._whisper) if self._whisper else _hearing_by(kept)
        self._time_experts = self._chosen_of(here)
        if isinstance(chosen, MmtSpace):
            for line in needs_of(chosen, self._time_experts.present):
                notice(line)
        self._settings = replace(settings, sampling=replace(settings.sampling, form=self._expert.form))
        self._progress = progress
        self._notice = notice

    def run(
        self,
        roots: Sequence[bytes],
        *,
        retry_failed: bool = False,
        rehash: bool = False,
        hold: Container[bytes] = frozenset(),
    ) -> IndexReport:
        """Look at all of ``roots`` but the files in ``hold``, and do what is missing; see :func:`index`.

        Raises:
            LibraryError: the library can't be used.
            LibraryBusyError: another process writes to it.
        """
        self.territory = Territory()
        return self._run(roots, None, hold, retry=retry_failed, rehash=rehash)

    def run_places(
        self, roots: Sequence[bytes], places: Sequence[bytes], *, hold: Container[bytes] = frozenset()
    ) -> IndexReport:
        """Look only at ``places``, files and folders at or below ``roots`` of which some may be gone by now.

        Raises:
            LibraryError: the library can't be used.
            LibraryBusyError: another process writes to it.
        """
        return self._run(roots, places, hold, retry=False, rehash=False)

    def _run(
        self,
        roots: Sequence[bytes],
        places: Sequence[bytes] | None,
        hold: Container[bytes],
        *,
        retry: bool,
        rehash: bool,
    ) -> IndexReport:
        started = time.monotonic()
        report = IndexReport()

        def note(line: str) -> None:
            report.notices.append(line)
            self._notice(line)

        space = self._space
        with Catalog(self.library, create=True) as catalog, catalog.lock():
            self._hear_as_chosen(catalog)
            if places is None:
                sweep_orphans(catalog)
                asked = [(expert.name, expert.version) for expert in self._time_experts.present]
                forgive_experts(catalog, roots, asked, _tried_with(self._settings), retry=retry)
            row = catalog.space(space.name, space.version, space.dim, normalized=space.normalized)
            fill_text_index(catalog)
            experts = _loadable(self._time_experts, catalog, note)
            job = _job(catalog, space, row, self._expert, experts, self._settings, note)
            survey = Survey(job.intake, Looks(catalog), report, note, hold)
            with _interruptible(report):
                with _interruptible(report):
                    if places is None:
                        self._work_on_roots(job, survey, report, roots, retry=retry, rehash=rehash)
                    else:
                        self._work_on_places(job, survey, report, roots, places)
                    embed_windows(job, self._windows, report)
                report.accounts = survey.accounts()
                # Stopped here, it lacks what is added from the catalog on opening.
                update_index(
                    catalog, row, note, if_worthwhile=places is not None, queries=lambda: tuning_queries(space)
                )
                index_windows(job, self._windows, if_worthwhile=places is not None)
        report.elapsed_seconds = round(time.monotonic() - started, 3)
        return report

    def _hear_as_chosen(self, catalog: Catalog) -> None:
        """Have the library keep the Whisper model that was named for this session; after that go on with the one that
        it keeps, for another process may have named another."""
        if self._whisper is not None:
            is_packaged = self._whisper == PACKAGED_WHISPER
            catalog.choose_whisper_model(None if is_packaged else lasting_name(self._whisper))
            forget_tracks_without_words(catalog)
            self._whisper, self._kept_whisper = None, catalog.whisper_model
        elif catalog.whisper_model != self._kept_whisper:
            self._kept_whisper = catalog.whisper_model
            self._time_experts = self._chosen_of(_hearing_by(self._kept_whisper))

    def _chosen_of(self, here: Experts) -> Experts:
        """Those over time that this session asks: of vidi's own that are ``here``, and of others that were named."""
        both = Experts([*here.present, *self._foreign], here.absent)
        return _asked(_seeing(both, self._expert), self._asked)

    def _work_on_roots(
        self, job: Job, survey: Survey, report: IndexReport, roots: Sequence[bytes], *, retry: bool, rehash: bool
    ) -> None:
        """Look, embed what needs no decoding, decode the rest, and judge what is missing."""
        job.intake.add_roots(root for root in roots if os.path.lexists(root))
        survey.run(roots, library=job.library, territory=self.territory)
        look_for = damaged_tracks if rehash else lost_tracks
        for kept in (job.expert[1], *(expert.version for expert in job.time_experts)):
            job.intake.forget_tracks(list(look_for(job.catalog, kept, job.notice)))
        self._take_companions(job, survey, report, retry=retry)
        describe_silent_assets(job, roots, report)
        embed_from_tracks(job, self._expert, report)
        pending = self._pending(job, survey, roots, retry=retry)
        if rehash:
            known = set(pending) | survey.blocked | Parts(job.catalog).left_to_main(sorted(survey.seen))
            pending += sorted(file_id for file_id in survey.seen if file_id not in known)
        report.still_failed = 0 if retry or rehash else job.intake.failed_for_good(roots, job.tried_with)
        self._work(job, report, pending)
        self._work_on_parts(job, survey, report, roots, pending)
        embed_from_tracks(job, self._expert, report)  # of assets that came back with this run's files
        survey.mark_missing(roots)

    def _work_on_places(
        self, job: Job, survey: Survey, report: IndexReport, roots: Sequence[bytes], places: Sequence[bytes]
    ) -> None:
        """The same, where only some places below the roots have changed."""
        # What happened to a main file may make work of its parts, at which nothing changed.
        sidecars = list(sidecars_at(places))
        beside = {owner for sidecar in sidecars for owner in sidecar.owners} | Parts(job.catalog).paths_beside(places)
        there = [place for place in dict.fromkeys([*places, *sorted(beside)]) if _is_to_be_scanned(place)]
        survey.run(there, library=job.library, territory=self.territory, whole=False)
        survey.companions += [sidecar for sidecar in sidecars if os.path.lexists(sidecar.path)]
        self._take_companions(job, survey, report, retry=False)
        pending = self._pending(job, survey, there, retry=False)
        self._work(job, report, pending)
        self._work_on_parts(job, survey, report, there, pending)
        if survey.seen:
            embed_from_tracks(job, self._expert, report)
        survey.mark_missing(roots, places)

    @staticmethod
    def _pending(job: Job, survey: Survey, places: Sequence[bytes], *, retry: bool) -> list[int]:
        """Files with work left that this look has seen: one that is gone would only fail."""
        found = job.intake.pending(places, job.space_row, job.tried_with, retry=retry)
        return [file_id for file_id in found if file_id in survey.seen]

    @staticmethod
    def _take_companions(job: Job, survey: Survey, report: IndexReport, *, retry: bool) -> None:
        read_sidecars(job, survey.companions, survey.seen, report, retry=retry)
        pair_files(job, survey.companions, survey.seen)

    def _work_on_parts(
        self, job: Job, survey: Survey, report: IndexReport, places: Sequence[bytes], tried: Sequence[int]
    ) -> None:
        """Parts whose main file turned out in this run to be of no use are work for themselves."""
        if any(isinstance(found, FoundPair) for found in survey.companions):
            done = set(tried)
            pending = self._pending(job, survey, places, retry=False)
            self._work(job, report, [file_id for file_id in pending if file_id not in done])
            Parts(job.catalog).forgive(sorted(survey.seen))

    def _work(self, job: Job, report: IndexReport, pending: Sequence[int]) -> None:
        Work(job, self._expert, report, Meter(report, self._progress, len(pending))).run(pending)


def _is_to_be_scanned(place: bytes) -> bool:
    """Media by its name, or a folder; what is neither changes nothing, and what is gone is judged for itself."""
    return os.path.isdir(place) or (kind_of(place) is not None and os.path.lexists(place))


@contextmanager
def _interruptible(report: IndexReport) -> Iterator[None]:
    """Ctrl-C ends the block, and is reported."""
    try:
        yield
    except KeyboardInterrupt:
        report.interrupted = True


def named_roots(paths: Iterable[str | os.PathLike[str]]) -> list[bytes]:
    """The absolute paths that ``paths`` mean, with links left as they are.

    Raises:
        LibraryError: none of them can be found.
    """
    roots = absolute(paths)
    if not any(os.path.lexists(root) for root in roots):
        named = ", ".join(display_of(root) for root in roots) or "nothing"
        raise LibraryError(f"there is no file or folder to index: {named}; give a path that exists")
    return roots


def absolute(paths: Iterable[str | os.PathLike[str]]) -> list[bytes]:
    """The absolute paths that ``paths`` mean, with links left as they are; whether they exist is not asked.

    Raises:
        LibraryError: the working folder is gone, so that a relative path means nothing.
    """
    try:
        return [os.fsencode(os.path.abspath(os.path.expanduser(path))) for path in paths]
    except FileNotFoundError as error:
        raise LibraryError("the working folder is gone; change to one that exists") from error


def _choices(library: Path) -> tuple[str, str | None]:
    """The space that a search takes, and the Whisper model that the library keeps."""
    if not (library / CATALOG_NAME).exists():
        return DEFAULT_SPACE, None
    with Catalog(library) as catalog:
        return default_space(catalog), catalog.whisper_model


def _hearing_by(kept: str | None) -> Experts:
    """The experts over time, with the Whisper model that the library keeps; without speech where that can't be had:
    another would put its own words in the place of those that are there."""
    try:
        return time_experts(whisper_model=kept)
    except ModelError as error:
        why = f"{error}; or `vidi index --whisper {PACKAGED_WHISPER}` to go back to the one that comes with vidi"
    here, speech = time_experts(), TextSource.SPEECH.value
    absent = [expert for expert in here.absent if expert.name != speech]
    return Experts([each for each in here.present if each.name != speech], [*absent, AbsentExpert(speech, why)])


def _job(
    catalog: Catalog,
    space: Space,
    row: SpaceRow,
    expert: FrameExpert,
    experts: Experts,
    settings: Settings,
    note: Callable[[str], None],
) -> Job:
    def refresh() -> None:
        update_index(catalog, row, note, if_worthwhile=True)

    sampling = settings.sampling
    cut = (
        f"{MEDIA_VERSION}-{sampling.interval_seconds:g}-{sampling.longest_span_seconds:g}-{sampling.merge_difference:g}"
    )
    return Job(
        library=catalog.library,
        catalog=catalog,
        intake=Intake(catalog, ("frames", cut), [(each.name, each.version) for each in experts.present]),
        space=space,
        space_row=row,
        expert=(expert.name, f"{expert.version}+{cut}"),
        time_experts=experts.present,
        absent_experts=experts.absent,
        settings=settings,
        tried_with=_tried_with(settings),
        notice=note,
        update_index=refresh,
    )


def _loadable(experts: Experts, catalog: Catalog, note: Callable[[str], None]) -> Experts:
    """Without those that have known media to catch up with and can't load: it would be decoded for nothing."""
    in_arrears = experts_in_arrears(catalog, [(expert.name, expert.version) for expert in experts.present])
    here = loaded(experts, in_arrears)
    for broken in here.absent[len(experts.absent) :]:
        note(f"the {broken.name} expert is left out: {broken.reason}")
    return here


def _seeing(experts: Experts, frames: FrameExpert) -> Experts:
    """Without those of kept frames where a run decodes these in a form of its own: they would see something else."""
    if frames.form is None:
        return experts
    why = f"frames are decoded for {frames.name}, which sees them otherwise; `vidi index --space starter` asks it"
    blind = [expert for expert in experts.present if expert.stream is Stream.FRAMES]
    present = [expert for expert in experts.present if expert not in blind]
    return Experts(present, [*experts.absent, *(AbsentExpert(title_of(expert), why) for expert in blind)])


def _asked(experts: Experts, names: Sequence[str] | None) -> Experts:
    """Those of ``experts`` that the settings name; all if they name none."""
    if names is None:
        return experts
    present: list[TimeExpert] = [expert for expert in experts.present if expert.name in names]
    absent: list[AbsentExpert] = [expert for expert in experts.absent if expert.name in names]
    return Experts(present, absent)


def _tried_with(settings: Settings) -> str:
    """A permanent failure holds until this changes."""
    limits = hashlib.sha256(repr(settings.limits).encode()).hexdigest()[:8]
    decoders = ", ".join(f"{name} {_version(name)}" for name in _DECODERS)
    return f"{decoders}, media {MEDIA_VERSION}, limits {limits}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
