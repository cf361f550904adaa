"""Networks that learn what another model answers."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

import tiny
from brightfield import params, tasks, training
from brightfield.errors import BrightfieldError
from brightfield.inference import activations, bundle
from brightfield.inference.bundle import Source
from brightfield.inference.device import start_device
from brightfield.inference.predictor import Predictor
from brightfield.system.files import atomic_folder
from brightfield.training.distilling import Teacher


def written(folder: Path, kind: str, seed: int = 0, settings: params.TaskSettings | None = None) -> Path:
    """The bundle of an untrained network."""
    torch.manual_seed(seed)
    task, model = tasks.build(kind, settings or tiny.SETTINGS[kind]), tiny.model(kind, seed=seed)
    with atomic_folder(folder) as place:
        bundle.write(place, folder.name, kind, task.settings, model, task.learning.network(model), {})
    return folder


@pytest.mark.parametrize("kind", list(tiny.SETTINGS))
def test_a_teacher_answers_as_the_ensemble_does(tmp_path: Path, kind: str) -> None:
    members = [
        Source(written(tmp_path / name, kind, seed), share)
        for seed, (name, share) in enumerate([("a", 0.75), ("b", 0.25)])
    ]
    with atomic_folder(tmp_path / "both") as folder:
        bundle.write_ensemble(folder, "both", kind, tiny.SETTINGS[kind], members, {})
    task = tasks.build(kind, tiny.SETTINGS[kind])
    # a patch as large as networks take it: others are padded for a prediction
    encoded = [task.learning.encode(record.image[:32, :32]) for record in tiny.records(kind, 3)]
    batch = torch.stack([each.tensor for each in encoded])
    answered = Teacher(task, tmp_path / "both", tiny.COMPUTE)(batch, start_device(tiny.COMPUTE))
    expected = Predictor.load(tmp_path / "both", tiny.COMPUTE).activations(encoded)
    np.testing.assert_allclose(answered.numpy(), np.stack(expected), rtol=1e-4, atol=1e-5)


def test_a_student_comes_near_its_teacher(tmp_path: Path) -> None:
    """Taught alone, without the truth: its answers are nearer to the teacher's than those of a network that learnt the truth."""
    kind = "classification"
    task = tasks.build(kind, tiny.SETTINGS[kind])
    teacher = Teacher(task, written(tmp_path / "teacher", kind, seed=3), tiny.COMPUTE)
    fit = {"epochs": 1, "steps_per_epoch": 60, "learning_rate": 0.02}  # one epoch, so that none is chosen
    model = tiny.model(kind, **fit)
    student = tiny.model(kind, distil_from="starter", distil=1.0, **fit)
    train, validation = tiny.records(kind, 8, seed=1), tiny.records(kind, 4, seed=2)
    encoded = [task.learning.encode(record.image) for record in validation]
    device = start_device(tiny.COMPUTE)
    wanted = np.stack(teacher.predictor.activations(encoded))

    def distance(entry: params.Model, taught_by: Teacher | None) -> float:
        found = training.fit(task, entry, train, validation, tiny.COMPUTE, teacher=taught_by)  # type: ignore[arg-type]
        return float(np.abs(np.stack(activations.activations(task, found.network, encoded, device)) - wanted).mean())

    assert distance(student, teacher) < 0.5 * distance(model, None)


def test_the_truth_and_the_teacher_share_the_loss(tmp_path: Path) -> None:
    kind = "restoration"
    task = tasks.build(kind, tiny.SETTINGS[kind])
    teacher = Teacher(task, written(tmp_path / "teacher", kind, seed=3), tiny.COMPUTE)
    records = tiny.records(kind, 4, seed=1)
    weights = {}
    for share in (0.25, 0.75):
        entry = tiny.model(kind, distil_from="starter", distil=share, epochs=1)
        found = training.fit(task, entry, records, records, tiny.COMPUTE, teacher=teacher)  # type: ignore[arg-type]
        weights[share] = next(iter(found.network.state_dict().values()))
    assert not torch.equal(weights[0.25], weights[0.75])


def test_a_teacher_of_more_classes_teaches_what_is_asked(tmp_path: Path) -> None:
    asked = params.SegmentationSettings(species=["long", "short"], pixel_size_um=0.065, seed_probability=0.5)
    five = written(tmp_path / "five", "segmentation", settings=asked.model_copy(update={"scheme": "species"}))
    task = tasks.build("segmentation", asked)
    answered = Teacher(task, five, tiny.COMPUTE)(torch.zeros(2, 1, 32, 32), start_device(tiny.COMPUTE))
    assert answered.shape == (2, 3, 32, 32)
    cells = written(tmp_path / "cells", "segmentation", settings=asked.model_copy(update={"scheme": "cells"}))
    with pytest.raises(BrightfieldError, match="cannot teach this network: it has other classes"):
        Teacher(task, cells, tiny.COMPUTE)
    with pytest.raises(BrightfieldError, match="cannot teach this network"):
        Teacher(task, written(tmp_path / "frames", "tracking"), tiny.COMPUTE)
    species = tasks.build("segmentation", asked.model_copy(update={"scheme": "species"}))
    three = written(tmp_path / "three", "segmentation", settings=asked)
    with pytest.raises(BrightfieldError, match="cannot teach this network"):
        Teacher(species, three, tiny.COMPUTE)


def test_what_was_calibrated_for_a_teacher_does_not_count(tmp_path: Path) -> None:
    asked = tiny.SETTINGS["classification"]
    calibrated = asked.model_copy(update={"temperature": 1.7, "bias": 0.1, "threshold": 0.3, "share": 0.4})
    folder = written(tmp_path / "calibrated", "classification", settings=calibrated)
    assert Teacher(tasks.build("classification", asked), folder, tiny.COMPUTE)


def test_a_network_that_sees_features_alone_is_not_taught(tmp_path: Path) -> None:
    kind = "classification"
    task = tasks.build(kind, tiny.SETTINGS[kind])
    frozen = {
        "architecture": "transfer",
        "backbone": "tf_efficientnet_lite0",
        "input_px": 32,
        "unfreeze": 0,
        "weights": None,
    }
    content = tiny.model(kind, distil_from="starter").model_dump(exclude_none=True)
    entry = params.parse_model({**content, "network": {k: v for k, v in frozen.items() if v is not None}}, "test")
    entry = entry.model_copy(update={"network": entry.network.without_weights()})
    teacher = Teacher(task, written(tmp_path / "teacher", kind), tiny.COMPUTE)
    records = tiny.records(kind, 4)
    with pytest.raises(BrightfieldError, match="all but the last layers of this one are frozen"):
        training.fit(task, entry, records, records, tiny.COMPUTE, teacher=teacher)  # type: ignore[arg-type]


def test_hidden_pixels_are_not_taught() -> None:
    content = copy.deepcopy(tiny.full_content())
    content["models"]["denoise-blind"]["training"]["distil_from"] = "3"
    with pytest.raises(BrightfieldError, match="its teacher would see them; leave distil_from out"):
        params.parse(content)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    "folder",
    ["ensembles/rbc/rbc-ensemble", "ensembles/rbc/rbc-ensemble/members/rbc-convnet", "models/beads/beads-unet"],
)
def test_an_output_of_the_pipeline_is_no_teacher(folder: str) -> None:
    with pytest.raises(BrightfieldError, match=f"training.distil_from '{folder}' is an output"):
        training.warm_start.folder_of("rbc", folder, "distil_from")
