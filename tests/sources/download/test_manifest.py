"""The manifest: what it covers, what a name chooses, and what makes a file no manifest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hiero_lib.base.errors import ConfigError
from hiero_lib.config import load_profile
from hiero_lib.sources.download.manifest import Item, Manifest, Mirror, is_needed, load_manifest

REPOSITORY = Path(__file__).parents[3]


def test_the_packaged_manifest_covers_what_method_md_lists() -> None:
    manifest = load_manifest()
    places = {value for item in manifest.items.values() for m in item.mirrors for value in vars(m).values() if value}
    here = "https://www.sapeirone.it/data/"
    assert places >= {
        "1-aaDu_Gi-Y2sQI_2rsI2D1zvQBJnHpXl",
        "1-5iRYf4BCHmj4MYQYFRMY4bhsWJUN3rW",
        "1pf_WXpZfxr4czpvWFJPzux9aWUSGe9Ct",
        "1Cv_DXIvdEfN27E0KZ95mh-cYAUm4pcWV",
        "17u7ReqPOJ29lbVZT8PDEd5dN17VBqS5Q",
        *(here + f"hiero/pretrained/{name}.pth" for name in ("egovlp_text", "egovlp_txt_proj")),
        *(here + f"hiero/ckpt/hiero_{name}.pth" for name in ("omnivore", "egovlp", "lavila-l")),
        *(here + f"ego4d_features/ego4d_{name}.zip" for name in ("egovlp", "LaViLa-L")),
        *(here + f"hiero/egoprocel_features/egoprocel_{name}.zip" for name in ("omnivore", "egovlp")),
    }
    for name, needed in {
        "egovlp": {"egoclip", "egomcq", "features-egovlp", "text-egovlp", "text-projection-egovlp"},
        "omnivore": {"egoclip", "egomcq", "features-omnivore"},
        "lavila": {"egoclip", "egomcq", "features-lavila", "checkpoint-lavila"},
    }.items():
        assert {item.id for item in manifest.select([], load_profile(name))} == needed
    assert "features-egovlp-fp16" not in {item.id for item in manifest.select(["features"], load_profile("egovlp"))}
    assert [item.id for item in manifest.select(["features-egovlp-fp16"], load_profile("egovlp"))]
    named = re.search(
        r"hiero_lib download (needed .*) --profile egovlp", (REPOSITORY / "README.md").read_text("utf-8")
    )
    assert named is not None
    chosen = {item.target for item in manifest.select(named[1].split(), load_profile("egovlp"))}
    assert {"raw/annotations/goalstep/val.json", "raw/features/egoprocel/egovlp", "raw/features/egovlp"} < chosen


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("files: 3", "a section of files"),
        ("files: {a: {what: w, licence: l, target: ../x, mirrors: [{http: h}]}}", "lies under the data root"),
        ("files: {a: {what: w, licence: l, target: x, mirrors: [{http: h, drive: d}]}}", "one kind"),
        ("files: {a: {what: w, licence: l, target: x, mirrors: [{ftp: h}]}}", "unknown setting"),
        ("files: {a: {what: w, licence: l, target: x, mirrors: [{http: h}], instead_of: b}}", "no such item"),
        ("files: [", "not readable as YAML"),
    ],
)
def test_a_wrong_manifest_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_manifest(tmp_path / "m.yaml")


def test_an_items_file_is_named_after_its_address() -> None:
    assert Item("a", "", "raw/x.csv", "", (Mirror(drive="D"),)).file_name == "x.csv"
    assert load_manifest().items["features-egovlp"].file_name == "ego4d_egovlp.zip"
    assert load_manifest().items["features-egovlp-fp16"].file_name == "egovlp.tar.gz"


def item(key: str, target: str, **fields: str) -> Item:
    return Item(key, "", target, "", (Mirror(http="h"),), **fields)


def test_a_name_is_an_id_or_the_beginning_of_some_and_stand_ins_come_by_their_own() -> None:
    items = [
        item("nlq", "raw/annotations"),
        item("egoprocel-a", "raw/a"),
        item("egoprocel-b", "raw/b", instead_of="egoprocel-a"),
        item("egoclip", "raw/annotations/egoclip.csv"),
    ]
    manifest, profile = Manifest({one.id: one for one in items}), load_profile("egovlp")

    def chosen(*names: str) -> list[str]:
        return [one.id for one in manifest.select(names, profile)]

    assert chosen() == chosen("needed") == ["egoclip"]
    assert chosen("all") == ["nlq", "egoprocel-a", "egoclip"]
    assert chosen("egoprocel") == ["egoprocel-a"]
    assert chosen("egoprocel-b", "nlq") == ["nlq", "egoprocel-b"]  # in the manifest's order
    with pytest.raises(ConfigError, match="value 'nonsense': there is nothing of this name"):
        chosen("nlq", "nonsense")


def test_needed_is_what_the_profile_reads() -> None:
    profile = load_profile("egovlp")
    assert is_needed(item("x", f"raw/features/{profile.features.folder}"), profile)
    assert is_needed(item("x", str(profile.text.weights)), profile)
    assert not is_needed(item("x", "raw/features/other"), profile)
    assert not is_needed(item("x", "raw/annotations/egoclip.csv", instead_of="y"), profile)
