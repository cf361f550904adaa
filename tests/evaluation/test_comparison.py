"""Models beside each other: by hand where that can be done, refused where it would mislead, and fair to equal ones."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from brightfield import layout, params, tasks
from brightfield.errors import BrightfieldError
from brightfield.evaluation import bootstrap, comparison, comparison_text, reports
from brightfield.evaluation.bootstrap import Difference
from brightfield.evaluation.comparison import EXCHANGE, Compared
from brightfield.evaluation.reports import Scored
from brightfield.experiments import registry
from brightfield.metrics import paired_tests
from scored import crops as made_up
from scored import frames, write_report
from trained import write_bundle


@pytest.fixture
def own(project: Path) -> params.Params:
    """The settings of a small project."""
    del project
    return params.with_overrides(params.load(), "evaluation", {"bootstrap": 400})


def crops(skill: float, seed: int, groups: int = 20, each: int = 12) -> pd.DataFrame:
    """Answers to the crops of test and of one suite, of two kinds."""
    return made_up(dict.fromkeys(("validation", "test", "focus"), skill), seed, groups, each)


def scored(name: str, skill: float = 1.0, seed: int = 0, **other: Any) -> Scored:
    return Scored(**{"name": name, "task": "rbc", "table": crops(skill, seed), "data_hash": "abc.dir", **other})


# --- two models -------------------------------------------------------------------------------------------------------


def test_the_objective_comes_first_and_its_test_is_the_one_made_for_it(own: params.Params) -> None:
    a, b = scored("a", 0.5, 1), scored("b", 1.5, 2)
    first, *others = comparison.compare([a, b], "test", own)
    assert (first.a, first.b, first.part, first.difference.metric, first.test) == ("a", "b", "test", "auc", "DeLong")
    x, y = a.of("test"), b.of("test")
    assert first.p == paired_tests.delong(x["truth"], x["probability"], y["probability"], list(x["group"]))
    assert first.p_corrected == first.p < 0.001
    assert first.better() == "b"
    assert first.probability == 1
    assert {each.test for each in others} == {EXCHANGE}
    assert {each.difference.metric for each in others} >= {"accuracy", "log_loss", "calibration_error"}
    loss = next(each for each in others if each.difference.metric == "log_loss")
    assert loss.difference.value < 0  # less is better
    assert loss.better() == "b"
    assert loss.probability == 1
    corrected = paired_tests.holm({i: each.p for i, each in enumerate(others)})
    assert [each.p_corrected for each in others] == list(corrected.values())


@pytest.mark.parametrize("part", ["test", "focus"])
def test_differences_alone_are_those_of_the_whole_comparison(own: params.Params, part: str) -> None:
    a, b = scored("a", 0.5, 1), scored("b", 1.5, 2)
    known = {each.difference.metric: each.difference for each in comparison.compare([a, b], part, own)}
    asked = ["auc", "calibration_error"]
    assert comparison.differences((a, b), part, [*asked, "psnr_db"], own) == {name: known[name] for name in asked}
    with pytest.raises(BrightfieldError, match="different data"):
        comparison.differences((a, scored("c", data_hash="0123abcdef.dir")), part, asked, own)


def test_no_chance_is_read_from_a_metric_that_rises_in_resamples(own: params.Params) -> None:
    """The calibration error of resamples lies above that of the images themselves."""
    found = comparison.compare([scored("a", 1, 1), scored("b", 1.5, 2)], "test", own)
    chances = {each.difference.metric: each.probability for each in found}
    assert math.isnan(chances.pop("calibration_error"))
    assert all(0 <= chance <= 1 for chance in chances.values())
    table = scored("a", 1, 1).of("test")
    scoring = tasks.build("classification", own.tasks["rbc"].settings).scoring
    drawn = bootstrap.intervals(table, list(table["group"]), scoring.pooled, resamples=400, confidence=0.9, seed=0)[
        "calibration_error"
    ]
    assert (drawn.low + drawn.high) / 2 > drawn.value


def test_of_independent_images_the_accuracy_is_tested_by_mcnemar(own: params.Params) -> None:
    models = []
    for name, skill in (("a", 0.5), ("b", 1.5)):
        table = crops(skill, len(models))
        models.append(scored(name, table=table.assign(group=table["id"])))
    (accuracy,) = [c for c in comparison.compare(models, "test", own) if c.difference.metric == "accuracy"]
    right = [(m.of("test")["answered"] == m.of("test")["truth"]).to_numpy() for m in models]
    assert (accuracy.test, accuracy.p) == ("McNemar", paired_tests.mcnemar(*right))


def test_several_models_are_compared_with_the_first(own: params.Params) -> None:
    found = comparison.compare([scored("a", 1, 1), scored("b", 1, 2), scored("c", 1, 3)], "test", own)
    objective = [each for each in found if each.difference.metric == "auc"]
    assert [(each.a, each.b) for each in objective] == [("a", "b"), ("a", "c")]
    assert found[:2] == objective
    assert [each.p_corrected for each in objective] == list(
        paired_tests.holm({i: each.p for i, each in enumerate(objective)}).values()
    )
    assert [[each.b for each in pair] for pair in comparison_text.pairs(objective)] == [["b"], ["c"]]


def test_suites_and_kinds(own: params.Params) -> None:
    models = [scored("a", 0.5, 1), scored("b", 1.5, 2)]
    (focus,) = comparison.compare_suites(models, own)
    assert (focus.part, focus.difference.metric, focus.test) == ("focus", "auc", "DeLong")
    kinds = comparison.compare_kinds(models, "test", own)
    assert [(each.part, each.difference.metric) for each in kinds] == [("burr", "right"), ("normal", "right")]
    of_kind = models[1].of("test").query("kind == 'burr'")
    assert kinds[0].difference.b == pytest.approx((of_kind["answered"] == of_kind["truth"]).mean())
    without = [scored(m.name, table=m.table[m.table["split"] == "test"].drop(columns="kind")) for m in models]
    assert comparison.compare_suites(without, own) == []
    assert comparison.compare_kinds(without, "test", own) == []


def test_how_many_more_groups_would_decide() -> None:
    """By hand: an interval of 0.196 is a standard error of 0.05; (1.96 + 0.84) times it is 0.14; (0.14 / 0.1)^2 times 10 groups."""

    def asked(value: float, low: float, high: float) -> int | None:
        return Compared(
            "a", "b", "test", Difference("auc", 0.5, 0.5 + value, value, low, high, 100, 10), "", 0.2, 0.2
        ).more_groups(0.95)

    assert asked(0.1, 0.002, 0.198) == 10  # 19.6 are needed
    assert asked(-0.1, -0.198, -0.002) == 10
    assert asked(0.14, 0.042, 0.238) == 1
    assert asked(0.2, 0.102, 0.298) == 0
    assert asked(0.0, -0.1, 0.1) is None
    assert asked(0.1, math.nan, math.nan) is None
    assert asked(0.1, 0.1, 0.1) is None


# --- what cannot be compared ------------------------------------------------------------------------------------------


def test_other_data_is_refused(own: params.Params) -> None:
    with pytest.raises(
        BrightfieldError, match="b were scored on different data .version abc.dir and 0123abcd.*dvc repro"
    ):
        comparison.compare([scored("a"), scored("b", data_hash="0123abcdef.dir")], "test", own)
    with pytest.raises(BrightfieldError, match="version unknown and abc.dir"):
        comparison.leaderboard([scored("a", data_hash=None), scored("b")], "test", own)


def test_other_images_are_refused_where_nobody_knows_the_hash(own: params.Params) -> None:
    other = crops(1, 0).assign(id=lambda table: "x" + table["id"])
    with pytest.raises(BrightfieldError, match="only be compared on the same images"):
        comparison.compare([scored("a", data_hash=None), scored("b", table=other, data_hash=None)], "test", own)


def test_other_tasks_a_single_model_and_unknown_suites_are_refused(own: params.Params) -> None:
    with pytest.raises(BrightfieldError, match="a answers rbc and b beads"):
        comparison.compare([scored("a"), scored("b", task="beads")], "test", own)
    with pytest.raises(BrightfieldError, match="two different models at least, got 1"):
        comparison.compare([scored("a")], "test", own)
    with pytest.raises(BrightfieldError, match="a was not scored on 'focsu': expected one of test, focus"):
        comparison.compare([scored("a"), scored("b")], "focsu", own)


def test_what_is_true_of_the_images_must_be_the_same_in_both_reports(own: params.Params) -> None:
    a, b = scored("a"), scored("b")
    flipped = scored("b", table=b.table.assign(truth=1 - b.table["truth"]))
    with pytest.raises(BrightfieldError, match="a and b were scored on the same images, .*column truth"):
        comparison.compare([a, flipped], "test", own)
    regrouped = scored("b", table=b.table.assign(group="one"))
    with pytest.raises(BrightfieldError, match="column group"):
        comparison.leaderboard([a, regrouped], "test", own)


def test_the_split_that_chose_the_models_is_none_to_compare_on(own: params.Params) -> None:
    with pytest.raises(BrightfieldError, match="a was not scored on 'validation': expected one of test, focus"):
        comparison.compare([scored("a"), scored("b")], "validation", own)


def test_a_leaderboard_of_many_models_can_still_tell_them_apart(own: params.Params) -> None:
    """Each pair counts as a test, so groups are exchanged more often than intervals are resampled."""
    rng = np.random.default_rng(1)
    names = {"id": [f"image{i}" for i in range(40)], "group": [f"field{i}" for i in range(40)], "split": "test"}
    models = [
        scored(str(i), task="denoise", table=pd.DataFrame({**names, "psnr_db": 30 - 2 * i + rng.normal(0, 0.3, 40)}))
        for i in range(14)
    ]
    quick = params.with_overrides(own, "evaluation", {"bootstrap": 100})
    assert all(each.is_decided for each in comparison.leaderboard(models, "test", quick))


# --- damaged reports --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (b"", "cannot be read: No columns"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"id,group\na,b\n", "no column split"),
        (b"id,group,split,probability\na,b,test,high\n", "column probability holds what is no number"),
        (b"id,group,split,probability\na,b,test,inf\n", "column probability holds what is no number"),
        (b"id,group,split,probability\na,b\n", "a row has no id, group or split"),
    ],
)
def test_a_damaged_table_is_named(own: params.Params, damage: bytes, message: str) -> None:
    write_report("rbc-convnet", crops(1, 0))
    (layout.report("rbc-convnet") / layout.IMAGE_SCORES).write_bytes(damage)
    with pytest.raises(BrightfieldError, match=f"reports/rbc-convnet/images.csv .*{message}.*dvc repro"):
        reports.read("rbc-convnet", own)


@pytest.mark.parametrize("damage", ["{", "[1]"])
def test_damaged_metrics_are_named(own: params.Params, damage: str) -> None:
    write_report("rbc-convnet", crops(1, 0))
    (layout.report("rbc-convnet") / layout.METRICS).write_text(damage)
    with pytest.raises(BrightfieldError, match=r"reports/rbc-convnet/metrics.json .*dvc repro"):
        reports.read("rbc-convnet", own)


def test_a_report_of_another_training_says_nothing_of_a_model(own: params.Params) -> None:
    write_bundle("classification", "rbc-convnet")
    write_report("rbc-convnet", crops(1, 0))
    path = layout.report("rbc-convnet") / layout.METRICS
    known = registry.bundle_hash(layout.model("rbc", "rbc-convnet"))
    path.write_text(json.dumps({"test": {}, "data_hash": None, "bundle_hash": known}))
    assert reports.read("rbc-convnet", own).name == "rbc-convnet"
    path.write_text(json.dumps({"test": {}, "data_hash": None, "bundle_hash": "of another"}))
    with pytest.raises(BrightfieldError, match="report of rbc-convnet, .*, is of another training than the model"):
        reports.read("rbc-convnet", own)


# --- which models -----------------------------------------------------------------------------------------------------


def test_a_model_is_read_from_its_report(own: params.Params) -> None:
    name = next(name for name, model in own.models.items() if model.task == "rbc")
    with pytest.raises(BrightfieldError, match=f"{name} was not evaluated yet.*dvc repro"):
        reports.read(name, own)
    table = crops(1, 0).assign(group=lambda rows: rows["group"].str.removeprefix("smear"))
    write_report(name, table)
    found = reports.read(name, own)
    assert (found.name, found.task, found.data_hash) == (name, "rbc", "abc.dir")
    assert list(found.table["group"]) == list(table["group"])  # "01" is not 1
    with pytest.raises(BrightfieldError, match="There is no model or ensemble 'rbc-convnte'"):
        reports.read("rbc-convnte", own)


def test_a_version_has_the_report_of_its_own_bundle(own: params.Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one in this folder only if nothing was trained since."""
    name = "rbc-convnet"
    write_bundle("classification", name)
    folder = layout.model("rbc", name)
    write_report(name, crops(1, 0))
    version = SimpleNamespace(task="rbc", number=3, model=name, bundle_hash=registry.bundle_hash(folder), run_id="r")
    asked = []
    monkeypatch.setattr(registry, "find", lambda task, reference: asked.append((task, reference)) or version)
    fetched = []

    def fetch_report(of: Any, destination: Path) -> Path:
        fetched.append((of.number, destination))
        write_report("elsewhere", crops(2, 0), "of then")
        return layout.report("elsewhere")

    monkeypatch.setattr(registry, "fetch_report", fetch_report)
    assert reports.read("rbc@champion", own).data_hash == "abc.dir"
    assert (asked, fetched) == ([("rbc", "champion")], [])
    version.bundle_hash = "of another training"
    assert reports.read("rbc@3", own).data_hash == "of then"
    assert fetched == [(3, layout.FETCHED)]
    with pytest.raises(BrightfieldError, match="There is no task 'rcb'"):
        reports.read("rcb@champion", own)


