"""Spectral clustering of whole videos against scikit-learn's on the same affinity: how much faster, and how alike.

The videos are drawn from the sample's generator, 26 and 60 minutes long. scikit-learn is given the affinity, ours
computes it from the features; both run on the same threads. :func:`of_sample` compares all videos of a sample, for
the features that the benchmarks cluster.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hiero_lib.models.clustering.davidson import Affinity
from hiero_lib.models.clustering.embedding import spectral_embedding
from hiero_lib.models.clustering.kmeans import scikit_learn_kmeans
from hiero_lib.models.clustering.spectral import spectral_clustering
from tests.tools.speed.common import synchronize

MINUTES = (26, 60)
SETTINGS = {"step grounding": (8, 0.05), "EgoProceL": (7, 0.5)}  # clusters, temperature
AIM = 10.0


def generated_video(minutes: float, *, seed: int = 0) -> Tensor:
    """``[N, 256]`` features of one video of the sample's generator."""
    from hiero_lib.sources.sample.build import minilm, texts_of
    from hiero_lib.sources.sample.features import FeatureSpace
    from hiero_lib.sources.sample.grammar import grammar
    from hiero_lib.sources.sample.story import sample_story

    procedures = grammar().procedures[:3]
    story = sample_story(
        np.random.default_rng(seed),
        video_uid="v",
        procedures=procedures,
        beside=grammar().beside_of(procedures[0].scenario),
        duration_s=60 * minutes,
    )
    space = FeatureSpace(minilm(), texts_of([story]), reference=grammar().texts, dim=256, seed=0)
    return torch.from_numpy(space.synthesise(story, np.random.default_rng([seed, 1]))).float()


def affinity(x: Tensor, temperature: float) -> np.ndarray:
    """exp(cosine / temperature) in double precision, as scikit-learn is given it."""
    unit = torch.nn.functional.normalize(x.cpu().double(), dim=1)
    return torch.exp(unit @ unit.T / temperature).numpy()


def theirs(w: np.ndarray, n_clusters: int) -> np.ndarray:
    """scikit-learn's labels."""
    from sklearn.cluster import SpectralClustering

    return SpectralClustering(n_clusters, affinity="precomputed", random_state=0).fit(w).labels_


def agreement(x: Tensor, n_clusters: int, temperature: float) -> float:
    """Adjusted Rand index between our partition of ``x [N, D]`` and scikit-learn's."""
    from sklearn.metrics import adjusted_rand_score

    ours = spectral_clustering(x, n_clusters, temperature=temperature).cpu().numpy()
    return float(adjusted_rand_score(theirs(affinity(x, temperature), n_clusters), ours))


def run(device: torch.device) -> None:
    """Print the ratios and the adjusted Rand indices."""
    from sklearn.metrics import adjusted_rand_score

    longest = generated_video(max(MINUTES))
    spectral_clustering(longest[:500].to(device), 8, temperature=0.05)  # what is loaded at the first call
    for minutes in MINUTES:
        x = longest[: int(minutes * 60 * 30 / 16)].to(device)
        print(f"spectral clustering of a video of {minutes} minutes ({len(x)} segments), against scikit-learn:")
        for name, (n_clusters, temperature) in SETTINGS.items():
            w = affinity(x, temperature)
            # in turn, the better of two each, so that a busy machine slows both
            slow, fast = float("inf"), float("inf")
            for _ in range(2):
                slow = min(slow, _timed(lambda w=w, k=n_clusters: theirs(w, k), device))
                call = lambda x=x, k=n_clusters, t=temperature: spectral_clustering(x, k, temperature=t)  # noqa: E731
                fast = min(fast, _timed(call, device), _timed(call, device))
            ours = spectral_clustering(x, n_clusters, temperature=temperature).cpu().numpy()
            index = adjusted_rand_score(theirs(w, n_clusters), ours)
            print(
                f"  {name} ({n_clusters} clusters, temperature {temperature}): {fast:.2f} s,"
                f" {slow / fast:.1f} x faster ({slow:.2f} s); adjusted Rand index {index:.4f}"
            )
    print(f"  (aim: {AIM:.0f} x at {max(MINUTES)} minutes, adjusted Rand index 0.99)")


def of_sample(device: torch.device, root: Path = Path("data/sample")) -> None:
    """Print the adjusted Rand indices over every video of the sample: raw features, and their means at level 2."""
    from hiero_lib.data.features import FeatureStore
    from hiero_lib.data.paths import DataPaths

    folder = DataPaths.at(root).features("sample_256")
    if not folder.is_dir():
        print(f"spectral clustering on the sample: not run, there is no {folder} (python -m hiero_lib sample)")
        return
    store = FeatureStore(folder)
    found: dict[str, list[float]] = {}
    for uid in store.video_uids:
        x = store.read(uid).float().to(device)
        found.setdefault("step grounding, level 0", []).append(agreement(x, *SETTINGS["step grounding"]))
        found.setdefault("EgoProceL, [2::4]", []).append(agreement(x[2::4], *SETTINGS["EgoProceL"]))
    print(f"spectral clustering against scikit-learn, {len(store.video_uids)} videos of {root}:")
    for name, indices in found.items():
        print(f"  {name}: adjusted Rand index {min(indices):.4f} at least, {np.mean(indices):.4f} on average")
    print("  (aim: at least 0.99)")


def eigensolvers(device: torch.device) -> None:
    """Print the block Davidson solver's time beside that of ARPACK (``eigsh``) on the same products, both on CPUs."""
    from sklearn.metrics import adjusted_rand_score

    longest = generated_video(max(MINUTES))
    spectral_embedding(longest[:600], 8, temperature=0.05)  # what is loaded at the first call
    print("eigenvectors of a whole video, block Davidson against scipy's eigsh on the same products:")
    for minutes in MINUTES:
        x = longest[: int(minutes * 60 * 30 / 16)]
        for name, (n_clusters, temperature) in SETTINGS.items():
            embed = {
                "block Davidson": lambda x=x, k=n_clusters, t=temperature: spectral_embedding(x, k, temperature=t)[1],
                "eigsh": lambda x=x, k=n_clusters, t=temperature: _arpack_embedding(x, k, t),
            }
            reference = theirs(affinity(x, temperature), n_clusters)
            for solver, call in embed.items():
                seconds = min(_timed(call, device) for _ in range(3))
                labels = scikit_learn_kmeans(call().double().numpy(), n_clusters, 0, 10)
                index = adjusted_rand_score(reference, labels)
                print(f"  {minutes} minutes, {name}, {solver}: {seconds:.3f} s; adjusted Rand index {index:.4f}")


def _arpack_embedding(x: Tensor, k: int, temperature: float) -> Tensor:
    """`spectral_embedding` with ARPACK's Lanczos method in the place of block Davidson, ``[N, k]``."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    w = Affinity(x, temperature, run=4)
    root = w.degree.rsqrt()

    def product(vector: np.ndarray) -> np.ndarray:
        row = torch.from_numpy(np.ascontiguousarray(vector.ravel(), dtype=np.float32))
        return (root * w.product((root * row)[None])[0]).numpy()

    operator = LinearOperator((len(x), len(x)), matvec=product, dtype=np.float32)
    start = np.random.RandomState(0).uniform(-1, 1, len(x)).astype(np.float32)
    vectors = eigsh(operator, k, which="LA", v0=start, tol=1e-7)[1]
    return root[:, None] * torch.from_numpy(vectors[:, ::-1].copy())


def _timed(call: Callable[[], object], device: torch.device) -> float:
    synchronize(device)
    start = time.perf_counter()
    call()
    synchronize(device)
    return time.perf_counter() - start
