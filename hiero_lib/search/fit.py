"""Does anything fit a text at all? Its best score beside those of texts that nothing here can be about.

A cosine alone says little: it depends on the encoder, the collection and how many spans there are. So the same
search is made with a few dozen texts about other things, and a text whose best span is no nearer than theirs has no
good match. An empirical null, as of a permutation test: with 40 texts a match is one that at most 2 of them reach.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from hiero_lib.data.narrations import add_tag

UNRELATED = (
    "a comet passes behind the moon",
    "the parliament votes on a treaty",
    "stock prices fall after the announcement",
    "an orchestra tunes before the symphony",
    "the glacier calves into the fjord",
    "lawyers appeal against the verdict",
    "a submarine dives below the ice",
    "the volcano erupts at night",
    "a choir of monks sings in latin",
    "the satellite loses its signal",
    "penguins march across the snow",
    "the emperor signs a declaration of war",
    "two galaxies collide",
    "the goalkeeper saves a penalty",
    "a whale surfaces beside the ship",
    "interest rates rise by half a percent",
    "archaeologists open the tomb of a pharaoh",
    "the rocket lifts off from the launch pad",
    "a camel caravan crosses the desert",
    "the bishop blesses the congregation",
    "a hurricane makes landfall",
    "the ballet dancer bows on the stage",
    "miners strike for higher wages",
    "a virus spreads through the population",
    "the train derails in the tunnel",
    "wolves howl on the mountain",
    "the professor proves a theorem about primes",
    "fighter jets fly in formation",
    "an avalanche buries the village",
    "the president gives an interview on television",
    "dinosaurs became extinct",
    "a diver finds a sunken galleon",
    "the jury awards a prize for poetry",
    "lightning strikes the church tower",
    "the company is listed on the exchange",
    "a shark circles the reef",
    "the astronaut walks on mars",
    "refugees wait at the border",
    "the king is crowned in the cathedral",
    "a nuclear reactor is shut down",
)
ENOUGH = 0.95  # of the unrelated texts have to score lower


@dataclass(frozen=True)
class Fit:
    """Best scores of texts that nothing here is about, rising."""

    unrelated: np.ndarray

    @property
    def threshold(self) -> float:
        """The score that a good match has to exceed."""
        return float(np.quantile(self.unrelated, ENOUGH))

    def is_good(self, score: float) -> bool:
        """Whether a best score is that of a text that something fits."""
        return score > self.threshold


def fit_of(
    best_score: Callable[[np.ndarray], float],
    embed_text: Callable[[Sequence[str]], Tensor],
    *,
    texts: Sequence[str] = UNRELATED,
) -> Fit:
    """Calibrate a search.

    Args:
        best_score: ``[D]`` a text's features -> the score of the best span, wherever is searched.
        embed_text: texts -> ``[M, D]``.
        texts: that nothing there is about.

    Raises:
        ValueError: there is no text.
    """
    if not texts:
        raise ValueError("a calibration needs texts")
    queries = embed_text([add_tag(text) for text in texts]).float().cpu().numpy()
    return Fit(np.sort(np.array([best_score(query) for query in queries], dtype=np.float64)))
