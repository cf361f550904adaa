"""Queries of reports: scores by part, by kind and by condition, confusions and ensembles. Nothing here needs MLflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.inference.guarantees import Guarantees
from brightfield.metrics.declarations import OF_IMAGE
from queries import project

if TYPE_CHECKING:
    from brightfield.tasks.guarantees import Guarantee

SCORES = ("model", "task", "role", "dataset", "part", "metric", "value", "low", "high", "data_hash", "answers")
AS_THEY_ARE, RECALIBRATED, CEILING = "as they are", "recalibrated", "ceiling"
KINDS = ("model", "kind", "images", "value", "low", "high")
GUARANTEES = ("model", "guarantee", "over", "promised", "part", "coverage", "low", "high", "size", "objects", "groups")
CONFUSION = ("model", "truth", "answer", "count", "share")
CONDITIONS = ("model", "image", "split", "condition", "at", "metric", "value")
TEST, VALIDATION = "test", "validation"


@st.cache_data(ttl=project.TTL_S, show_spinner=False)
def scores() -> pd.DataFrame:
    """The scores of all reports: one row per model, part (``test`` or a suite), metric and ``answers``; numbers may be nan.

    Column ``answers`` is ``AS_THEY_ARE``, ``RECALIBRATED`` for scores after recalibration, or ``CEILING`` for the best that any
    model could reach on the same data.
    """
    rows: list[dict[str, Any]] = []
    for model in project.models().to_dict("records"):
        content = project.read_json(project.report(model["name"]) / layout.METRICS)
        if content is None:
            continue
        about = {"model": model["name"], "task": model["task"], "role": model["role"], "dataset": model["dataset"]}
        scored = {
            AS_THEY_ARE: {TEST: content.get("test", {}), **content.get("suites", {})},
            RECALIBRATED: content.get("recalibrated", {}),
            CEILING: content.get("ceiling", {}),
        }
        for answers, parts in scored.items():
            for part, metrics in parts.items():
                for metric, found in metrics.items():
                    bounds = {key: found.get(key) for key in ("value", "low", "high")}
                    row = {**about, "part": part, "metric": metric, **bounds, "answers": answers}
                    rows.append({**row, "data_hash": content.get("data_hash")})
    table = pd.DataFrame(rows, columns=list(SCORES))
    return table.astype({"value": float, "low": float, "high": float})


def objective(task: str, dataset: str | None = None) -> tuple[str, str]:
    """Metric and direction by which the models of a task are compared, as the truth of a dataset, by default the task's, allows."""
    entry, table = project.settings().tasks[task], scores()
    of_dataset = (table["task"] == task) & (table["dataset"] == (dataset or entry.dataset)) & (table["part"] == TEST)
    return project.objective(entry.kind, tuple(sorted(set(table.loc[of_dataset, "metric"]))))


def on_test(task: str) -> pd.DataFrame:
    """The objective on the test split of the task's dataset: one row per model, the best first."""
    entry = project.settings().tasks[task]
    metric, direction = objective(task)
    table = scores()
    wanted = {"task": task, "dataset": entry.dataset, "part": TEST, "metric": metric, "answers": AS_THEY_ARE}
    table = table[(table[list(wanted)] == pd.Series(wanted)).all(axis=1)]
    return table.sort_values("value", ascending=direction == "minimize").reset_index(drop=True)


def on_suites(task: str, metric: str | None = None, answers: str = AS_THEY_ARE) -> tuple[pd.DataFrame, list[str]]:
    """A metric of each model on every part of the task's dataset, and the parts: the test split, then the suites.

    Models come in the order of :func:`on_test`.

    Args:
        task: name of the task.
        metric: the metric; None: the objective.
        answers: ``AS_THEY_ARE``, ``RECALIBRATED`` or ``CEILING``.
    """
    best = on_test(task)
    metric = metric or objective(task)[0]
    table = scores()
    wanted = table["model"].isin(best["model"]) & (table["metric"] == metric) & (table["answers"] == answers)
    order = {name: place for place, name in enumerate(best["model"])}
    table = table[wanted].sort_values("model", key=lambda names: names.map(order), kind="stable")
    return table.reset_index(drop=True), [TEST, *sorted(set(table["part"]) - {TEST})]


