"""Bounds as they are written, and what a trial is that breaks one."""

from __future__ import annotations

import pytest

from brightfield.errors import BrightfieldError
from brightfield.tuning.aims import Aims


@pytest.mark.parametrize(
    ("written", "cost", "value"),
    [
        ("50ms", "milliseconds", 50.0),
        ("0.5s", "milliseconds", 500.0),
        ("20MB", "megabytes", 20.0),
        (" .2 GB ", "megabytes", 200.0),
    ],
)
def test_bounds(written: str, cost: str, value: float) -> None:
    assert dict(Aims.read([written], pareto=False).at_most) == {cost: pytest.approx(value)}


@pytest.mark.parametrize("written", ["50", "ms", "-5ms", "0ms", "5 hours", "5mb", ""])
def test_what_is_no_bound_is_said(written: str) -> None:
    with pytest.raises(BrightfieldError, match=r"--at-most takes a time .*50ms, 0.5s or 20MB"):
        Aims.read([written], pareto=False)


def test_how_far_bounds_are_broken() -> None:
    aims = Aims.read(["50ms", "10MB"], pareto=False)
    costs = {"milliseconds": 75.0, "megabytes": 5.0}
    assert aims.violations(costs) == {"milliseconds": 0.5, "megabytes": -0.5}
    assert aims.said(costs) == "not trained: 75 ms for at most 50"
    assert aims.measured
    assert aims.values(0.7, costs) == [0.7]


def test_the_time_as_an_aim_of_its_own() -> None:
    aims = Aims.read([], pareto=True)
    assert aims.directions("auc", "maximize") == {"auc": "maximize", "milliseconds": "minimize"}
    assert aims.values(0.7, {"milliseconds": 30.0, "megabytes": 1.0}) == [0.7, 30.0]
    assert not Aims.read([], pareto=False).measured
