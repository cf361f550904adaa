"""What is refused, with its dotted path and what is taken."""

from __future__ import annotations

from typing import Any

import pytest

import tiny
from brightfield import params
from entries import REMOVED, Path_, complaint

# --- unknown keys -----------------------------------------------------------------------------------------------------

UNKNOWN: list[tuple[Path_, str, str]] = [
    (("colour",), "Allowed: compute, datasets, ensembles, evaluation, gates, models, simulations, spaces, tasks.", ""),
    (("compute", "thread"), "Allowed: device, precision, threads, workers.", "threads"),
    (("evaluation", "resamples"), "Allowed: bootstrap, confidence, seed.", ""),
    (("tasks", "rbc", "datasets"), "Allowed: dataset, kind, settings.", "dataset"),
    (
        ("tasks", "rbc", "settings", "size"),
        "Allowed: bias, channels, classes, keep, pixel_size_um, share, size_px, temperature, threshold.",
        "size_px",
    ),
    (("tasks", "denoise", "settings", "classes"), "Allowed: deviation_scale, pixel_size_um.", ""),
    (("simulations", "rbc", "movies"), "crops_per_smear, good_fraction, pixel_size_um, seed, simulator, size_px", ""),
    (("datasets", "rbc", "train"), "Allowed: gate, kind, seed, task, test, validation.", ""),
    (
        ("models", "rbc-convnet", "epochs"),
        "Allowed: dataset, kind, network, seed, settings, task, test_time_augmentation, training.",
        "",
    ),
    (
        ("models", "rbc-convnet", "network", "filter"),
        "Allowed: architecture, batch_norm, dense, dropout, filters.",
        "filters",
    ),
    (
        ("models", "beads-unet", "network", "dropout"),
        "Allowed: architecture, depth, filters, kernel_px, probabilistic, residual.",
        "",
    ),
    (("models", "rbc-features", "network", "C"), "Allowed: architecture, regularisation.", ""),
    (
        ("models", "rbc-convnet", "training", "learning_rat"),
        "Allowed: augment, augment_strength, backbone_rate, balance, batch_size, blind_mask, blind_spots, centred, dice, distil, "
        "distil_from, ema, epochs, init_from, learning_rate, optimizer, patch_px, patience, schedule, steps_per_epoch, "
        "weight_decay.",
        "learning_rate",
    ),
    (
        ("ensembles", "rbc-ensemble", "vote"),
        "Allowed: beside, dataset, kind, max_members, members, method, settings, task, test_time_augmentation, weights.",
        "",
    ),
    (("spaces", "rbc-finetuned", "network.unfreeze", "lo"), "Allowed: choices, high, log, low, step, when.", "low"),
]


@pytest.mark.parametrize(("path", "allowed", "meant"), UNKNOWN, ids=[".".join(map(str, c[0])) for c in UNKNOWN])
def test_an_unknown_key_is_refused_with_its_dotted_path_and_the_names_allowed(
    path: Path_, allowed: str, meant: str
) -> None:
    message = complaint(path, 1)
    assert f"  {'.'.join(map(str, path))}: unknown key." in message
    assert allowed in message
    assert (f"Did you mean {meant!r}?" in message) == bool(meant)


# --- wrong types and values -------------------------------------------------------------------------------------------

