"""Where files lie under a data root: the authors' folders."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataPaths:
    """The folders of ``<root>`` (METHOD.md, "Files").

    ``raw/annotations`` and ``raw/features/<folder>`` hold what was given or downloaded, `caches` what was made from
    it (indices, text caches) and ``truth`` the sample's latent hierarchy.
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
        """The folder of caches under the data root."""
        return self.root / "processed"

    @property
    def caches(self) -> Path:
        """Where to write what can be made again from ``raw``.

        The folder that ``HIERO_CACHE`` names; without it ``processed``, or, where that is read-only, ``hiero_lib`` in
        the user's folder of caches. Caches are known by the content of what they were made of, so that several data
        roots may share one folder.
        """
        if named := os.environ.get("HIERO_CACHE"):
            return Path(named).expanduser().absolute()
        if _is_writable(self.processed):
            return self.processed
        return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "hiero_lib"

    @property
    def also_cached(self) -> Path | None:
        """Another folder in which caches may lie: ``processed``, where new ones are written elsewhere."""
        return None if self.caches == self.processed else self.processed

    @property
    def text_caches(self) -> tuple[Path, Path | None]:
        """Where embeddings of texts are written, and where else they may be read (`hiero_lib.data.text_cache`)."""
        return self.caches / "text", None if self.also_cached is None else self.also_cached / "text"

    @property
    def surveys(self) -> Path:
        """Folder of what is known of folders of features (`hiero_lib.data.feature_survey`)."""
        return self.caches / "features"

    @property
    def provenance(self) -> Path:
        """``sample.json``, in which whoever made the data says how; data that were downloaded have none."""
        return self.root / "sample.json"

    @property
    def truth(self) -> Path:
        """The sample's truth, one ``<video_uid>.json`` a video; real data have none."""
        return self.root / "truth"


def _is_writable(folder: Path) -> bool:
    """Whether a folder can be written to, or made."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return os.access(existing, os.W_OK | os.X_OK)
