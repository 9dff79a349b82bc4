"""The doctor's single checks: headers and values of feature files, lengths against durations, coverage."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from hiero_lib.base.errors import DataError
from hiero_lib.benchmarks.egomcq.data import load_questions
from hiero_lib.benchmarks.grounding.files import group_members, read_grounding, read_video_groups
from hiero_lib.benchmarks.step_localization.files import read_goalstep
from hiero_lib.config import Profile
from hiero_lib.data.feature_survey import SurveyedStore
from hiero_lib.data.paths import DataPaths
from hiero_lib.doctor.audit import AuditRow, Doubtful, audited

VALUES_SAMPLE = 50  # files read whole without --deep
NAMED = 10  # broken files that are named
VALUES, DURATIONS = "values of the features", "features against video_dur"
NLQ_TRAIN, NLQ_VAL = "EgoNLQ questions, training", "EgoNLQ questions, validation"
STEPS_QUERIES, STEPS_GROUPS = "Goal-Step queries", "Goal-Step groups of videos"
STEPS_VAL = "Goal-Step steps, validation"
EGOPROCEL = "EgoProceL"


def features_row(row: AuditRow, store: SurveyedStore) -> AuditRow:
    """The audit's row with every broken file, and the dtypes."""
    if store.broken:
        named = "; ".join(str(error) for error in list(store.broken.values())[:NAMED])
        more = f"; and {len(store.broken) - NAMED} more" if len(store.broken) > NAMED else ""
        details = f"{len(store.broken)} of {len(store.video_uids)} files cannot be used: {named}{more}"
        return dataclasses.replace(row, status="missing or unusable", details=details)
    if not store.headers:
        return row
    dtypes = Counter(str(header.dtype).removeprefix("torch.") for header in store.headers.values())
    listed = ", ".join(f"{count} of {name}" for name, count in dtypes.most_common())
    status = row.status if len(dtypes) == 1 else "doubtful"
    return dataclasses.replace(row, status=status, details=f"{row.details}; {listed}")