def ceilings(task: str, metric: str) -> dict[str, float]:
    """The best that any model could reach, by part of the task's dataset; empty if it is unknown."""
    table, _ = on_suites(task, metric, CEILING)
    return dict(zip(table["part"], table["value"], strict=True))  # the same for all models of one dataset


def metrics(task: str) -> list[str]:
    """The metrics of the task's models, the objective first."""
    first, _ = objective(task)
    table = scores()
    found = table.loc[(table["task"] == task) & (table["answers"] == AS_THEY_ARE), "metric"]
    return [first, *(name for name in dict.fromkeys(found) if name != first)]


def on_kinds(task: str, metric: str | None = None) -> tuple[pd.DataFrame, list[str]]:
    """A metric of each model on the test images of each kind (such as a level of light), and the kinds, as :func:`on_suites`."""
    best = on_test(task)
    metric = metric or objective(task)[0]
    table = best[["model", "role"]].merge(kinds(task, metric), on="model", how="inner")
    table["part"] = [f"{kind} ({images})" for kind, images in zip(table["kind"], table["images"], strict=True)]
    return table, list(dict.fromkeys(table["part"]))


@st.cache_data(ttl=project.TTL_S, show_spinner=False)
def confusions(task: str) -> pd.DataFrame:
    """Numbers of test images or pixels by class: columns model, truth, answer, count, share (of the true class)."""
    rows: list[pd.DataFrame] = []
    known = project.models()
    for name in known.loc[known["task"] == task, "name"]:
        content = project.read_json(project.report(name) / layout.CONFUSION)
        if content is not None:
            counts = pd.DataFrame(content["counts"], index=content["classes"], columns=content["classes"])
            rows.append(_long(counts).assign(model=name))
    return pd.concat(rows, ignore_index=True)[list(CONFUSION)] if rows else pd.DataFrame(columns=list(CONFUSION))


@st.cache_data(ttl=project.TTL_S, show_spinner=False)
def kinds(task: str, metric: str = "right") -> pd.DataFrame:
    """The number of test images of each kind and a metric of them, one row per model and kind.

    By default the metric is the share of correct answers; the table is empty where a task does not have the metric by kind.
    """
    rows: list[dict[str, Any]] = []
    known = project.models()
    for name in known.loc[known["task"] == task, "name"]:
        content = project.read_json(project.report(name) / layout.METRICS) or {}
        for kind, found in content.get("kinds", {}).items():
            if metric in found:
                rows.append({"model": name, "kind": kind, "images": found["images"], **found[metric]})
    return pd.DataFrame(rows, columns=list(KINDS))


@st.cache_data(ttl=project.TTL_S, show_spinner=False)
def guarantees(task: str) -> pd.DataFrame:
    """What is guaranteed of the answers of the task's models, and its coverage: one row per model, guarantee and part.

    Models come in the order of :func:`on_test`. Columns of ``GUARANTEES``; what a part has no objects for is nan.
    """
    rows: list[dict[str, Any]] = []
    for model in on_test(task)["model"]:
        path = project.report(model) / layout.METRICS
        content = (project.read_json(path) or {}).get("guarantees")
        try:
            found = None if content is None else Guarantees.parse(content, path)
        except BrightfieldError as error:
            st.warning(str(error))
            continue
        if found is None:
            continue
        for part, measured in found.measured.items():
            for name, each in measured.items():
                of = {"model": model, "guarantee": name, "over": found.limits[name].over, "part": part}
                of |= {"promised": found.coverage, "coverage": each["coverage"]["value"]}
                of |= {bound: each["coverage"][bound] for bound in ("low", "high")}
                rows.append({**of, "size": each["size"]["value"], "objects": each["objects"], "groups": each["groups"]})
    numbers = dict.fromkeys(("promised", "coverage", "low", "high", "size"), float)
    return pd.DataFrame(rows, columns=list(GUARANTEES)).astype(numbers)


@st.cache_resource(show_spinner="Loading the tasks")
def guaranteed(kind: str) -> Mapping[str, Guarantee]:
    """What a kind of task can guarantee, in words."""
    from brightfield import tasks  # imports torch, which takes seconds

    return tasks.KINDS[kind].scoring_class.guarantees


@st.cache_data(ttl=project.TTL_S, show_spinner=False)
def by_condition(task: str) -> pd.DataFrame:
    """Metrics of single images against the conditions that a dataset lists, such as focus, without the validation split.

    Columns model, image, split, condition (its name), at (its value), metric and value, for the models of the task's dataset.
    """
    conditions = _conditions(project.settings().tasks[task].kind)
    found = [_by_condition(name, conditions) for name in on_test(task)["model"]]
    known = [table for table in found if len(table)]
    return pd.concat(known, ignore_index=True) if known else pd.DataFrame(columns=list(CONDITIONS))


