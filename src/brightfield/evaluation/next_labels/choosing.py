"""Which images to label next: those on which models disagree, unlike each other and unlike what is labelled.

Disagreement alone chooses many copies of one hard image; distance alone chooses dirt. So images are taken one by one, each time the
one with the largest product of both: how far models are apart on it, and how far it lies from all that is labelled or taken
(farthest-first as in Sener and Savarese 2018, ICLR, Active learning for convolutional neural networks: a core-set approach).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Real = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]


def choose(apart: Real, candidates: Real, known: Real, count: int) -> Places:
    """Places of the images to be labelled next, the first is the most worth it.

    Args:
        apart: (N,) how far models are apart on each candidate.
        candidates: (N, F) features of the candidates.
        known: (K, F) of what is labelled.
        count: number of images.
    """
    distance = outsideness(candidates, known)
    distance = np.where(np.isfinite(distance), distance, 1.0)
    left = np.ones(len(apart), bool)
    taken: list[int] = []
    for _ in range(min(count, len(apart))):
        place = int(np.argmax(np.where(left, apart * distance, -1.0)))
        taken.append(place)
        left[place] = False  # once each, even among copies
        distance = np.minimum(distance, _distances(candidates, candidates[[place]])[:, 0])
    return np.asarray(taken, dtype=np.intp)


def outsideness(candidates: Real, known: Real) -> Real:
    """(N,) distance of each candidate from the nearest of what is labelled; all alike where nothing is."""
    return _distances(candidates, known).min(axis=1) if len(known) else np.full(len(candidates), np.inf)


def standardised(features: Real, by: Real) -> Real:
    """Features with the mean 0 and the standard deviation 1 of others; constant ones are 0."""
    spread = by.std(axis=0)
    return np.asarray((features - by.mean(axis=0)) / np.where(spread > 0, spread, np.inf))


def _distances(a: Real, b: Real) -> Real:
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(a, b))