def values(store: SurveyedStore, deep: bool) -> str:
    """NaN, infinity and segments of zeros alone, in all files or in some, evenly spread over the sorted names."""
    uids = sorted(store.headers)
    if not uids:
        raise DataError("no file can be read", file=store.folder)
    step = 1 if deep else max(1, -(-len(uids) // VALUES_SAMPLE))
    chosen, bad, empty = uids[::step], [], []
    for uid in chosen:
        try:
            if not bool(store.read(uid).any(dim=1).all()):
                empty.append(uid)
        except DataError as error:
            bad.append(str(error))
    of = f"{len(chosen)} of {len(uids)} files read" + ("" if len(chosen) == len(uids) else ", all with --deep")
    if bad:
        raise DataError(f"{len(bad)} files have values that are not finite ({of}): {'; '.join(bad[:NAMED])}")
    if empty:  # as in a file that was made in its full size, and not filled to its end
        raise Doubtful(f"{len(empty)} files have segments of nothing but zeros ({of}): {', '.join(empty[:NAMED])}")
    return f"all finite ({of})"


def durations_row(profile: Profile, store: SurveyedStore, egoclip: Path) -> AuditRow:
    """Lengths of features against ``video_dur``; more than 2 s and 1 % apart is doubtful."""
    stated = _stated_durations(egoclip)
    both = {uid: header for uid, header in store.headers.items() if uid in stated}
    if not both:
        return AuditRow(DURATIONS, str(egoclip), "found", "no video has both (the column video_dur is optional)")
    stride_s, far = profile.features.stride_s, []
    for uid, header in both.items():
        length_s = header.num_segments * stride_s
        if abs(length_s - stated[uid]) > max(2.0, 0.01 * stated[uid]):
            far.append((uid, length_s, stated[uid]))
    hours = sum(stated[uid] for uid in both) / 3600
    covered = f"{len(both)} of {len(stated)} videos, {hours:.1f} of {sum(stated.values()) / 3600:.1f} h have features"
    if not far:
        return AuditRow(DURATIONS, str(egoclip), "found", f"{covered}; lengths agree to 2 s or 1 %")
    named = ", ".join(f"{uid} ({ours:.0f} s for {theirs:.0f} s)" for uid, ours, theirs in far[:NAMED])
    ratio = sorted(ours / theirs for _, ours, theirs in far if theirs)[len(far) // 2]
    hint = (
        f"; typically {ratio:.2f} times as long: is the stride or fps of the profile right?" if len(far) > 1 else ""
    )
    return AuditRow(DURATIONS, str(egoclip), "doubtful", f"{covered}; {len(far)} lengths differ: {named}{hint}")


def _stated_durations(egoclip: Path) -> dict[str, float]:
    """``video_dur`` by video, in seconds; empty without that column."""
    stated: dict[str, float] = {}
    with egoclip.open("rb") as stream:
        header = stream.readline().decode("utf-8-sig", "replace").rstrip("\r\n").split("\t")
        if not {"video_uid", "video_dur"} <= set(header):
            return {}
        uid_at, dur_at = header.index("video_uid"), header.index("video_dur")
        last = max(uid_at, dur_at)
        for line in stream:
            fields = line.split(b"\t", last + 1)
            if len(fields) > last and (uid := fields[uid_at].decode("utf-8", "replace")) not in stated:
                try:
                    stated[uid] = float(fields[dur_at])
                except ValueError:
                    continue
    return stated


def benchmark_rows(
    profile: Profile, paths: DataPaths, store: SurveyedStore | None, needed: set[str]
) -> list[AuditRow]:
    """Annotations beyond EgoClip and EgoMCQ, and how far the features cover them."""
    from hiero_lib.benchmarks import egonlq, goalstep, step_localization

    nlq_train, nlq_val = egonlq.needed_files(profile)
    queries, groups = goalstep.needed_files(profile)
    (steps,) = step_localization.needed_files(profile)
    looks: dict[str, tuple[Path, Callable[[], str]]] = {
        NLQ_TRAIN: (nlq_train, lambda: _grounding(nlq_train, None, store, profile)),
        NLQ_VAL: (nlq_val, lambda: _grounding(nlq_val, None, store, profile)),
        STEPS_QUERIES: (queries, lambda: _grounding(queries, groups, store, profile)),
        STEPS_GROUPS: (groups, lambda: f"{len(read_video_groups(groups))} groups"),
        STEPS_VAL: (steps, lambda: _steps(steps, groups, store)),
        EGOPROCEL: (paths.annotations / "egoprocel", lambda: _egoprocel(profile)),
    }
    return [audited(title, *look) for title, look in looks.items() if title in needed]


def _grounding(path: Path, groups: Path | None, store: SurveyedStore | None, profile: Profile) -> str:
    clips, report = read_grounding(path)
    known = read_video_groups(groups) if groups is not None and groups.is_file() else {}
    with_features, beyond, seconds = 0, 0, 0.0
    for clip in clips:
        members = group_members(clip.video_uid, known) if groups is not None else (clip.video_uid,)
        if store is None or not members or not all(uid in store.headers for uid in members):
            continue
        with_features += 1
        seconds += clip.duration_s
        length_s = sum(store.headers[uid].num_segments for uid in members) * profile.features.stride_s
        beyond += clip.end_s > length_s + 2.0
    if not with_features:
        raise DataError("not one clip has features", file=path, field="clips", value=len(clips))
    return (
        f"{report.summary()}; {with_features} of {len(clips)} clips ({seconds / 3600:.1f} h) have features,"
        f" {beyond} end more than 2 s after them"
    )


def _steps(path: Path, groups: Path, store: SurveyedStore | None) -> str:
    videos = read_goalstep(path)
    known = read_video_groups(groups) if groups.is_file() else {}
    members = [group_members(video.video_uid, known) or () for video in videos]
    headers = store.headers if store is not None else {}
    with_features = sum(bool(uids) and all(uid in headers for uid in uids) for uids in members)
    steps = sum(len(video.all_steps()) for video in videos)
    return f"{steps} steps and sub-steps of {len(videos)} videos, {with_features} of which have features"


def _egoprocel(profile: Profile) -> str:
    from hiero_lib.benchmarks.egoprocel.data import open_keysteps

    data = open_keysteps(profile)
    with_features, far = 0, []
    for video in data.videos:
        segments = data.segments(video)
        if segments is None:
            continue
        with_features += 1
        length_s = segments.x.shape[0] * data.stride_frames / (data.feature_fps or video.fps)
        duration_s = video.num_frames / video.fps
        if abs(length_s - duration_s) > max(2.0, 0.02 * duration_s):
            far.append(f"{video.video_uid} ({length_s:.0f} s for {duration_s:.0f} s)")
    if not with_features:
        raise DataError("not one labelled video has features", file=data.features)
    differ = f"; {len(far)} lengths differ: {', '.join(far[:NAMED])}" if far else ""
    return f"{data.summary()}; {with_features} have features, values read{differ}"


def segments(store: SurveyedStore | None, profile: Profile, paths: DataPaths) -> dict[str, int]:
    """Segments in all, in EgoMCQ's windows and in EgoProceL: the measure of what notebooks cost."""
    counts: dict[str, int] = {}
    if store is not None:
        counts["all"] = sum(header.num_segments for header in store.headers.values())
        with contextlib.suppress(DataError):
            questions, _ = load_questions(
                paths.egomcq, store, profile.features, context_window=profile.egomcq.context_window
            )
            counts["egomcq"] = sum(window.num_segments for question in questions for window in question.windows)
    folder = paths.features("egoprocel") / (profile.egoprocel.feature_folder or profile.features.folder)
    stores = [SurveyedStore(part, dim=profile.features.dim) for part in sorted(folder.glob("*")) if part.is_dir()]
    if stores:
        counts["egoprocel"] = sum(header.num_segments for part in stores for header in part.headers.values())
    return counts
