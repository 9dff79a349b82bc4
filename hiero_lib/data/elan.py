"""Annotations of ELAN: its files (``.eaf``, EAF 2.x and 3.0), and its export "as tab-delimited text" (``.txt``).

An annotation has two time slots, or refers to one of its parent tier: then it has that one's time, or its share of it
where several follow each other (symbolic subdivision). Slots without a time lie evenly between those around them, as
ELAN shows them. All times are the video's: ELAN's and the offset of its media. (https://www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0_and_ELAN.pdf)
"""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from hiero_lib.base.errors import DataError

_DEEPEST = 50  # elements in one another; EAF has 5
_MS = re.compile(r"[0-9]{1,15}")
_CLOCK = re.compile(r"([0-9]{1,6}):([0-5][0-9]):([0-5][0-9])\.([0-9]{3})")  # hh:mm:ss.ms of the export
_UNITS = ("hh:mm:ss.ms", "ss.msec", "msec")
_ABOUT = re.compile(r"(?:Begin Time|End Time|Duration) - .*|Tier|Participant|Annotator|(?:Source|File|Media)\b.*|")

Times = tuple[float, float]  # milliseconds


@dataclass(frozen=True)
class Annotation:
    """A text with its time in whole or interpolated milliseconds."""

    start_ms: float
    end_ms: float
    text: str


@dataclass(frozen=True)
class Tier:
    """A tier in the order of its file.

    Attributes:
        name: its id. parent: that of the tier it depends on, or None.
        annotations: those that have a time.
        untimed: how many have none, and none around them to take it from.
    """

    name: str
    parent: str | None
    annotations: tuple[Annotation, ...]
    untimed: int = 0


def read_eaf(path: str | Path) -> list[Tier]:
    """The tiers of an ``.eaf`` file.

    Raises:
        DataError: it cannot be read as XML, declares a document type (entities are never read), is no EAF, or an id
            is missing or there twice, a time is none or ends before it starts, or its media have several offsets.
            Names the tier and the annotation.
    """
    path = Path(path)
    root = _parsed(path)
    units = next((header.get("TIME_UNITS") for header in root.iter("HEADER")), None) or "milliseconds"
    if units != "milliseconds":
        raise DataError("times in milliseconds are expected", file=path, field="TIME_UNITS", value=units)
    origin = _origin(root, path)
    slots: dict[str, float | None] = {}
    for slot in root.findall("TIME_ORDER/TIME_SLOT"):
        name, value = slot.get("TIME_SLOT_ID", ""), slot.get("TIME_VALUE")
        if name in slots:
            raise DataError("the time slot is there twice", file=path, field=name)
        if value is not None and not _MS.fullmatch(value):
            raise DataError("not a time in milliseconds", file=path, field=name, value=value)
        slots[name] = None if value is None else float(value) + origin
    tiers = root.findall("TIER")
    names = [tier.get("TIER_ID", "") for tier in tiers]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DataError("the tier is there twice", file=path, field="TIER_ID", value=twice)
    times: dict[str, Times | None] = {}
    for tier in tiers:
        times |= _aligned(tier, slots, path)
    _refer(tiers, times, path)
    return [_tier(tier, times, path) for tier in tiers]


def _origin(root: ET.Element, path: Path) -> float:
    """Milliseconds of the video at ELAN's zero: its offset, where media were brought to one time."""
    given = {media.get("TIME_ORIGIN") or "0" for media in root.iterfind("HEADER/MEDIA_DESCRIPTOR")}
    if odd := sorted(value for value in given if not _MS.fullmatch(value)):
        raise DataError("not an offset in milliseconds", file=path, field="TIME_ORIGIN", value=odd[0][:40])
    if len(given) > 1:
        hint = 'Export it as tab-delimited text with the offset of this video ("add master media offset")'
        value = ", ".join(sorted(given))[:80]
        raise DataError(
            "media of several offsets: whose times?", file=path, field="TIME_ORIGIN", value=value, hint=hint
        )
    return float(given.pop()) if given else 0.0


