"""A small made-up project: reports, bundles, figures and a real MLflow database, as a pipeline leaves them."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner

import scored
from brightfield import images, layout, params, tasks
from brightfield.data import auditing
from brightfield.data.records import Record
from brightfield.experiments import registry, runs
from brightfield.experiments.runs.connection import VARIABLE
from brightfield.inference import bundle
from brightfield.results.class_map import ClassMap
from brightfield.stages import evaluate
from brightfield.system.files import write_json
from brightfield.system.lineage import Lineage

PARAMS = """
tasks:
  rbc: {kind: classification, dataset: rbc}
  beads: {kind: tracking, dataset: beads}
  bacteria: {kind: segmentation, dataset: bacteria}
  denoise: {kind: restoration, dataset: denoise}
datasets:
  rbc: {task: rbc, kind: classification}
  stained: {task: rbc, kind: classification}
  beads: {task: beads, kind: tracking}
  bacteria: {task: bacteria, kind: segmentation}
  denoise: {task: denoise, kind: restoration}
models:
  rbc-features: {task: rbc, kind: classification, dataset: rbc, network: {architecture: features}}
  rbc-convnet: &convnet
    task: rbc
    kind: classification
    dataset: rbc
    network: {architecture: convnet, dense: []}
    training: {epochs: 5}
  rbc-compact: *convnet
  rbc-stained: {<<: *convnet, dataset: stained}
  beads-correlation: {task: beads, kind: tracking, dataset: beads, network: {architecture: correlation}}
  beads-unet: &unet
    task: beads
    kind: tracking
    dataset: beads
    network: {architecture: unet, filters: 10}
    training: {epochs: 5, patch_px: 64, learning_rate: 0.004}
  beads-unet-wide:
    <<: *unet
    seed: 1
    network: {architecture: unet, filters: 14}
    training: {epochs: 5, patch_px: 64, learning_rate: 0.003}
  bacteria-watershed: {task: bacteria, kind: segmentation, dataset: bacteria, network: {architecture: watershed}}
  bacteria-unet: {<<: *unet, task: bacteria, kind: segmentation, dataset: bacteria}
  denoise-nlm: {task: denoise, kind: restoration, dataset: denoise, network: {architecture: nonlocal_means}}
  denoise-unet: {<<: *unet, task: denoise, kind: restoration, dataset: denoise}
ensembles:
  rbc-ensemble: {task: rbc, kind: classification, dataset: rbc}
  beads-ensemble: {task: beads, kind: tracking, dataset: beads}
  bacteria-ensemble: {task: bacteria, kind: segmentation, dataset: bacteria}
  denoise-ensemble: {task: denoise, kind: restoration, dataset: denoise}
spaces:
  rbc-compact:
    training.learning_rate: {low: 0.0003, high: 0.01, log: true}
  beads-unet:
    training.learning_rate: {low: 0.0005, high: 0.01, log: true}
    network.filters: {low: 6, high: 16}
