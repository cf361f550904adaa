"""``make starters`` from a recipe of seconds: a bundle of half precision with its card, its scores and its hashes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import tiny
from brightfield import layout, params, prediction
from brightfield.errors import BrightfieldError
from brightfield.inference import bundle
from brightfield.metrics.declarations import METRICS
from brightfield.simulate import simulate
from brightfield.starters import learning, making, sources
from brightfield.starters.making import LEFT_OUT, SIMULATED

MADE: list[Path] = []  # a starter, and the trainings that were kept: what the first test made, copied by the others


@pytest.fixture
def made(recipe: Path, real: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the starter of bacteria, made with real images of two labs."""
    if MADE:
        shutil.copytree(MADE[0], recipe, dirs_exist_ok=True)
        return layout.starter("bacteria")
    making.main(["bacteria", "--real", str(real)])
    kept = tmp_path_factory.mktemp("made")
    for folder in (layout.STARTERS.relative_to(recipe), making.SCRATCH):
        shutil.copytree(recipe / folder, kept / folder)
    MADE.append(kept)
    return layout.starter("bacteria")


def test_a_starter_is_a_bundle_of_half_precision_with_card_scores_and_hashes(made: Path, real: Path) -> None:
    expected = {layout.BUNDLE, layout.WEIGHTS, layout.CARD, layout.LEARNT, layout.STARTER_SCORES}
    assert {path.name for path in made.iterdir()} == expected
    stored = safetensors.torch.load_file(made / layout.WEIGHTS)
    floats = {value.dtype for value in stored.values() if value.is_floating_point()}
    assert floats == {torch.float16}
    read = bundle.read(made)
    assert (read.name, read.task_name) == (layout.STARTER, "bacteria")
    assert {parameter.dtype for parameter in read.network.parameters()} == {torch.float32}
    assert read.coverage is not None
    assert read.coverage.width_px == pytest.approx(11, rel=0.5)
    assert json.loads((made / layout.BUNDLE).read_text())["provenance"]["trained_images"] == 8 + 6 * 3


def test_the_hashes_are_those_of_all_that_had_a_part_in_it(made: Path, real: Path) -> None:
    learnt = set(json.loads((made / layout.LEARNT).read_text())["images"])
    known = learning.recipe()
    train, watched = learning.simulated("bacteria", known)
    assert learning.hashes([*train, *watched]) <= learnt
    found = [
        record
        for source in sources.there("bacteria", real)
        for record in sources.read(source, real, "segmentation", known.tasks["bacteria"].settings)
    ]
    seen = [each for record in found for each in sources.to_learn_from(record)]
    assert learnt == learning.hashes([*train, *watched, *seen])
    assert not learnt & learning.hashes(tiny.records("segmentation", 2, seed=9))


def test_scores_are_of_images_that_it_never_saw(made: Path) -> None:
    scores = json.loads((made / layout.STARTER_SCORES).read_text())
    assert set(scores["simulated"]) == {"test", "light"}
    assert {source: set(ways) for source, ways in scores["real"].items()} == {
        "here": {SIMULATED, LEFT_OUT},
        "there": {SIMULATED, LEFT_OUT},
    }
    for found in (*scores["simulated"].values(), *(way for ways in scores["real"].values() for way in ways.values())):
        assert set(found) == {"mean_iou", "dice", "ap50"}
        assert found.keys() <= METRICS.keys()


def test_in_a_hurry_no_source_is_left_out(made: Path, real: Path) -> None:
    weights = (made / layout.WEIGHTS).read_bytes()
    making.main(["bacteria", "--real", str(real), "--quick"])
    assert (made / layout.WEIGHTS).read_bytes() == weights
    scores = json.loads((made / layout.STARTER_SCORES).read_text())["real"]
    assert {source: set(ways) for source, ways in scores.items()} == {"here": {SIMULATED}, "there": {SIMULATED}}


