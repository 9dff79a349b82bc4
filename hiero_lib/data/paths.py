"""Where files lie under a data root: the authors' folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataPaths:
    """The folders of ``<root>`` (METHOD.md, "Files").

    ``raw/annotations`` and ``raw/features/<folder>`` hold what was given or downloaded, ``processed`` what was
    made from it (indices, text caches) and ``truth`` the sample's latent hierarchy.
    """

    root: Path

    @classmethod
    def at(cls, root: str | Path) -> DataPaths:
        """Paths under ``root``; ``~`` is expanded, nothing is created."""
        return cls(Path(root).expanduser())

    @property
    def annotations(self) -> Path:
        """Folder of ``egoclip.csv``, ``egomcq.json``, ``nlq_val.json`` and so on."""
        return self.root / "raw" / "annotations"

    @property
    def egoclip(self) -> Path:
        """``egoclip.csv``, tab-separated."""
        return self.annotations / "egoclip.csv"

    @property
    def egomcq(self) -> Path:
        """``egomcq.json``."""
        return self.annotations / "egomcq.json"

    def features(self, folder: str) -> Path:
        """Folder of ``<video_uid>.pt`` files."""
        return self.root / "raw" / "features" / folder

    @property
    def videos(self) -> Path:
        """Folder of the videos themselves, which only the explorer shows."""
        return self.root / "raw" / "videos"

    @property
    def frames(self) -> Path:
        """Folders of single frames, one folder a video."""
        return self.root / "raw" / "frames"

    @property
    def processed(self) -> Path:
        """Whatever can be made again from ``raw``."""
        return self.root / "processed"

    @property
    def provenance(self) -> Path:
        """``sample.json``, in which whoever made the data says how; data that were downloaded have none."""
        return self.root / "sample.json"

    @property
    def truth(self) -> Path:
        """The sample's truth, one ``<video_uid>.json`` a video; real data have none."""
        return self.root / "truth"