def test_a_leaderboard_has_what_was_scored_on_the_data_of_the_task(own: params.Params) -> None:
    with pytest.raises(BrightfieldError, match="0 were scored"):
        comparison.roles_of_task("rbc", own)
    for name, model in {**own.models, **own.ensembles}.items():
        if model.task == "rbc":
            write_report(name, crops(1, 0))
    found = comparison.roles_of_task("rbc", own)
    assert set(found.values()) == {"baseline", "member", "ensemble"}
    assert {name for name, role in found.items() if role == "ensemble"} == {
        name for name, entry in own.ensembles.items() if entry.task == "rbc"
    }
    elsewhere = own.model_copy(
        update={"tasks": {**own.tasks, "rbc": own.tasks["rbc"].model_copy(update={"dataset": "x"})}}
    )
    with pytest.raises(BrightfieldError, match="of the 0 of 'rbc'"):
        comparison.roles_of_task("rbc", elsewhere)


# --- a whole task -----------------------------------------------------------------------------------------------------


def test_the_best_comes_first_and_every_pair_counts_as_a_test(own: params.Params) -> None:
    models = [scored("middle", 0.9, 1), scored("worst", 0.2, 2), scored("best", 1.6, 3)]
    found = comparison.leaderboard(models, "test", own)
    assert [(each.a, each.b) for each in found] == [("best", "middle"), ("best", "worst")]
    assert all(each.difference.value < 0 and each.difference.high < 0 for each in found)
    assert [each.difference.a for each in found] == [found[0].difference.a] * 2
    by_name = {model.name: model for model in models}
    for each in found:
        (directly,) = [
            c
            for c in comparison.compare([by_name["best"], by_name[each.b]], "test", own)
            if c.difference.metric == "auc"
        ]
        assert each.difference.as_dict() == pytest.approx(directly.difference.as_dict())
        assert each.p == pytest.approx(directly.p)
    of_pairs = {
        pair: comparison.compare([by_name[name] for name in pair], "test", own)[0].p
        for pair in (("middle", "worst"), ("middle", "best"), ("worst", "best"))
    }
    corrected = paired_tests.holm(of_pairs)
    assert [each.p_corrected for each in found] == pytest.approx(
        [corrected["middle", "best"], corrected["worst", "best"]]
    )


