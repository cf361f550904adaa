"""What holds for every starter that is part of the package: small, described, and unlike all that models are scored on."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import tiny
from brightfield import layout, params, tasks
from brightfield.inference import bundle, starters
from brightfield.params.overlaying import names, overlaid
from brightfield.simulate import simulate
from brightfield.stages import prepare
from brightfield.starters import learning, sources
from brightfield.system import processes

MOST_BYTES = 12e6
OWN = params.load(tiny.REPOSITORY / params.PARAMS)
RECIPE = learning.recipe()


# --- the recipe ---------------------------------------------------------------------------------------------------------


def test_no_seed_of_the_recipe_is_one_of_params() -> None:
    seeds = [simulation.seed for simulation in RECIPE.simulations.values()]
    assert len(set(seeds)) == len(seeds)
    for name in names():
        profile = params.parse(overlaid(name, tiny.REPOSITORY / params.PARAMS))
        assert not set(seeds) & {simulation.seed for simulation in profile.simulations.values()}


def test_the_recipe_asks_what_the_tasks_of_params_ask() -> None:
    assert RECIPE.tasks.keys() == OWN.tasks.keys()
    for name, task in RECIPE.tasks.items():
        assert task.kind == OWN.tasks[name].kind
        assert task.settings == OWN.tasks[name].settings, name


def test_every_task_of_the_recipe_learns_from_usual_and_from_wide_simulations() -> None:
    for name in RECIPE.tasks:
        varieties = {s.variety for title, s in RECIPE.simulations.items() if title.startswith(f"{name}-")}
        assert varieties == {"usual", "wide"}
        assert name in RECIPE.models
        assert f"{name}-real" in RECIPE.models


def test_a_network_goes_on_with_real_images_as_what_it_is() -> None:
    for name, model in RECIPE.models.items():
        if name.endswith("-real"):
            assert model.network == RECIPE.models[name.removesuffix("-real")].network


@pytest.mark.parametrize("profile", names())
def test_models_that_begin_with_a_starter_have_its_network(profile: str) -> None:
    own = params.parse(overlaid(profile, tiny.REPOSITORY / params.PARAMS))
    begun = [m for m in own.models.values() if m.training and m.training.init_from == layout.STARTER]
    assert begun
    assert all(model.network == RECIPE.models[model.task].network for model in begun)


# --- the starters -------------------------------------------------------------------------------------------------------


def test_weights_are_small_together() -> None:
    sizes = [path.stat().st_size for path in layout.STARTERS.rglob(f"*/{layout.WEIGHTS}")]
    assert sum(sizes) <= MOST_BYTES
    assert len(sizes) == len(starters.tasks())


@pytest.mark.parametrize("name", starters.tasks())
def test_a_starter_is_whole_and_fits_its_task(name: str) -> None:
    folder = starters.folder(name)
    read = bundle.read(folder)
    assert (read.name, read.task_name, read.model.kind) == (layout.STARTER, name, OWN.tasks[name].kind)
    assert read.coverage is not None
    scores = json.loads((folder / layout.STARTER_SCORES).read_text())
    objective = tasks.KINDS[read.model.kind].objective.metric
    assert objective in scores["simulated"]["test"]
    assert {"focus", "light", "camera"} <= set(scores["simulated"])


@pytest.mark.parametrize("name", starters.tasks())
def test_the_card_names_every_source_with_its_licence(name: str) -> None:
    folder = starters.folder(name)
    card = (folder / layout.CARD).read_text()
    assert name in card
    scored = json.loads((folder / layout.STARTER_SCORES).read_text())["real"]
    known = {source.name: source for source in sources.SOURCES.get(name, ())}
    assert scored.keys() <= known.keys()
    for source in known.values():
        if source.name in scored:
            assert f"- {source.name}: {source.origin}, {source.licence}" in card


@pytest.mark.slow
@pytest.mark.parametrize("name", starters.tasks())
def test_nothing_that_models_are_scored_on_was_learnt_from(name: str, tmp_path: Path) -> None:
    learnt = set(json.loads((starters.folder(name) / layout.LEARNT).read_text())["images"])
    assert len(learnt) > 50
    for title, dataset in OWN.datasets.items():
        if dataset.task != name:
            continue
        drawn = list(simulate(OWN.simulations[title], processes.available()))
        index = pd.DataFrame([{"id": record.id, "group": record.group, **record.row} for record in drawn])
        split = list(prepare.split(index, dataset)["split"])
        assert {"validation", "test", *OWN.simulations[title].suites} <= set(split)
        scored = [record for record, part in zip(drawn, split, strict=True) if part != "train"]
        assert not learning.hashes(scored) & learnt