WRONG: list[tuple[Path_, Any, list[str]]] = [
    (("compute", "threads"), "2", ["compute.threads: input should be a valid integer, got '2'"]),
    (("compute", "threads"), True, ["compute.threads: input should be a valid integer, got True"]),
    (("compute", "threads"), 0, ["compute.threads: input should be greater than or equal to 1, got 0"]),
    (("compute", "device"), "tpu", ["compute.device: ", "'auto', 'cpu', 'cuda' or 'mps'", "got 'tpu'"]),
    (("evaluation", "confidence"), 95, ["evaluation.confidence: input should be less than 1, got 95"]),
    (("evaluation", "promote"), "better", ["evaluation.promote: section `gates` says", "Remove the key."]),
    (("tasks", "rbc", "settings", "channels"), 2, ["tasks.rbc.settings.channels: ", "1 or 3"]),
    (("tasks", "rbc", "settings", "classes"), ["good"], ["tasks.rbc.settings.classes: ", "at least 2"]),
    (("tasks", "rbc", "settings"), "x", ["tasks.rbc.settings: ", "got 'x'"]),
    (("tasks", "rbc", "kind"), "counting", ["tasks.rbc.kind: expected one of", "'tracking'", "got 'counting'"]),
    (("tasks", "rbc", "kind"), REMOVED, ["tasks.rbc"]),
    (("tasks",), REMOVED, ["tasks: missing"]),
    (("tasks",), None, ["tasks: input should be a valid dictionary, got None"]),
    (("models",), [], ["models: input should be a valid dictionary, got []"]),
    (("models", "rbc-convnet"), 3, ["models.rbc-convnet: ", "got 3"]),
    (("models", "rbc-convnet", "task"), REMOVED, ["models.rbc-convnet.task: missing"]),
    (("models", "rbc-convnet", "network", "architecture"), "resnet", [
        "models.rbc-convnet.network.architecture: expected one of", "'convnet'", "got 'resnet'",
    ]),
    (("models", "rbc-convnet", "network", "filters"), [32, "64"], [
        "models.rbc-convnet.network.filters.1: input should be a valid integer, got '64'",
    ]),
    (("models", "rbc-convnet", "training", "epochs"), 0, ["models.rbc-convnet.training.epochs: "]),
    (("models", "rbc-convnet", "training", "epochs"), 1.5, ["models.rbc-convnet.training.epochs: ", "got 1.5"]),
    (("models", "rbc-convnet", "training", "learning_rate"), "1e-3", [
        "models.rbc-convnet.training.learning_rate: input should be a valid number, got '1e-3'",
    ]),
    (("models", "rbc-convnet", "training", "augment"), ["flip", "mirror"], [
        "models.rbc-convnet.training.augment.1: ", "'flip', 'rotate'", "got 'mirror'",
    ]),
    (("models", "rbc-convnet", "training"), REMOVED, ["models.rbc-convnet: ", "'convnet' needs section 'training'"]),
    (("models", "rbc-features", "training"), {"epochs": 1}, ["models.rbc-features: ", "takes no section 'training'"]),
    (("models", "rbc-compact", "training", "blind_spots"), True, ["training.blind_spots is for models of kind 'restoration'"]),
    (("models", "rbc-convnet", "training", "patch_px"), 32, [
        "training.patch_px is for models of kind 'tracking' or 'segmentation' or 'restoration'", "got 'classification'",
    ]),
    (("models", "beads-unet", "network", "probabilistic"), True, ["network.probabilistic is for", "got 'tracking'"]),
    (("models", "denoise-blind", "network", "probabilistic"), True, ["no clean image", "leave network.probabilistic out"]),
    (("models", "denoise-blind", "network", "residual"), True, ["hidden from the network", "leave network.residual out"]),
    (("models", "a name!"), {}, ["models.a name!"]),
    (("simulations", "denoise", "peak_electrons"), [4], ["simulations.denoise.peak_electrons"]),
    (("simulations", "rbc", "simulator"), "rcb", ["simulations.rbc.simulator: expected one of", "got 'rcb'"]),
    (("datasets", "rbc", "gate"), 0.6, ["datasets.rbc: validation + test + gate must leave something", "0.2 + 0.2 + 0.6"]),
    (("datasets", "rbc", "test"), 0.8, ["datasets.rbc: validation + test must leave something", "0.2 + 0.8"]),
    (("datasets", "rbc", "test"), 1.2, ["datasets.rbc.test: input should be less than 1, got 1.2"]),
    (("ensembles", "rbc-ensemble", "method"), "stack", ["ensembles.rbc-ensemble.method: ", "'greedy'"]),
    (("ensembles", "rbc-ensemble", "members"), "some", ["ensembles.rbc-ensemble.members"]),
    (("ensembles", "rbc-ensemble", "members"), [], [
        "ensembles.rbc-ensemble.members: the list is empty. Name models, or write 'all'",
    ]),
    (("spaces", "rbc-finetuned", "network.unfreeze"), {"low": 6, "high": 6}, [
        "spaces.rbc-finetuned.network.unfreeze: low must be less than high",
    ]),
    (("spaces", "rbc-finetuned", "network.unfreeze"), {"low": 0, "high": 6, "log": True}, ["above 0 with log"]),
    (("spaces", "rbc-finetuned", "network.unfreeze"), {"choices": [1], "low": 0, "high": 6}, ["either choices, or low"]),
    (("spaces", "rbc-finetuned", "network.unfreeze"), {"low": 1}, ["either choices, or low and high"]),
    (("spaces", "rbc-finetuned", "network.unfreeze"), {"choices": [1], "low": 0}, ["either choices, or low and high"]),
    (("spaces", "rbc-finetuned", "network.unfreeze"), {"choices": [1, 2], "log": True}, ["log is for low and high"]),
    (("spaces", "rbc-finetuned", "network.unfreeze"), {"choices": [1, 2], "step": 1}, ["step is for low and high"]),
    (("spaces", "rbc-finetuned", "network.unfreeze"), {"low": 1, "high": 5, "log": True, "step": 1}, ["either step or log"]),
    (("spaces", "rbc-finetuned", "network.unfreeze"), {"low": 1, "high": 5, "step": 0.5}, ["step must be whole", "got 0.5"]),
    (("spaces", "rbc-finetuned", "network.unfreeze"), {"low": 1, "high": 6, "step": 2}, ["whole steps, got 1 to 6 by 2"]),
    (("spaces", "rbc-finetuned", "network.unfreeze"), {"low": 1, "high": 6, "step": 0}, ["whole steps, got 1 to 6 by 0"]),
    (("spaces", "rbc-finetuned", "network.unfreeze"), {"choices": [1, 1.0]}, ["two choices are called 1.0 in a table of trials"]),
    (("spaces", "rbc-finetuned", "training.augment"), {"choices": [["flip", "rotate"], ["flip rotate"]]}, [
        "two choices are called 'flip rotate'",
    ]),
    (("spaces", "rbc-finetuned", "network.unfreeze"), {"choices": [2, 4], "when": {"training.ema": []}}, ["empty list"]),
    (("models", "rbc-convnet", "training", "augment_strength"), 3.5, ["less than or equal to 3, got 3.5"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "parts"),
    WRONG,
    ids=[f"{'.'.join(map(str, c[0]))}-{'removed' if c[1] is REMOVED else repr(c[1])}" for c in WRONG],
)
def test_a_wrong_value_is_refused_with_what_came_and_what_is_taken(path: Path_, value: Any, parts: list[str]) -> None:
    message = complaint(path, value)
    assert message.startswith("params.yaml is not valid:\n  ")
    for part in parts:
        assert part in message


@pytest.mark.parametrize("name", ["dice", "centred"])
def test_what_only_segmentation_takes_is_refused_elsewhere(name: str) -> None:
    told = complaint(("models", "rbc-compact", "training", name), 0.5)
    assert f"training.{name} is for models of kind 'segmentation', got 'classification'" in told


RENAMED = [
    (("models", "rbc-convnet", "views"), 8, "test_time_augmentation"),
    (("models", "rbc-convnet", "training", "start"), "3", "init_from"),
    (("tasks", "beads", "settings", "dark"), 100, "camera_offset"),
]


@pytest.mark.parametrize(("path", "value", "name"), RENAMED, ids=[case[2] for case in RENAMED])
def test_a_key_of_an_earlier_version_is_refused_with_its_new_name(path: Path_, value: Any, name: str) -> None:
    old = path[-1]
    assert f"{'.'.join(map(str, path))}: {old!r} is called {name!r} now. Rename the key" in complaint(path, value)


def test_what_a_bundle_of_an_earlier_version_holds_is_understood() -> None:
    content = tiny.model("segmentation").model_dump(mode="json")
    content["views"] = content.pop("test_time_augmentation") * 8
    content["training"]["start"] = content["training"].pop("init_from")
    assert params.parse_model(content, "an old bundle").test_time_augmentation == 8
    settings = params.parse_settings("tracking", {"dark": 100.0}, "an old bundle")
    assert settings == params.TrackingSettings(camera_offset=100.0)