def test_an_error_is_better_when_it_is_smaller(own: params.Params) -> None:
    models = [scored(str(error), task="beads", table=frames(error, i)) for i, error in enumerate((0.4, 0.1, 0.2))]
    found = comparison.leaderboard(models, "test", own)
    assert [each.a for each in found] == ["0.1", "0.1"]
    assert [each.b for each in found] == ["0.2", "0.4"]
    assert [(each.better(), each.is_decided, each.probability) for each in found] == [("0.1", True, 0.0)] * 2


def test_of_equal_models_one_is_called_worse_in_one_leaderboard_of_twenty(own: params.Params) -> None:
    quick = params.with_overrides(own, "evaluation", {"bootstrap": 100})
    experiments, wrong = 150, 0
    for experiment in range(experiments):
        models = [scored(str(i), table=crops(0.6, 10 * experiment + i, groups=12, each=8)) for i in range(5)]
        wrong += any(each.is_decided for each in comparison.leaderboard(models, "test", quick))
    assert wrong <= stats.binom.ppf(0.999, experiments, 0.05)


# --- in words ---------------------------------------------------------------------------------------------------------


def compared(value: float = 0.1, p: float = 0.01, test: str = "DeLong", groups: int = 10, **other: Any) -> Compared:
    difference = Difference("auc", 0.8, 0.8 + value, value, value - 0.1, value + 0.1, 100, groups, 0.9)
    return Compared(
        **{
            "a": "old",
            "b": "new",
            "part": "test",
            "difference": difference,
            "test": test,
            "p": p,
            "p_corrected": p,
            **other,
        }
    )


