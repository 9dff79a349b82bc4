"""The doctor: what a profile's data can do, told before hours are spent.

It looks closer than :mod:`hiero_lib.doctor.audit`, whose rows it takes over: every feature file's header (all broken
ones are named, not only the first), values of a sample of files (or of all), the length of features against the
duration that annotations state, the coverage of every benchmark, and so which of them can run.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import ConfigError, known
from hiero_lib.base.files import visible
from hiero_lib.config import Profile, profile_options
from hiero_lib.data.feature_survey import SurveyedStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.doctor import audit as audits
from hiero_lib.doctor import checks
from hiero_lib.doctor.audit import AuditRow, audit, audited
from hiero_lib.sources.download.manifest import load_manifest

_TEXT = (audits.TEXT, audits.TEXT_WEIGHTS)
_METHODS = (*_TEXT, audits.PROJECTION)  # what `open_methods` reads, where the profile names it
_FEATURES = (audits.FEATURES, checks.VALUES)


@dataclass(frozen=True)
class Need:
    """A benchmark by its notebook and what it cannot do without; ``texts``: a frozen text encoder is asked."""

    notebook: str
    rows: tuple[str, ...]
    texts: bool = True


# By the names of the commands; thread_recovery is left out, for real data have no truth.
NEEDS = {
    "train": Need("01", (*_FEATURES, audits.EGOCLIP, *_TEXT)),
    "egomcq": Need("02", (*_FEATURES, audits.EGOMCQ, *_METHODS)),
    "egonlq": Need("03", (*_FEATURES, checks.NLQ_TRAIN, checks.NLQ_VAL, *_METHODS)),
    "egoprocel": Need("04", (checks.EGOPROCEL, *_METHODS), texts=False),
    "goalstep": Need("05", (*_FEATURES, checks.STEPS_QUERIES, checks.STEPS_GROUPS, *_METHODS)),
    "step_localization": Need("05", (*_FEATURES, checks.STEPS_VAL, *_METHODS)),
    "explorer": Need("06", (*_FEATURES, *_METHODS)),
}


@dataclass(frozen=True)
class Ability:
    """Whether a benchmark can run, with what, and what it lacks."""

    name: str
    notebook: str
    can_run: bool
    methods: tuple[str, ...]
    lacks: tuple[str, ...]


@dataclass(frozen=True)
class Diagnosis:
    """What the examination brought."""

    profile: str
    data_root: str
    rows: tuple[AuditRow, ...]
    abilities: tuple[Ability, ...]
    segments: dict[str, int] = field(default_factory=dict)  # of the videos that each benchmark reads

    @property
    def healthy(self) -> bool:
        """Whether everything that was asked for can run."""
        return all(ability.can_run for ability in self.abilities)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dataclasses.asdict(self) | {"healthy": self.healthy}


def examine(profile: Profile, what: Sequence[str] = (), *, deep: bool = False) -> Diagnosis:
    """Look at everything that ``what`` needs (names of :data:`NEEDS`; all of them when empty).

    Args:
        profile: its settings.
        what: benchmarks.
        deep: read the values of all feature files, not of a sample.

    Raises:
        ConfigError: there is no such benchmark.
    """
    for name in what:
        if name not in NEEDS:
            raise ConfigError("there is no such benchmark", value=name, hint=known(name, NEEDS))
    wanted = list(what) or list(NEEDS)
    needed = {title for name in wanted for title in NEEDS[name].rows} | {audits.PROJECTION, checks.DURATIONS}
    paths = DataPaths.at(profile.data_root)
    folder, store = paths.features(profile.features.folder), None
    if folder.is_dir():
        store = SurveyedStore(folder, dim=profile.features.dim, kept_in=paths.surveys)
    rows = [row for row in audit(profile, store) if row.what in needed or row.what.startswith("truth")]
    if store is not None:
        rows = [checks.features_row(row, store) if row.what == audits.FEATURES else row for row in rows]
        rows.append(audited(checks.VALUES, folder, lambda: checks.values(store, deep)))
        if paths.egoclip.is_file():
            rows.append(checks.durations_row(profile, store, paths.egoclip))
    rows += checks.benchmark_rows(profile, paths, store, needed)
    rows = [row for row in rows if row.what in needed or row.what.startswith("truth")]
    rows = [_with_hint(row, paths.root, profile) for row in rows]
    abilities = tuple(_ability(name, rows, profile, paths) for name in wanted)
    return Diagnosis(profile.name, str(paths.root), tuple(rows), abilities, checks.segments(store, profile, paths))


def _with_hint(row: AuditRow, root: Path, profile: Profile) -> AuditRow:
    """Name the item of the manifest that fills a missing place."""
    if row.status != "missing or unusable" or Path(row.where).is_file():
        return row
    if profile.is_sample:
        first = row.what == audits.FEATURES and not Path(row.where).exists()
        return dataclasses.replace(row, details=f"{row.details}. {audits.how_to_get(profile)}") if first else row
    items = [item for item in load_manifest().items.values() if item.instead_of is None]
    exact = [item.id for item in items if root / item.target == Path(row.where)]
    if not exact and Path(row.where).name.startswith("nlq"):
        exact = ["nlq"]
    if row.what == checks.EGOPROCEL:
        exact = ["egoprocel"]  # labels and features
    if not exact:
        return row
    command = shlex.join(["python", "-m", "hiero_lib", "download", exact[0], *profile_options(profile)])
    return dataclasses.replace(row, details=f"{row.details}. Fetch it: {command}")


def _ability(name: str, rows: Sequence[AuditRow], profile: Profile, paths: DataPaths) -> Ability:
    by_name = {row.what: row for row in rows}
    named = {audits.TEXT_WEIGHTS: profile.text.weights, audits.PROJECTION: profile.features.text_projection}
    lacks = []
    unasked = _TEXT if profile.text.frozen and not NEEDS[name].texts else ()
    for title in NEEDS[name].rows:
        if named.get(title, title) is None or title in unasked:
            continue
        row = by_name.get(title)
        if (row is None and title != checks.VALUES) or (row is not None and row.status == "missing or unusable"):
            lacks.append(title)
    methods = []
    if name == "train":
        return Ability(name, NEEDS[name].notebook, not lacks, (), tuple(lacks))
    if profile.features.text_projection is not None or name in ("egonlq", "egoprocel", "explorer"):
        methods.append("untrained features")
    methods.append("models trained by notebook 01")
    methods += [path.name for path in visible(paths.root / "pretrained", "hiero_*.pth")]
    return Ability(name, NEEDS[name].notebook, not lacks, () if lacks else tuple(methods), tuple(lacks))


def report(diagnosis: Diagnosis, *, width: int = 118) -> str:
    """The diagnosis for people, in lines of at most ``width`` characters."""
    marks = {"found": "good", "doubtful": "look", "fetched when used": "later", "missing or unusable": "LACKS"}
    lines = [f"profile {diagnosis.profile}, data in {diagnosis.data_root}", ""]
    for row in diagnosis.rows:
        said, get_it, command = re.split(r"((?:Fetch|Make) it: |$)", " ".join(row.details.split()), maxsplit=1)
        lines += textwrap.wrap(
            f"{marks[row.status]:5} {row.what}: {said}{get_it}",
            width=width,
            subsequent_indent=" " * 6,
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines += [f"      {command}"] if command else []  # unbroken, to be copied
    lines += ["", *_all_at_once(diagnosis.rows)]
    for ability in diagnosis.abilities:
        verdict = " with ".join(["runs", *filter(None, [", ".join(ability.methods)])])
        if not ability.can_run:
            verdict = f"CANNOT RUN: lacks {', '.join(ability.lacks)}"
        lines.append(f"{ability.name:18} (notebook {ability.notebook}) {verdict}")
    return "\n".join(lines)


def _all_at_once(rows: Sequence[AuditRow]) -> list[str]:
    """The one command that fetches what several rows name commands for; nothing for one or none."""
    command = re.compile(r" hiero_lib download (\S+) (.+)")
    named = [found.groups() for row in rows if (found := command.search(row.details))]
    items = list(dict.fromkeys(item for item, _ in named))
    return [f"fetch all of it: python -m hiero_lib download {' '.join(items)} {named[0][1]}", ""] if items[1:] else []
