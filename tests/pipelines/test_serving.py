"""The explorer of a run and of a video of one's own, as the commands open it."""

from __future__ import annotations

from pathlib import Path

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.config import load_profile
from hiero_lib.pipelines.serving import session_of_run
from tests.helpers.tiny import make_checkpoint, make_tiny


def test_a_run_without_models_is_shown_by_a_checkpoint(tmp_path: Path) -> None:
    profile = load_profile(make_tiny(tmp_path / "data", features__text_projection=None))
    checkpoint = make_checkpoint(tmp_path / "hiero", profile, "hiero")
    said: list[str] = []
    run = tmp_path / "run"
    session = session_of_run(profile, run, checkpoint=checkpoint, video_uid="v2", say=said.append)
    assert session.video_uid == "v2"
    assert len(said) == 9  # all are indexed
    assert session.state["options"]["besides"] == ["untrained features"]
    session.do({"do": "beside", "name": "untrained features"})
    assert session.state["scene"]["beside"]["name"] == "untrained features"
    session.do({"do": "edit", "operation": "rename", "thread": 0, "name": "x"})
    assert len(list(run.rglob("corrections/*/v2.json"))) == 1
    quick = session_of_run(profile, run, checkpoint=checkpoint, search=False)
    assert quick.index is None
    with pytest.raises(DataError, match="no feature file"):
        session_of_run(profile, run, checkpoint=checkpoint, video_uid="nobody")
