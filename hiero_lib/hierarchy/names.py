"""A few words for each thread: what is narrated during it, or the nearest phrases of a vocabulary.

A thread's number stands for one line of threads through all levels, and so does its name: it is found where the line
is longest, at the coarsest level that has it, and no two numbers of a video share one. A name should tell its thread
from the others, so texts are ranked by how much closer they are to the thread than to the average thread, and by
words that are narrated here and not elsewhere in the video.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from hiero_lib.data.narrations import strip_tag
from hiero_lib.hierarchy.video import VideoHierarchy

_NOT_NARRATED = 1000.0  # more than a score can make up for


def with_names(
    hierarchy: VideoHierarchy, texts: Sequence[str], embedded: Tensor, *, times: Sequence[float] | None = None
) -> VideoHierarchy:
    """The same video with names for its threads, the same at every level.

    A thread's features (the mean of its nodes in the text space) are compared with the texts by cosine, less the
    mean cosine over all threads; of narrations, their words are weighed by class-based tf-idf as well (a thread is a
    class). The names are the one-to-one matching with the largest sum of both, each in its standard deviations; the
    threads of the coarsest level choose first, then those that the next level adds, and so on.

    Args:
        hierarchy: made with the ``project`` of the method whose ``embed_text`` gave the texts' features.
        texts: narrations of the video, or phrases of a vocabulary; a text given twice counts once.
        embedded: ``[len(texts), D]`` their features.
        times: seconds of the narrations. A thread during which something is narrated takes its name from that.
            None for a vocabulary: any text may name any thread.

    Returns:
        names without the narrations' tags; a thread for which no text is left has none: where there
        are more threads than texts, or all that is narrated during it names other threads already.

    Raises:
        ValueError: numbers of texts, features and times differ.
    """
    if len(texts) != len(embedded) or (times is not None and len(times) != len(texts)):
        and_times = "" if times is None else f" and {len(times)} times"
        raise ValueError(f"{len(texts)} texts but {len(embedded)} features{and_times}")
    phrases = [phrase(text) for text in texts]
    kept = [i for i, text in enumerate(phrases) if text]  # a narration may be all tag or full stop
    phrases, embedded = [phrases[i] for i in kept], embedded[kept]
    times = None if times is None else [times[i] for i in kept]
    names = _names(hierarchy, phrases, embedded, times) if phrases else {}
    levels = [
        dataclasses.replace(level, names={thread: names[thread] for thread in level.seconds() if thread in names})
        for level in hierarchy.levels
    ]
    return dataclasses.replace(hierarchy, levels=tuple(levels))


def longest_name(hierarchy: VideoHierarchy, *, level: int) -> str | None:
    """What the thread is called that takes most of the video at this level, of those that have a name; else None."""
    found = next((of for of in hierarchy.levels if of.level == level), None)
    if found is None:
        return None
    seconds = {thread: length for thread, length in found.seconds().items() if thread in found.names}
    return found.names[max(seconds, key=seconds.__getitem__)] if seconds else None


def phrase(text: str) -> str:
    """An Ego4D narration as a name: ``#C C washes #unsure.`` -> ``washes something``.

    Without its tag, its ``C`` and the full stop; Ego4D writes ``#unsure`` for a word that the narrator did not know.
    """
    return re.sub(r"#unsure\b", "something", strip_tag(text)).rstrip(" .")


def _names(
    hierarchy: VideoHierarchy, phrases: Sequence[str], embedded: Tensor, times: Sequence[float] | None
) -> Mapping[int, str]:
    from scipy.optimize import linear_sum_assignment

    home = {thread: level for level in hierarchy.levels for thread in level.seconds()}  # the coarsest comes last
    threads = sorted(home)
    means = torch.stack(
        [F.normalize(home[t].text_x, dim=1)[torch.from_numpy(home[t].threads == t)].mean(0) for t in threads]
    )
    cosine = F.normalize(means, dim=1) @ F.normalize(embedded.detach().float().cpu(), dim=1).T
    if len(threads) > 1:
        cosine = cosine - cosine.mean(0)
    score = _standard(cosine.double().numpy())
    if times is not None and len(times):
        at = {id(level): level.thread_at(np.asarray(times, dtype=np.float64)) for level in hierarchy.levels}
        narrated = np.stack([at[id(home[thread])] == thread for thread in threads])
        score = score + _standard(_telling(phrases, narrated))
        score -= np.where(narrated | ~narrated.any(1, keepdims=True), 0.0, _NOT_NARRATED)
    unique, first = np.unique(phrases, return_inverse=True)
    best = np.full((len(threads), len(unique)), -np.inf)
    for column, phrase_number in enumerate(first.reshape(-1)):
        best[:, phrase_number] = np.maximum(best[:, phrase_number], score[:, column])
    names: dict[int, str] = {}
    free = np.arange(len(unique))
    for level in reversed(hierarchy.levels):
        own = np.flatnonzero([home[thread] is level for thread in threads])
        rows, columns = linear_sum_assignment(best[np.ix_(own, free)], maximize=True)
        fits = best[own[rows], free[columns]] > -_NOT_NARRATED / 2
        names |= {threads[own[r]]: str(unique[free[c]]) for r, c in zip(rows[fits], columns[fits])}
        free = np.delete(free, columns[fits])
    return names


def _telling(phrases: Sequence[str], narrated: NDArray[np.bool_]) -> NDArray[np.float64]:
    """``[threads, phrases]`` mean class-based tf-idf of a phrase's words in a thread (Grootendorst, 2022, eq. 2).

    Frequent in the thread and rare in the video. Shapes: narrated ``[threads, phrases]``.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    counts = CountVectorizer(token_pattern=r"\S+", binary=True).fit_transform(phrases)  # [phrases, words]
    of_thread = np.asarray(narrated.astype(np.float64) @ counts)
    length = of_thread.sum(1, keepdims=True)
    rare = np.log1p(length.mean() / np.maximum(np.asarray(counts.sum(0)).reshape(1, -1), 1))
    weight = of_thread / np.maximum(length, 1) * rare
    return np.asarray((counts @ weight.T).T / np.maximum(np.asarray(counts.sum(1)).reshape(1, -1), 1))


def _standard(score: NDArray[np.float64]) -> NDArray[np.float64]:
    return score / max(float(score.std()), 1e-9)
