"""What a candidate must be: every check by a table in which one thing is wrong."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from scipy import stats

from brightfield import layout, params
from brightfield.errors import BrightfieldError
from brightfield.evaluation import gates
from brightfield.evaluation.bootstrap import Difference
from brightfield.evaluation.gates import Standing, judge, least_gain
from brightfield.evaluation.reports import Scored
from brightfield.system.files import write_json
from scored import crops, frames

GROUPS, EACH = 20, 10


def settings(own: params.Params, task: str = "rbc", **gate: Any) -> params.Params:
    evaluation = own.evaluation.model_copy(update={"bootstrap": 300})
    return own.model_copy(update={"gates": {task: params.Gate(**gate)}, "evaluation": evaluation})


@pytest.fixture
def own(project: Path) -> params.Params:
    del project
    return params.load()


def answers(
    skill: float, seed: int = 0, suites: dict[str, float] | None = None, overconfident: float = 1.0
) -> pd.DataFrame:
    """Crops of test and of suites, each with a skill."""
    known = suites or {"focus": skill, "light": skill}
    return crops({"validation": skill, "test": skill, **known}, seed, GROUPS, EACH, overconfident)


def standing(name: str, table: pd.DataFrame, task: str = "rbc", kilobytes: int = 1, **lineage: Any) -> Standing:
    folder = Path("bundles") / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / layout.WEIGHTS).write_bytes(b"0" * (1000 * kilobytes))
    known = {"commit": "c0ffee00aa", "dirty": False, **lineage}
    content = {"format": 1, "name": name, "sha256": {}, "provenance": {"lineage": known}}
    write_json(folder / layout.BUNDLE, content)
    return Standing(Scored(name, task, table, "abc.dir"), folder)


def failed(verdict: gates.Verdict) -> list[str]:
    return [check.asked for check in verdict.checks if not check.passed]


# --- the objective ----------------------------------------------------------------------------------------------------


def test_a_better_one_passes_and_says_by_how_much(own: params.Params) -> None:
    verdict = judge(settings(own), standing("old", answers(0.6)), standing("new", answers(1.6, 1)))
    assert verdict.passed
    assert [check.asked for check in verdict.checks] == ["objective"]
    (said,) = verdict.reasons()
    assert said.startswith(f"AUC {verdict.difference.b:.4f} against {verdict.difference.a:.4f}: a gain of +0.")
    assert said.endswith(" at least, at decision 1 on these images.")


@pytest.mark.parametrize(("skill", "why"), [(0.3, "worse"), (1.0, "equal within noise")])
def test_a_worse_one_and_an_equal_one_are_refused(own: params.Params, skill: float, why: str) -> None:
    verdict = judge(settings(own), standing("old", answers(1.0)), standing("new", answers(skill, 1)))
    assert failed(verdict) == ["objective"], why
    assert verdict.reasons()[0].endswith("; more than 0 is asked.")


def test_a_gain_within_the_margin_is_refused(own: params.Params) -> None:
    old, new = standing("old", answers(0.6)), standing("new", answers(1.6, 1))
    gain = judge(settings(own), old, new).difference.value
    assert failed(judge(settings(own, margin=gain), old, new)) == ["objective"]


def test_an_error_that_is_smaller_passes(own: params.Params) -> None:
    worse, better = (standing(str(error), frames(error, i), "beads") for i, error in enumerate((0.4, 0.2)))
    asked = settings(own, "beads")
    assert judge(asked, worse, better).passed
    assert not judge(asked, better, worse).passed


def test_the_lower_bound_by_hand() -> None:
    """10 groups, 9 degrees of freedom, one-sided 2.5%: 2.262 standard errors, which are larger by sqrt(10 / 9)."""
    difference = Difference("auc", 0.8, 0.9, 0.1, 0, 0, 100, 10, 1.0, 0.03)
    assert least_gain(difference, 10, 1, 0.025) == pytest.approx(0.1 - 2.262157 * 0.03 * math.sqrt(10 / 9))
    assert least_gain(difference, 10, -1, 0.025) == pytest.approx(-0.1 - 2.262157 * 0.03 * math.sqrt(10 / 9))
    assert math.isnan(least_gain(difference, 1, 1, 0.025))


def test_one_group_shows_nothing(own: params.Params) -> None:
    old, new = (standing(n, answers(s, i).assign(group="one")) for i, (n, s) in enumerate((("old", 0.5), ("new", 2.0))))
    verdict = judge(settings(own), old, new)
    assert failed(verdict) == ["objective"]
    assert "of 1 groups no gain can be told" in verdict.reasons()[0]


def test_where_there_is_a_sealed_gate_it_decides(own: params.Params) -> None:
    """Better on the test split, which may have been looked at often, and no better on the images that nobody has seen."""
    old, new = (
        standing(name, answers(on_test, seed, {"gate": on_gate, "focus": on_test}))
        for name, on_test, on_gate, seed in (("old", 0.6, 1.0, 0), ("new", 1.6, 1.0, 1))
    )
    verdict = judge(settings(own, suites=0.05), old, new)
    assert failed(verdict) == ["objective"]
    assert [check.asked for check in verdict.checks] == ["objective", "suite focus"]
    better = standing("better", answers(1.6, 1, {"gate": 2.0, "focus": 1.6}))
    assert judge(settings(own, suites=0.05), old, better).passed


def test_the_bar_rises_with_each_decision_on_the_same_images(own: params.Params) -> None:
    old, new = standing("old", answers(1.0)), standing("new", answers(1.5, 1))
    passed = [judge(settings(own), old, new, look=look).passed for look in (1, 10_000)]
    assert passed == [True, False]
    assert "at decision 10000 on these images" in judge(settings(own), old, new, look=10_000).reasons()[0]


def test_of_a_hundred_equal_candidates_few_are_promoted(own: params.Params) -> None:
    """Each is judged beside the champion of its day, which one that passes replaces."""
    quick = settings(own)
    quick = quick.model_copy(update={"evaluation": quick.evaluation.model_copy(update={"bootstrap": 100})})
    promoted = []
    for experiment in range(3):
        champion, times = standing("champion", answers(1.0, 1000 * experiment, {"t": 1.0})), 0
        for look in range(1, 101):
            candidate = standing("candidate", answers(1.0, 1000 * experiment + look, {"t": 1.0}))
            if judge(quick, champion, candidate, look=look).passed:
                champion, times = candidate, times + 1
        promoted.append(times)
    assert max(promoted) <= 5
    assert sum(promoted) <= stats.poisson.ppf(0.999, 3 * 0.025 * (math.log(100) + 0.6))


# --- everything else --------------------------------------------------------------------------------------------------


def test_one_that_is_better_overall_and_worse_on_a_suite_is_refused(own: params.Params) -> None:
    old = standing("old", answers(0.6))
    new = standing("new", answers(1.6, 1, {"focus": 0.0, "light": 1.6}))
    assert judge(settings(own), old, new).passed  # nobody asks
    verdict = judge(settings(own, suites=0.05), old, new)
    assert failed(verdict) == ["suite focus"]
    assert [check.asked for check in verdict.checks] == ["objective", "suite focus", "suite light"]
    (said,) = verdict.reasons()
    assert said.startswith("Suite focus: AUC 0.")
    assert said.endswith("; 0.05 is allowed.")


def test_probabilities_that_mean_less_are_refused(own: params.Params) -> None:
    old, new = standing("old", answers(0.5)), standing("new", answers(0.9, 1, overconfident=30))
    verdict = judge(settings(own, calibration=0.02), old, new)
    assert failed(verdict) == ["calibration"]
    assert verdict.reasons()[0].startswith("Calibration error 0.")
    assert verdict.reasons()[0].endswith("; it may rise by 0.02.")
    frames = pd.DataFrame(
        {"id": ["a", "b"], "group": ["a", "b"], "split": "test", "n_true": 1, "n_found": 1, "matched": 1}
        | {"sum_squared_error_px2": 0.1, "sum_capped_error_px": 0.1}
    )
    one, other = (standing(name, frames, "beads") for name in ("one", "other"))
    verdict = judge(settings(own, "beads", calibration=0.1), one, other)
    assert verdict.checks[-1].said == "Answers of beads do not say how sure they are: remove gates.beads.calibration."
    assert "calibration" in failed(verdict)


def test_few_groups_of_the_rarer_class_tell_little(own: params.Params) -> None:
    """A gain that 20 groups show is none that two groups with good cells show."""
    tables = [answers(0.6), answers(1.6, 1)]
    assert judge(settings(own), *(standing(str(i), table) for i, table in enumerate(tables))).passed
    few = [table[(table["truth"] == 0) | table["group"].isin(["smear00", "smear01"])] for table in tables]
    verdict = judge(settings(own), *(standing(str(i), table) for i, table in enumerate(few)))
    assert failed(verdict) == ["objective"]


def test_one_that_is_much_larger_is_refused_members_and_all(
    own: params.Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert judge(
        settings(own, size=2), standing("old", answers(0.6)), standing("new", answers(1.6, 1), kilobytes=9)
    ).passed
    monkeypatch.setattr(gates, "SMALL_MB", 0.0)  # so small a model is never too large
    old, new = standing("old", answers(0.6)), standing("new", answers(1.6, 1))
    assert judge(settings(own, size=2), old, new).passed
    member = new.folder / layout.MEMBERS / "a"
    member.mkdir(parents=True)
    (member / layout.WEIGHTS).write_bytes(b"0" * 9000)
    verdict = judge(settings(own, size=2), old, new)
    assert failed(verdict) == ["size"]
    assert verdict.reasons() == ["0.01 MB against 0.00 MB; 2 times the champion's is allowed."]


@pytest.mark.parametrize(("times", "passes"), [(4.0, True), (2.0, False)])
def test_one_that_is_much_slower_is_refused(
    own: params.Params, monkeypatch: pytest.MonkeyPatch, times: float, passes: bool
) -> None:
    old, new = standing("old", answers(0.6)), standing("new", answers(1.6, 1))
    monkeypatch.setattr(gates, "milliseconds", lambda settings, models: [10.0, 30.0])
    verdict = judge(settings(own, time=times), old, new)
    assert verdict.passed is passes
    assert "30.0 ms an image against 10.0 ms" in " ".join(verdict.reasons())


@pytest.mark.parametrize(
    ("lineage", "why"),
    [({"dirty": True}, "new differs from commit c0ffee00"), ({"commit": None}, "new names no commit")],
)
def test_uncommitted_code_is_refused_where_that_is_asked(own: params.Params, lineage: dict[str, Any], why: str) -> None:
    old, new = standing("old", answers(0.6)), standing("new", answers(1.6, 1), **lineage)
    assert judge(settings(own), old, new).passed
    verdict = judge(settings(own, committed=True), old, new)
    assert failed(verdict) == ["lineage"]
    assert verdict.reasons() == [f"It was trained by uncommitted code: {why}."]
    assert judge(settings(own, committed=True), old, standing("clean", answers(1.6, 1))).passed


def test_all_that_fails_is_said(own: params.Params, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "SMALL_MB", 0.0)
    old, new = standing("old", answers(1.0)), standing("new", answers(0.2, 1), kilobytes=9)
    verdict = judge(settings(own, suites=0.01, size=3), old, new)
    assert failed(verdict) == ["objective", "suite focus", "suite light", "size"]
    assert len(verdict.reasons()) == 4


def test_other_data_cannot_be_judged(own: params.Params) -> None:
    old, new = standing("old", answers(1.0)), standing("new", answers(1.0))
    other = Standing(Scored("new", "rbc", new.scored.table, "other.dir"), new.folder)
    with pytest.raises(BrightfieldError, match="scored on different data"):
        judge(settings(own), old, other)