def _by_condition(model: str, conditions: Sequence[str]) -> pd.DataFrame:
    path = project.report(model) / layout.IMAGE_SCORES
    table = pd.read_csv(path, dtype={"id": str}) if path.is_file() else pd.DataFrame()
    metrics = [str(name) for name in table if str(name).endswith(OF_IMAGE)]
    if not metrics:
        return pd.DataFrame(columns=list(CONDITIONS))
    table = table[table["split"] != VALIDATION].rename(columns={"id": "image"})
    known = [name for name in conditions if name in table]
    by_condition = table.melt(["image", "split", *metrics], known, "condition", "at")
    long = by_condition.melt(["image", "split", "condition", "at"], metrics, "metric", "value").dropna()
    return long.assign(model=model, metric=long["metric"].str.removesuffix(OF_IMAGE))[list(CONDITIONS)]


@st.cache_resource(show_spinner="Loading the tasks")
def _conditions(kind: str) -> tuple[str, ...]:
    from brightfield import tasks  # imports torch, which takes seconds

    return tasks.KINDS[kind].scoring_class.conditions


def _long(counts: pd.DataFrame) -> pd.DataFrame:
    """One row per pair of classes from a matrix with rows truth and columns answer; an absent class has no shares."""
    table = counts.rename_axis("truth").reset_index().melt("truth", var_name="answer", value_name="count")
    total = table.groupby("truth", sort=False)["count"].transform("sum")
    return table.assign(share=table["count"] / total.where(total > 0))


PAIR_COLUMNS = ("a", "b", "correlation", "disagreement", "double_fault")


@dataclass(frozen=True)
class EnsembleReport:
    """The content of ``ensemble.json``.

    Attributes:
        method: the chosen method of combination.
        metric, direction: the objective.
        weights: columns name, weight.
        validation: columns method, value: the objective on groups of the validation split that had no part in the choice.
        rows: columns name, role, value, gain, gain_low, gain_high on the test split; the gain is the ensemble minus the row.
        pairs: how alike each two members err: columns of ``PAIR_COLUMNS``, nan where answers are neither right nor wrong.
        without: columns name, value: the objective on the test split without that member.
        warns: rank correlation of the members' disagreement with the ensemble's error on each image, None where not defined.
        costs: columns name, milliseconds (an image), megabytes: the ensemble and each of its members.
        calibration: metric, best (the best member), before and after (its value, low and high, and the ensemble's); None where
            answers have neither probabilities nor deviations.
    """

    method: str
    metric: str
    direction: str
    weights: pd.DataFrame
    validation: pd.DataFrame
    rows: pd.DataFrame
    pairs: pd.DataFrame
    without: pd.DataFrame
    warns: float | None
    costs: pd.DataFrame
    calibration: dict[str, Any] | None


@st.cache_data(ttl=project.TTL_S, show_spinner=False)
def ensemble(name: str) -> EnsembleReport | None:
    """The report of an ensemble; None before the ensemble is made."""
    content = project.read_json(project.report(name) / layout.ENSEMBLE)
    if content is None:
        return None
    columns = ["name", "role", "value", "gain", "gain_low", "gain_high"]
    return EnsembleReport(
        content["method"],
        content["metric"],
        content["direction"],
        pd.DataFrame(list(content["weights"].items()), columns=["name", "weight"]),
        pd.DataFrame(list(content["validation"].items()), columns=["method", "value"]),
        pd.DataFrame(content["rows"], columns=columns).astype(dict.fromkeys(columns[2:], float)),
        # reports of earlier versions do not have these
        pd.DataFrame(content.get("pairs", []), columns=list(PAIR_COLUMNS)),
        pd.DataFrame(list(content.get("without", {}).items()), columns=["name", "value"]),
        content.get("warns"),
        pd.DataFrame(content.get("costs", []), columns=["name", "milliseconds", "megabytes"]),
        content.get("calibration"),
    )


def examples(name: str) -> list[Path]:
    """Paths of pictures of test images with answer and truth."""
    return sorted((project.report(name) / layout.FIGURES).glob("*.png"))
