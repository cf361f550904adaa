"""Comparisons in words and tables: what the command line prints, and a table to keep."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from brightfield.evaluation.comparison import EXCHANGE, Compared
from brightfield.metrics.declarations import Metric, declared
from brightfield.system.tables import text_table

HEAD = ("interval", "p", "chance that it is better")


def of_pair(found: Sequence[Compared]) -> str:
    """A line a metric, of one pair of models."""
    a, b = found[0].a, found[0].b
    head = ("metric", a, b, "difference", *HEAD)
    return text_table(
        head, [(str(declared(each.difference.metric)), *_values(each), *_difference(each)) for each in found]
    )


def of_parts(found: Sequence[Compared], what: str) -> str:
    """A line for each part (a suite, a kind of images) of one pair of models and one metric."""
    a, b = found[0].a, found[0].b
    head = (f"{declared(found[0].difference.metric)}, by {what}", a, b, "difference", *HEAD)
    return text_table(head, [(each.part, *_values(each), *_difference(each)) for each in found])


def of_task(found: Sequence[Compared], roles: Mapping[str, str]) -> str:
    """A leaderboard: the best first, then a line for each model with its difference from the best.

    Args:
        found: what :func:`brightfield.evaluation.comparison.leaderboard` returns.
        roles: of each model by name.
    """
    best = found[0]
    head = ("model", "role", str(declared(best.difference.metric)), "difference", *HEAD[:2], "")
    rows = [(best.a, roles[best.a], _number(best.difference.metric, best.difference.a), "", "", "", "the best here")]
    for each in found:
        said = "worse" if each.is_decided else "equal" if not each.difference.value else "may be as good"
        if said == "may be as good" and not each.can_decide:
            said = "cannot be told"
        rows.append((each.b, roles[each.b], _values(each)[1], *_difference(each)[:3], said))
    return text_table(head, rows)


def verdict(compared: Compared, confidence: float, group: str = "group") -> str:
    """A sentence: which is better, by how much, and whether that is more than chance; what would decide it."""
    metric, value = declared(compared.difference.metric), compared.difference
    better = compared.better()
    if math.isnan(value.value):
        return f"{metric.label}: {compared.a} and {compared.b} cannot be compared on {compared.part}: it is not defined there."
    if better is None:
        return f"{metric.label}: {compared.a} and {compared.b} are equal on {compared.part}."
    by = _size(abs(value.value), metric)
    p = _p(compared.p_corrected)
    why = f"{compared.test}, {value.groups} {group}s, p {p if p.startswith('<') else f'= {p}'}"
    if compared.is_decided:
        return f"{metric.label}: {better} is better on {compared.part}, by {by}: more than chance explains ({why})."
    if value.groups < 2:
        return f"{metric.label}: {better} is better on {compared.part} by {by}, but one {group} cannot tell whether by chance."
    line = f"{metric.label}: {better} is better on {compared.part} by {by}, which may be chance ({why})."
    more = compared.more_groups(confidence)
    if more:
        line += f" If the difference is as large as it looks, about {more:,} more {group}s would show it."
    elif more == 0:
        line += f" {group.capitalize()}s differ too much, or are too few, for a smaller p."
    return line


def least_p(found: Sequence[Compared]) -> str | None:
    """A sentence where so few groups are exchanged that no difference, however large, could get a star; None elsewhere."""
    exchanged = [each for each in found if each.test == EXCHANGE and math.isfinite(each.p)]
    if not exchanged or all(each.can_decide for each in exchanged):
        return None
    fewest = max(exchanged, key=lambda each: each.least_p)
    return (
        f"Answers of {fewest.difference.groups} groups can be exchanged in few ways: with {fewest.tests} comparisons no p can be "
        f"below {_p(min(1.0, fewest.least_p * fewest.tests))}. Look at the intervals."
    )


def _size(value: float, metric: Metric) -> str:
    """A difference in words, also one that the decimals of its metric do not show."""
    least, unit = 10.0**-metric.decimals, f" {metric.unit}" if metric.unit else ""
    return f"less than {least:g}{unit}" if 0 < value < least / 2 else f"{value:.{metric.decimals}f}{unit}"


def table(found: Sequence[Compared], what: str, split: str) -> pd.DataFrame:
    """All numbers, a row for each metric, pair and part.

    Args:
        found: comparisons.
        what: the parts are: split, suite or kind.
        split: whose images they are of, where the parts are kinds of them.
    """
    return pd.DataFrame(
        [
            {
                "a": each.a,
                "b": each.b,
                "what": what,
                "part": each.part,
                "split": split if what == "kind" else each.part,
                "metric": each.difference.metric,
                "value_a": each.difference.a,
                "value_b": each.difference.b,
                "difference": each.difference.value,
                "low": each.difference.low,
                "high": each.difference.high,
                "groups": each.difference.groups,
                "test": each.test,
                "p": each.p,
                "p_corrected": each.p_corrected,
                "probability_b_better": each.probability,
                "better": each.better() if each.is_decided else "",
            }
            for each in found
        ]
    )


def pairs(found: Sequence[Compared]) -> Iterator[list[Compared]]:
    """Those of each pair of models, in their order."""
    names = dict.fromkeys((each.a, each.b) for each in found)
    for pair in names:
        yield [each for each in found if (each.a, each.b) == pair]


def by_metric(found: Sequence[Compared]) -> Iterator[list[Compared]]:
    """Those of each metric, in their order."""
    for metric in dict.fromkeys(each.difference.metric for each in found):
        yield [each for each in found if each.difference.metric == metric]


def _values(each: Compared) -> tuple[str, str]:
    return _number(each.difference.metric, each.difference.a), _number(each.difference.metric, each.difference.b)


def _difference(each: Compared) -> tuple[str, str, str, str]:
    decimals, d = declared(each.difference.metric).decimals, each.difference
    value, low, high = ("?" if math.isnan(v) else f"{v:+.{decimals}f}" for v in (d.value, d.low, d.high))
    likely = "?" if math.isnan(each.probability) else f"{each.probability:.0%}"
    return value, f"{low} to {high}", _p(each.p_corrected) + ("*" if each.is_decided else ""), likely


def _number(metric: str, value: float) -> str:
    return "?" if math.isnan(value) else f"{value:.{declared(metric).decimals}f}"


def _p(p: float) -> str:
    return "?" if math.isnan(p) else "< 0.001" if p < 0.001 else f"{p:.3f}"