"""
COMMIT = "c0ffee0123456789"
DATA_HASH = "0123456789abcdef.dir"
# by model: the objective on test; the interval is 0.02 to either side
OBJECTIVES = {
    "rbc-features": 0.81,
    "rbc-convnet": 0.88,
    "rbc-compact": 0.90,
    "rbc-stained": 0.99,
    "rbc-ensemble": 0.92,
    "beads-correlation": 0.55,
    "beads-unet": 0.24,
    "beads-unet-wide": 0.22,
    "beads-ensemble": 0.20,
    "bacteria-watershed": 0.61,
    "bacteria-unet": 0.80,
    "bacteria-ensemble": 0.84,
}  # nothing of denoise is there yet
CONFUSIONS = {
    "rbc-features": (["bad", "good"], [[70, 30], [20, 180]]),
    "rbc-convnet": (["bad", "good"], [[80, 20], [10, 190]]),
    "rbc-ensemble": (["bad", "good"], [[90, 10], [10, 190]]),
    "bacteria-watershed": (
        ["background", "body", "contour"],
        [[900_000, 20_000, 9_000], [8_000, 70_000, 9_000], [0, 0, 0]],
    ),
    "bacteria-unet": (
        ["background", "body", "contour"],
        [[910_000, 9_000, 10_000], [4_000, 76_000, 7_000], [9_000, 8_000, 31_000]],
    ),
    "bacteria-ensemble": (  # a scheme of its own
        ["background", "Myxococcus body", "Myxococcus contour", "E. coli body", "E. coli contour"],
        [[900, 9, 9, 9, 9], [4, 70, 5, 5, 5], [4, 5, 60, 5, 5], [4, 5, 5, 75, 5], [4, 5, 5, 5, 65]],
    ),
}


def fill(folder: Path) -> None:
    """Write the project into a folder, which is the current one."""
    (folder / "params.yaml").write_text(PARAMS, encoding="utf-8")
    settings = params.load(folder / "params.yaml")
    for name, model in settings.models.items():
        if name in OBJECTIVES:
            _report(settings, name, model.task)
            _bundle(settings, name, model)
    for name, ensemble in settings.ensembles.items():
        if name in OBJECTIVES:
            _report(settings, name, ensemble.task)
            _bundle(settings, name, ensemble)
            _ensemble(settings, name)
    _audits(settings)
    _track(settings)


def _audits(settings: params.Params) -> None:
    """Audits of two datasets, one of them with a crop that is in two splits and saturated."""
    rng = np.random.default_rng(0)
    for name in ("rbc", "beads"):
        labels = [{"label": i // 6} if name == "rbc" else {} for i in range(12)]
        pixels = rng.integers(0, 250, (12, 32, 32), dtype=np.uint8)
        if name == "rbc":
            pixels[0, :3] = 255
            pixels[5] = pixels[0] // 2 + 20
        records = [Record(f"image{i}", f"g{i % 6}", pixels[i], row=labels[i]) for i in range(12)]
        splits = [("train", "train", "train", "train", "validation", "test")[i % 6] for i in range(12)]
        rows = [{"id": r.id, "group": r.group, "split": s, **r.row} for r, s in zip(records, splits, strict=True)]
        layout.prepared(name).mkdir(parents=True)
        write_json(layout.prepared(name) / "audit.json", auditing.audit(records, pd.DataFrame(rows)).as_dict())


def _report(settings: params.Params, name: str, task: str) -> None:
    folder = layout.report(name)
    (folder / "figures").mkdir(parents=True)
    value = OBJECTIVES[name]
    metric = tasks.KINDS[settings.tasks[task].kind].objective.metric
    entry = {"value": value, "low": value - 0.02, "high": value + 0.02}
    other = {"value": 0.5, "low": None, "high": None}
    # the beads were scored before there were suites
    worse = {key: number + (-0.1 if name.startswith("rbc") else 0) for key, number in entry.items()}
    suites = {} if task == "beads" else {"focus": {metric: worse}, "camera": {metric: entry, "other": other}}
    content = {"test": {metric: entry, "other": other}, "suites": suites, "data_hash": DATA_HASH}
    if name == "rbc-ensemble":
        recalls = {"good": (120, 0.9), "sick": (60, 0.7), "out_of_focus": (20, 1.0)}
        shares = {
            kind: {"value": share, "low": share - 0.1, "high": min(share + 0.1, 1)}
            for kind, (_, share) in recalls.items()
        }
        content["kinds"] = {kind: {"images": n, "right": shares[kind]} for kind, (n, _) in recalls.items()}
    if name == "bacteria-unet":
        content["kinds"] = {kind: {"images": 7, metric: entry, "other": other} for kind in ("little light", "plenty")}
    if name in ("rbc-compact", "rbc-convnet"):
        mended = {metric: entry, "other": {"value": 0.7, "low": 0.6, "high": 0.8}}
        content["recalibrated"] = {"test": mended, "focus": mended, "camera": mended}
        best = {metric: {"value": 0.97, "low": 0.96, "high": 0.98}}
        content["ceiling"] = {"test": best, "focus": best, "camera": best}
    if name in ("rbc-convnet", "bacteria-unet"):
        content["guarantees"] = _guarantees(
            "class" if task == "rbc" else "outline", "objects" if task == "rbc" else "groups"
        )
    write_json(folder / "metrics.json", content)
    made = {"bacteria": _by_image, "beads": lambda _: scored.frames(value, 0)}
    table = made.get(task, lambda _: scored.crops({"test": 1.0}))(settings)
    if name != "bacteria-unet":  # the others were scored by an earlier version
        table = table.drop(columns=[column for column in table if column.endswith("_of_image")])
    table.to_csv(folder / "images.csv", index=False)
    if name in CONFUSIONS:
        classes, counts = CONFUSIONS[name]
        write_json(folder / "confusion.json", {"classes": classes, "counts": counts})
    rng = np.random.default_rng(0)
    for i in range(3):
        images.write_png(folder / "figures" / f"image{i}.png", rng.integers(0, 255, (600, 500, 3), dtype=np.uint8))


def _guarantees(name: str, over: str) -> dict[str, Any]:
    """Of one model: kept on the test split, and not on the suite focus; camera has no objects."""
    measured = {
        part: {
            name: {
                "coverage": {"value": value, "low": None, "high": None},
                "size": {"value": None if value is None else 1.25, "low": None, "high": None},
                "groups": 8,
                "objects": 40,
            }
        }
        for part, value in {"test": 0.91, "camera": None, "focus": 0.7}.items()
    }
    limit = {"value": 0.6, "over": over, "groups": 8, "objects": 40}
    return {"coverage": 0.9, "limits": {name: limit}, "measured": measured}


def _by_image(settings: params.Params) -> pd.DataFrame:
    """Twelve images, the more crowded the worse; one of them, of the validation split, best of all."""
    cover = np.linspace(0.1, 0.6, 12)
    splits = ["validation", *["test"] * 6, *["density"] * 5]
    scores = {"mean_iou_of_image": 1 - cover, "ap50_of_image": np.where(cover < 0.5, 0.8 - cover, np.nan)}
    known = {"id": [f"field{i}" for i in range(12)], "group": "g", "split": splits, "cover": cover}
    scoring = tasks.build("segmentation", settings.tasks["bacteria"].settings).scoring
    cell = np.zeros((16, 16), dtype=np.uint8)
    cell[2:14, 2:14], cell[3:13, 3:13] = 2, 1  # a contour, and the body in it
    truth = ClassMap(cell, (cell > 0).astype(np.int32))
    statistics = pd.DataFrame([scoring.statistics(truth, truth)] * 12)
    return pd.concat([pd.DataFrame({**known, "focus_um": 0.5 - cover}), statistics, pd.DataFrame(scores)], axis=1)


def _bundle(settings: params.Params, name: str, entry: params.Model | params.Ensemble) -> None:
    """Real ones for the baselines that need no fit, as far as the dashboard looks into them for the others."""
    place = layout.model if isinstance(entry, params.Model) else layout.ensemble
    folder = place(entry.task, name)
    folder.mkdir(parents=True)
    provenance = {
        "lineage": {"commit": COMMIT, "dirty": True},
        "dataset": {"name": entry.dataset, "path": "data", "hash": DATA_HASH, "split": "train"},
    }
    if isinstance(entry, params.Model) and entry.network.architecture in ("watershed", "correlation"):
        task = tasks.build(entry.kind, settings.tasks[entry.task].settings)
        bundle.write(folder, name, entry.task, task.settings, entry, task.learning.network(entry), provenance)
        return
    asked = {"kind": settings.tasks[entry.task].kind, "settings": {}}
    write_json(folder / "bundle.json", {"format": 1, "name": name, **asked, "provenance": provenance, "sha256": {}})


def _ensemble(settings: params.Params, name: str) -> None:
    task = settings.ensembles[name].task
    objective = tasks.KINDS[settings.tasks[task].kind].objective
    members = [n for n, m in settings.models.items() if m.dataset == task and not m.is_baseline and n in OBJECTIVES]
    baseline = next(n for n, m in settings.models.items() if m.task == task and m.is_baseline)
    whole = OBJECTIVES[name]
    roles = {baseline: "baseline", **dict.fromkeys(members, "member"), "soft_vote": "method", "greedy": "method"}
    rows = []
    for other, role in roles.items():
        value = OBJECTIVES.get(other, whole if other == "greedy" else whole - 0.01)
        gain = whole - value
        rows.append(
            {
                "name": other,
                "role": role,
                "value": value,
                "gain": gain,
                "gain_low": gain - 0.03,
                "gain_high": gain + 0.03,
            }
        )
    rows.append(
        {"name": f"{task}-long", "role": "beside", "value": whole, "gain": 0.0, "gain_low": -0.01, "gain_high": 0.01}
    )
    report = {
        "method": "greedy",
        "weights": {member: 1 / len(members) for member in members},
        "validation": {"soft_vote": whole - 0.01, "greedy": whole},
        "metric": objective.metric,
        "direction": objective.direction,
        "rows": rows,
        "pairs": [{"a": a, "b": b, "correlation": 0.4} for a, b in combinations(members, 2)],
        "without": dict.fromkeys(members, whole - 0.02),
        "warns": 0.55,
        "calibration": {
            "metric": "calibration_error",
            "best": members[0],
            "before": {"value": 0.061, "low": 0.04, "high": 0.08},
            "after": {"value": 0.032, "low": 0.02, "high": 0.05},
        },
        "costs": [{"name": each, "milliseconds": 12.5, "megabytes": 1.9} for each in (name, *members)],
    }
    write_json(layout.report(name) / "ensemble.json", report)


def _track(settings: params.Params) -> None:
    """A finished run for each model of two tasks, one that failed; champions of two tasks."""
    lineage = Lineage.from_dict({"commit": COMMIT, "dirty": True})
    for name in ("beads-correlation", "beads-unet", "beads-unet-wide", "bacteria-watershed", "bacteria-unet"):
        model = settings.models[name]
        role: runs.Role = "baseline" if model.is_baseline else "member"
        metric = tasks.KINDS[model.kind].objective.metric
        with runs.start(
            model.task,
            name,
            kind=model.kind,
            role=role,
            params={"model": model.model_dump(mode="json")},
            lineage=lineage,
        ) as run:
            if not model.is_baseline:
                run.log_history(
                    (epoch, {"train_loss": 1 / (epoch + 1), f"validation_{metric}": 0.1 * epoch}) for epoch in range(5)
                )
            runs.log_evaluation(run, layout.report(name))
        if name in ("beads-unet-wide", "bacteria-watershed"):
            version = registry.publish(model.task, name, layout.model(model.task, name), run, role=role)
            registry.promote(model.task, version, {"why": "there was no champion"})
        if name == "beads-unet":
            refused = run
    challenger = registry.publish("beads", "beads-unet", layout.model("beads", "beads-unet"), refused, role="member")
    registry.challenge("beads", challenger, {"why": ["Capped error 0.24 px against 0.22."], "look": 1})
    failed = runs.start("denoise", "denoise-unet", kind="restoration", role="member", params={}, lineage=lineage)
    failed.end("FAILED")


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, _empty_database: Path) -> Path:
    """The folder of the made-up project."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(_empty_database, folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv(VARIABLE, raising=False)
        patched.chdir(folder)
        fill(folder)
    return folder


