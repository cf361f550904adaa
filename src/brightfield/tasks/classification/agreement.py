"""How far a model agrees with itself on crops: the reliability of its logits on an acquisition.

A classifier out of its depth answers one class for sure to everything, so its own probabilities say nothing; but then the logits of
crops differ by little more than those of one crop and of a changed view of it. The share of their spread that is not such chance is
the reliability of a test that is taken twice (the intraclass correlation: Shrout and Fleiss, Psychological Bulletin 1979). It is a
number of an acquisition; of its crops, those are more often answered wrong of which the model is less sure.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from brightfield import images
from brightfield.tasks.doubts import Doubts

Real = npt.NDArray[np.float64]

MAGNIFIED = (
    1.18  # of the changed view, which is mirrored as well: views that training or test-time augmentation has are none
)
FEWEST = 10  # crops below which a reliability is chance
STEEPEST = 11.5  # bound of logits, that of the probability 1e-5

# Measured on 300 crops of three labs (Chula, BCCD, PBC), each as it is and in 13 changed forms: 0.5 to 2 times as large, out of
# focus, noisy, dark, pale, green, with reversed contrast or colours, by two networks that had seen simulations only. The error is
# the mean of that of both classes. With few crops of one class the reliability is lower: where a quarter is good, by 0.02.
DOUBTS = Doubts(
    agreement=(0.0, 0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0),
    error=(0.5, 0.5, 0.48, 0.44, 0.37, 0.32, 0.26, 0.1),
    limit=0.4,
    measure="the share of wrong answers",
)


def view(crop: images.Image) -> npt.NDArray[np.float32]:
    """The crop (H, W) or (H, W, C) turned upside down and made larger, cut to its size around the middle."""
    large = images.magnified(crop, MAGNIFIED)
    top, left = ((much - side) // 2 for much, side in zip(large.shape[:2], crop.shape[:2], strict=True))
    return np.ascontiguousarray(large[top : top + crop.shape[0], left : left + crop.shape[1]][::-1])


def reliability(first: Real, second: Real) -> float:
    """The share of the spread of logits that a second view repeats, 0 to 1; 1 where there is no spread and no difference.

    Args:
        first, second: (N,) logits of crops and of their changed views.
    """
    spread = float(np.concatenate([first, second]).var())
    if spread == 0:
        return 1.0
    return max(0.0, 1 - float(np.mean((first - second) ** 2)) / 2 / spread)


def doubted(agreements: Sequence[tuple[float, ...]], threshold: float) -> list[float]:
    """The expected error of each answer, 0 to 1.

    Its mean over the acquisition follows from the reliability. By how much an answer differs from that is how much less sure the
    model is of it than of the others; of fewer than 10 crops only that is known.

    Args:
        agreements: of each crop its logit, and that of its changed view.
        threshold: smallest probability of the second class.
    """
    first, second = np.clip(np.array(agreements, float).reshape(-1, 2).T, -STEEPEST, STEEPEST)
    both = (expit(first) + expit(second)) / 2
    unsure = np.where(expit(first) >= threshold, 1 - both, both)
    if len(first) < FEWEST:
        return [float(value) for value in unsure]
    expected = DOUBTS.expected(reliability(first, second)) + unsure - unsure.mean()
    return [float(value) for value in np.clip(expected, 0, 1)]