def _parsed(path: Path) -> ET.Element:
    """The root of an XML file without a document type."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"the file cannot be opened ({error.strerror})", file=path) from error
    inside: list[str] = []

    def refuse(name: str, *_: object) -> None:
        raise DataError("refused: a document type, whose entities are never read", file=path, field=name)

    def start(name: str, _: object) -> None:
        inside.append(name)
        if len(inside) > _DEEPEST:
            raise DataError("elements are nested too deeply for an EAF", file=path, field=name)

    def end(_: str) -> None:
        inside.pop()

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(raw, True)
        root = ET.fromstring(raw)
    except (expat.ExpatError, ET.ParseError, LookupError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"not readable as XML ({error})", file=path) from error
    if root.tag != "ANNOTATION_DOCUMENT":
        raise DataError("not a file of ELAN", file=path, field="root element", value=root.tag)
    return root


def _aligned(tier: ET.Element, slots: Mapping[str, float | None], path: Path) -> dict[str, Times | None]:
    """Times of a tier's annotations that have time slots, by their ids; slots without a time between others'."""
    pairs: list[tuple[str, str, str]] = []
    for annotation in tier.iterfind("ANNOTATION/ALIGNABLE_ANNOTATION"):
        names = [annotation.get(name, "") for name in ("ANNOTATION_ID", "TIME_SLOT_REF1", "TIME_SLOT_REF2")]
        for name in names[1:]:
            if name not in slots:
                raise DataError("there is no such time slot", file=path, field=_at(tier, names[0]), value=name)
        pairs.append((names[0], names[1], names[2]))
    chain = [name for name, _ in itertools.groupby(name for _, *both in pairs for name in both)]
    known = {name: time for name in chain if (time := slots[name]) is not None}
    timed = [place for place, name in enumerate(chain) if name in known]
    for before, after in itertools.pairwise(timed):
        first, step = known[chain[before]], (known[chain[after]] - known[chain[before]]) / (after - before)
        if step < 0:  # not in the order of time: nothing is between them
            continue
        for place in range(before + 1, after):
            known.setdefault(chain[place], first + step * (place - before))
    found: dict[str, Times | None] = {}
    for name, start, end in pairs:
        if name in found:
            raise DataError("the annotation is there twice", file=path, field=_at(tier, name))
        found[name] = (known[start], known[end]) if start in known and end in known else None
        if found[name] is not None and known[end] < known[start]:
            value = f"{known[start]:.0f} to {known[end]:.0f} ms"
            raise DataError("the annotation ends before it starts", file=path, field=_at(tier, name), value=value)
    return found


def _refer(tiers: Sequence[ET.Element], times: dict[str, Times | None], path: Path) -> None:
    """Add the times of annotations that refer to others: parents first, siblings in the order of their tier."""
    waiting: dict[str, list[list[str]]] = {}  # by the id referred to: chains of ids
    for tier in tiers:
        for parent, chains in _chains(tier, path).items():
            waiting.setdefault(parent, []).extend(chains)
    ready = [parent for parent in waiting if parent in times]
    while ready:
        parent = ready.pop()
        span = times[parent]
        for chain in waiting.pop(parent):
            for number, name in enumerate(chain):
                if name in times:
                    raise DataError("the annotation is there twice", file=path, field=name)
                times[name] = None
                if span is not None:
                    step = (span[1] - span[0]) / len(chain)
                    times[name] = span[0] + step * number, span[0] + step * (number + 1)
                ready += [name] if name in waiting else []
    if waiting:
        parent, chains = next(iter(waiting.items()))
        problem = "it refers to an annotation that is not there, or to itself"
        raise DataError(problem, file=path, field=chains[0][0], value=parent)


def _chains(tier: ET.Element, path: Path) -> dict[str, list[list[str]]]:
    """A tier's annotations that refer to others, by the id referred to; those that follow each other in one list."""
    parents: dict[str, str] = {}
    following: dict[str, str] = {}
    heads: list[str] = []
    for annotation in tier.iterfind("ANNOTATION/REF_ANNOTATION"):
        name, before = annotation.get("ANNOTATION_ID", ""), annotation.get("PREVIOUS_ANNOTATION")
        if name in parents or (before and before in following):
            raise DataError("the annotation, or its place, is there twice", file=path, field=_at(tier, name))
        parents[name] = annotation.get("ANNOTATION_REF", "")
        if before:
            following[before] = name
        else:
            heads.append(name)
    found: dict[str, list[list[str]]] = {}
    for head in heads:
        chain = [head]
        while chain[-1] in following:
            chain.append(following.pop(chain[-1]))
        found.setdefault(parents[head], []).append(chain)
    if following:
        name = next(iter(following.values()))
        raise DataError("the annotation before it is not there", file=path, field=_at(tier, name))
    return found


