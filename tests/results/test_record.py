"""results.json and results.md say what was measured, on what, and with what."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.base.executors import local_processes
from hiero_lib.config import FeatureConfig, ModelConfig, Profile, TextConfig
from hiero_lib.results import record as results
from hiero_lib.results.metric import Metric
from hiero_lib.results.record import record, record_notebook, table
from hiero_lib.results.row import Row

SAMPLE = Profile(
    name="tiny",
    data_root="data/tiny",
    is_sample=True,
    features=FeatureConfig(folder="egovlp", dim=8),
    text=TextConfig(encoder="minilm", source="package:x", dim=4),
    model=ModelConfig(input_size=8),
)
REAL = dataclasses.replace(SAMPLE, name="real", is_sample=False)
ROWS = [
    Row("EgoMCQ", "HiERO", "inter-video accuracy", Metric(0.91649, 120, 3, (0.88, 0.95)), published=0.916),
    Row("EgoMCQ", "EgoVLP", "inter-video accuracy", None, published=0.906),
]


def test_record_keeps_raw_floats_and_how_they_were_made(tmp_path: Path) -> None:
    path = record(tmp_path, "egomcq", ROWS, profile=SAMPLE, seconds=12.5, extra={"steps": 7})
    section = json.loads(path.read_text())["sections"]["egomcq"]
    assert section["rows"][0]["result"] == {"value": 0.91649, "n": 120, "excluded": 3, "interval": [0.88, 0.95]}
    assert section["rows"][1]["result"] is None
    assert section["config"] == json.loads(json.dumps(SAMPLE.to_dict()))
    assert section["seed"] == SAMPLE.training.seed
    assert section["seconds"] == 12.5
    assert section["extra"] == {"steps": 7}
    assert section["started"] < section["finished"]
    made = section["environment"]
    assert {"torch", "torch-geometric", "numpy", "transformers", "hiero_lib"} <= made["versions"].keys()
    assert "not installed" not in made["versions"].values()
    assert made["threads"] >= 1
    assert {"commit", "device", "platform"} <= made.keys()


def test_record_replaces_its_own_section_only(tmp_path: Path) -> None:
    record(tmp_path, "egomcq", ROWS, profile=SAMPLE, seconds=1)
    record(tmp_path, "threads", ROWS[:1], profile=SAMPLE, seconds=1)
    record(tmp_path, "egomcq", ROWS[:1], profile=SAMPLE, seconds=2)
    sections = results.load(tmp_path)["sections"]
    assert {name: len(section["rows"]) for name, section in sections.items()} == {"egomcq": 1, "threads": 1}
    assert sections["egomcq"]["seconds"] == 2


def test_table_gives_percentages_intervals_and_counts(tmp_path: Path) -> None:
    record(tmp_path, "egomcq", ROWS, profile=REAL, seconds=1)
    lines = (tmp_path / "results.md").read_text().splitlines()
    hiero = next(line for line in lines if "HiERO" in line)
    cells = [cell.strip() for cell in hiero.strip("|").split("|")]
    seed = str(REAL.training.seed)
    expected = ["real", "HiERO", "inter-video accuracy", "91.6", "91.6", "+0.0", "88.0 to 95.0", "120", "3", seed]
    assert cells == expected
    header = next(line for line in lines if line.startswith("| data"))
    assert "note" not in header  # no row has one
    quoted = next(line for line in lines if "EgoVLP" in line)
    assert [cell.strip() for cell in quoted.strip("|").split("|")][:4] == [
        "as published",
        "EgoVLP",
        "inter-video accuracy",
        "90.6",
    ]


def test_table_says_sample_wherever_the_data_is_the_sample(tmp_path: Path) -> None:
    record(tmp_path, "egomcq", ROWS, profile=SAMPLE, seconds=1)
    text = (tmp_path / "results.md").read_text()
    assert text.splitlines()[0].endswith("on the generated sample")
    assert next(line for line in text.splitlines() if "HiERO" in line).startswith("| sample")
    record(tmp_path / "real", "egomcq", ROWS, profile=REAL, seconds=1)
    assert "sample" not in (tmp_path / "real" / "results.md").read_text()


def test_table_escapes_what_would_break_it() -> None:
    row = dataclasses.asdict(Row("B", "a|b", "m", Metric(0.5, 1)))
    section = {
        "is_sample": False,
        "rows": [row],
        "config": {"name": "p"},
        "seed": 1,
        "seconds": 1.0,
        "finished": "now",
        "environment": {"versions": {}, "device": "cpu", "threads": 1, "commit": "unknown"},
    }
    assert "a\\|b" in table({"run": "r", "notebooks": {}, "sections": {"s": section}})


@pytest.mark.parametrize(
    "row",
    [
        Row("EgoMCQ", "HiERO", "intra", Metric(float("nan"), 0)),
        Row("EgoMCQ", "HiERO", "intra", Metric(0.5, 3, interval=(0.1, float("inf")))),
        Row("EgoMCQ", "HiERO", "intra", None, published=float("nan")),
        Row("EgoMCQ", "HiERO", "intra", Metric(0.5, 3), spread=float("nan")),
    ],
)
def test_a_result_that_is_no_number_is_refused_by_name(row: Row, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="egomcq: EgoMCQ, HiERO, intra"):
        record(tmp_path, "egomcq", [row], profile=SAMPLE, seconds=1)
    assert not (tmp_path / "results.json").exists()


def test_a_failed_notebook_is_named_in_both_files(tmp_path: Path) -> None:
    record(tmp_path, "egomcq", ROWS, profile=SAMPLE, seconds=1)
    record_notebook(tmp_path, "02_egomcq", {"status": "failed", "cell": 7, "error": "ValueError: no"})
    assert results.load(tmp_path)["notebooks"]["02_egomcq"]["cell"] == 7
    text = (tmp_path / "results.md").read_text()
    assert "notebook `02_egomcq` failed in cell 7: ValueError: no" in text
    record_notebook(tmp_path, "02_egomcq", {"status": "done", "seconds": 1})
    text = (tmp_path / "results.md").read_text()
    assert "Not complete" not in text
    assert "- notebooks: `02_egomcq` done in 1 s" in text


def test_a_foreign_results_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"mine": 1}')
    with pytest.raises(DataError, match=r"results\.json.*not a results file"):
        record(tmp_path, "egomcq", ROWS, profile=SAMPLE, seconds=1)
    assert (tmp_path / "results.json").read_text() == '{"mine": 1}'


def test_commit_is_unknown_outside_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "hiero_lib" / "__init__.py"
    monkeypatch.setattr(results.hiero_lib, "__file__", str(package))
    assert results.git_commit() == "unknown"


def record_one(folder: Path, number: int) -> None:
    record(folder, f"s{number}", ROWS, profile=SAMPLE, seconds=1)


def test_sections_that_several_processes_record_at_once_are_all_kept(tmp_path: Path) -> None:
    """Each of two at once; before there was a claim half of them were lost."""
    with local_processes(2) as pool:
        for future in [pool.submit(record_one, tmp_path, number) for number in range(30)]:
            future.result()
    assert results.load(tmp_path)["sections"].keys() == {f"s{number}" for number in range(30)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.json", "results.md"]


def test_what_json_has_not_is_refused_in_extra_values_too(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"field 'egomcq\.extra\.loss\[1\]', value inf"):
        record(tmp_path, "egomcq", ROWS, profile=SAMPLE, seconds=1, extra={"loss": [1.0, float("inf")]})
    assert list(tmp_path.iterdir()) == []
