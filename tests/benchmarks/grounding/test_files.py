import copy
import json
import math

import pytest

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.grounding.files import (
    GOALSTEP_CHALLENGE,
    NLQ_CHALLENGE,
    group_members,
    parse_predictions,
    read_grounding,
    read_video_groups,
    short_uid,
    truth_of,
    write_predictions,
)
from tests.helpers.shared import SHARED, needs

REAL = SHARED / "goalstep"

DOCUMENT = {
    "version": "1",
    "videos": [
        {
            "video_uid": "v",
            "clips": [
                {
                    "clip_uid": "c",
                    "video_start_sec": 10.0,
                    "video_end_sec": 40.0,
                    "annotations": [
                        {
                            "annotation_uid": "a",
                            "language_queries": [
                                {"query": "Where is it? ", "clip_start_sec": 1, "clip_end_sec": 4.5},
                                {"query": None, "clip_start_sec": 1.0, "clip_end_sec": 4.0},
                                {"query": " ", "clip_start_sec": 1.0, "clip_end_sec": 4.0},
                                {"query": "What?", "clip_start_sec": 7.0, "clip_end_sec": 7.0},
                                {"query": "Who?", "clip_start_sec": 25.0, "clip_end_sec": 33.0},
                                {"query": "Rounded?", "clip_start_sec": 25.0, "clip_end_sec": 30.05},
                            ],
                        }
                    ],
                }
            ],
        }
    ],
}


def saved(path, document):
    path.write_text(json.dumps(document))
    return path


def changed(where, value):
    document = copy.deepcopy(DOCUMENT)
    node = document
    *keys, last = where
    for key in keys:
        node = node[key]
    if value is KeyError:
        del node[last]
    else:
        node[last] = value
    return document


CLIP = ("videos", 0, "clips", 0)
ANNOTATION = (*CLIP, "annotations", 0)
QUERY = (*ANNOTATION, "language_queries", 0)
WITHOUT_QUERIES = changed((*CLIP, "annotations"), [])["videos"][0]


def test_queries_keep_their_index_and_what_is_left_out_is_counted(tmp_path):
    (clip,), report = read_grounding(saved(tmp_path / "n.json", DOCUMENT))
    assert [(q.query_idx, q.text) for q in clip.queries] == [
        (0, "Where is it?"),
        (3, "What?"),
        (4, "Who?"),
        (5, "Rounded?"),
    ]
    assert clip.duration_s == 30.0
    assert (report.queries, report.without_text, report.zero_length, report.beyond_clip) == (6, 2, 1, 1)
    assert report.summary() == (
        "6 queries in 1 clips of 1 videos; excluded: 2 without text; "
        "kept: 1 that reach beyond their clip, 1 of zero length"
    )
    assert truth_of([clip])["c", "a", 4] == (25.0, 33.0)


def test_a_test_file_has_no_times(tmp_path):
    document = changed((*ANNOTATION, "language_queries"), [{"query": "Where?"}, {"query": None}])
    (clip,), report = read_grounding(saved(tmp_path / "n.json", document))
    assert clip.queries[0].start_s is None
    assert truth_of([clip]) == {}
    assert (report.queries, report.without_text) == (2, 1)


@pytest.mark.parametrize(
    ("text", "match"),
    [("", "empty"), ('{"videos": [{"video_uid": "v", "cl', "truncated"), (None, "no such file")],
    ids=["empty", "truncated", "missing"],
)
def test_unreadable_files(tmp_path, text, match):
    file = tmp_path / "n.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(DataError, match=match) as error:
        read_grounding(file)
    assert error.value.file == file


@pytest.mark.parametrize(
    ("document", "field", "value"),
    [
        ([], "(top level)", []),
        ({}, "videos", None),
        ({"videos": []}, "videos", None),
        (changed(("videos", 0, "video_uid"), KeyError), "videos[0].video_uid", None),
        (changed(("videos", 0, "clips"), {}), "videos[0].clips", {}),
        (changed((*CLIP, "video_end_sec"), 10.0), "videos[0].clips[0].video_end_sec", (10.0, 10.0)),
        (changed((*CLIP, "video_end_sec"), KeyError), "videos[0].clips[0].video_end_sec", (10.0, None)),
        (changed((*QUERY, "clip_start_sec"), 5), "videos[0].clips[0].annotations[0].language_queries[0]", (5.0, 4.5)),
        (
            changed((*QUERY, "clip_end_sec"), None),
            "videos[0].clips[0].annotations[0].language_queries[0]",
            (1.0, None),
        ),
        (
            changed((*QUERY, "clip_end_sec"), 10**400),
            "videos[0].clips[0].annotations[0].language_queries[0].clip_end_sec",
            10**400,
        ),
        (
            changed((*QUERY, "clip_end_sec"), "4"),
            "videos[0].clips[0].annotations[0].language_queries[0].clip_end_sec",
            "4",
        ),
        (
            changed((*QUERY, "clip_end_sec"), math.inf),
            "videos[0].clips[0].annotations[0].language_queries[0].clip_end_sec",
            math.inf,
        ),
        (changed((*QUERY, "query"), 3), "videos[0].clips[0].annotations[0].language_queries[0].query", 3),
        (
            changed((*CLIP, "annotations"), DOCUMENT["videos"][0]["clips"][0]["annotations"] * 2),
            "videos[0].clips[0].annotations[1].annotation_uid",
            ("c", "a"),
        ),
        (
            {"videos": [*DOCUMENT["videos"], DOCUMENT["videos"][0] | {"video_uid": "w"}]},
            "videos[1].clips[0].annotations[0].annotation_uid",
            ("c", "a"),
        ),
        (
            {"videos": [*DOCUMENT["videos"], WITHOUT_QUERIES | {"video_uid": "w"}]},
            "videos[1].clips[0].clip_uid",
            "c",
        ),
    ],
)
def test_bad_files_name_the_field_and_the_value(tmp_path, document, field, value):
    file = saved(tmp_path / "n.json", document)
    with pytest.raises(DataError) as error:
        read_grounding(file)
    assert (error.value.file, error.value.field, error.value.value) == (file, field, value)


