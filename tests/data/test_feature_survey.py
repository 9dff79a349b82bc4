"""The survey of a folder: every header once, and known again as long as the files are the same."""

import os
import shutil

import numpy as np
import pytest
import torch

from hiero_lib.base.errors import DataError
from hiero_lib.data.feature_survey import SurveyedStore
from hiero_lib.data.features import FeatureStore


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "features"
    path.mkdir()
    for number in range(5):
        torch.save(torch.zeros(10 + number, 3), path / f"v{number}.pt")
    np.save(path / "array.npy", np.zeros((7, 3), dtype=np.float16))
    return path


def survey(folder, **options):
    return SurveyedStore(folder, dim=3, kept_in=folder.parent / "kept", **options)


def headers(folder):
    store = FeatureStore(folder, dim=3)
    return {uid: store.header(uid) for uid in store.video_uids}


def test_a_second_survey_reads_no_header(folder, monkeypatch):
    told = []
    first = survey(folder, progress=lambda done, total: told.append((done, total)))
    assert first.headers == headers(folder)
    assert (first.read_now, told) == (6, [(number, 6) for number in range(1, 7)])
    monkeypatch.setattr(FeatureStore, "header", lambda *_: pytest.fail("a header was read"))
    second = survey(folder)
    assert (second.headers, second.read_now) == (first.headers, 0)
    assert second.video_uids == first.video_uids
    assert [second.num_segments(f"v{number}") for number in range(5)] == [10, 11, 12, 13, 14]


def test_only_what_changed_is_read_again(folder):
    survey(folder)
    torch.save(torch.zeros(99, 3), folder / "v1.pt")
    torch.save(torch.zeros(5, 3), folder / "new.pt")
    (folder / "v2.pt").unlink()
    again = survey(folder)
    assert again.read_now == 2
    assert again.headers == headers(folder)
    assert survey(folder).read_now == 0


def test_a_file_that_was_changed_within_its_size_is_read_again(folder):
    survey(folder)
    before = (folder / "v0.pt").stat()
    torch.save(torch.zeros(10, 3, dtype=torch.float32), folder / "v0.pt")
    os.utime(folder / "v0.pt", ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert survey(folder).read_now == 1


def test_broken_files_are_kept_as_their_errors_and_looked_at_each_time(folder):
    (folder / "v3.pt").write_bytes(b"nothing")
    for _ in range(2):
        store = survey(folder)
        assert list(store.broken) == ["v3"]
        assert "v3" in store.video_uids
        with pytest.raises(DataError, match=r"v3\.pt"):
            store.header("v3")
    torch.save(torch.zeros(4, 3), folder / "v3.pt")
    assert survey(folder).num_segments("v3") == 4


def test_two_files_of_one_video_are_an_error_though_both_are_known(folder):
    survey(folder)
    np.save(folder / "v0.npy", np.zeros((10, 3), dtype=np.float16))
    assert "two feature files" in str(survey(folder).broken["v0"])


def test_features_of_other_channels_are_an_error_though_they_are_known(folder):
    survey(folder)
    other = SurveyedStore(folder, dim=4, kept_in=folder.parent / "kept")
    assert len(other.broken) == 6


def test_a_damaged_survey_is_made_again(folder):
    survey(folder)
    (kept,) = (folder.parent / "kept").iterdir()
    content = bytearray(kept.read_bytes())
    content[-3] ^= 1
    kept.write_bytes(content)
    assert survey(folder).read_now == 6
    assert survey(folder).read_now == 0


def test_folders_are_kept_apart_and_a_copy_is_looked_at_anew(folder):
    survey(folder)
    shutil.copytree(folder, folder.parent / "copy")
    assert survey(folder.parent / "copy").headers == headers(folder)
    assert len(list((folder.parent / "kept").iterdir())) == 2


def test_without_a_place_for_it_nothing_is_kept(folder):
    (folder.parent / "kept").write_text("a file where the folder should be")
    assert survey(folder).headers == headers(folder)
    assert SurveyedStore(folder, dim=3).headers == headers(folder)
