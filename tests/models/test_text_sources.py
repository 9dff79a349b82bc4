"""Only known packages are asked, and none is imported."""

import sys

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.models.text_sources import MINILM_PACKAGE, locate, package_folder


def test_a_known_package_is_found_without_being_imported():
    imported = MINILM_PACKAGE in sys.modules
    assert (package_folder(f"package:{MINILM_PACKAGE}") / "model.safetensors").is_file()
    assert (MINILM_PACKAGE in sys.modules) == imported


def test_a_folder_of_a_known_packages_name_is_not_taken_for_it(tmp_path, monkeypatch):
    (tmp_path / MINILM_PACKAGE).mkdir()
    (tmp_path / MINILM_PACKAGE / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(DataError, match="no such file of weights"):
        locate(f"package:{MINILM_PACKAGE}", tmp_path, needs_weights=True)
    (tmp_path / MINILM_PACKAGE / "model").mkdir()
    (tmp_path / MINILM_PACKAGE / "model" / "model.safetensors").write_bytes(b"other")
    with pytest.raises(DataError, match="not the public release"):
        locate(f"package:{MINILM_PACKAGE}", tmp_path, needs_weights=True)


@pytest.mark.parametrize("source", ["package:evil.x", "package:", "package:../x", "package:os", "package:hiero_lib"])
def test_no_other_package_is_asked(source, tmp_path):
    with pytest.raises(DataError, match=r"text\.source.*not a package that text encoders come from"):
        locate(source, tmp_path, needs_weights=True)


def test_a_folder_as_it_stands_or_under_the_data_root(tmp_path):
    (tmp_path / "weights").mkdir()
    assert locate("weights", tmp_path, needs_weights=True) == tmp_path / "weights"
    assert locate(str(tmp_path / "weights"), tmp_path / "x", needs_weights=True) == tmp_path / "weights"