@pytest.fixture(autouse=True, scope="session")
def _no_components() -> Iterator[None]:
    """Each app that starts would search all installed packages for components of Streamlit; ours has none."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(manifest_scanner, "scan_component_manifests", lambda *_, **__: [])
        yield


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer of another test's project, and no other MLflow server."""
    monkeypatch.delenv(VARIABLE, raising=False)
    logging.getLogger("streamlit").setLevel(logging.ERROR)  # outside an app each cached call warns
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture(autouse=True)
def starters_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No starter but those that a test puts here."""
    monkeypatch.setattr(layout, "STARTERS", tmp_path_factory.mktemp("starters"))
    return layout.STARTERS


@pytest.fixture(scope="session")
def _answered(tmp_path_factory: pytest.TempPathFactory, prepared: Callable[[str], Path]) -> Path:
    folder = tmp_path_factory.mktemp("answered")
    twin = "  bacteria-again: {task: bacteria, kind: segmentation, dataset: bacteria, network: {architecture: watershed}}\n"
    (folder / "params.yaml").write_text(PARAMS.replace("  bacteria-unet:", f"{twin}  bacteria-unet:"), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        settings = params.load()
        shutil.copytree(prepared("segmentation"), layout.prepared("bacteria"))
        for name in ("bacteria-watershed", "bacteria-again"):
            _bundle(settings, name, settings.models[name])
            evaluate.run(name, {"bootstrap": 100})
        scored.write_report("rbc-convnet", scored.crops({"validation": 1.0, "test": 1.0, "focus": 0.5}))
        scored.write_report("rbc-compact", scored.crops({"validation": 2.0, "test": 2.0, "focus": 1.0}, seed=1))
    return folder


@pytest.fixture
def answered(_answered: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with images, two classical models of bacteria that answered them, and scores of two models of red blood cells."""
    monkeypatch.chdir(_answered)
    return _answered


@pytest.fixture
def project(filled: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The made-up project as the current folder."""
    monkeypatch.chdir(filled)
    return filled


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh clone as the current folder: params.yaml, and nothing was trained."""
    (tmp_path / "params.yaml").write_text(PARAMS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path
