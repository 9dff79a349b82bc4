"""A data set of a few seconds, in the authors' formats, for tests that need files but no meaning."""

import json
from pathlib import Path

import torch
import yaml

from hiero_lib.config import Profile, load_profile
from hiero_lib.models.checkpoints import Backbone, build_model, card_of, save_model

VERBS = ["cuts", "washes", "picks", "opens", "mixes", "folds"]
NOUNS = ["onion", "plate", "cloth", "box"]


def make_tiny(root: Path, *, videos: int = 9, segments: int = 60, dim: int = 12, **settings) -> Path:
    """Write features, ``egoclip.csv`` and ``egomcq.json`` under ``root``; returns the path of a profile for them.

    Args:
        settings: dotted settings of the profile, with ``__`` for the dot.
    """
    annotations, features = root / "raw" / "annotations", root / "raw" / "features" / "tiny"
    annotations.mkdir(parents=True)
    features.mkdir(parents=True)
    generator = torch.Generator().manual_seed(0)
    duration = segments * 16 / 30
    rows = ["video_uid\tnarration_time\tclip_text"]
    for number in range(videos):
        torch.save(torch.randn(segments, dim, generator=generator).half(), features / f"v{number}.pt")
        times = (torch.rand(7, generator=generator) * duration).sort().values.tolist()
        for step, time in enumerate(times):
            text = f"#C C {VERBS[(number + step) % 6]} the {NOUNS[step % 4]}"
            rows.append(f"v{number}\t{time:.3f}\t{text}")
    (annotations / "egoclip.csv").write_text("\n".join(rows) + "\n")
    questions = {}
    for number in range(20):
        choices = {
            str(k): {"video_uid": f"v{(number + k) % videos}", "clip_start": 3.0 + k, "clip_end": 5.0 + k}
            for k in range(5)
        }
        query = {"clip_text": f"#C C {VERBS[number % 6]} the {NOUNS[number % 4]}"}
        questions[str(number)] = {
            "answer": number % 5,
            "types": 1 + number % 2,
            "query": query,
            "choices": choices,
        }
    (annotations / "egomcq.json").write_text(json.dumps(questions))
    profile = load_profile(
        "sample",
        {
            "name": "tiny",
            "data_root": str(root),
            "features.folder": "tiny",
            "features.dim": dim,
            "model.input_size": dim,
            "model.hidden_size": 24,
            "model.pos_hidden_channels": 8,
            "alignment.dim": 16,
            "training.batch_size": 4,
            "training.epochs": 5,
            "training.lr": 1e-3,
            "training.checkpoint_every_steps": 3,
            "training.validate_every_epochs": 1,
            **{name.replace("__", "."): value for name, value in settings.items()},
        },
    )
    path = root / "tiny.yaml"
    path.write_text(yaml.safe_dump(profile.to_dict()))
    return path


def make_tiny_nlq(root: Path, *, videos: int = 9, clip_s: float = 30.0) -> None:
    """Write ``nlq_train.json``, ``nlq_val.json`` and ``nlq_test_unannotated.json`` for the videos of `make_tiny`.

    A clip of each video with four queries: two thirds of the videos for training, the others for validation and test.
    """
    folder, split_at = root / "raw" / "annotations", 2 * videos // 3
    for name, numbers, timed in (
        ("nlq_train", range(split_at), True),
        ("nlq_val", range(split_at, videos), True),
        ("nlq_test_unannotated", range(split_at, videos), False),
    ):
        listed = []
        for number in numbers:
            queries = []
            for k in range(4):
                start = 6.0 * k + number % 3
                times = {"clip_start_sec": start, "clip_end_sec": start + 4.0} if timed else {}
                queries.append({"query": f"Where did I see the {NOUNS[(number + k) % 4]}?", **times})
            annotation = {"annotation_uid": f"a{number}", "language_queries": queries}
            clip = {"clip_uid": f"c{number}", "video_start_sec": 1.0, "video_end_sec": 1.0 + clip_s}
            listed.append({"video_uid": f"v{number}", "clips": [clip | {"annotations": [annotation]}]})
        (folder / f"{name}.json").write_text(json.dumps({"version": "1", "videos": listed}))


