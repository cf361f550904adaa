"""Which labels are probably wrong: confident learning (Northcutt, Jiang and Chuang, JAIR 70, 2021), as cleanlab computes it.

A label is judged by what a model says that never saw it nor anything of its group, so the probabilities must be out of fold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Judgement:
    """What is thought of N labels.

    Attributes:
        confidence: (N,) probability of the label that was given, 0 to 1; low is suspect.
        margin: (N,) that, less the largest probability of another class, -1 to 1.
        suspected: (N,) whether it is among those that confident learning would remove.
        order: (N,) rows by confidence, the most suspect first.
        joint: (K, K) share of the images by given (row) and estimated true class (column); sums to 1.
    """

    confidence: FloatArray
    margin: FloatArray
    suspected: npt.NDArray[np.bool_]
    order: IntArray
    joint: FloatArray


def judge(labels: IntArray, probabilities: FloatArray) -> Judgement:
    """Judge labels (N,), 0 to K - 1, by out-of-fold probabilities (N, K) whose rows sum to 1.

    The joint distribution of given and true classes is estimated by counting, for each given class, the images whose
    probability of another class is at least what that class's own images have on average. As many images of each cell off
    its diagonal are suspected, those with the lowest margin ("prune by noise rate").

    Raises:
        ValueError: shapes that do not match, labels out of range, or a class without an image.
    """
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1]:
        raise ValueError(f"expected labels (N,) and probabilities (N, K), got {labels.shape} and {probabilities.shape}")
    if not np.array_equal(np.unique(labels), np.arange(probabilities.shape[1])):
        raise ValueError(f"each class 0 to {probabilities.shape[1] - 1} needs an image, got {np.unique(labels)}")
    from cleanlab.count import estimate_joint
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    rows = np.arange(len(labels))
    others = probabilities.copy()
    others[rows, labels] = -np.inf
    confidence = np.asarray(get_label_quality_scores(labels, probabilities, method="self_confidence"), dtype=np.float64)
    suspected = find_label_issues(labels, probabilities, filter_by="prune_by_noise_rate", n_jobs=1)
    return Judgement(
        confidence=confidence,
        margin=probabilities[rows, labels] - others.max(axis=1),
        suspected=np.asarray(suspected, dtype=bool),
        order=np.argsort(confidence, kind="stable").astype(np.int64),
        joint=np.asarray(estimate_joint(labels, probabilities), dtype=np.float64),
    )
