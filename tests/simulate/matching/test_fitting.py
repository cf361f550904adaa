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
    found, least = search(KNOBS, bowl, 25, 0, "test")
    assert found["a"] == pytest.approx(3, rel=0.15)
    assert found["b"] == pytest.approx(0.4, abs=0.15)
    assert least == bowl(found)


def test_the_same_seed_finds_the_same() -> None:
    assert search(KNOBS, bowl, 12, 3, "test") == search(KNOBS, bowl, 12, 3, "test")


def test_one_trial_is_the_middle() -> None:
    assert search(KNOBS, bowl, 1, 0, "test")[0] == pytest.approx({"a": 1.0, "b": 0.0})


def test_another_seed_searches_elsewhere_and_nothing_is_printed(
    capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    tried: dict[int, list[Values]] = {0: [], 1: []}
    for seed, values in tried.items():
        search(KNOBS, lambda v, seen=values: seen.append(v) or bowl(v), 3, seed, "test")  # type: ignore[misc]
    assert tried[0][0] == tried[1][0] == pytest.approx({"a": 1.0, "b": 0.0})
    assert tried[0][1] != tried[1][1]
    assert "Trial" not in capfd.readouterr().err
    assert not recwarn.list


def test_nothing_to_search_for_is_one_trial() -> None:
    assert search({}, lambda values: 2.0, 40, 0, "test") == ({}, 2.0)
