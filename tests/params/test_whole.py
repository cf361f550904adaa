"""Sections together: names that agree, settings of a model over those of its task."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

import tiny
from brightfield import params
from brightfield.errors import BrightfieldError
from entries import OWN, REMOVED, Path_, changed, complaint

# --- the project's own ------------------------------------------------------------------------------------------------


def test_the_projects_own_params_are_valid_and_agree() -> None:
    own = params.load(tiny.REPOSITORY / "params.yaml")
    for name, model in own.models.items():
        assert own.datasets[model.dataset].task == model.task, name
        assert own.tasks[model.task].kind == model.kind == own.datasets[model.dataset].kind, name
        assert model.is_baseline == (model.training is None)
    full = tiny.full_params()
    for task in own.tasks:
        of_task = [m for m in own.models.values() if m.task == task]
        assert any(m.is_baseline for m in of_task)
        assert any(not m.is_baseline for m in of_task)
        assert sum(not m.is_baseline for m in full.models.values() if m.task == task) >= 2
        assert any(e.task == task for e in full.ensembles.values())


def test_every_number_of_the_small_params_is_at_most_the_projects_own() -> None:
    own, small = tiny.full_params(), params.parse(tiny.tiny_params())
    assert small.models.keys() == own.models.keys()
    assert small.spaces.keys() == own.spaces.keys()
    for name, model in small.models.items():
        if model.training:
            full = own.models[name].training
            assert full is not None
            assert model.training.epochs <= min(2, full.epochs)
            assert (model.training.steps_per_epoch or 0) <= min(4, full.steps_per_epoch or 4)
            assert model.training.augment == full.augment
    assert small.evaluation.bootstrap == 100


def test_the_small_params_keep_the_comments(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(tiny.tiny_text(), encoding="utf-8")
    comments = [line.partition("#")[2] for line in (tiny.REPOSITORY / "params.yaml").read_text().splitlines()]
    written = (tmp_path / "params.yaml").read_text()
    assert all(comment in written for comment in comments)
    params.load(tmp_path / "params.yaml")


def test_a_models_own_settings_stand_over_those_of_its_task() -> None:
    own = params.parse(changed(("models", "bacteria-unet", "settings"), {"scheme": "species", "contour_um": 0.2}))
    settings = own.settings_of(own.models["bacteria-unet"])
    assert isinstance(settings, params.SegmentationSettings)
    assert (settings.scheme, settings.contour_um, settings.species) == ("species", 0.2, ["Myxococcus", "E. coli"])
    assert own.settings_of(own.models["bacteria-lite"]) == own.tasks["bacteria"].settings


def test_the_task_says_of_which_kind_an_entry_is() -> None:
    own = params.parse(OWN)
    assert not any("kind" in entry for part in ("datasets", "models", "ensembles") for entry in OWN[part].values())
    assert (
        own.models["beads-unet"].kind
        == own.datasets["beads"].kind
        == own.ensembles["beads-ensemble"].kind
        == "tracking"
    )
    before = copy.deepcopy(OWN)  # a file of an earlier version, which names it everywhere
    for part in ("datasets", "models", "ensembles"):
        for entry in before[part].values():
            entry["kind"] = OWN["tasks"][entry["task"]]["kind"]
    assert params.parse(before) == own


@pytest.mark.parametrize("task", ["rcb", REMOVED])
def test_without_a_task_that_there_is_only_the_task_is_complained_of(task: Any) -> None:
    for path in (("models", "rbc-convnet", "task"), ("datasets", "rbc", "task"), ("ensembles", "rbc-ensemble", "task")):
        lines = complaint(path, task).splitlines()
        assert len(lines) == 2
        assert lines[1].startswith(f"  {'.'.join(path)}: ")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"contour": 1}, "models.bacteria-unet.settings.contour: unknown key. Did you mean 'contour_um'?"),
        ({"contour_um": -1}, "models.bacteria-unet.settings.contour_um: input should be greater than 0, got -1"),
        ({"scheme": "species", "species": []}, "models.bacteria-unet.settings.scheme 'species' distinguishes species"),
        ({"species": ["a", "a"]}, "each has a name of its own, got a, a"),
    ],
)
def test_own_settings_that_the_task_does_not_take_are_refused(settings: dict[str, Any], said: str) -> None:
    assert said in complaint(("models", "bacteria-unet", "settings"), settings)


def test_a_model_that_tells_species_may_be_named_as_a_member() -> None:
    content = changed(("ensembles", "bacteria-ensemble", "members"), ["bacteria-unet", "bacteria-species"])
    settings = params.parse(content)
    assert settings.ensembles["bacteria-ensemble"].members == ["bacteria-unet", "bacteria-species"]


def test_a_model_that_sees_another_image_is_no_member() -> None:
    content = changed(("models", "bacteria-unet", "settings"), {"fluorescence": True})
    content["ensembles"]["bacteria-ensemble"]["members"] = ["bacteria-unet", "bacteria-lite"]
    with pytest.raises(
        BrightfieldError, match="ensembles.bacteria-ensemble.members: 'bacteria-unet' has settings of its own"
    ):
        params.parse(content)


@pytest.mark.parametrize(("settings", "takes_part"), [({"threshold": 0.5}, True), ({"tolerance_px": 2.0}, False)])
def test_a_model_that_reads_its_answer_otherwise_is_a_member_and_one_that_answers_something_else_is_none(
    settings: dict[str, float], takes_part: bool
) -> None:
    own = params.parse(changed(("models", "beads-unet", "settings"), settings))
    assert ("beads-unet" in own.members_of(own.ensembles["beads-ensemble"])) == takes_part


# --- names that do not agree ------------------------------------------------------------------------------------------

NAMES: list[tuple[Path_, Any, list[str]]] = [
    (("models", "rbc-convnet", "task"), "rcb", ["models.rbc-convnet.task: There is no task 'rcb'.", "mean 'rbc'?"]),
    (("models", "rbc-convnet", "dataset"), "mine", [
        "models.rbc-convnet.dataset: There is no dataset 'mine'. Known: bacteria, beads, denoise, rbc.",
    ]),
    (("models", "rbc-convnet", "dataset"), "beads", [
        "models.rbc-convnet.dataset: 'beads' belongs to task 'beads', not 'rbc'",
    ]),
    (("models", "rbc-convnet", "kind"), "tracking", [
        "models.rbc-convnet.kind: task 'rbc' is of kind 'classification', got 'tracking'. Delete this line",
    ]),
    (("datasets", "rbc", "task"), "cells", ["datasets.rbc.task: There is no task 'cells'."]),
    (("datasets", "rbc", "kind"), "restoration", ["datasets.rbc.kind: task 'rbc' is of kind 'classification'"]),
    (("ensembles", "rbc-ensemble", "dataset"), "bead", ["ensembles.rbc-ensemble.dataset: ", "mean 'beads'?"]),
    (("ensembles", "rbc-ensemble", "members"), ["rbc-convet"], [
        "ensembles.rbc-ensemble.members: There is no model 'rbc-convet'. Did you mean 'rbc-convnet'?",
    ]),
    (("ensembles", "rbc-convnet"), OWN["ensembles"]["rbc-ensemble"], [
        "ensembles.rbc-convnet: a model has this name already",
    ]),
    (("tasks", "rbc", "dataset"), "rbd", ["tasks.rbc.dataset: There is no dataset 'rbd'. Did you mean 'rbc'?"]),
    (("tasks", "rbc", "dataset"), "beads", ["tasks.rbc.dataset: 'beads' belongs to task 'beads', not 'rbc'"]),
    (("simulations", "more"), {"simulator": "rbc"}, ["simulations.more: ", "add datasets.more"]),
    (("gates", "rcb"), {}, ["gates.rcb: There is no task 'rcb'. Did you mean 'rbc'?"]),
    (("spaces", "rbc-large"), {}, ["spaces.rbc-large: There is no model 'rbc-large'."]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "parts"), NAMES, ids=[f"{'.'.join(map(str, c[0]))}-{i}" for i, c in enumerate(NAMES)]
)
def test_names_that_do_not_exist_or_do_not_agree_are_refused(path: Path_, value: Any, parts: list[str]) -> None:
    message = complaint(path, value)
    for part in parts:
        assert part in message


def test_all_problems_are_told_at_once() -> None:
    content = changed(("compute", "threads"), 0)
    content["models"]["rbc-convnet"]["training"]["epochs"] = -1
    content["models"]["beads-unet"]["network"]["colour"] = 1
    with pytest.raises(BrightfieldError) as caught:
        params.parse(content)
    assert len(str(caught.value).splitlines()) == 1 + 3
