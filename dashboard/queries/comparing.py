"""Models of one task beside each other: differences on the same images, and the images on which they differ most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import pandas as pd
import streamlit as st

from brightfield.evaluation import comparison, comparison_text, reports
from brightfield.evaluation.scoring import TEST
from queries import errors, evaluated, project

MOST = 6  # models at once
SPREAD = "spread"  # column: between the best and the worst score of an image
DECIDED = "decided"  # column: whether a difference is more than chance


@dataclass(frozen=True)
class Comparison:
    """What two to six models have in common and what sets them apart.

    Attributes:
        objective: name of the task's objective.
        verdicts: by the name of each model a sentence on it against the first, on the test split; p values are corrected for all.
        on_parts: a row for each model and part (test, then the suites) with the objective: columns of
            :func:`brightfield.evaluation.comparison_text.table`, and ``decided``.
        metrics: likewise a row for each model and metric, on the test split.
        notes: why a comparison may be able to decide nothing.
    """

    objective: str
    verdicts: dict[str, str]
    on_parts: pd.DataFrame
    metrics: pd.DataFrame
    notes: list[str]


def compared(names: Sequence[str]) -> Comparison:
    """The first model against each of the others.

    Raises:
        BrightfieldError: they cannot be compared, or a report is missing or damaged.
    """
    return _compared(tuple(names), tuple(evaluated.version_of_scores(name) for name in names))


@st.cache_data(max_entries=30, show_spinner="Comparing on the same images")
def _compared(names: tuple[str, ...], changed: tuple[int, ...]) -> Comparison:
    settings = project.settings()
    models = [reports.read(name, settings) for name in names]
    on_test = comparison.compare(models, TEST, settings)
    on_suites = comparison.compare_suites(models, settings)
    objective = on_test[0].difference.metric
    of_objective = [each for each in on_test if each.difference.metric == objective]
    said = {each.b: comparison_text.verdict(each, settings.evaluation.confidence) for each in of_objective}
    notes = [
        note for note in (comparison_text.least_p(found) for found in (of_objective, on_suites)) if note is not None
    ]
    return Comparison(objective, said, _table([*of_objective, *on_suites]), _table(on_test), list(dict.fromkeys(notes)))


def _table(found: Sequence[comparison.Compared]) -> pd.DataFrame:
    table = comparison_text.table(found, "split", TEST)
    return table.assign(**{DECIDED: [each.is_decided for each in found]})


def apart(names: Sequence[str], metric: str) -> pd.DataFrame:
    """The images that all models have, those first on which they differ most in a metric of one image.

    Returns:
        Columns id, split, a column for each model with its score, and ``spread``.
    """
    tables = [errors.scores(name)[["id", "split", metric]].rename(columns={metric: name}) for name in names]
    both = reduce(lambda a, b: a.merge(b, on=["id", "split"]), tables)
    scores = both[list(names)]
    both[SPREAD] = scores.max(axis=1) - scores.min(axis=1)
    return both[both[SPREAD] > 0].sort_values(SPREAD, ascending=False, kind="stable", ignore_index=True)


def measures(names: Sequence[str]) -> list[str]:
    """The metrics of one image that all models have, in the order of the first."""
    first, *others = (errors.measures(errors.scores(name)) for name in names)
    return [metric for metric in first if all(metric in other for other in others)]
