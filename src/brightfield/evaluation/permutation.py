"""A test of any metric of two models on the same images: were it chance alone, the answers of a group could be exchanged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from brightfield.evaluation.bootstrap import AT_ONCE, Groups, Pooled, columns_of, numbered
from brightfield.metrics import Arrays, Real, every_image_once
from brightfield.system import processes

if TYPE_CHECKING:
    import pandas as pd

TIES = 1e-9  # relative difference of a metric below which two values of it are equal: sums in another order


def p_values(
    table_a: pd.DataFrame,
    table_b: pd.DataFrame,
    groups: Groups,
    pooled: Pooled,
    metrics: Sequence[str],
    *,
    permutations: int,
    seed: int,
) -> dict[str, float]:
    """The two-sided p value of the difference of each metric, from exchanging the answers of whole groups.

    A metric of many images is pooled again after each exchange (Good 2005, Permutation, Parametric and Bootstrap Tests of
    Hypotheses, chapter 3), so it need not be a mean. Where the groups are so few that all exchanges are no more than
    ``permutations``, each is made once and the value is exact; else it counts the answers as they are as one more exchange (Phipson
    and Smyth 2010, Statistical Applications in Genetics 9, 39). For shares of correct answers of single images it is McNemar's.

    Args:
        table_a, table_b: one row per image, the same images in the same order.
        groups: the group of each row.
        pooled: columns and weights -> metrics of each resample.
        metrics: those to test.
        permutations: number of exchanges at most.
        seed: of the exchanges, where not all are made.

    Returns:
        nan for a metric that is not defined for the images as they are, and for fewer than two groups.
    """
    a, b = columns_of(table_a), columns_of(table_b)
    number = numbered(groups, len(table_a))
    count = int(number.max(initial=-1)) + 1
    if count < 2:
        return dict.fromkeys(metrics, float("nan"))
    both: Arrays = {name: np.concatenate([a[name], b[name]]) for name in a if name in b}
    once = every_image_once(a)
    of_a, of_b = pooled(a, once), pooled(b, once)
    observed = {name: of_b[name] - of_a[name] for name in metrics}
    rounding = {name: TIES * max(abs(of_a[name][0]), abs(of_b[name][0])) for name in metrics}
    extreme, made = dict.fromkeys(metrics, 0), 0
    exchanges = _exchanges(count, permutations, seed, max(1, AT_ONCE // len(number) // processes.available()))
    for found in processes.threaded_map(lambda some: _differences(both, some[:, number], pooled, metrics), exchanges):
        for name, difference in found.items():
            as_large = np.abs(difference) >= abs(observed[name][0]) - rounding[name]
            undefined = ~np.isfinite(difference)  # it speaks for nobody
            extreme[name] += int((as_large | undefined).sum())
        made += len(next(iter(found.values()), ()))
    drawn = 0 if 2**count <= permutations else 1
    return {
        name: (extreme[name] + drawn) / (made + drawn) if np.isfinite(observed[name][0]) else float("nan")
        for name in metrics
    }


def _differences(
    both: Arrays, exchanged: np.ndarray[tuple[int, int], np.dtype[np.bool_]], pooled: Pooled, metrics: Sequence[str]
) -> dict[str, Real]:
    """Each metric of b minus that of a, where the answers of some images, (exchanges, images), are exchanged."""
    of_a = np.concatenate([~exchanged, exchanged], axis=1).astype(np.float64)
    first, second = pooled(both, of_a), pooled(both, 1 - of_a)
    return {name: second[name] - first[name] for name in metrics}


def _exchanges(
    count: int, most: int, seed: int, at_once: int
) -> Iterator[np.ndarray[tuple[int, int], np.dtype[np.bool_]]]:
    """Which groups are exchanged, (some, groups): all ways if there are no more than ``most``, else so many at random."""
    exact = 2**count <= most
    left, done, rng = (2**count if exact else most), 0, np.random.default_rng(seed)
    while done < left:
        some = min(at_once, left - done)
        if exact:
            yield ((np.arange(done, done + some)[:, None] >> np.arange(count)) & 1).astype(np.bool_)
        else:
            yield rng.random((some, count)) < 0.5
        done += some


def least_p(groups: int, permutations: int) -> float:
    """The smallest p that any difference could have: as they are, and all exchanged, of all ways or of so many."""
    return float(2.0 ** (1 - groups)) if 2**groups <= permutations else 1 / (permutations + 1)
