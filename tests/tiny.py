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
            **{name.replace("__", "."): value for name, value in settings.items()},
        },
    )
    path = root / "tiny.yaml"
    path.write_text(yaml.safe_dump(profile.to_dict()))
    return path


def make_checkpoint(folder: Path, profile: Profile, backbone: Backbone) -> Path:
    """Save a model with random weights (always the same) as training does; returns ``folder``."""
    card = card_of(profile, backbone)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(card, text_dim=profile.text.dim)
    folder.mkdir(parents=True)
    save_model(folder, model, card)
    return folder
