"""What reports tell."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import streamlit as st

from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.system.files import write_json
from queries import reports as queries


def test_scores(project: Path) -> None:
    table = queries.scores()
    row = table[(table["model"] == "rbc-convnet") & (table["metric"] == "auc")].iloc[0]
    assert (row["part"], row["value"], row["low"], row["high"]) == ("test", 0.88, 0.86, 0.90)
    assert row["data_hash"] == "0123456789abcdef.dir"
    assert math.isnan(table.loc[table["metric"] == "other", "low"].iloc[0])


def test_the_best_comes_first_whichever_way_the_metric_goes(project: Path) -> None:
    assert list(queries.on_test("rbc")["model"]) == ["rbc-ensemble", "rbc-compact", "rbc-convnet", "rbc-features"]
    assert list(queries.on_test("beads")["value"]) == [0.20, 0.22, 0.24, 0.55]
    assert queries.on_test("denoise").empty


def test_models_of_other_datasets_are_left_out(project: Path) -> None:
    assert queries.scores().query("model == 'rbc-stained' and metric == 'auc' and part == 'test'")[
        "value"
    ].tolist() == [0.99]
    assert "rbc-stained" not in set(queries.on_test("rbc")["model"])


def test_parts_of_a_dataset(project: Path) -> None:
    table, parts = queries.on_suites("rbc")
    assert parts == ["test", "camera", "focus"]
    assert list(table["model"].unique()) == list(queries.on_test("rbc")["model"])
    values = table[table["model"] == "rbc-convnet"].set_index("part")["value"]
    assert values.to_dict() == pytest.approx({"test": 0.88, "camera": 0.88, "focus": 0.78})
    assert queries.on_suites("beads")[1] == ["test"]


def test_answers_are_also_judged_recalibrated_and_against_the_best_possible(project: Path) -> None:
    table, parts = queries.on_suites("rbc", "other", queries.RECALIBRATED)
    assert parts == ["test", "camera", "focus"]
    assert set(table["model"]) == {"rbc-compact", "rbc-convnet"}
    assert set(table["value"]) == {0.7}
    assert queries.on_suites("bacteria", None, queries.RECALIBRATED)[0].empty
    assert queries.ceilings("rbc", "auc") == {"test": 0.97, "camera": 0.97, "focus": 0.97}
    assert queries.ceilings("rbc", "other") == {}
    assert set(queries.on_test("rbc")["answers"]) == {queries.AS_THEY_ARE}


def test_what_is_guaranteed_in_rows(project: Path) -> None:
    table = queries.guarantees("rbc")
    assert list(table["model"].unique()) == ["rbc-convnet"]
    rows = table.set_index("part")
    assert rows["coverage"].to_dict() == pytest.approx({"test": 0.91, "camera": math.nan, "focus": 0.7}, nan_ok=True)
    assert set(table["guarantee"]) == {"class"}
    assert (set(table["promised"]), set(table["over"])) == ({0.9}, {"objects"})
    assert queries.guarantees("beads").empty
    assert set(queries.guaranteed("classification")) == {"class"}


def test_metrics_begin_with_the_objective(project: Path) -> None:
    assert queries.metrics("rbc") == ["auc", "other"]
    assert queries.metrics("denoise") == ["psnr_db"]


def test_confusions(project: Path) -> None:
    table = queries.confusions("rbc")
    assert list(table["model"].unique()) == ["rbc-features", "rbc-convnet", "rbc-ensemble"]
    row = table[(table["model"] == "rbc-features") & (table["truth"] == "bad") & (table["answer"] == "good")].iloc[0]
    assert (row["count"], row["share"]) == (30, 0.3)
    assert list(table["truth"].unique()) == ["bad", "good"]
    assert queries.confusions("beads").empty


def test_kinds(project: Path) -> None:
    table = queries.kinds("rbc").set_index("kind")
    assert set(table["model"]) == {"rbc-ensemble"}
    assert table.loc["sick", ["images", "value", "low", "high"]].tolist() == pytest.approx([60, 0.7, 0.6, 0.8])
    assert queries.kinds("beads").empty
    assert queries.kinds("bacteria").empty  # has kinds, but nothing that is right or wrong


def test_the_objective_by_kind(project: Path) -> None:
    table, names = queries.on_kinds("bacteria")
    assert names == ["little light (7)", "plenty (7)"]
    assert table["model"].tolist() == ["bacteria-unet"] * 2
    value = queries.on_test("bacteria").set_index("model").loc["bacteria-unet", "value"]
    assert table["value"].tolist() == [value] * 2
    assert queries.on_kinds("rbc")[0].empty


def test_a_class_that_never_occurs_has_no_share(project: Path) -> None:
    table = queries.confusions("bacteria")
    never = table[(table["model"] == "bacteria-watershed") & (table["truth"] == "contour")]
    assert never["share"].isna().all()
    assert len(never) == 3


def test_ensemble(project: Path) -> None:
    report = queries.ensemble("beads-ensemble")
    assert report is not None
    assert (report.method, report.metric, report.direction) == ("greedy", "capped_error_px", "minimize")
    assert report.weights.to_dict("list") == {"name": ["beads-unet", "beads-unet-wide"], "weight": [0.5, 0.5]}
    assert list(report.rows["role"]) == ["baseline", "member", "member", "method", "method", "beside"]
    assert report.rows["gain"].iloc[0] == pytest.approx(0.20 - 0.55)
    assert queries.ensemble("denoise-ensemble") is None


def test_nothing_there_is_no_error(empty: Path) -> None:
    assert queries.scores().empty
    assert queries.on_test("rbc").empty
    assert queries.confusions("rbc").empty
    assert queries.examples("rbc-convnet") == []


def test_a_damaged_report_is_named(empty: Path) -> None:
    (empty / "reports" / "rbc-convnet").mkdir(parents=True)
    (empty / "reports" / "rbc-convnet" / "metrics.json").write_text("{")
    with pytest.raises(BrightfieldError, match=r"reports/rbc-convnet/metrics.json cannot be read.*dvc repro"):
        queries.scores()
    (empty / "reports" / "rbc-convnet" / "metrics.json").write_text("[1]")
    with pytest.raises(BrightfieldError, match="is not a JSON object"):
        queries.scores()


def test_metrics_of_each_image_against_what_it_is_like(project: Path) -> None:
    table = queries.by_condition("bacteria")
    assert set(table["model"]) == {"bacteria-unet"}  # the others were scored by an earlier version
    assert "validation" not in set(table["split"])
    wanted = table[(table["condition"] == "cover") & (table["metric"] == "mean_iou")]
    assert len(wanted) == 11
    assert (wanted["value"] + wanted["at"]).tolist() == pytest.approx([1.0] * 11)
    assert table.loc[table["metric"] == "ap50", "value"].notna().all()
    assert queries.by_condition("rbc").empty
    assert queries.by_condition("denoise").empty


def test_the_objective_is_what_the_truth_of_the_dataset_allows(empty: Path) -> None:
    assert queries.objective("denoise") == ("psnr_db", "maximize")
    for model, value in (("denoise-nlm", 1.2), ("denoise-unet", 1.1)):
        report = layout.report(model)
        report.mkdir(parents=True)
        write_json(report / layout.METRICS, {"test": {"blind_error": {"value": value, "low": 1.0, "high": 1.5}}})
    st.cache_data.clear()
    assert queries.objective("denoise") == ("blind_error", "minimize")
    assert list(queries.on_test("denoise")["model"]) == ["denoise-unet", "denoise-nlm"]
    assert queries.metrics("denoise") == ["blind_error"]
