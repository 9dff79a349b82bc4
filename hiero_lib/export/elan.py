"""ELAN's annotation format (``.eaf``, EAF 3.0) for people who annotate: a tier for each level, and the narrations.

A tier's annotations lie in those of its parent tier ("Included In"), so spans are cut at borders of coarser levels.
What a person has marked as wrong is in tiers of its own. `hiero_lib.export.readback` reads such a file back.
"""

from __future__ import annotations

import datetime
import xml.etree.ElementTree as ET
from pathlib import Path

from hiero_lib.base.files import write_text
from hiero_lib.export.record import VideoRecord, milliseconds, nested_spans, one_line, thread_title

_NARRATION_MS = 2000  # ELAN has no moments: a narration lasts so long, or until the next one
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_CONSTRAINTS = {
    "Time_Subdivision": "Time subdivision of parent annotation's time interval, "
    "no time gaps allowed within this interval",
    "Symbolic_Subdivision": "Symbolic subdivision of a parent annotation. "
    "Annotations refering to the same parent are ordered",
    "Symbolic_Association": "1-1 association with a parent annotation",
    "Included_In": "Time alignable annotations within the parent annotation's time interval, gaps are allowed",
}  # as ELAN itself writes them


def eaf(record: VideoRecord, *, media: str | None = None, created: datetime.datetime | None = None) -> str:
    """The annotation document.

    Args:
        record: the video.
        media: address of the video file, for ELAN to open with it (``file:///...``); None: it will ask.
        created: when; now if None.
    """
    created = created or datetime.datetime.now().astimezone()
    root = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "hiero_lib",
            "DATE": created.isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:noNamespaceSchemaLocation": _SCHEMA,
        },
    )
    header = ET.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    if media is not None:
        ET.SubElement(header, "MEDIA_DESCRIPTOR", {"MEDIA_URL": media, "MIME_TYPE": "video/mp4"})
    for name, value in (("video_uid", record.video_uid), ("method", record.method), ("data", record.data_name)):
        ET.SubElement(header, "PROPERTY", {"NAME": f"hiero_lib.{name}"}).text = one_line(value)
    order = ET.SubElement(root, "TIME_ORDER")
    tiers = _Tiers(root, order)
    coarse_first = record.hierarchy.levels[::-1]
    parent = None
    for level, pieces in zip(coarse_first, nested_spans(coarse_first)):
        name = f"level {level.level}"
        spans = [(start, end, f"{thread} {thread_title(level, thread)}") for start, end, thread in pieces]
        tiers.add(name, spans, kind="threads" if parent is None else "threads within", parent=parent)
        parent = name
    tiers.add("narrations", _narrations(record), kind="narration")
    kinds = [("threads", None), ("threads within", "Included_In"), ("narration", None)]
    for level in (level for level in coarse_first if level.wrong):
        marked = [span for row, span in enumerate(level.spans) if row in level.wrong]
        times = [(milliseconds(span.start_s), milliseconds(span.end_s), "wrong") for span in marked]
        tiers.add(f"level {level.level} wrong", times, kind="marks")
    if any(level.wrong for level in coarse_first):
        kinds.append(("marks", None))
    for kind, constraint in kinds:
        attributes = {"LINGUISTIC_TYPE_ID": kind, "TIME_ALIGNABLE": "true", "GRAPHIC_REFERENCES": "false"}
        ET.SubElement(root, "LINGUISTIC_TYPE", attributes | ({"CONSTRAINTS": constraint} if constraint else {}))
    for stereotype, description in _CONSTRAINTS.items():
        ET.SubElement(root, "CONSTRAINT", {"STEREOTYPE": stereotype, "DESCRIPTION": description})
    ET.indent(root, " ")
    # Some readers look for "/>" right after an attribute. In texts "<" and ">" are escaped: all " />" are of tags.
    written = ET.tostring(root, encoding="unicode").replace(" />", "/>")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + written + "\n"


def write_eaf(record: VideoRecord, path: str | Path) -> None:
    """Write `eaf`, atomically."""
    write_text(path, eaf(record))


class _Tiers:
    """Adds tiers to a document; ids of annotations and time slots run through all of them."""

    def __init__(self, root: ET.Element, order: ET.Element) -> None:
        self.root, self.order = root, order
        self.annotations = 0

    def add(self, name: str, spans: list[tuple[int, int, str]], *, kind: str, parent: str | None = None) -> None:
        """A tier of ``(start_ms, end_ms, text)``."""
        attributes = {"LINGUISTIC_TYPE_REF": kind, "TIER_ID": name}
        tier = ET.SubElement(self.root, "TIER", attributes | ({"PARENT_REF": parent} if parent else {}))
        for start, end, text in spans:
            self.annotations += 1
            place = {"ANNOTATION_ID": f"a{self.annotations}"}
            place |= {"TIME_SLOT_REF1": self._slot(start), "TIME_SLOT_REF2": self._slot(end)}
            annotation = ET.SubElement(ET.SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION", place)
            ET.SubElement(annotation, "ANNOTATION_VALUE").text = text

    def _slot(self, ms: int) -> str:
        name = f"ts{len(self.order) + 1}"
        ET.SubElement(self.order, "TIME_SLOT", {"TIME_SLOT_ID": name, "TIME_VALUE": str(ms)})
        return name


def _narrations(record: VideoRecord) -> list[tuple[int, int, str]]:
    """Spans that do not overlap; those of the same millisecond become one."""
    texts: dict[int, list[str]] = {}
    for time, text in record.narrations.without_tags():
        texts.setdefault(max(0, milliseconds(time)), []).append(one_line(text))
    starts = sorted(texts)
    ends = [min(start + _NARRATION_MS, after) for start, after in zip(starts, [*starts[1:], 2**62])]
    return [(start, end, "; ".join(texts[start])) for start, end in zip(starts, ends)]
