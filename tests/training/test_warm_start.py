"""Weights that a training begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import tiny
from brightfield import layout, params, tasks
from brightfield.errors import BrightfieldError
from brightfield.inference import bundle
from brightfield.training import warm_start
from trained import fit, weights, write_bundle, write_starter


def beginning(start: str | None) -> params.Model:
    return params.with_values(tiny.model("segmentation"), {"task": "bacteria", "training.init_from": start}, "test")


def test_weights_of_a_version_or_a_folder_are_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bundle("segmentation")
    mine = layout.model("bacteria", "mine")
    expected = bundle.read(mine).network.state_dict()
    mine.rename("elsewhere")
    asked: list[str] = []

    def fetch(task: str, reference: str, destination: Path) -> Path:
        asked.append(f"{task} {reference}")
        return Path("elsewhere")

    monkeypatch.setattr(warm_start.registry, "fetch", fetch)
    for start in ("3", "./elsewhere"):
        found = warm_start.initial_weights(beginning(start))
        assert found is not None
        assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert asked == ["bacteria 3"]
    assert warm_start.initial_weights(beginning(None)) is None
    assert warm_start.initial_weights(tiny.baseline("segmentation")) is None


@pytest.mark.usefixtures("starters_folder")
def test_a_starter_is_a_beginning_in_full_precision() -> None:
    with pytest.raises(BrightfieldError, match="Task 'bacteria' has no starter"):
        warm_start.initial_weights(beginning(layout.STARTER))
    write_starter("segmentation")
    found = warm_start.initial_weights(beginning(layout.STARTER))
    assert found is not None
    begun = weights(fit("segmentation", still(), initial=found))
    layers = [name for name in found if name.endswith("weight")]
    assert {found[name].dtype for name in layers} == {torch.float16}
    assert {begun[name].dtype for name in layers} == {torch.float32}
    assert all(torch.allclose(begun[name], found[name].float(), atol=1e-6) for name in layers)


def test_an_output_of_the_pipeline_is_no_beginning(project: Path) -> None:
    write_bundle("segmentation")
    with pytest.raises(
        BrightfieldError, match="'models/bacteria/mine' is an output of this pipeline.* version in the registry"
    ):
        warm_start.initial_weights(beginning("models/bacteria/mine"))


@pytest.mark.parametrize("start", ["champion", "bacteria-unet", ""])
def test_what_changes_with_time_is_no_beginning(start: str) -> None:
    with pytest.raises(BrightfieldError, match="training.init_from: string should match pattern"):
        beginning(start)


def still(**network: Any) -> params.Model:
    """A network that hardly learns: what it ends with is what it began with."""
    return tiny.model("segmentation", network=network or None, epochs=1, steps_per_epoch=1, learning_rate=1e-9)


def test_training_begins_with_the_weights_that_are_given() -> None:
    learnt = weights(fit("segmentation", tiny.model("segmentation", seed=1)))
    fresh, begun = (weights(fit("segmentation", still(), initial=given)) for given in (None, learnt))
    of_layers = [name for name in learnt if name.endswith("weight")]
    assert all(torch.allclose(begun[name], learnt[name], atol=1e-6) for name in of_layers)
    assert not all(torch.allclose(fresh[name], learnt[name], atol=1e-3) for name in of_layers)


def test_a_last_layer_of_other_classes_begins_anew() -> None:
    three = tasks.build("segmentation", tiny.SETTINGS["segmentation"]).learning.network(still())
    own = params.SegmentationSettings(scheme="species", species=["a", "b"])
    five = tasks.build("segmentation", own).learning.network(still())
    last = {name for name in five.state_dict() if name.startswith("answer")}
    before = {name: value.clone() for name, value in five.state_dict().items()}
    warm_start.begin_with(five, three.state_dict())
    for name, value in five.state_dict().items():
        assert torch.equal(value, before[name] if name in last else three.state_dict()[name])


def test_weights_of_another_architecture_are_refused() -> None:
    learnt = weights(fit("segmentation", still()))
    with pytest.raises(BrightfieldError, match="another architecture: .* tensors fit"):
        fit("segmentation", still(filters=6), initial=learnt)
