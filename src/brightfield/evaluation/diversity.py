"""Whether members of an ensemble err on different images, what each contributes, and whether their disagreement warns of errors.

An ensemble gains where its members are good and err independently of each other (Kuncheva and Whitaker 2003, Machine Learning 51,
181, whose measures of disagreement and double fault these are).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield.metrics import Real
from brightfield.tasks import Task

Weights = Mapping[str, float]
ROUNDING = 1e-9  # relative


def pairs(task: Task[Any, Any], metric: str, tables: Mapping[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """How alike the errors of each two members are.

    Args:
        task: of the members.
        metric: the objective, by which an image's error is measured where answers are neither right nor wrong.
        tables: statistics of each member, the same images in the same order.

    Returns:
        For each pair ``a``, ``b``, ``correlation`` (of the errors of the images; 1: they err alike), and where answers are right or
        wrong ``disagreement`` (share of images that one of them alone answers rightly) and ``double_fault`` (that both answer
        wrongly); None where a number is not defined.
    """
    errors = {name: task.scoring.errors(metric, table) for name, table in tables.items()}
    right = {name: task.scoring.correct(table) for name, table in tables.items()}
    found = []
    for a, b in combinations(tables, 2):
        row: dict[str, Any] = {"a": a, "b": b, "correlation": _correlation(errors[a], errors[b])}
        right_a, right_b = right[a], right[b]
        if right_a is not None and right_b is not None:
            row["disagreement"] = float(np.mean(right_a != right_b))
            row["double_fault"] = float(np.mean((right_a == 0) & (right_b == 0)))
        found.append(row)
    return found


def _correlation(a: Real, b: Real) -> float | None:
    both = np.isfinite(a) & np.isfinite(b)
    if not (_vary(a[both]) and _vary(b[both])):
        return None
    return float(np.corrcoef(a[both], b[both])[0, 1])


def _vary(values: Real) -> bool:
    """Whether there are enough values for a correlation, and they differ by more than rounding."""
    return len(values) > 2 and bool(np.ptp(values) > ROUNDING * np.abs(values).max())


def without_each(score: Callable[[dict[str, float]], float], weights: Weights) -> dict[str, float | None]:
    """The score of the ensemble without each of its members, the weights of the others in proportion; empty for a single member."""
    if len(weights) < 2:
        return {}
    found: dict[str, float | None] = {}
    for left_out in weights:
        others = {name: weight for name, weight in weights.items() if name != left_out}
        total = sum(others.values())
        value = score({name: weight / total for name, weight in others.items()})
        found[left_out] = value if math.isfinite(value) else None
    return found


def disagreement(
    task: Task[Any, Any], outputs: Mapping[str, Iterable[npt.NDArray[np.float32]]], weights: Weights
) -> npt.NDArray[np.float64]:
    """How far the members are apart on each image, (images,): see :meth:`brightfield.tasks.answering.Answering.disagreement`.

    Outputs are read one image at a time.
    """
    total = sum(weights.values())
    shares = [weight / total for weight in weights.values()]
    of_images = zip(*(outputs[name] for name in weights), strict=True)
    return np.asarray([task.answering.disagreement(of_image, shares) for of_image in of_images])


def warns(apart: Sequence[float] | Real, errors: Real) -> float | None:
    """The rank correlation of the members' disagreement with the error of the answer: 1 if it orders images by their errors.

    None where it is not defined: members that agree on all images alike, or an error that all have.
    """
    from scipy import stats

    values = np.asarray(apart, dtype=np.float64)
    both = np.isfinite(values) & np.isfinite(errors)
    if not (_vary(values[both]) and _vary(errors[both])):
        return None
    return float(stats.spearmanr(values[both], errors[both]).statistic)
