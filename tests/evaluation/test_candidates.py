"""Who may become champion: the order of candidates, and their scores on today's test images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import tiny
from brightfield import layout, params, tasks
from brightfield.data import store
from brightfield.errors import BrightfieldError
from brightfield.evaluation import candidates, comparison, reports
from brightfield.evaluation.candidates import Trained
from brightfield.evaluation.reports import Scored
from brightfield.evaluation.scoring import Split
from brightfield.experiments import registry
from brightfield.experiments.registry import Version
from brightfield.inference import bundle
from brightfield.inference.predictor import Predictor
from brightfield.system import lineage
from brightfield.system.files import atomic_folder

KINDS = {"rbc": "classification", "beads": "tracking"}  # by task; the objectives are AUC (more) and an error (less)
Prepared = Callable[[str], Path]


def settings() -> params.Params:
    """Two tasks with a baseline, two networks and an ensemble each, and one network on another dataset."""
    entries: dict[str, Any] = {"tasks": {}, "datasets": {}, "models": {}, "ensembles": {}}
    for task, kind in KINDS.items():
        same = {"task": task, "kind": kind, "dataset": task}
        network = tiny.model(kind).model_dump(mode="json")
        entries["tasks"][task] = {
            "kind": kind,
            "dataset": task,
            "settings": tiny.SETTINGS[kind].model_dump(mode="json"),
        }
        entries["datasets"] |= {task: {"task": task, "kind": kind}, f"{task}-2": {"task": task, "kind": kind}}
        entries["models"] |= {
            f"{task}-classic": {**same, "network": tiny.KINDS[kind].baseline},
            f"{task}-a": {**network, **same},
            f"{task}-b": {**network, **same},
            f"{task}-elsewhere": {**network, **same, "dataset": f"{task}-2"},
        }
        entries["ensembles"][f"{task}-all"] = same
    evaluation_ = {"bootstrap": 100}
    compute = {"device": "cpu", "threads": 1, "precision": "float32"}
    return params.parse({**entries, "evaluation": evaluation_, "compute": compute})


def report(name: str, columns: dict[str, list[float]]) -> None:
    """An images.csv whose validation rows have these statistics; on test all are equally bad."""
    rows = pd.DataFrame(columns)
    both = pd.concat([rows.assign(split="validation"), (rows * 0).assign(split="test")], ignore_index=True)
    both.insert(0, "id", [str(i) for i in range(len(both))])
    both.insert(1, "group", "g")
    layout.report(name).mkdir(parents=True)
    both.to_csv(layout.report(name) / "images.csv", index=False)
    (layout.report(name) / "metrics.json").write_text("{}")


def auc(*probabilities: float) -> dict[str, list[float]]:
    return {"probability": list(probabilities), "answered": [p >= 0.5 for p in probabilities], "truth": [0, 1, 0, 1]}


def error(px: float) -> dict[str, list[float]]:
    """One frame with one bead, found this far off."""
    return {
        "n_true": [1],
        "n_found": [1],
        "matched": [float(px <= 1)],
        "sum_squared_error_px2": [px**2],
        "sum_capped_error_px": [px],
    }


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# --- candidates -------------------------------------------------------------------------------------------------------


def test_the_highest_comes_first_where_more_is_better_and_undefined_last() -> None:
    report("rbc-classic", auc(0.1, 0.2, 0.15, 0.3))  # 1
    report("rbc-a", auc(0.1, 0.2, 0.3, 0.4))  # 3 of 4 pairs
    report("rbc-b", auc(0.4, 0.3, 0.2, 0.1))  # 1 of 4
    report("rbc-all", {"probability": [0.1, 0.2], "answered": [0, 0], "truth": [1, 1]})  # undefined
    found = candidates.ranked(settings(), "rbc")
    assert [c.name for c in found] == ["rbc-classic", "rbc-a", "rbc-b", "rbc-all"]
    assert [c.validation for c in found] == pytest.approx([1.0, 0.75, 0.25, np.nan], nan_ok=True)


def test_the_lowest_comes_first_where_less_is_better() -> None:
    for name, px in (("classic", 0.3), ("a", 0.5), ("b", 0.1), ("all", 0.2)):
        report(f"beads-{name}", error(px))
    found = candidates.ranked(settings(), "beads")
    assert [(c.name, c.role) for c in found] == [
        ("beads-b", "member"),
        ("beads-all", "ensemble"),
        ("beads-classic", "baseline"),
        ("beads-a", "member"),
    ]
    assert [c.folder for c in found] == [
        Path("models/beads/beads-b"),
        Path("ensembles/beads/beads-all"),
        Path("models/beads/beads-classic"),
        Path("models/beads/beads-a"),
    ]


def test_a_candidate_without_a_report_is_named() -> None:
    report("rbc-classic", auc(0.1, 0.2, 0.15, 0.3))
    with pytest.raises(
        BrightfieldError, match=r"rbc-a was not evaluated yet: reports/rbc-a has no images.csv. Run `dvc repro`"
    ):
        candidates.ranked(settings(), "rbc")


def test_what_was_scored_on_another_dataset_is_no_candidate_but_kept() -> None:
    assert candidates.ineligible(settings(), "rbc") == []  # not evaluated yet
    report("rbc-elsewhere", auc(0.1, 0.2, 0.15, 0.3))
    (layout.report("rbc-elsewhere") / "metrics.json").write_text("{}")
    assert candidates.ineligible(settings(), "rbc") == [
        Trained("rbc-elsewhere", "member", Path("models/rbc/rbc-elsewhere"))
    ]
    assert candidates.ineligible(settings(), "beads") == []


def test_without_candidates_the_dataset_is_named() -> None:
    own = settings()
    bare = own.model_copy(update={"models": {}, "ensembles": {}})
    with pytest.raises(BrightfieldError, match=r"champion of 'rbc': no model or ensemble uses its dataset 'rbc'"):
        candidates.ranked(bare, "rbc")


def test_a_model_that_sees_other_channels_is_kept_but_is_no_candidate() -> None:
    """Whoever asks the champion about an image must not need a fluorescence channel for it."""
    same = {
        "task": "bacteria",
        "kind": "segmentation",
        "dataset": "bacteria",
        "network": tiny.KINDS["segmentation"].baseline,
    }
    own = {"scheme": "species", "species": ["a", "b"]}
    known = params.parse(
        {
            "tasks": {"bacteria": {"kind": "segmentation", "dataset": "bacteria"}},
            "datasets": {"bacteria": {"task": "bacteria", "kind": "segmentation"}},
            "models": {
                "plain": same,
                "species": {**same, "settings": own},
                "glow": {**same, "settings": {**own, "fluorescence": True}},
            },
        }
    )
    task = tasks.build("segmentation", params.SegmentationSettings())
    truth = task.learning.truth(tiny.records("segmentation", 1)[0])
    for name in known.models:
        report(name, {key: [value] for key, value in task.scoring.statistics(truth, truth).items()})
        (layout.report(name) / "metrics.json").write_text("{}")
    assert {candidate.name for candidate in candidates.ranked(known, "bacteria")} == {"plain", "species"}
    assert [other.name for other in candidates.ineligible(known, "bacteria")] == ["glow"]


# --- at the gate ------------------------------------------------------------------------------------------------------


def test_the_champion_answers_todays_test_images(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    """The candidate's table comes from its report, the champion's from answering anew; both are scored on the same images."""
    kind = KINDS["beads"]
    task = tasks.build(kind, tiny.SETTINGS[kind])
    layout.prepared("beads").parent.mkdir(parents=True)
    layout.prepared("beads").symlink_to(prepared(kind))
    test = Split.load(task, layout.prepared("beads"), "test")
    torch.manual_seed(0)
    entry = tiny.model(kind)
    with atomic_folder(Path("published")) as folder:
        bundle.write(folder, "old", "beads", tiny.SETTINGS[kind], entry, task.learning.network(entry), {})
    asked: list[tuple[str, str]] = []

    def fetch(task_name: str, reference: str, destination: Path) -> Path:
        asked.append((task_name, reference))
        assert destination == layout.FETCHED
        return Path("published")

    monkeypatch.setattr(registry, "fetch", fetch)
    champion = Version("beads", 7, "old", "member", "run", "hash", None, None)
    own = settings()
    monkeypatch.setattr(reports, "read", refuse)
    found = candidates.standing(own, "beads", champion)
    predictor = Predictor.load(Path("published"), tiny.COMPUTE)
    old = task.scoring.score(predictor.predict([record.image for record in test.images]), test.truth)
    assert asked == [("beads", "7")]
    assert (found.scored.name, found.scored.task, found.folder) == ("beads@7", "beads", Path("published"))
    assert list(found.scored.of("test")["id"]) == list(test.images.index["id"])
    assert task.scoring.summarise(found.scored.of("test")) == pytest.approx(old, nan_ok=True)


def test_the_sealed_gate_is_answered_when_it_is_asked_for_and_never_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = KINDS["beads"]
    task, records = tasks.build(kind, tiny.SETTINGS[kind]), tiny.records(kind, 6, groups=6)
    layout.prepared("beads").mkdir(parents=True)
    store.write_raw(tmp_path, records, {"origin": "test"})
    raw = store.ImageSet.raw(tmp_path)
    store.write_prepared(layout.prepared("beads"), raw, raw.index.assign(split=["test"] * 3 + ["gate"] * 3))
    torch.manual_seed(0)
    entry = tiny.model(kind)
    with atomic_folder(Path("published")) as folder:
        bundle.write(folder, "old", "beads", tiny.SETTINGS[kind], entry, task.learning.network(entry), {})
    monkeypatch.setattr(registry, "fetch", lambda *_: Path("published"))
    monkeypatch.setattr(reports, "read", refuse)
    found = candidates.standing(settings(), "beads", Version("beads", 7, "old", "member", "run", "hash", None, None))
    assert list(found.scored.table["split"].unique()) == ["test"]
    opened = candidates.unsealed(settings(), found)
    assert opened.scored.table["split"].tolist() == ["test"] * 3 + ["gate"] * 3
    assert opened.scored.of("gate")["id"].tolist() == [record.id for record in records[3:]]
    store.write_prepared(layout.prepared("beads"), raw, raw.index.assign(split="test"))
    assert candidates.unsealed(settings(), found) is found


def test_what_could_not_answer_any_image_of_the_task_cannot_become_champion(tmp_path: Path) -> None:
    kind = KINDS["rbc"]
    task, entry, own = tasks.build(kind, tiny.SETTINGS[kind]), tiny.model(kind), settings()
    version = Version("rbc", 7, "old", "member", "run", "hash", None, None)
    for dataset, refused in (("rbc", False), (None, False), ("smears", True)):
        provenance = {} if dataset is None else {"dataset": {"name": dataset}}
        with atomic_folder(tmp_path / "bundle") as folder:
            bundle.write(folder, "old", "rbc", tiny.SETTINGS[kind], entry, task.learning.network(entry), provenance)
        if not refused:
            candidates.check_eligible(own, "rbc", version, tmp_path / "bundle")
            continue
        with pytest.raises(
            BrightfieldError, match=r"Version 7 \(old\) cannot become champion .*dataset 'smears', and .*'rbc'"
        ):
            candidates.check_eligible(own, "rbc", version, tmp_path / "bundle")


def refuse(name: str, settings: params.Params) -> Scored:
    raise BrightfieldError(f"{name} was not evaluated")


def test_scores_of_a_report_count_only_of_todays_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    champion = Version("beads", 7, "old", "member", "run", "hash", None, None)
    scored = Scored("beads@7", "beads", pd.DataFrame(), "abc.dir")
    monkeypatch.setattr(registry, "fetch", lambda *_: tmp_path)
    monkeypatch.setattr(reports, "read", lambda *_: scored)
    monkeypatch.setattr(candidates, "_answered", lambda *_: "anew")
    for now, expected in (("abc.dir", scored), ("of today.dir", "anew"), (None, "anew")):
        monkeypatch.setattr(lineage, "data_hash", lambda _, now=now: now)
        assert candidates.standing(settings(), "beads", champion).scored == expected


def test_a_champion_with_settings_of_its_own_is_asked_in_its_own_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sees fluorescence and answers species; a candidate that knows neither is compared with it as three classes."""
    plain = params.SegmentationSettings(species=["a", "b"], min_area_px=1)
    own = params.SegmentationSettings(scheme="species", species=["a", "b"], fluorescence=True, min_area_px=1)
    species = np.array([0, 1, 2, 1, 2], np.uint8)
    records = [
        replace(
            r, fields={**r.fields, "species": species, "fluorescence": species[r.fields["labels"]].astype(np.float32)}
        )
        for r in tiny.records("segmentation", 4, groups=4)
    ]
    layout.prepared("bacteria").mkdir(parents=True)
    store.write_raw(tmp_path, records, {"origin": "test"})
    raw = store.ImageSet.raw(tmp_path)
    store.write_prepared(layout.prepared("bacteria"), raw, raw.index.assign(split="test"))
    entry = tiny.model("segmentation").model_copy(update={"settings": {"scheme": "species", "fluorescence": True}})
    with atomic_folder(Path("published")) as folder:
        bundle.write(
            folder, "old", "bacteria", own, entry, tasks.build("segmentation", own).learning.network(entry), {}
        )
    monkeypatch.setattr(registry, "fetch", lambda *arguments: Path("published"))
    same = {"task": "bacteria", "kind": "segmentation", "dataset": "bacteria"}
    known = params.parse(
        {
            "tasks": {"bacteria": {"kind": "segmentation", "dataset": "bacteria", "settings": plain.model_dump()}},
            "datasets": {"bacteria": {"task": "bacteria", "kind": "segmentation"}},
            "models": {"new": {**same, "network": tiny.KINDS["segmentation"].baseline}},
            "evaluation": {"bootstrap": 100},
        }
    )
    monkeypatch.setattr(reports, "read", refuse)
    champion = Version("bacteria", 1, "old", "member", "run", "hash", None, None)
    found = candidates.standing(known, "bacteria", champion).scored
    assert list(found.table["split"].unique()) == ["test"]
    assert 0 < tasks.build("segmentation", own).scoring.summarise(found.of("test"))["mean_iou"] < 0.9
    new = found.table.assign(**{name: 0.0 for name in found.table if name.startswith("confusion_")})
    for i in range(3):
        new[f"confusion_{i}_{i}"] = 10.0
    three = [Scored(name, "bacteria", table, None) for name, table in (("old", found.table), ("new", new))]
    (objective, *_) = comparison.compare(three, "test", known)
    assert (objective.difference.metric, objective.difference.b) == ("mean_iou", 1.0)
