"""Models on the same images: what sets them apart, as the command line says it."""

from __future__ import annotations

import pandas as pd
import pytest

from brightfield import params
from brightfield.errors import BrightfieldError
from brightfield.evaluation import comparison, reports
from queries import comparing, errors

pytestmark = pytest.mark.usefixtures("answered")
TWO = ["rbc-convnet", "rbc-compact"]


def test_the_page_says_what_the_command_says() -> None:
    found = comparing.compared(TWO)
    settings = params.load()
    (expected, *_) = comparison.compare([reports.read(name, settings) for name in TWO], "test", settings)
    row = found.metrics.iloc[0]
    assert found.objective == row["metric"] == expected.difference.metric == "auc"
    assert (row["difference"], row["low"], row["high"]) == (
        expected.difference.value,
        expected.difference.low,
        expected.difference.high,
    )
    assert row["p_corrected"] == expected.p_corrected
    assert row["decided"] == expected.is_decided
    assert list(found.verdicts) == ["rbc-compact"]
    assert "rbc-compact is better on test" in found.verdicts["rbc-compact"]  # by twice the skill


def test_the_objective_is_compared_on_test_and_on_every_suite() -> None:
    found = comparing.compared(TWO)
    assert list(found.on_parts["part"]) == ["test", "focus"]
    assert set(found.on_parts["metric"]) == {"auc"}


def test_what_cannot_be_compared_is_an_error() -> None:
    with pytest.raises(BrightfieldError):
        comparing.compared(["rbc-convnet", "bacteria-watershed"])


def test_images_on_which_models_differ_most_come_first() -> None:
    table = comparing.apart(TWO, "brier")
    assert table["spread"].is_monotonic_decreasing
    first = table.iloc[0]
    scores = {name: errors.scores(name).set_index(["split", "id"])["brier"] for name in TWO}
    assert [first[name] for name in TWO] == [scores[name][first["split"], first["id"]] for name in TWO]
    every = pd.concat(scores, axis=1)
    assert first["spread"] == pytest.approx((every.max(axis=1) - every.min(axis=1)).max())


def test_models_that_answer_alike_differ_nowhere() -> None:
    assert comparing.apart(["bacteria-watershed", "bacteria-again"], "mean_iou").empty


def test_what_all_models_are_measured_by() -> None:
    assert comparing.measures(TWO)[0] == "brier"
    assert comparing.measures(["bacteria-watershed", "bacteria-again"])[0] == "mean_iou"
