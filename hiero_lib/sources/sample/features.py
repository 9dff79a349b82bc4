"""Segment features synthesised from the texts of what happens, seen through nuisance, drift and noise.

The generator knows nothing of any method. Its strengths were chosen by the raw features alone, to be like what is
known of real ones (`hiero_lib.sources.sample.statistics`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hiero_lib.sources.sample.story import Story

STRIDE_FRAMES, FPS = 16, 30.0
STRIDE_S = STRIDE_FRAMES / FPS

Embed = Callable[[Sequence[str]], np.ndarray]  # texts -> [n, T], the text encoder's output

_LATENT = 256
_POINTS = 4  # looks a segment, one every 4 frames; the segment is their mean
_PLACES = 4  # where things happen in a room


@dataclass(frozen=True)
class Strengths:
    """How strong each part of the latent is, the action in full view being 1 (root mean square length).

    The parts made of actions (``scene``, ``around``) are means, and so shorter than their factor says.
    """

    looks: float = 0.65  # share of the variance of an action's look that is its thing's: actions on it look alike
    blur: float = 0.6  # share of a look that is that of the actions just before and after (some 3 s)
    hands: float = 1.1  # log-odds of the hands being in view
    step: float = 0.07
    thread: float = 0.07
    scene: float = 2.0  # what the video is about: the things of all its actions lie about
    around: float = 0.65  # the things of the actions some 10 s before and after are in view as well
    place: float = 0.5  # of this video's room; several threads share a place
    video: float = 0.8  # constant over a video: the room, the light, the camera
    drift: float = 0.2  # slow random walk
    motion: float = 1.8  # of the head: strong for seconds, in few directions
    noise: float = 0.55  # of each segment for itself
    shared: float = 0.5  # share of the step's and thread's variance that lies along the action's directions
    text_gap: float = 0.03  # share of the text projection's variance that has nothing to do with the features


def num_segments(duration_s: float) -> int:
    """Whole segments in a video, one at least."""
    return max(1, int(duration_s / STRIDE_S + 1e-9))


class FeatureSpace:
    """The maps from texts to features, the same for all videos of a sample.

    Args:
        embed: the text encoder.
        texts: every text that will occur: actions, steps, threads.
        reference: texts whose embeddings are centred and scaled to unit length; the same reference and seed give
            the same space, whatever ``texts`` are.
        dim: F, channels of the features.
        seed: of the maps.
        things: noun -> the actions (of ``reference``) that are done to it: they look alike.
    """

    def __init__(
        self,
        embed: Embed,
        texts: Sequence[str],
        *,
        reference: Sequence[str],
        dim: int,
        seed: int,
        things: Mapping[str, Sequence[str]] | None = None,
        strengths: Strengths | None = None,
    ) -> None:
        self.dim, self.strengths = dim, strengths or Strengths()
        # One call for both, each text once: most of the reference occurs in the sample of the grammar.
        every = list(dict.fromkeys((*texts, *reference)))
        rectified = np.maximum(np.asarray(embed(every), dtype=np.float64), 0.0)
        if rectified.ndim != 2 or len(rectified) != len(every):
            raise ValueError(f"expected [{len(every)}, T] text embeddings, got {rectified.shape}")
        self._index = {text: i for i, text in enumerate(every)}
        standard = rectified[[self._index[text] for text in reference]]
        self._mean = standard.mean(axis=0)
        self._scale = 1.0 / max(float(np.sqrt(((standard - self._mean) ** 2).sum(axis=1).mean())), 1e-12)
        centred = (rectified - self._mean) * self._scale

        rng = np.random.default_rng([seed, 1])
        width = centred.shape[1]
        self._action_map = rng.standard_normal((width, _LATENT)) / np.sqrt(_LATENT)
        # A scene's meaning shows partly as its actions do (the same objects lie about), partly in a way of its own.
        own_map = rng.standard_normal((width, _LATENT)) / np.sqrt(_LATENT)
        context_map = np.sqrt(self.strengths.shared) * self._action_map + np.sqrt(1 - self.strengths.shared) * own_map
        self._text_noise = rng.standard_normal((width, _LATENT)) / np.sqrt(_LATENT)
        # One row more, of zeros, for "nothing": index -1.
        self._actions = np.vstack([centred @ self._action_map, np.zeros(_LATENT)])
        self._things = {
            noun: self._mean_look([self._index[text] for text in on]) for noun, on in (things or {}).items()
        }
        self._contexts = np.vstack([centred @ context_map, np.zeros(_LATENT)])
        self._motion = rng.standard_normal((12, _LATENT)) / np.sqrt(12 * _LATENT)

        # The latent is the same for every F; only this last map differs.
        chance = np.random.default_rng([seed, 2, dim])
        if dim >= _LATENT:
            orthonormal = np.linalg.qr(chance.standard_normal((dim, _LATENT)))[0]
            self._lift = orthonormal.T * np.sqrt(dim / _LATENT)
        else:
            self._lift = chance.standard_normal((_LATENT, dim)) / np.sqrt(_LATENT)
        self._offset = 0.15 * np.random.default_rng([seed, 3, dim]).standard_normal(dim)

    def text_projection(self) -> tuple[np.ndarray, np.ndarray]:
        """The features' own text space: float32 weight ``[F, T]`` and bias ``[F]``, on ReLU(text encoder output)."""
        gap = self.strengths.text_gap
        mixed = np.sqrt(1 - gap) * self._action_map + np.sqrt(gap) * self._text_noise
        weight = (mixed @ self._lift).T * self._scale
        return weight.astype(np.float32), (-weight @ self._mean).astype(np.float32)

    def _rows(self, story: Story, name: str) -> np.ndarray:
        """``[beats + 1]`` row of each beat's text of a kind, and of "nothing"; -1 where it has none."""
        return np.array([self._index.get(getattr(beat, name), -1) for beat in story.beats] + [-1])

    def _mean_look(self, rows: Sequence[int]) -> np.ndarray:
        """``[_LATENT]`` direction of the mean of some actions, as long as they are."""
        looks = self._actions[rows]
        mean = looks.mean(axis=0)
        return mean * np.linalg.norm(looks, axis=1).mean() / max(np.linalg.norm(mean), 1e-12)

    def synthesise(self, story: Story, rng: np.random.Generator) -> np.ndarray:
        """``[N, F]`` float16 segment features of a story (values mostly within +-1)."""
        s, n = self.strengths, num_segments(story.duration_s)
        beats = _beats_at(story, n)
        ids = {name: self._rows(story, name) for name in ("text", "step", "thread")}
        view = 1 / (1 + np.exp(-(s.hands + 1.5 * _autoregressive(rng, n, 1, 0.9))))  # of the hands, 0 to 1
        looks = self._actions[ids["text"]]
        things = [self._things.get(beat.noun, look) for beat, look in zip(story.beats, looks)]
        looks = np.sqrt(1 - s.looks) * looks + np.sqrt(s.looks) * np.array([*things, looks[-1]])
        actions = looks[beats].mean(axis=1)
        actions = (1 - s.blur) * actions + s.blur * _smoothed(actions, 0.8)
        latent = view * actions
        latent += s.scene * actions.mean(axis=0)
        latent += s.around * _smoothed(actions, 0.95)
        latent += s.step * self._contexts[ids["step"][beats]].mean(axis=1)
        latent += s.thread * self._contexts[ids["thread"][beats]].mean(axis=1)
        latent += s.place * (_random_rows(rng, _PLACES)[_places(rng, story)[beats]]).mean(axis=1)
        latent += s.video * _random_rows(rng, 1)
        latent += s.drift * _autoregressive(rng, n, _LATENT, 0.997) / np.sqrt(_LATENT)
        latent += s.motion * _autoregressive(rng, n, len(self._motion), 0.9) @ self._motion
        latent += s.noise * _random_rows(rng, n)
        features = latent @ self._lift
        if self.dim > _LATENT:  # channels beyond the latent's have noise of their own
            features += 0.5 * s.noise * rng.standard_normal(features.shape) / np.sqrt(_LATENT)
        return (0.8 * np.tanh(2.0 * features + self._offset)).astype(np.float16)


