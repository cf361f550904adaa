"""Colours and error bars."""

from __future__ import annotations

import math

import pandas as pd

from figures.style import BASELINES, ENSEMBLES, MEMBERS, colours, reach, series


def test_a_colour_for_each_model_by_role_and_task() -> None:
    models = pd.DataFrame(
        [
            ("a", "rbc", "member"),
            ("b", "rbc", "member"),
            ("c", "beads", "member"),
            ("d", "rbc", "baseline"),
            ("e", "rbc", "ensemble"),
        ],
        columns=["name", "task", "role"],
    )
    expected = {"a": MEMBERS[0], "b": MEMBERS[1], "c": MEMBERS[0], "d": BASELINES[0], "e": ENSEMBLES[0]}
    assert colours(models) == expected
    assert colours(models.iloc[:2]) == {"a": MEMBERS[0], "b": MEMBERS[1]}


def test_colours_begin_again() -> None:
    names = [str(i) for i in range(len(MEMBERS) + 1)]
    assert series(names)["0"] == series(names)[names[-1]] == MEMBERS[0]


def test_reach() -> None:
    bar = reach(0.5, 0.4, 0.75)
    assert bar["array"] == [0.25]
    assert math.isclose(bar["arrayminus"][0], 0.1)  # type: ignore[index]
    nothing = reach(0.5, math.nan, math.nan)
    assert (nothing["array"], nothing["arrayminus"]) == ([0.0], [0.0])