def groups_file(path, *rows):
    path.write_text("university\tvideo_group\n" + "".join(f"u\t{row}\n" for row in rows))
    return path


def test_groups(tmp_path):
    groups = read_video_groups(groups_file(tmp_path / "g.tsv", "['a', 'b']", "['c']"))
    assert groups == {"a": ("a", "b"), "c": ("c",)}
    assert group_members("grp-a", groups) == ("a", "b")
    assert group_members("a", groups) == ("a",)
    assert group_members("z", groups) == ("z",)
    assert group_members("grp-z", groups) is None
    assert group_members("a", groups, released=True) == ("a", "b")
    assert group_members("grp-a", groups, released=True) == ("a", "b")
    assert group_members("b", groups, released=True) == ("b",)
    assert group_members("grp-z", groups, released=True) == ("z",)


def test_a_short_uid_still_says_that_it_is_a_group():
    assert short_uid("0123456789-abcd") == "01234567"
    assert short_uid("grp-0123456789-abcd") == "grp-01234567"
    assert short_uid("v0") == "v0"


@pytest.mark.parametrize("row", ["a, b", "[]", "[1]", "__import__('os').getcwd()", ""])
def test_bad_groups(tmp_path, row):
    with pytest.raises(DataError, match="line 2"):
        read_video_groups(groups_file(tmp_path / "g.tsv", row))


def test_groups_that_start_alike_or_lack_the_column(tmp_path):
    with pytest.raises(DataError, match="'a'"):
        read_video_groups(groups_file(tmp_path / "g.tsv", "['a']", "['a', 'b']"))
    (tmp_path / "h.tsv").write_text("x\ty\n1\t2\n")
    with pytest.raises(DataError, match="video_group"):
        read_video_groups(tmp_path / "h.tsv")
    with pytest.raises(DataError, match="no such file"):
        read_video_groups(tmp_path / "none.tsv")


@pytest.mark.parametrize("challenge", [NLQ_CHALLENGE, GOALSTEP_CHALLENGE])
def test_predictions_are_written_in_the_official_format(tmp_path, challenge):
    clips, _ = read_grounding(saved(tmp_path / "n.json", DOCUMENT))
    predictions = {q.key: [(0.0, 2.5), (1, 4)] for q in clips[0].queries}
    write_predictions(tmp_path / "p.json", predictions, challenge=challenge)
    document = json.loads((tmp_path / "p.json").read_text())
    assert document["version"] == "1.0"
    assert document["challenge"] == challenge
    assert document["results"][1] == {
        "clip_uid": "c",
        "annotation_uid": "a",
        "query_idx": 3,
        "predicted_times": [[0.0, 2.5], [1.0, 4.0]],
    }
    assert parse_predictions(document, clips=clips) == predictions


def result(**changes):
    return {"clip_uid": "c", "annotation_uid": "a", "query_idx": 0, "predicted_times": [[0, 1]]} | changes


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"version": 1.0}, "version"),
        ({"challenge": "x"}, "challenge"),
        ({"results": []}, "results"),
        ({"results": {}}, "results"),
        ({"results": [result(clip_uid=None)]}, "results[0].clip_uid"),
        ({"results": [result(query_idx=True)]}, "results[0].query_idx"),
        ({"results": [result(query_idx=-1)]}, "results[0].query_idx"),
        ({"results": [result(predicted_times=[])]}, "results[0].predicted_times"),
        ({"results": [result(predicted_times=[[2, 1]])]}, "results[0].predicted_times"),
        ({"results": [result(predicted_times=[[0, math.nan]])]}, "results[0].predicted_times"),
        ({"results": [result(predicted_times=[[0, 1, 2]])]}, "results[0].predicted_times"),
        ({"results": [result(), result()]}, "results[1]"),
        ({"results": [result(query_idx=9)]}, "results[0]"),
    ],
)
def test_bad_predictions(tmp_path, changes, field):
    clips, _ = read_grounding(saved(tmp_path / "n.json", DOCUMENT))
    document = {"version": "1.0", "challenge": NLQ_CHALLENGE, "results": [result()]} | changes
    with pytest.raises(DataError) as error:
        parse_predictions(document, clips=clips)
    assert error.value.field == field


def test_bad_predictions_are_not_written(tmp_path):
    with pytest.raises(DataError):
        write_predictions(tmp_path / "p.json", {("c", "a", 0): [(0, math.nan)]}, challenge=NLQ_CHALLENGE)
    assert not list(tmp_path.iterdir())


@needs(REAL)
def test_real_goalstep_files():
    groups = read_video_groups(REAL / "goalstep_video_groups.tsv")
    val, report = read_grounding(REAL / "val.json")
    assert (report.videos, report.queries, report.without_text, report.beyond_clip) == (134, 7696, 0, 28)
    assert len(truth_of(val)) == 7696
    test, report = read_grounding(REAL / "test.json")
    assert (report.videos, report.queries) == (134, 5540)
    assert truth_of(test) == {}
    # These plain uids lead a group, which the released code therefore reads whole.
    for clips, plain in ((val, 2), (test, 6)):
        assert None not in [group_members(c.video_uid, groups) for c in clips]
        assert sum(c.video_uid in groups for c in clips) == plain
