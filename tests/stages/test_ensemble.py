"""Who takes part in an ensemble, with which outputs, and what is made of them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import torch
from ruamel.yaml import YAML

import tiny
from brightfield import layout, params, tasks
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.evaluation import ensembles, member_outputs
from brightfield.evaluation.activation_files import ActivationWriter
from brightfield.evaluation.member_outputs import Candidate, votes_of
from brightfield.evaluation.mixtures import Votes
from brightfield.evaluation.scoring import Split
from brightfield.inference import bundle
from brightfield.inference.predictor import Predictor
from brightfield.results import ClassMap
from brightfield.stages import ensemble
from brightfield.stages.ensemble import candidates
from brightfield.system.files import atomic_folder
from brightfield.tasks.segmentation.masks import class_map, one_hot, parts
from conftest import write_prepared
from mixable import KIND, MODELS, NAME, TASK, entries, make

SCHEMES = {"parts": "contours", "kinds": "species"}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> params.Params:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(tiny.tiny_text(), encoding="utf-8")
    return params.load()


def write(settings: params.Params, name: str, array: np.ndarray) -> None:
    """An untrained bundle, and one answer."""
    model = settings.models[name]
    folder = layout.predictions(model.task, name)
    folder.mkdir(parents=True)
    with ActivationWriter(folder, "validation", ["a"], half=False) as writer:
        writer.append("a", array)
    task = tasks.build(model.kind, settings.settings_of(model))
    network = task.learning.network(model)
    with atomic_folder(layout.model(model.task, name)) as place:
        bundle.write(place, name, model.task, task.settings, model, network, {})


# --- who takes part ---------------------------------------------------------------------------------------------------


def names(settings: params.Params, name: str) -> list[str]:
    return [each.name for each in candidates(settings, settings.ensembles[name])[0]]


def test_models_that_answer_as_much_as_is_asked_of_the_same_image_take_part(settings: params.Params) -> None:
    members, shown = candidates(settings, settings.ensembles["bacteria-ensemble"])
    known = {member.name for member in members}
    assert {"bacteria-unet", "bacteria-tuned", "bacteria-species", "bacteria-pair", "bacteria-lite"} <= known
    assert "bacteria-fluorescence" not in known, "it needs another image"
    assert shown == {"bacteria-watershed": "baseline"}
    assert "beads-hybrid" not in names(settings, "beads-ensemble")


def test_an_ensemble_of_five_classes_is_composed_of_networks_with_and_without_species(settings: params.Params) -> None:
    content = settings.model_dump()
    content["ensembles"]["bacteria-ensemble"]["settings"] = {"scheme": "species"}
    five = params.Params.model_validate(content)
    assert {"bacteria-unet", "bacteria-species", "bacteria-pair"} <= set(names(five, "bacteria-ensemble"))
    content["ensembles"]["bacteria-ensemble"]["members"] = ["bacteria-unet", "bacteria-tuned"]
    with pytest.raises(ValueError, match="none of bacteria-unet, bacteria-tuned answers all"):
        params.Params.model_validate(content)


def test_what_stands_beside_and_what_was_distilled_is_no_member(settings: params.Params) -> None:
    content = settings.model_dump()
    content["models"]["bacteria-tuned"]["training"]["distil_from"] = "3"
    content["ensembles"]["bacteria-ensemble"]["beside"] = ["bacteria-lite"]
    changed = params.Params.model_validate(content)
    members, shown = candidates(changed, changed.ensembles["bacteria-ensemble"])
    assert not {"bacteria-tuned", "bacteria-lite"} & {member.name for member in members}
    assert shown == {"bacteria-watershed": "baseline", "bacteria-lite": "beside"}
    content["ensembles"]["bacteria-ensemble"]["members"] = ["bacteria-tuned", "bacteria-unet"]
    assert "bacteria-tuned" in names(params.Params.model_validate(content), "bacteria-ensemble"), "it was named"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"members": []}, "the list is empty"),
        ({"members": ["bacteria-unet"], "beside": ["bacteria-unet"]}, "'bacteria-unet' is a member as well"),
        ({"beside": ["bacteria-nothing"]}, "bacteria-nothing"),
        ({"settings": {"scheme": "sorts"}}, "scheme"),
    ],
)
def test_entries_that_make_no_sense_are_refused(settings: params.Params, changes: dict[str, Any], said: str) -> None:
    content = settings.model_dump()
    content["ensembles"]["bacteria-ensemble"] |= changes
    with pytest.raises(ValueError, match=said):
        params.Params.model_validate(content)


def test_five_classes_are_read_as_three(settings: params.Params) -> None:
    three, five = np.full((3, 2, 4), 1 / 3, np.float32), np.zeros((5, 2, 4), np.float32)
    five[:] = np.array([0.1, 0.2, 0.3, 0.15, 0.25], np.float32)[:, None, None]
    write(settings, "bacteria-unet", three)
    write(settings, "bacteria-species", five)
    entry = settings.tasks["bacteria"]
    split: Any = SimpleNamespace(name="validation", images=SimpleNamespace(index=pd.DataFrame({"id": ["a"]})))
    task = tasks.build(entry.kind, entry.settings)
    members = [Candidate("bacteria-unet"), Candidate("bacteria-species")]
    votes = votes_of(settings, task, members, split, Path())
    np.testing.assert_array_equal(votes.outputs["bacteria-unet"][0], three)
    expected = np.array([0.1, 0.35, 0.55], np.float32)[:, None, None] * np.ones((1, 2, 4), np.float32)
    np.testing.assert_allclose(votes.outputs["bacteria-species"][0], expected, rtol=1e-6)
    assert votes.ballots is not None
    assert votes.ballots["bacteria-species"][0][:, 0, 0].tolist() == [0, 0, 1]


# --- what is made of them ---------------------------------------------------------------------------------------------


def report() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((layout.report(NAME) / layout.ENSEMBLE).read_text())
    return content


def psnr(answer: np.ndarray, clean: np.ndarray) -> float:
    low, high = np.percentile(clean, (0.1, 99.9))
    return float(10 * np.log10((high - low) ** 2 / np.mean((answer - clean) ** 2)))


@pytest.mark.usefixtures("tracked_project")
@pytest.mark.parametrize(("method", "reference"), [("soft_vote", np.mean), ("median", np.median)])
def test_scores_are_those_of_the_stored_outputs_by_plain_numpy(method: str, reference: Any) -> None:
    write_prepared(layout.prepared(TASK), KIND)
    settings = entries(method=method)
    make(settings, spread=0.05)
    assert f"by {method}, of first 33%" in ensemble.run(NAME)
    stored = [safetensors.numpy.load_file(layout.predictions(TASK, name) / "test.safetensors") for name in MODELS]
    values = []
    for record in ImageSet.prepared(layout.prepared(TASK), "test"):
        noisy = record.image.astype(np.float64)
        whole = reference([of_model[record.id][0].astype(np.float64) for of_model in stored], axis=0)
        values.append(psnr(whole * noisy.std() + noisy.mean(), record.fields["clean"].astype(np.float64)))
    scored = pd.read_csv(layout.report(NAME) / layout.IMAGE_SCORES).query("split == 'test'")["psnr_db"]
    np.testing.assert_allclose(scored, values, rtol=1e-6)
    rows = {row["name"]: row["value"] for row in report()["rows"]}
    assert rows[method] == pytest.approx(np.mean(values), rel=1e-6)
    assert [row["name"] for row in report()["costs"]] == [NAME, *MODELS]
    assert all(row["milliseconds"] > 0 and row["megabytes"] > 0 for row in report()["costs"])
    answered = Predictor.load(layout.ensemble(TASK, NAME), tiny.COMPUTE)
    image = ImageSet.prepared(layout.prepared(TASK), "test")[0]
    (answer,) = answered.predict([image.image])
    assert psnr(answer.pixels, image.fields["clean"]) == pytest.approx(values[0], rel=1e-4)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("tracked_project")
def test_turned_views_are_members_that_are_answered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    write_prepared(layout.prepared(TASK), KIND)
    settings = entries(method="soft_vote", test_time_augmentation=8)
    make(settings, spread=0.05)
    ensemble.run(NAME)
    named = [*MODELS, *(f"{name} (8 views)" for name in MODELS)]
    assert report()["weights"] == pytest.approx(dict.fromkeys(named, 1 / 6))
    members = bundle.read_members(layout.ensemble(TASK, NAME))
    assert [(member.bundle.name, member.views) for member in members] == [
        *((name, None) for name in MODELS),
        *((name, 8) for name in MODELS),
    ]
    assert {path.parent.name for path in layout.OUTPUTS.rglob("*.safetensors")} == {"validation", "test"}
    before = report()
    with monkeypatch.context() as patch:
        patch.setattr(member_outputs, "Predictor", None)
        ensemble.run(NAME)  # nothing is answered again
    assert {**report(), "costs": None} == {**before, "costs": None}
    make(settings, spread=0.2)  # trained anew
    ensemble.run(NAME)
    assert report()["rows"] != before["rows"]
    assert all(len(list(folder.iterdir())) == 1 for folder in layout.OUTPUTS.iterdir()), "what is outdated is gone"


@pytest.mark.usefixtures("tracked_project")
def test_a_soup_is_one_network_with_the_mean_of_weights() -> None:
    write_prepared(layout.prepared(TASK), KIND)
    settings = entries(method="soup")
    make(settings, spread=1e-4)  # so near to each other that their mean is as good
    ensemble.run(NAME)
    chosen = list(report()["weights"])
    assert chosen
    whole = bundle.read_weights(layout.ensemble(TASK, NAME))
    of_members = [bundle.read_weights(layout.model(TASK, name)) for name in chosen]
    for name, tensor in whole.items():
        expected = torch.stack([weights[name].double() for weights in of_members]).mean(dim=0)
        torch.testing.assert_close(tensor.double(), expected, rtol=1e-6, atol=1e-7)
    described = bundle.describe(layout.ensemble(TASK, NAME))
    assert described["provenance"]["ingredients"] == chosen
    assert "members" not in described
    validation = report()["validation"]
    assert validation["soup"] >= validation["single"] or len(chosen) == 1
    (row,) = [row for row in report()["rows"] if row["name"] == "soup"]
    scored = pd.read_csv(layout.report(NAME) / layout.IMAGE_SCORES).query("split == 'test'")["psnr_db"]
    assert row["value"] == pytest.approx(scored.mean())


@pytest.mark.usefixtures("tracked_project")
def test_weights_of_other_networks_make_no_soup() -> None:
    """The stage finds out that the best member begins otherwise than the others; params.yaml is refused where no two are alike."""
    write_prepared(layout.prepared(TASK), KIND)
    settings = entries(method="soup")
    make(settings, spread=0.01)
    content = YAML().load(Path(params.PARAMS))
    scored = {
        name: pd.read_csv(layout.report(name) / layout.IMAGE_SCORES).query("split == 'validation'") for name in MODELS
    }
    best = max(MODELS, key=lambda name: scored[name]["psnr_db"].mean())
    content["models"][best]["training"].pop("init_from")
    YAML().dump(content, Path(params.PARAMS))
    with pytest.raises(
        BrightfieldError, match="A soup needs several trainings of one network.*begins with random weights"
    ):
        ensemble.run(NAME)
    assert not layout.ensemble(TASK, NAME).exists()
    for name in MODELS:
        content["models"][name]["training"].pop("init_from", None)
    YAML().dump(content, Path(params.PARAMS))
    with pytest.raises(BrightfieldError, match=f"ensembles.{NAME}.method: a soup needs two trainings"):
        params.load()


@pytest.mark.usefixtures("tracked_project")
def test_what_was_kept_and_is_damaged_is_answered_again() -> None:
    write_prepared(layout.prepared(TASK), KIND)
    make(entries(method="soft_vote", test_time_augmentation=8), spread=0.05)
    ensemble.run(NAME)
    before = report()["rows"]
    truncated, empty, missing = list(layout.OUTPUTS.rglob("test.safetensors"))
    truncated.write_bytes(truncated.read_bytes()[:9])
    empty.write_bytes(b"")
    missing.unlink()
    ensemble.run(NAME)
    assert report()["rows"] == before


@pytest.mark.usefixtures("tracked_project")
def test_networks_with_and_without_species_answer_five_classes() -> None:
    """The composed answer names species, and its parts are the mean of both networks."""
    write_prepared(layout.prepared("bacteria"), "segmentation")
    content = tiny.tiny_params()
    network = {"architecture": "unet", "filters": 4, "depth": 2}
    entry = {"task": "bacteria", "dataset": "bacteria", "network": network, "training": {"epochs": 1, "patch_px": 32}}
    content["tasks"]["bacteria"]["settings"] |= {"seed_probability": 0.5}
    content["models"] = {
        "parts": copy.deepcopy(entry),
        "kinds": {**copy.deepcopy(entry), "settings": {"scheme": "species"}},
    }
    of_all = {"task": "bacteria", "dataset": "bacteria", "method": "soft_vote", "settings": {"scheme": "species"}}
    content["ensembles"], content["spaces"] = {"five": of_all}, {}
    YAML().dump(content, Path(params.PARAMS))
    settings = params.load()
    for seed, name in enumerate(("parts", "kinds")):
        torch.manual_seed(seed)
        model = settings.models[name]
        task = tasks.build(model.kind, settings.settings_of(model))
        with atomic_folder(layout.model("bacteria", name)) as folder:
            bundle.write(folder, name, "bacteria", task.settings, model, task.learning.network(model), {})
    asked = settings.settings_of(settings.ensembles["five"])
    whole = tasks.build("segmentation", asked)
    predictors = {name: Predictor.load(layout.model("bacteria", name), tiny.COMPUTE) for name in ("parts", "kinds")}
    records = tiny.records("segmentation", 2)
    encoded = [whole.learning.encode(record.image) for record in records]
    three, five = (predictors[name].activations(encoded) for name in ("parts", "kinds"))
    for a, b in zip(three, five, strict=True):
        together = whole.answering.combined([a, b], [0.5, 0.5])
        bodies = (a[1] + b[1] + b[3]) / 2
        np.testing.assert_allclose(together[1] + together[3], bodies, atol=1e-5)
        np.testing.assert_allclose(together.sum(axis=0), 1, atol=1e-5)
        np.testing.assert_allclose(together[1] / bodies, b[1] / (b[1] + b[3]), atol=1e-4)
        answer = whole.answering.decode(together, encoded[0])
        assert answer.species is not None
    stacked = settings.ensembles["five"].model_copy(update={"method": "stacking"})
    split, votes = _left_out(whole, encoded, records)
    with pytest.raises(BrightfieldError, match="leaves out every member"):
        ensembles.choose(whole, split, votes, stacked)
    best = ensembles.choose(whole, split, votes, stacked.model_copy(update={"method": "best_on_validation"}))
    assert "kinds" in best.weights


def _left_out(whole: Any, encoded: Any, records: Any) -> tuple[Split, Votes]:
    """Three classes that are right, and five that are wrong everywhere: no weight is left for the network with species."""
    truth = []
    for record in records:
        instances, kinds = record.fields["labels"], np.array([0, 1, 2, 1, 2], np.uint8)
        classes = class_map(instances, whole.settings.contour_px, kinds, "species")
        truth.append(ClassMap(classes, instances, kinds))
    right = [one_hot(parts(each.classes), 3) for each in truth]
    wrong = [one_hot(((each.classes > 0) + 1) % 2 * np.uint8(1), 5) for each in truth]
    index = pd.DataFrame({"id": range(len(records)), "group": [str(i) for i in range(len(records))]})
    own = {name: type(whole)(whole.settings.model_copy(update={"scheme": s})) for name, s in SCHEMES.items()}
    images: Any = SimpleNamespace(index=index)
    return Split("validation", images, encoded, truth), Votes({"parts": right, "kinds": wrong}, None, own)