def test_a_verdict_says_which_by_how_much_and_whether_it_is_chance() -> None:
    assert comparison_text.verdict(compared(), 0.95) == (
        "AUC: new is better on test, by 0.1000: more than chance explains (DeLong, 10 groups, p = 0.010)."
    )
    assert comparison_text.verdict(compared(-0.1, p=1e-5), 0.95) == (
        "AUC: old is better on test, by 0.1000: more than chance explains (DeLong, 10 groups, p < 0.001)."
    )
    # the standard error is 0.051: 20.4 groups, see above
    assert comparison_text.verdict(compared(p=0.2), 0.95) == (
        "AUC: new is better on test by 0.1000, which may be chance (DeLong, 10 groups, p = 0.200). "
        "If the difference is as large as it looks, about 11 more groups would show it."
    )
    assert "too few, for a smaller p" in comparison_text.verdict(compared(0.4, p=0.2), 0.95)
    assert comparison_text.verdict(compared(0.0, p=1.0), 0.95) == "AUC: old and new are equal on test."
    assert "better on test by less than 0.0001, which" in comparison_text.verdict(compared(1e-7, p=0.9), 0.95)
    undefined = comparison_text.verdict(compared(math.nan, p=math.nan), 0.95)
    assert undefined == "AUC: old and new cannot be compared on test: it is not defined there."
    assert "one group cannot tell" in comparison_text.verdict(compared(p=math.nan, groups=1), 0.95)


