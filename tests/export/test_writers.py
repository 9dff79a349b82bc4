import re

import pytest

from hiero_lib.base.errors import ConfigError
from hiero_lib.base.files import safe_name
from hiero_lib.export.writers import WRITERS, export, print_figures
from tests.helpers.made_record import made_record

MAGIC = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


def test_every_format_is_written_into_the_folder_and_nowhere_else(tmp_path) -> None:
    uid = "../../up/../é v"
    folder = tmp_path / "a" / "b"
    written = export(made_record(40, uid=uid), folder)
    assert sorted(folder.iterdir()) == sorted(written)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file() and path.parent != folder] == []
    assert all(path.name.startswith(f"{safe_name(uid)}.") for path in written)
    suffixes = {path.suffix[1:] for path in written}
    assert suffixes == set(WRITERS)
    for path in written:
        assert path.stat().st_size > 100
        assert path.read_bytes().startswith(MAGIC.get(path.suffix[1:], b""))
    assert len([path for path in written if path.suffix == ".vtt"]) == 3
    assert len([path for path in written if path.suffix == ".svg"]) == 3


def test_only_the_formats_asked_for(tmp_path) -> None:
    assert [path.name for path in export(made_record(20), tmp_path, formats=["csv", "json"])] == ["v.csv", "v.json"]
    named = export(made_record(20), tmp_path, formats=["csv"], name="kitchen_day")
    assert [path.name for path in named] == ["kitchen_day.csv"]
    with pytest.raises(ConfigError, match=r"value 'mp4'.*Known: html, json"):
        export(made_record(20), tmp_path / "x", formats=["csv", "mp4"])
    assert not (tmp_path / "x").exists()


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch) -> None:
    import hiero_lib.export.page as page

    export(made_record(20), tmp_path, formats=["html"])
    before = (tmp_path / "v.html").read_bytes()
    monkeypatch.setattr(page, "write_text", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        export(made_record(20), tmp_path, formats=["html"])
    assert (tmp_path / "v.html").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.filterwarnings("ignore:Glyph")
def test_printed_figures_show_the_record() -> None:
    figures = print_figures(made_record(40))
    assert list(figures) == ["timeline", "tree", "query"]
    for figure in figures.values():
        assert re.search(
            r"v: HiERO on the generated sample", figure.get_suptitle() or figure.axes[0].get_title("left")
        )
