"""A manifest's names, addresses and patterns lead nowhere else, and no two items share a file."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from hiero_lib.base.errors import ConfigError
from hiero_lib.sources.download.manifest import load_manifest
from hiero_lib.sources.download.rules import id_fault, is_address, is_drive_id

DIGEST = "0123456789abcdef" * 4
PLAIN = {"what": "w", "licence": "l", "target": "x/y", "mirrors": [{"http": "https://h/a.zip"}]}
ZIP = {"archive": {"format": "zip"}}
FOLDER = {"mirrors": [{"drive_folder": "F"}]}
EGO4D = {"mirrors": [{"ego4d": "--datasets x"}], "take": "*/x/*.pt"}


def manifest(path: Path, items: object, **top: object) -> Path:
    path.write_text(yaml.safe_dump({"files": items} | top), encoding="utf-8")
    return path


def named(name: str) -> dict:
    return {"archive": {"format": "zip", "name": name}}


@pytest.mark.parametrize("more", [{}, ZIP, FOLDER, EGO4D, named("b.zip"), {"sha256": DIGEST, "size": 3}])
def test_a_plain_item_is_taken(more: dict, tmp_path: Path) -> None:
    assert list(load_manifest(manifest(tmp_path / "m.yaml", {"a": PLAIN | more})).items) == ["a"]


@pytest.mark.parametrize(
    ("more", "field", "message"),
    [
        (named("../../x"), "archive.name", "leads out"),
        (named("/etc/x"), "archive.name", "leads out"),
        (named("a/b.zip"), "archive.name", "a path"),
        (named("a\nb"), "archive.name", "control"),
        (named(""), "mirrors", None),  # the address's own name is taken
        (named(".hidden"), "archive.name", "hidden"),
        (named("x" * 300), "archive.name", "too long"),
        (ZIP | {"mirrors": [{"http": "https://h/a/.."}]}, "archive.name", "leads out"),
        (ZIP | {"mirrors": [{"http": "https://h/"}]}, "archive.name", "empty"),
        ({"target": "x\ny"}, "target", "control"),
        ({"what": "w\x1b[2J"}, "what", "plain text"),
        ({"licence": "a\nb"}, "licence", "plain text"),
        ({"target": "x/../../y"}, "target", "leads out"),
        ({"target": "C:\\x"}, "target", "leads out"),
        ({"target": "downloads/b.json"}, "target", "records"),
        ({"target": "Downloads/b.json"}, "target", "records"),
        ({"mirrors": [{"http": "file:///etc/passwd"}]}, r"mirrors\[0\].http", "http or https"),
        ({"mirrors": [{"http": "ftp://h/x"}]}, r"mirrors\[0\].http", "http or https"),
        ({"mirrors": [{"http": "https://h/x"}, {"http": "h/x"}]}, r"mirrors\[1\].http", "http or https"),
        ({"mirrors": [{"http": "http://h/a\r\nX: y"}]}, r"mirrors\[0\].http", "http or https"),
        ({"mirrors": [{"http": "http://[::1/x"}]}, r"mirrors\[0\].http", "http or https"),
        ({"mirrors": [{"drive": "a/../b"}]}, r"mirrors\[0\].drive", "no id"),
        ({"mirrors": [{"drive": "a&confirm=t"}]}, r"mirrors\[0\].drive", "no id"),
        ({"mirrors": [{"drive_folder": "?"}]}, r"mirrors\[0\].drive_folder", "no id"),
        ({"mirrors": [{"http": "https://h/x"}, {"drive_folder": "F"}]}, r"mirrors\[1\]", "only mirror"),
        (EGO4D | {"take": "../*"}, "take", "leads out"),
        (EGO4D | {"take": "/etc/*"}, "take", "leads out"),
        (EGO4D | {"take": None}, "take", "needs it"),
        (EGO4D | {"mirrors": [{"ego4d": "--datasets 'x"}]}, r"mirrors\[0\].ego4d", "no arguments"),
        (EGO4D | {"mirrors": [{"ego4d": "--output /"}]}, r"mirrors\[0\].ego4d", "where it writes"),
        ({"take": "*.pt"}, "take", "belongs to"),
        (ZIP | {"under": ["a/b"]}, "under", "a path"),
        (ZIP | {"under": [".."]}, "under", "leads out"),
        ({"under": ["a"]}, "under", "belongs to"),
        ({"archive": {"format": "zip", "flat": True}, "under": ["a"]}, "under", "no folders"),
        (FOLDER | ZIP, "archive", "no archive"),
        ({"sha256": "x"}, "sha256", "64 hexadecimal"),
        ({"sha256": DIGEST.upper()}, "sha256", "small letters"),
        ({"size": 0}, "size", "1 or more"),
        ({"size": -3}, "size", "1 or more"),
    ],
)
def test_a_fault_is_named_with_its_field(more: dict, field: str, message: str | None, tmp_path: Path) -> None:
    path = manifest(tmp_path / "m.yaml", {"a": PLAIN | more})
    if message is None:
        assert load_manifest(path).items["a"].file_name == "a.zip"
        return
    with pytest.raises(ConfigError, match=rf"m\.yaml, field 'files\.a\.{field}'.*{message}"):
        load_manifest(path)


@pytest.mark.parametrize("key", ["../../x", "a/b", "/x", ".x", "", "a\nb", "x" * 101, "nul", 3, None, True])
def test_an_id_is_part_of_file_names(key: object, tmp_path: Path) -> None:
    assert id_fault(key) is not None
    with pytest.raises(ConfigError, match="an id is part of file names"):
        load_manifest(manifest(tmp_path / "m.yaml", {key: PLAIN}))


def test_no_two_items_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    other = PLAIN | {"target": "x/z"}
    for items, message in (
        ({"a": PLAIN | ZIP, "b": other | ZIP | {"mirrors": [{"http": "https://other/A.zip"}]}}, "has a file of this"),
        ({"a": PLAIN, "b": other | named("a.json")}, "has a file of this name"),
        ({"a": PLAIN, "b": other | named("A.files")}, "has a file of this name"),
        ({"a": PLAIN, "b": other | named("ego4d")}, "ego4d has a file of this name"),
        ({"a": PLAIN, "A": other}, "has a file of this name"),
        ({"a": PLAIN, "b": PLAIN | {"target": "X/Y"}}, "has this target, too"),
    ):
        with pytest.raises(ConfigError, match=message):
            load_manifest(manifest(path, items))
    stands_in = PLAIN | {"instead_of": "a"}
    assert len(load_manifest(manifest(path, {"a": PLAIN, "b": stands_in, "c": other | named("c.zip")})).items) == 3


LINES = [f"&a{n} [" + ", ".join([f"*a{n - 1}" if n else "x"] * 9) + "]" for n in range(12)]
BOMB = f"[{', '.join(LINES)}]"  # 9 ** 12 names, by aliases of aliases
ITEM = "what: w, licence: l, target: x, mirrors: [{http: h}]"


@pytest.mark.parametrize(
    "text",
    [
        f"files: {BOMB}", f"drive: {BOMB}\nfiles: {{}}", f"{BOMB}: 1\nfiles: {{}}", f"x: {BOMB}\nfiles: {{}}",
        f"files: {{a: {BOMB}}}", f"files: {{a: {{{ITEM}, under: {BOMB}}}}}",
        f"files: {{a: {{{ITEM}, take: {BOMB}}}}}",
        f"files: {{a: {{{ITEM}, archive: {BOMB}}}}}", f"files: {{a: {{{ITEM}, new: {BOMB}}}}}",
        f"files: {{a: {{mirrors: {BOMB}}}}}", f"files: {{a: {{mirrors: [{{http: {BOMB}}}]}}}}",
        "files: " + "[" * 20_000,
        "files: " + "{a: " * 20_000,
        "files: " + "\n- - - - - " * 20_000,
        "files: {a: !!int ''}", "files: {a: !!timestamp x}", "files: {a: !!bool x}", "files: {[a]: b}",
        "files: {{a: b}: c}",
        "files: !!python/object/apply:os.system [id]",
        "files: {a: 1:1" + ":1" * 100_000 + "}",
        "files: {a: " + "9" * 200_000 + "}",
        "\ud800", "a: &a [*a]\nfiles: *a", "files: &f {a: *f}", "files: {a: 1, a: 2}", "x: 1\nfiles: {}", "\x00",
        "files: {}\n" + "#" * (1 << 18),
    ],
)  # fmt: skip
def test_a_manifest_that_is_a_trap_is_refused_at_once(text: str, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    begun = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        load_manifest(tmp_path / "m.yaml")
    assert len(str(caught.value)) < 1000
    assert time.monotonic() - begun < 20


def test_addresses_and_ids() -> None:
    assert all(
        map(is_address, ["https://h/a b".replace(" ", "%20"), "http://127.0.0.1:8000", "https://ü.de/x?y=z#w"])
    )
    wrong = [
        "",
        "h",
        "//h/x",
        "http:",
        "http:///x",
        "javascript:x",
        "http://h:99999/",
        "http://h/\u2028",
        3,
        None,
        ["http://h"],
    ]
    assert not any(map(is_address, wrong))
    assert is_drive_id("1-aaDu_Gi")
    assert not any(map(is_drive_id, ["", "a b", "a/b", "a\n", "ä", "x" * 200, 3, None]))
