"""Guarantees of answers by conformal prediction: limits from the validation split, and what they cover elsewhere.

A score says how far an answer is off (:meth:`brightfield.tasks.scoring.Scoring.nonconformity`). All that lies within the limit of
the scores of the validation split is answered: a set of classes, a radius, an interval. If new objects are like those of the
validation split, the truth lies within with the promised probability, whatever the model and the distribution.

Images of a group (smear, movie, field) are alike, so groups are exchangeable and their objects are not. Of K groups with N_k
objects, the limit is the ``coverage`` quantile of

    sum_k sum_i 1 / ((K + 1) N_k) delta(score_ki) + 1 / (K + 1) delta(infinity),

and an object of a new group lies within with at least that probability (hierarchical conformal prediction: Lee, Barber and Willett,
Distribution-free inference with hierarchical data, 2023; also Dunn, Wasserman and Ramdas, Distribution-free prediction sets for
two-layer hierarchical models, JASA 2023). With fewer than coverage / (1 - coverage) groups (9 at 90%) that is infinite. Then single
objects are taken for exchangeable, as in split conformal prediction (Lei et al., JASA 2018): with the ceil((n + 1) coverage)-th
smallest of n scores, a weaker promise, of new objects of groups such as those.

Two things weaken the promise: the validation split also chose the epoch, the threshold and the calibration of the model (of an
ensemble its members and weights), so its scores are a little too small; and an image of another kind than those is not exchangeable
with them. So coverage is measured on the test split, which chose nothing, and on the suites, which are shifted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

import numpy as np
import pandas as pd

from brightfield import layout, params
from brightfield.evaluation import bootstrap
from brightfield.inference.guarantees import AGAIN, Guarantees, Limit, Over
from brightfield.metrics import Arrays, Real, Weights, column, ratio, total
from brightfield.system.files import read_json

COVERAGE = 0.9
# prefixes of the columns of images.csv: objects of an image that are covered, all its objects, and their mean size
COVERED, OBJECTS, SIZE = "covered_", "objects_", "size_"
GROUPS, SINGLE = get_args(Over)  # what is exchangeable
ROUNDING = 1e-9  # sums of weights are this inexact, at most
SECTION = "guarantees"  # of metrics.json

Scores = Mapping[str, Real]  # of one image: of each guarantee a score an object


def over_groups(scores: Sequence[Real], coverage: float = COVERAGE) -> float:
    """The limit where groups are exchangeable: hierarchical conformal prediction.

    Args:
        scores: of the objects of each group; groups without objects do not count.
        coverage: share of objects of new groups that are to lie within.

    Returns:
        The limit, infinite where the groups are too few.
    """
    each = [np.asarray(of_group, dtype=np.float64) for of_group in scores if len(of_group)]
    if not each:
        return math.inf
    values = np.concatenate(each)
    shares = np.concatenate([np.full(len(of_group), 1 / len(of_group)) for of_group in each])
    order = np.argsort(values, kind="stable")
    within = np.cumsum(shares[order]) >= coverage * (len(each) + 1) - ROUNDING
    return float(values[order][within.argmax()]) if within.any() else math.inf


def over_objects(scores: Real, coverage: float = COVERAGE) -> float:
    """The limit where objects are exchangeable: split conformal prediction; infinite where they are too few."""
    rank = math.ceil((len(scores) + 1) * coverage - ROUNDING)
    return float(np.sort(scores)[rank - 1]) if rank <= len(scores) else math.inf


def fewest(coverage: float = COVERAGE) -> int:
    """The smallest number of groups, or of objects, for which there is a limit."""
    return math.ceil(coverage / (1 - coverage) - ROUNDING)


def limits(scores: Sequence[Scores], groups: Sequence[str], coverage: float = COVERAGE) -> dict[str, Limit]:
    """The limit of each guarantee.

    Args:
        scores: of each image of the validation split.
        groups: of each image.
        coverage: share that is to lie within.

    Returns:
        By name; over groups where they suffice, else over objects.
    """
    found = {}
    for name in dict.fromkeys(name for of_image in scores for name in of_image):
        by_group: dict[str, list[Real]] = {}
        for of_image, group in zip(scores, groups, strict=True):
            if len(of_image.get(name, ())):
                by_group.setdefault(group, []).append(of_image[name])
        each = [np.concatenate(parts) for parts in by_group.values()]
        objects = np.concatenate([np.empty(0), *each])
        if len(each) >= fewest(coverage):
            found[name] = Limit(over_groups(each, coverage), GROUPS, len(each), len(objects))
        else:
            value = over_objects(objects, coverage)
            found[name] = Limit(value if math.isfinite(value) else None, SINGLE, len(each), len(objects))
    return found


def columns(scores: Scores, sizes: Mapping[str, float], known: Mapping[str, float]) -> dict[str, float]:
    """The columns of one image, of each guarantee with a limit: objects that are covered, all of them, and their mean size."""
    row = {}
    for name, limit in known.items():
        of_image = scores.get(name, np.empty(0))
        row[f"{COVERED}{name}"] = float((of_image <= limit).sum())
        row[f"{OBJECTS}{name}"] = float(len(of_image))
        row[f"{SIZE}{name}"] = sizes.get(name, math.nan)
    return row


def measured(table: pd.DataFrame, limit: Limit, name: str, settings: params.Evaluation) -> dict[str, Any]:
    """Coverage and mean size of one guarantee on one split, with bootstrap intervals over groups.

    Both are means over what is exchangeable: over groups, of the share of each one's objects; or over objects.

    Args:
        table: a row an image, with a column group and those of :func:`columns`.
        limit: of the guarantee.
        name: of the guarantee.
        settings: of the intervals.
    """
    some = table[table[f"{OBJECTS}{name}"] > 0]
    objects = some[f"{OBJECTS}{name}"]
    counted = objects.groupby(some["group"]).transform("sum") if limit.over == GROUPS else 1.0
    parts = pd.DataFrame(
        {
            "covered": some[f"{COVERED}{name}"] / counted,
            "objects": objects / counted,
            "size": some[f"{SIZE}{name}"] * objects / counted,
        }
    )

    def pooled(columns: Arrays, weights: Weights) -> dict[str, Real]:
        of = {each: total(column(columns, each), weights) for each in ("covered", "objects", "size")}
        return {"coverage": ratio(of["covered"], of["objects"]), "size": ratio(of["size"], of["objects"])}

    found = bootstrap.intervals(
        parts,
        some["group"],
        pooled,
        resamples=settings.bootstrap,
        confidence=settings.confidence,
        seed=settings.seed,
    )
    intervals = {key: _defined(interval.as_dict()) for key, interval in found.items()}
    return {**intervals, "groups": int(some["group"].nunique()), "objects": int(objects.sum())}


def _defined(interval: Mapping[str, float]) -> dict[str, float | None]:
    return {key: None if math.isnan(value) else value for key, value in interval.items()}


def section(
    tables: Mapping[str, pd.DataFrame], found: Mapping[str, Limit], settings: params.Evaluation
) -> dict[str, Any]:
    """What ``metrics.json`` holds: ``coverage``, ``limits`` and ``measured``, see :class:`Guarantees`; empty without limits.

    Args:
        tables: of test and the suites, by name, with the columns of :func:`columns`.
        found: the limits.
        settings: of the intervals.
    """
    if not found:
        return {}
    known = {name: limit for name, limit in found.items() if limit.value is not None}
    return {
        "coverage": COVERAGE,
        "limits": {name: vars(limit) for name, limit in found.items()},
        "measured": {
            part: {name: measured(table, limit, name, settings) for name, limit in known.items()}
            for part, table in tables.items()
        },
    }


def binomial(objects: int, coverage: float = COVERAGE, confidence: float = 0.95) -> tuple[float, float]:
    """Between which shares chance leaves the coverage of so many independent objects, if the promise is kept exactly."""
    from scipy import stats  # takes long to load

    low, high = stats.binom.interval(confidence, objects, coverage)
    return float(low) / objects, float(high) / objects


def coverages(settings: params.Params) -> Iterator[dict[str, Any]]:
    """What the reports of a project say of every guarantee: a row a model, split and guarantee.

    Yields:
        ``task``, ``model``, ``split``, ``guarantee``, ``over``; ``promised``, and the measured ``coverage`` with ``low`` and
        ``high``; ``size``; ``objects`` and ``groups``, and of so many the shares between which chance leaves the promised coverage:
        ``objects_low``, ``objects_high``, ``groups_low`` and ``groups_high``.

    Raises:
        BrightfieldError: a report is damaged.
    """
    entries: dict[str, params.Model | params.Ensemble] = {**settings.models, **settings.ensembles}
    for name, entry in entries.items():
        path = layout.report(name) / layout.METRICS
        content = read_json(path, AGAIN).get(SECTION) if path.is_file() else None
        if content is None:
            continue
        kept = Guarantees.parse(content, path)
        for split, of_split in kept.measured.items():
            for guarantee, found in of_split.items():
                row: dict[str, Any] = {"task": entry.task, "model": name, "split": split, "guarantee": guarantee}
                row |= {"over": kept.limits[guarantee].over, "promised": kept.coverage}
                row |= {"coverage": found["coverage"]["value"], "size": found["size"]["value"]}
                row |= {bound: found["coverage"][bound] for bound in ("low", "high")}
                for unit in ("objects", "groups"):
                    low, high = binomial(found[unit], kept.coverage) if found[unit] else (math.nan, math.nan)
                    row |= {unit: found[unit], f"{unit}_low": low, f"{unit}_high": high}
                yield row