def make_checkpoint(folder: Path, profile: Profile, backbone: Backbone) -> Path:
    """Save a model with random weights (always the same) as training does; returns ``folder``."""
    card = card_of(profile, backbone)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(card, text_dim=profile.text.dim)
    folder.mkdir(parents=True)
    save_model(folder, model, card)
    return folder


def add_egoprocel(root: Path, *, dim: int = 12, segments: int = 60) -> list[str]:
    """Write EgoProceL's labels (csv) and features for four videos of three tasks under ``root``; their names.

    Key-steps 1, 2, 3 follow each other with background between them, and features tell them apart.
    """
    tasks = {"a": "MECCANO", "b": "MECCANO", "c": "EGTEA_Gaze+/Pizza", "d": "CMU_Kitchens/Eggs/ego"}
    labels, generator = root / "raw" / "annotations" / "egoprocel", torch.Generator().manual_seed(1)
    seconds = segments * 16 / 30
    for name, task in tasks.items():
        folder, dataset = labels / task, {"EGTEA_Gaze+": "EGTEA"}.get(task.split("/")[0], task.split("/")[0])
        folder.mkdir(parents=True, exist_ok=True)
        edges = [seconds * part for part in (0.1, 0.35, 0.4, 0.6, 0.7, 1.0)]
        rows = [f'{edges[2 * k]:.2f},{edges[2 * k + 1]:.2f},"{k + 1}. step {k + 1}"' for k in range(3)]
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
        x = 0.3 * torch.randn(segments, dim, generator=generator)
        for k in range(3):
            x[int(edges[2 * k] * 30 / 16) : int(edges[2 * k + 1] * 30 / 16), k] += 2.0
        features = root / "raw" / "features" / "egoprocel" / "tiny" / dataset
        features.mkdir(parents=True, exist_ok=True)
        torch.save(x.half(), features / f"{name}.pt")
    frames = [f"{name},30,{16 * segments}" for name in tasks]
    (labels / "videos.csv").write_text("\n".join(["video,fps,num_frames", *frames]) + "\n")
    return list(tasks)


def add_goalstep(root: Path, *, segments: int = 60) -> None:
    """Write Goal-Step's annotations for the videos of ``make_tiny`` under ``root``.

    ``val.json``: a group of v0 and v1, and v2, whose last answer ends beyond its clip; ``test.json``: v3, without
    times; ``goalstep_val.json``: v0 and v2, each with two steps and a sub-step.
    """
    folder, length = root / "raw" / "annotations" / "goalstep", segments * 16 / 30
    folder.mkdir(parents=True)

    def video(uid: str, seconds: float, spans: list[tuple[float, float] | None]) -> dict:
        queries = [{"query": f"{VERBS[k]} the {NOUNS[k]}"} for k in range(len(spans))]
        for query, span in zip(queries, spans):
            if span is not None:
                query |= {"clip_start_sec": span[0], "clip_end_sec": span[1]}
        annotation = {"annotation_uid": f"a-{uid}", "language_queries": queries}
        clip = {"clip_uid": uid, "video_start_sec": 0.0, "video_end_sec": seconds, "annotations": [annotation]}
        return {"video_uid": uid, "clips": [clip]}

    val = [
        video("grp-v0", 2 * length, [(0.0, 20.0), (20.0, 40.0), (40.0, 60.0)]),
        video("v2", length, [(0.0, 12.0), (12.0, length + 5)]),
    ]
    test = [video("v3", length, [None, None])]
    (folder / "val.json").write_text(json.dumps({"version": "1", "videos": val}))
    (folder / "test.json").write_text(json.dumps({"version": "1", "videos": test}))
    (folder / "goalstep_video_groups.tsv").write_text("university\tvideo_group\nu\t['v0', 'v1']\n")

    def step(k: int, start: float, end: float, *inner: dict) -> dict:
        name = {"step_category": f"{VERBS[k]}_the_{NOUNS[k]}", "step_description": ""}
        return {"start_time": start, "end_time": end, **name, "segments": list(inner)}

    steps = [
        {"video_uid": uid, "segments": [step(0, 0.0, 12.0, step(2, 3.0, 6.0)), step(1, 12.0, 30.0)]}
        for uid in ("v0", "v2")
    ]
    (folder / "goalstep_val.json").write_text(json.dumps({"version": "v1", "videos": steps}))
