"""EgoNLQ opened on the small data root, and its heads trained once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hiero_lib.benchmarks.egonlq.score import EgoNLQResult, Head
from hiero_lib.benchmarks.egonlq.task import EgoNLQTask, open_egonlq, train_heads
from hiero_lib.config import Profile
from hiero_lib.methods.method import Method

Change = str | Callable[[dict[str, Any]], object]


def quiet(line: str) -> None:
    """Says nothing."""


@pytest.fixture(scope="session")
def task(profile: Profile) -> EgoNLQTask:
    """Of ``profile``."""
    return open_egonlq(profile, device=torch.device("cpu"))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run."""
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="session")
def trained(task: EgoNLQTask, methods: dict[str, Method], run: Path) -> dict[Head, EgoNLQResult]:
    """All planned heads, in ``run``."""
    return train_heads(task, methods, folder=run / "egonlq", say=quiet)


@pytest.fixture
def change_validation(own: Profile) -> Callable[[Change], Path]:
    """Replaces or edits ``nlq_val.json`` of ``own``; its path."""
    path = Path(own.data_root) / "raw" / "annotations" / "nlq_val.json"

    def change(how: Change) -> Path:
        if isinstance(how, str):
            path.write_text(how)
        else:
            document = json.loads(path.read_text())
            how(document)
            path.write_text(json.dumps(document))
        return path

    return change


def edit_query(**changes: Any) -> Callable[[dict[str, Any]], object]:
    """Changes the first query of a document."""
    return lambda document: document["videos"][0]["clips"][0]["annotations"][0]["language_queries"][0].update(changes)