def test_scores_follow_a_default_dataset_that_has_changed(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only those of simulated images do, and nothing is trained."""
    files = {path.name: path.read_bytes() for path in made.iterdir()}
    scores, card = json.loads(files[layout.STARTER_SCORES]), files[layout.CARD].decode()
    (made / layout.STARTER_SCORES).write_text(json.dumps({**scores, "simulated": {}}))
    (made / layout.CARD).unlink()
    monkeypatch.setattr(learning, "from_simulations", None)
    making.main(["bacteria", "--scores"])
    assert {path.name: path.read_bytes() for path in made.iterdir()} == files
    changed = params.load().simulations["bacteria"]
    monkeypatch.setattr(
        making, "simulate", lambda _, workers: simulate(changed.model_copy(update={"seed": 9}), workers)
    )
    making.main(["bacteria", "--scores"])
    again = json.loads((made / layout.STARTER_SCORES).read_text())
    assert again["real"] == scores["real"]
    assert again["simulated"].keys() == scores["simulated"].keys()
    assert again["simulated"] != scores["simulated"]
    assert (made / layout.CARD).read_text() != card


def test_the_card_says_what_it_learnt_from_and_how_good_it_is(made: Path) -> None:
    card = (made / layout.CARD).read_text()
    assert card.startswith("# The starter of bacteria\n")
    assert "It has learnt from 26 images" in card
    assert "3 epochs of batches of 2, then 1 epochs of batches of 2" in card
    for source in sources.SOURCES["bacteria"]:
        assert f"- {source.name}: {source.origin}, {source.licence}" in card
    for part in ("test", "light", f"here, from {SIMULATED}", f"there, from {LEFT_OUT}"):
        assert f"- {part}: mean IoU " in card


def test_a_source_is_scored_by_what_saw_none_of_it(recipe: Path, real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the models that are compared are asked the same images."""
    trained: list[set[str]] = []
    scored: list[set[str]] = []
    fit, score = learning.from_real, making.scored

    def from_real(name, known, begun, records, *rest):  # type: ignore[no-untyped-def]
        trained.append({record.group for record in records})
        return fit(name, known, begun, records, *rest)

    def scores(model, records):  # type: ignore[no-untyped-def]
        scored.append({record.group for record in records})
        return score(model, records)

    monkeypatch.setattr(learning, "from_real", from_real)
    monkeypatch.setattr(making, "scored", scores)
    making.make("bacteria", real)
    without_here, without_there, with_all = trained
    here, there, of_here, of_there, *_ = scored
    assert (here, there) == (of_here, of_there)
    assert not without_here & here
    assert not without_there & there
    assert with_all == here | there == without_here | without_there


def test_without_real_images_it_learns_from_simulations_alone(recipe: Path) -> None:
    making.main([])
    folder = layout.starter("bacteria")
    assert json.loads((folder / layout.STARTER_SCORES).read_text())["real"] == {}
    assert "Real images" not in (folder / layout.CARD).read_text()
    known = learning.recipe()
    train, watched = learning.simulated("bacteria", known)
    begun = learning.from_simulations("bacteria", known, train, watched, making.SCRATCH)  # kept from before
    read = bundle.read(folder).network.state_dict()
    for name, value in begun.network.state_dict().items():
        np.testing.assert_allclose(read[name], value, rtol=2e-3, atol=1e-6)


def test_a_starter_predicts_and_is_replaced_by_the_next(made: Path, recipe: Path) -> None:
    before = (made / layout.LEARNT).read_bytes()
    model = prediction.load("bacteria", layout.STARTER)
    (answer,) = model.predict([tiny.records("segmentation", 1)[0].image])
    assert answer.instances.shape == (64, 64)
    making.make("bacteria", None)
    assert (made / layout.LEARNT).read_bytes() != before
    assert bundle.read(made).name == layout.STARTER


def test_a_task_that_the_recipe_has_not_is_refused_before_anything_is_trained(recipe: Path) -> None:
    with pytest.raises(BrightfieldError, match="There is no task 'bacterai'. Did you mean 'bacteria'"):
        making.main(["bacterai"])
    assert not layout.STARTERS.exists()
    assert not making.SCRATCH.exists()