def test_tables_of_text() -> None:
    lines = comparison_text.of_pair([compared(), compared(p=0.2)]).splitlines()
    assert lines[0].split("  ")[0] == "metric"
    assert lines[1].split() == ["AUC", "0.8000", "0.9000", "+0.1000", "+0.0000", "to", "+0.2000", "0.010*", "90%"]
    assert lines[2].split()[-2:] == ["0.200", "90%"]
    (parts,) = comparison_text.by_metric([compared(part="focus"), compared(part="light")])
    head, *rows = comparison_text.of_parts(parts, "suite").splitlines()
    assert head.startswith("AUC, by suite")
    assert [row.split()[0] for row in rows] == ["focus", "light"]


def test_a_leaderboard_of_text() -> None:
    found = [
        compared(-0.1, a="best", b="bad"),
        compared(-0.01, p=0.4, a="best", b="near"),
        compared(0.0, p=1.0, a="best", b="same"),
    ]
    roles = {"best": "member", "bad": "baseline", "near": "member", "same": "ensemble"}
    _, *rows = comparison_text.of_task(found, roles).splitlines()
    assert [row.split()[:3] for row in rows] == [
        ["best", "member", "0.8000"],
        ["bad", "baseline", "0.7000"],
        ["near", "member", "0.7900"],
        ["same", "ensemble", "0.8000"],
    ]
    assert [row.split("  ")[-1].strip() for row in rows] == ["the best here", "worse", "may be as good", "equal"]


def test_where_no_p_could_be_small_a_leaderboard_does_not_call_models_as_good() -> None:
    few = compared(
        -0.3, p=2 / 64, p_corrected=0.19, a="best", b="far", test=EXCHANGE, groups=6, least_p=2 / 64, tests=6
    )
    _, _, row = comparison_text.of_task([few], {"best": "member", "far": "member"}).splitlines()
    assert row.endswith("cannot be told")


def test_where_groups_are_too_few_for_a_star_it_is_said() -> None:
    few = [compared(test=EXCHANGE, groups=6, p=2 / 64, least_p=2 / 64, tests=6)] * 3
    assert comparison_text.least_p(few) == (
        "Answers of 6 groups can be exchanged in few ways: with 6 comparisons no p can be below 0.188. Look at the intervals."
    )
    assert "below 1.000" in str(
        comparison_text.least_p([compared(test=EXCHANGE, groups=2, p=0.5, least_p=0.5, tests=11)])
    )
    assert comparison_text.least_p([compared(test=EXCHANGE, groups=12, least_p=2.0**-11, tests=3)] * 3) is None
    assert comparison_text.least_p([compared(groups=3)]) is None


def test_all_numbers_as_a_table() -> None:
    table = comparison_text.table([compared(), compared(-0.1, p=0.2)], "split", "test")
    assert table.loc[0, ["what", "split"]].tolist() == ["split", "test"]
    of_kind = comparison_text.table([compared(part="burr")], "kind", "light")
    assert of_kind.loc[0, ["what", "part", "split"]].tolist() == ["kind", "burr", "light"]
    assert table.loc[0, ["a", "b", "part", "metric", "test", "better"]].tolist() == [
        "old",
        "new",
        "test",
        "auc",
        "DeLong",
        "new",
    ]
    assert table.loc[1, "better"] == ""
    assert table[["value_a", "difference", "low", "high", "p", "p_corrected", "groups"]].iloc[
        0
    ].tolist() == pytest.approx([0.8, 0.1, 0.0, 0.2, 0.01, 0.01, 10])