def _beats_at(story: Story, n: int) -> np.ndarray:
    """``[n, _POINTS]`` index of the beat at each look, -1 where nothing happens; of overlapping ones the later."""
    at = np.full(n * _POINTS, -1)
    rate = _POINTS / STRIDE_S
    for index, beat in enumerate(story.beats):
        first = int(np.clip(np.floor(beat.start_s * rate), 0, len(at) - 1))
        at[first : max(first + 1, int(np.floor(beat.end_s * rate)))] = index
    return at.reshape(n, _POINTS)


def _places(rng: np.random.Generator, story: Story) -> np.ndarray:
    """Place of each beat (and one for "nothing"): a thread has a usual one, and people walk about."""
    usual: dict[str, int] = {}
    places = []
    place, thread = int(rng.integers(_PLACES)), ""
    for beat in story.beats:
        if beat.thread != thread or rng.random() < 0.08:
            thread = beat.thread
            home = usual.setdefault(thread, int(rng.integers(_PLACES))) if thread else int(rng.integers(_PLACES))
            place = home if rng.random() < 0.7 else int(rng.integers(_PLACES))
        places.append(place)
    return np.array([*places, place])


def _random_rows(rng: np.random.Generator, n: int) -> np.ndarray:
    """``[n, _LATENT]`` random vectors of about unit length."""
    return rng.standard_normal((n, _LATENT)) / np.sqrt(_LATENT)


def _smoothed(values: np.ndarray, keep: float) -> np.ndarray:
    """Exponential means of ``[n, width]`` over the past and over the future, averaged."""
    from scipy.signal import lfilter

    def past(rows: np.ndarray) -> np.ndarray:
        return np.asarray(lfilter([1 - keep], [1.0, -keep], rows, axis=0))

    return (past(values) + past(values[::-1])[::-1]) / 2


def _autoregressive(rng: np.random.Generator, n: int, width: int, keep: float) -> np.ndarray:
    """``[n, width]`` first-order autoregressive noise of unit variance; ``keep`` from one segment to the next."""
    from scipy.signal import lfilter

    fresh = rng.standard_normal((n, width)) * np.sqrt(1 - keep**2)
    fresh[0] /= np.sqrt(1 - keep**2)
    return np.asarray(lfilter([1.0], [1.0, -keep], fresh, axis=0))
