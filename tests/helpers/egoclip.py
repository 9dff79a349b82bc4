"""An ``egoclip.csv`` of a few rows, and its index."""

from pathlib import Path

from hiero_lib.data.egoclip import EgoClipIndex

HEADER = "video_uid\tnarration_time\tclip_text"


def index_of(tmp_path: Path, content: str | bytes) -> EgoClipIndex:
    """The index of a csv of this content, under ``tmp_path / "cache"``."""
    raw = content.encode() if isinstance(content, str) else content
    (tmp_path / "egoclip.csv").write_bytes(raw)
    return EgoClipIndex.open(tmp_path / "egoclip.csv", tmp_path / "cache")


def table(*rows: tuple[str, object, str]) -> str:
    """A csv of rows of video, seconds and narration."""
    return "".join(f"{line}\n" for line in (HEADER, *("\t".join(map(str, row)) for row in rows)))
