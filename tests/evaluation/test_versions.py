"""What a training can begin with: the starter, versions of the registry, what lies in this folder."""

from __future__ import annotations

import pandas as pd
import pytest

import tiny
from brightfield import layout, params, prediction
from brightfield.errors import BrightfieldError
from brightfield.evaluation import versions
from brightfield.experiments import registry
from brightfield.system.files import write_json
from trained import write_bundle, write_starter

pytestmark = pytest.mark.usefixtures("starters_folder")

COLUMNS = ["reference", "model", "role", "on test", "made", "begin with it"]


def rows(task: str) -> list[dict[str, str]]:
    """The table, cut where its head is."""
    head, *lines = versions.as_text(task).split("\n")
    starts = [head.index(name) for name in COLUMNS]
    cells = [[line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)] for line in lines]
    return [dict(zip(COLUMNS, row, strict=True)) for row in cells]


def register(monkeypatch: pytest.MonkeyPatch, *found: tuple[int, str, str, str]) -> None:
    """Versions with their model, role and aliases, newest first."""
    table = pd.DataFrame(found, columns=["version", "model", "role", "aliases"])
    table["created"] = pd.Timestamp("2026-03-04 05:06:07", tz="UTC")
    monkeypatch.setattr(registry, "versions", lambda task: table)


def score(name: str, value: float, metric: str = "mean_iou") -> None:
    layout.report(name).mkdir(parents=True)
    entry = {"value": value, "low": None, "high": None}
    write_json(layout.report(name) / layout.METRICS, {"test": {metric: entry}})


def test_a_line_for_each_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    write_starter("segmentation")
    for name in ("bacteria-unet", "bacteria-watershed"):
        write_bundle("segmentation", name)
    layout.ensemble("bacteria", "bacteria-ensemble").mkdir(parents=True)
    (layout.ensemble("bacteria", "bacteria-ensemble") / layout.BUNDLE).write_text("{}")
    register(monkeypatch, (12, "bacteria-ensemble", "ensemble", "champion"), (11, "bacteria-unet", "member", ""))
    score("bacteria-unet", 0.8125)
    found = rows("bacteria")
    order = [row["reference"] for row in found]
    assert order == [layout.STARTER, "12 (champion)", "11", "bacteria-watershed", "bacteria-unet", "bacteria-ensemble"]
    by_name = {row["reference"]: row for row in found}
    assert by_name["starter"] == dict(
        zip(COLUMNS, ("starter", "part of Brightfield", "member", "", "", "init_from: starter"), strict=True)
    )
    assert by_name["11"] == dict(
        zip(
            COLUMNS,
            ("11", "bacteria-unet", "member", "mean_iou 0.8125", "2026-03-04 05:06", 'init_from: "11"'),
            strict=True,
        )
    )
    assert by_name["12 (champion)"]["begin with it"] == ""  # an ensemble has no weights of one network
    assert by_name["bacteria-watershed"]["role"] == "baseline"
    assert by_name["bacteria-unet"]["begin with it"] == ""  # an output of the pipeline, see training.warm_start
    assert by_name["bacteria-unet"]["on test"] == "mean_iou 0.8125"
    assert by_name["bacteria-watershed"]["on test"] == "?"


def test_without_a_registry_what_lies_here_is_listed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(task: str) -> pd.DataFrame:
        raise BrightfieldError("MLflow does not answer.")

    monkeypatch.setattr(registry, "versions", away)
    write_bundle("segmentation", "bacteria-unet")
    assert [row["reference"] for row in rows("bacteria")] == ["bacteria-unet"]


def test_the_objective_is_that_which_the_truth_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)
    write_bundle("restoration", "denoise-blind")
    score("denoise-blind", 1.25, "blind_error")  # of images without clean counterparts
    assert [row["on test"] for row in rows("denoise")] == ["blind_error 1.25"]


def test_what_is_listed_can_be_begun_with_and_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words that the table gives are those that params.yaml takes."""
    write_starter("segmentation")
    register(monkeypatch, (7, "bacteria-unet", "member", ""))
    for row in rows("bacteria"):
        start = row["begin with it"].removeprefix("init_from: ").strip('"')
        params.with_values(tiny.model("segmentation"), {"training.init_from": start}, "test")
    assert prediction.bundle_folder("bacteria", "starter") == layout.starter("bacteria")


def test_nothing_at_all_says_what_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)
    with pytest.raises(BrightfieldError, match="Nothing was trained for task 'bacteria' yet.* Run `dvc repro`"):
        versions.as_text("bacteria")
    with pytest.raises(BrightfieldError, match="There is no task 'bacterai'. Did you mean 'bacteria'"):
        versions.as_text("bacterai")
