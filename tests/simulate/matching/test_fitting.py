"""The search finds what makes an objective small, and the same again from the same seed."""

from __future__ import annotations

import math

import pytest

from brightfield.simulate.matching.fitting import SearchDimension, Values, search

KNOBS = {"a": SearchDimension(0.1, 10.0), "b": SearchDimension(-1.0, 1.0, log=False)}


def bowl(values: Values) -> float:
    return math.log(values["a"] / 3) ** 2 + (values["b"] - 0.4) ** 2


def test_a_knob_covers_its_range() -> None:
    assert (KNOBS["a"].at(0), KNOBS["a"].at(0.5), KNOBS["a"].at(1)) == pytest.approx((0.1, 1.0, 10.0))
    assert KNOBS["b"].at(0.75) == 0.5


def test_the_minimum_is_found() -> None:
    found, least = search(KNOBS, bowl, 120, 0, "test")
    assert found["a"] == pytest.approx(3, rel=0.15)
    assert found["b"] == pytest.approx(0.4, abs=0.15)
    assert least == bowl(found)
    assert search(KNOBS, bowl, 120, 0, "test") == (found, least)


def test_one_trial_is_the_middle() -> None:
    assert search(KNOBS, bowl, 1, 0, "test")[0] == pytest.approx({"a": 1.0, "b": 0.0})
