"""Features of a frozen backbone: computed once, kept, and as good as computing them each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny
from brightfield import params, tasks, training
from brightfield.architectures.transfer import Transfer
from brightfield.errors import BrightfieldError
from brightfield.images import symmetry
from brightfield.inference.device import Device, start_device
from brightfield.training import frozen_features

TASK = tasks.build("classification", tiny.SETTINGS["classification"])


def model(unfreeze: int = 0, weights: str = "imagenet", **options: Any) -> params.Model:
    network = {"architecture": "transfer", "weights": weights, "input_px": 32, "unfreeze": unfreeze}
    entry = tiny.model("classification", **options)
    return entry.model_copy(update={"network": params.Transfer.model_validate(network)})


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def device() -> Device:
    return start_device(tiny.COMPUTE, seed=0)


@pytest.fixture
def network(device: Device) -> Transfer:
    built = TASK.learning.network(model())
    assert isinstance(built, Transfer)
    return built.eval()


def encoded(count: int = 3) -> list[Any]:
    return [TASK.learning.encode(record.image) for record in tiny.records("classification", count)]


def test_the_head_answers_features_as_the_network_answers_images(network: Transfer, device: Device) -> None:
    images = encoded()
    seen = frozen_features.as_encoded(network, images, device, "test")
    with torch.no_grad():
        short = network.head(torch.stack([e.tensor for e in seen]))
        whole = network(torch.stack([e.tensor for e in images]))
    torch.testing.assert_close(short, whole, rtol=1e-4, atol=1e-5)


def test_features_of_every_view_are_those_of_the_turned_image(network: Transfer, device: Device) -> None:
    images = encoded(2)
    found = frozen_features.compute(network, images, device, symmetry.VIEWS, "test")
    assert found.shape == (2, 8, 1280)
    turned = torch.from_numpy(symmetry.turned(images[1].tensor.numpy(), 6).copy())
    with torch.no_grad():
        torch.testing.assert_close(
            torch.from_numpy(found[1, 6]), network.features(turned[None])[0, :, 0, 0], rtol=1e-4, atol=1e-5
        )
    assert len({features.tobytes() for features in found[0]}) == 8


def test_they_are_computed_once(network: Transfer, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    images = encoded()
    first = frozen_features.compute(network, images, device, 1, "test")
    with monkeypatch.context() as patch:
        patch.setattr(network, "features", None)  # calling it would fail
        assert np.array_equal(frozen_features.compute(network, images, device, 1, "test"), first)
    other = frozen_features.compute(network, encoded(4), device, 1, "test")
    assert len(other) == 4
    with torch.no_grad():
        next(network.backbone.parameters()).mul_(2)
    assert not np.array_equal(frozen_features.compute(network, images, device, 1, "test"), first)


def test_a_damaged_file_is_computed_again_and_few_are_kept(
    network: Transfer, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = encoded()
    first = frozen_features.compute(network, images, device, 1, "test")
    (file,) = frozen_features.FOLDER.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert np.array_equal(frozen_features.compute(network, images, device, 1, "test"), first)
    monkeypatch.setattr(frozen_features, "MOST_FILES", 2)
    for count in (1, 2, 4):
        frozen_features.compute(network, encoded(count), device, 1, "test")
    assert len(list(frozen_features.FOLDER.iterdir())) == 2


def test_training_a_head_leaves_the_backbone_and_learns() -> None:
    train: Any = tiny.records("classification", 16, seed=1)
    validation: Any = tiny.records("classification", 8, seed=2)
    entry = model(epochs=8, steps_per_epoch=4, augment=["flip"], batch_size=8)
    fitted = training.fit(TASK, entry, train, validation, tiny.COMPUTE)
    assert isinstance(fitted.network, Transfer)
    untouched = TASK.learning.network(entry)
    assert isinstance(untouched, Transfer)
    for name, value in untouched.backbone.state_dict().items():
        assert torch.equal(value, fitted.network.backbone.state_dict()[name]), name
    assert fitted.history["validation_auc"].max() == 1.0
    again = training.fit(TASK, entry, train, validation, tiny.COMPUTE)  # from the cache
    assert again.history.equals(fitted.history)


def test_an_augmentation_that_changes_features_is_refused() -> None:
    records: Any = tiny.records("classification", 4)
    with pytest.raises(BrightfieldError, match=r"can only be \[flip\], got flip, stain. Leave out stain, or train"):
        training.fit(TASK, model(augment=["flip", "stain"]), records, records, tiny.COMPUTE)