def _tier(tier: ET.Element, times: Mapping[str, Times | None], path: Path) -> Tier:
    told, untimed = [], 0
    for annotation in tier.iterfind("ANNOTATION/*"):
        span = times.get(annotation.get("ANNOTATION_ID", ""))
        if annotation.tag not in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION"):
            raise DataError("not an annotation", file=path, field=_at(tier, ""), value=annotation.tag)
        if span is None:
            untimed += 1
        else:
            told.append(Annotation(*span, annotation.findtext("ANNOTATION_VALUE") or ""))
    return Tier(tier.get("TIER_ID", ""), tier.get("PARENT_REF"), tuple(told), untimed)


def _at(tier: ET.Element, annotation: str) -> str:
    return f"tier {tier.get('TIER_ID', '')}, {annotation}"


def read_elan_table(text: str, path: Path) -> list[Tier]:
    """The tiers of a tab-delimited export, with or without a line of column names.

    Without names, begin and end must be there in ``hh:mm:ss.ms``; the first column is the tier, the last the text,
    and no other text may stand behind the times (a file's path).
    With "separate column for each tier" a column is a tier.

    Raises:
        DataError: no such columns, a row of another width, or a time that is none; names the line.
    """
    rows = [(number, line.split("\t")) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not rows:
        raise DataError("the file is empty", file=path)
    columns = _columns(rows[0][1], path)
    found: dict[str, list[Annotation]] = {}
    for number, cells in rows[columns.named :]:
        if len(cells) != len(rows[0][1]):
            problem = f"{len(cells)} cells where there are {len(rows[0][1])} columns"
            raise DataError(problem, file=path, field=f"line {number}", value="\t".join(cells)[:80])
        start_ms, end_ms = (_ms_of(cells[column], columns.unit) for column in (columns.begin, columns.end))
        if start_ms is None or end_ms is None or end_ms < start_ms:
            value = f"{cells[columns.begin]}, {cells[columns.end]}"[:80]
            raise DataError("not a time", file=path, field=f"line {number}", value=value)
        for column, name in columns.texts.items():
            if columns.tier is not None:
                name = cells[columns.tier]
            elif not cells[column].strip() and len(columns.texts) > 1:
                continue
            found.setdefault(name, []).append(Annotation(start_ms, end_ms, cells[column]))
    return [Tier(name, None, tuple(annotations)) for name, annotations in found.items()]


@dataclass(frozen=True)
class _Columns:
    """Where an export has what; ``tier`` is None where each of ``texts`` (names by column) is a tier."""

    named: bool
    begin: int
    end: int
    unit: str
    tier: int | None
    texts: dict[int, str]


def _columns(first: Sequence[str], path: Path) -> _Columns:
    clocks = [column for column, cell in enumerate(first) if _CLOCK.fullmatch(cell.strip())]
    if len(clocks) >= 2:
        last = len(first) - 1
        behind = [cell for cell in first[clocks[-1] + 1 :] if not re.fullmatch(r"\s*[0-9.]*\s*", cell)]
        if len(behind) > 1:
            problem, hint = "several columns of text, without names", "Export it with column names"
            value = ", ".join(behind)[:80]
            raise DataError(problem, file=path, field="line 1", value=value, hint=hint)
        return _Columns(False, clocks[0], clocks[1], _UNITS[0], 0 if clocks[0] else None, {last: ""})
    names = [name.strip() for name in first]
    if twice := next((name for name in names if name and names.count(name) > 1), None):
        raise DataError("the column occurs twice", file=path, field="line 1", value=twice)
    for unit in _UNITS:
        begin, end = f"Begin Time - {unit}", f"End Time - {unit}"
        texts = {column: name for column, name in enumerate(names) if not _ABOUT.fullmatch(name)}
        tier = names.index("Tier") if "Tier" in names else None
        if begin in names and end in names and texts and (tier is None or len(texts) == 1):
            return _Columns(True, names.index(begin), names.index(end), unit, tier, texts)
    raise DataError(
        "not ELAN's tab-delimited export: begin, end and text are needed",
        file=path,
        field="line 1",
        value="\t".join(first)[:80],
        hint="Export it with begin and end time in hh:mm:ss.ms",
    )


def _ms_of(cell: str, unit: str) -> float | None:
    """Milliseconds of a cell in one of ``_UNITS``; None where it is no time."""
    cell = cell.strip()
    if unit == _UNITS[0]:
        match = _CLOCK.fullmatch(cell)
        if match is None:
            return None
        hours, minutes, seconds, ms = map(int, match.groups())
        return float(((hours * 60 + minutes) * 60 + seconds) * 1000 + ms)
    if re.fullmatch(r"[0-9]{1,12}(?:\.[0-9]{1,12})?", cell) is None:
        return None
    return float(cell) * (1000 if unit == _UNITS[1] else 1)
