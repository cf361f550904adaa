"""params.yaml: what is refused and how, on the project's own file with one thing changed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny
from brightfield import params
from brightfield.errors import BrightfieldError

REMOVED = object()
OWN = params.read_yaml(tiny.REPOSITORY / "params.yaml")
Path_ = tuple[str | int, ...]


def at(path: Path_, content: Any) -> Any:
    """What stands at a place."""
    for key in path:
        content = content[key]
    return content


def changed(path: Path_, value: Any) -> dict[str, Any]:
    """The project's params with one value set, added or removed; ``("models", "x", "seed")`` is a place."""
    content: dict[str, Any] = copy.deepcopy(OWN)
    here = at(path[:-1], content)
    if value is REMOVED:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return content


def complaint(path: Path_, value: Any) -> str:
    with pytest.raises(BrightfieldError) as caught:
        params.parse(changed(path, value))
    return str(caught.value)


# --- the project's own ------------------------------------------------------------------------------------------------


def test_the_projects_own_params_are_valid_and_agree() -> None:
    own = params.load(tiny.REPOSITORY / "params.yaml")
    for name, model in own.models.items():
        assert own.datasets[model.dataset].task == model.task, name
        assert own.tasks[model.task].kind == model.kind == own.datasets[model.dataset].kind, name
        assert model.is_baseline == (model.training is None)
    for task in own.tasks:
        of_task = [m for m in own.models.values() if m.task == task]
        assert any(m.is_baseline for m in of_task)
        assert sum(not m.is_baseline for m in of_task) >= 2
        assert any(e.task == task for e in own.ensembles.values())


def test_every_number_of_the_small_params_is_at_most_the_projects_own() -> None:
    own, small = params.load(tiny.REPOSITORY / "params.yaml"), params.parse(tiny.tiny_params())
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
    tiny.write_params(tmp_path / "params.yaml", tiny.tiny_params())
    comments = [line.partition("#")[2] for line in (tiny.REPOSITORY / "params.yaml").read_text().splitlines()]
    written = (tmp_path / "params.yaml").read_text()
    assert all(comment in written for comment in comments)
    params.load(tmp_path / "params.yaml")


# --- unknown keys -----------------------------------------------------------------------------------------------------

UNKNOWN: list[tuple[Path_, str, str]] = [
    (("colour",), "Allowed: compute, datasets, ensembles, evaluation, models, simulations, spaces, tasks.", ""),
    (("compute", "thread"), "Allowed: device, precision, threads.", "threads"),
    (("evaluation", "resamples"), "Allowed: bootstrap, confidence, promote, seed.", ""),
    (("tasks", "rbc", "datasets"), "Allowed: dataset, kind, settings.", "dataset"),
    (
        ("tasks", "rbc", "settings", "size"),
        "Allowed: bias, channels, classes, keep, pixel_size_um, share, size_px, temperature, threshold.",
        "size_px",
    ),
    (("tasks", "denoise", "settings", "classes"), "Allowed: deviation_scale, pixel_size_um.", ""),
    (("simulations", "rbc", "movies"), "crops_per_smear, good_fraction, pixel_size_um, seed, simulator, size_px", ""),
    (("datasets", "rbc", "train"), "Allowed: kind, seed, task, test, validation.", ""),
    (
        ("models", "rbc-convnet", "epochs"),
        "Allowed: dataset, kind, network, seed, settings, task, training, views.",
        "",
    ),
    (
        ("models", "rbc-convnet", "network", "filter"),
        "Allowed: architecture, batch_norm, dense, dropout, filters.",
        "filters",
    ),
    (
        ("models", "beads-unet", "network", "dropout"),
        "Allowed: architecture, depth, filters, probabilistic, residual.",
        "",
    ),
    (("models", "rbc-features", "network", "C"), "Allowed: architecture, regularisation.", ""),
    (
        ("models", "rbc-convnet", "training", "learning_rat"),
        "Allowed: augment, backbone_rate, balance, batch_size, blind_spots, centred, dice, ema, epochs, learning_rate, "
        "optimizer, patch_px, patience, schedule, start, steps_per_epoch, weight_decay.",
        "learning_rate",
    ),
    (("ensembles", "rbc-ensemble", "vote"), "Allowed: dataset, kind, max_members, members, method, task.", ""),
    (("spaces", "rbc-finetuned", "network.unfreeze", "lo"), "Allowed: choices, high, log, low.", "low"),
]


@pytest.mark.parametrize(("path", "allowed", "meant"), UNKNOWN, ids=[".".join(map(str, c[0])) for c in UNKNOWN])
def test_an_unknown_key_is_refused_with_its_dotted_path_and_the_names_allowed(
    path: Path_, allowed: str, meant: str
) -> None:
    message = complaint(path, 1)
    assert f"  {'.'.join(map(str, path))}: unknown key." in message
    assert allowed in message
    assert (f"Did you mean {meant!r}?" in message) == bool(meant)


def test_an_unknown_key_of_a_part_alone_is_refused_as_well() -> None:
    """What a bundle remembers of its model and its task is read without the rest of a params.yaml."""
    model = params.load(tiny.REPOSITORY / params.PARAMS).models["rbc-convnet"].model_dump(mode="json")
    model["training"]["epoch"] = 3
    with pytest.raises(BrightfieldError, match=r"bundle is not valid:\n  training\.epoch: unknown key\. .*'epochs'"):
        params.parse_model(model, "bundle")
    with pytest.raises(BrightfieldError, match=r"size: unknown key\. .*'size_px'\? Allowed: bias, channels"):
        params.parse_settings("classification", {"size": 3}, "bundle")


def test_other_values_at_dotted_paths_are_validated() -> None:
    model = params.load(tiny.REPOSITORY / params.PARAMS).models["rbc-convnet"]
    other = params.with_values(model, {"training.epochs": 3, "seed": 4, "training.patience": 2}, "spaces")
    assert other.training is not None
    assert (other.training.epochs, other.training.patience, other.seed) == (3, 2, 4)
    assert model.training is not None
    assert (model.training.epochs, model.seed) != (3, 4)  # the entry itself stays
    with pytest.raises(BrightfieldError, match=r"spaces: a model's entry has no 'training\.lr'"):
        params.with_values(model, {"training.lr": 3}, "spaces")
    with pytest.raises(BrightfieldError, match=r"spaces is not valid:\n  training\.epochs: .* got 0"):
        params.with_values(model, {"training.epochs": 0}, "spaces")


def test_a_models_own_settings_stand_over_those_of_its_task() -> None:
    own = params.parse(changed(("models", "bacteria-unet", "settings"), {"scheme": "species", "contour_um": 0.2}))
    settings = own.settings_of(own.models["bacteria-unet"])
    assert isinstance(settings, params.SegmentationSettings)
    assert (settings.scheme, settings.contour_um, settings.species) == ("species", 0.2, ["Myxococcus", "E. coli"])
    assert own.settings_of(own.models["bacteria-lite"]) == own.tasks["bacteria"].settings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"contour": 1}, "models.bacteria-unet.settings.contour: unknown key. Did you mean 'contour_um'?"),
        ({"contour_um": -1}, "models.bacteria-unet.settings.contour_um: input should be greater than 0, got -1"),
        ({"scheme": "species", "species": []}, "models.bacteria-unet.settings.scheme 'species' tells species apart"),
        ({"species": ["a", "a"]}, "each has a name of its own, got a, a"),
    ],
)
def test_own_settings_that_the_task_does_not_take_are_refused(settings: dict[str, Any], said: str) -> None:
    assert said in complaint(("models", "bacteria-unet", "settings"), settings)


def test_a_model_with_settings_of_its_own_is_no_member() -> None:
    content = changed(("models", "bacteria-unet", "settings"), {"fluorescence": True})
    content["ensembles"]["bacteria-ensemble"]["members"] = ["bacteria-unet", "bacteria-lite"]
    with pytest.raises(
        BrightfieldError, match="ensembles.bacteria-ensemble.members: 'bacteria-unet' has settings of its own"
    ):
        params.parse(content)


@pytest.mark.parametrize("name", ["dice", "centred"])
def test_what_only_segmentation_takes_is_refused_elsewhere(name: str) -> None:
    told = complaint(("models", "rbc-compact", "training", name), 0.5)
    assert f"training.{name} is for models of kind 'segmentation', got 'classification'" in told


def test_settings_that_bundles_of_earlier_versions_hold_are_read() -> None:
    before = {"pixel_size_um": 0.1, "classes": ["background", "body", "contour"], "contour_px": 2.0, "min_area_px": 30}
    settings = params.parse_settings("segmentation", {**before, "seed_probability": 0.65}, "bundle.json")
    assert isinstance(settings, params.SegmentationSettings)
    assert (settings.scheme, settings.contour_px, settings.seed_probability) == ("contours", 2.0, 0.65)


def test_what_is_tried_of_a_model_that_spaces_does_not_name() -> None:
    own = params.load(tiny.REPOSITORY / params.PARAMS)
    assert own.space("rbc-finetuned") == own.spaces["rbc-finetuned"]
    assert own.space("rbc-features") == {}
    for name, model in own.models.items():
        for path, search in own.space(name).items():
            ends = search.choices or [search.low, search.high]
            for value in ends:  # the entry takes all that may be drawn
                params.with_values(model, {path: value}, name)
    space = own.space("beads-unet")
    rate, filters = space["training.learning_rate"], space["network.filters"]
    assert (rate.low, rate.high, rate.log) == (0.0008, 0.02, True)  # of 0.004
    assert (filters.low, filters.high) == (8, 24)  # of 16
    assert space.keys() == {"training.learning_rate", "network.filters"}
    assert "network.dropout" in own.space("rbc-compact")


def test_a_path_is_put_where_sections_are_left_out() -> None:
    content = {"task": "rbc", "training": {"epochs": 1}}
    params.put(content, "training.epochs", 2)
    params.put(content, "network.dropout", 0.1)
    assert content == {"task": "rbc", "training": {"epochs": 2}, "network": {"dropout": 0.1}}


# --- wrong types and values -------------------------------------------------------------------------------------------

WRONG: list[tuple[Path_, Any, list[str]]] = [
    (("compute", "threads"), "2", ["compute.threads: input should be a valid integer, got '2'"]),
    (("compute", "threads"), True, ["compute.threads: input should be a valid integer, got True"]),
    (("compute", "threads"), 0, ["compute.threads: input should be greater than or equal to 1, got 0"]),
    (("compute", "device"), "tpu", ["compute.device: ", "'auto', 'cpu', 'cuda' or 'mps'", "got 'tpu'"]),
    (("evaluation", "confidence"), 95, ["evaluation.confidence: input should be less than 1, got 95"]),
    (("evaluation", "promote"), "worse", ["evaluation.promote: ", "'better' or 'clearly_better'"]),
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
    (("models", "beads-unet", "network", "probabilistic"), True, ["network.probabilistic is for", "got 'tracking'"]),
    (("models", "denoise-blind", "network", "probabilistic"), True, ["no clean image", "leave network.probabilistic out"]),
    (("models", "denoise-blind", "network", "residual"), True, ["hidden from the network", "leave network.residual out"]),
    (("models", "a name!"), {}, ["models.a name!"]),
    (("simulations", "denoise", "peak_electrons"), [4], ["simulations.denoise.peak_electrons"]),
    (("simulations", "rbc", "simulator"), "rcb", ["simulations.rbc.simulator: expected one of", "got 'rcb'"]),
    (("datasets", "rbc", "test"), 0.8, ["datasets.rbc: validation + test must leave something", "0.2 + 0.8"]),
    (("datasets", "rbc", "test"), 1.2, ["datasets.rbc.test: input should be less than 1, got 1.2"]),
    (("ensembles", "rbc-ensemble", "method"), "stack", ["ensembles.rbc-ensemble.method: ", "'greedy'"]),
    (("ensembles", "rbc-ensemble", "members"), "some", ["ensembles.rbc-ensemble.members"]),
    (("spaces", "rbc-finetuned", "network.unfreeze"), {"low": 6, "high": 6}, [
        "spaces.rbc-finetuned.network.unfreeze: low must be less than high",
    ]),
    (("spaces", "rbc-finetuned", "network.unfreeze"), {"low": 0, "high": 6, "log": True}, ["above 0 with log"]),
    (("spaces", "rbc-finetuned", "network.unfreeze"), {"choices": [1], "low": 0, "high": 6}, ["either choices, or low"]),
    (("spaces", "rbc-finetuned", "network.unfreeze"), {"low": 1}, ["either choices, or low and high"]),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "parts"), WRONG, ids=[f"{'.'.join(map(str, c[0]))}-{c[1]!r}" for c in WRONG])
def test_a_wrong_value_is_refused_with_what_came_and_what_is_taken(path: Path_, value: Any, parts: list[str]) -> None:
    message = complaint(path, value)
    assert message.startswith("params.yaml is not valid:\n  ")
    for part in parts:
        assert part in message


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
        "models.rbc-convnet.kind: task 'rbc' is of kind 'classification', got 'tracking'",
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


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"tasks: [", "not readable as YAML"),
        (b"tasks: {}\ntasks: {}\n", "not readable as YAML"),  # the first would vanish without a word
        (b"\xff\xfe\x00", "not readable as YAML"),
        (b"- tasks\n", "must hold sections (tasks, datasets, models, ...), got list"),
        (b"", "must hold sections (tasks, datasets, models, ...), got NoneType"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused_by_name(tmp_path: Path, text: bytes, said: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(text)
    with pytest.raises(BrightfieldError) as caught:
        params.load(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_without_a_file_the_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BrightfieldError, match="There is no params.yaml here") as caught:
        params.load()
    assert str(tmp_path) in str(caught.value)


def test_entries_settings_and_models_are_found_or_refused_by_name() -> None:
    own = params.parse(OWN)
    assert params.entry(own.models, "rbc-convnet", "model") is own.models["rbc-convnet"]
    with pytest.raises(BrightfieldError, match=r"There is no model 'rbc-convne'. Did you mean 'rbc-convnet'\? Known: "):
        params.entry(own.models, "rbc-convne", "model")
    with pytest.raises(BrightfieldError, match="There is no kind of task 'counting'. Known: classification, "):
        params.parse_settings("counting", {}, "bundle.json")
    with pytest.raises(BrightfieldError, match="bundle.json is not valid"):
        params.parse_settings("tracking", {"threshold": 2.0}, "bundle.json")
    with pytest.raises(BrightfieldError, match="bundle.json is not valid"):
        params.parse_model({"task": "rbc"}, "bundle.json")


# --- properties -------------------------------------------------------------------------------------------------------


def places(content: Any, path: Path_ = ()) -> list[Path_]:
    """Where anything stands in nested mappings and lists."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [place for key, value in items for place in [(*path, key), *places(value, (*path, key))]]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.floats() | st.text(max_size=5) | st.just("all"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def verdict(content: dict[str, Any]) -> str:
    """The complaint about a content, empty where there is none; any other exception is a failure."""
    try:
        params.parse(content)
    except BrightfieldError as error:
        return str(error)
    return ""


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(places(OWN)), ANYTHING)
def test_whatever_stands_anywhere_is_taken_or_refused_with_a_message(path: Path_, value: Any) -> None:
    said = verdict(changed(path, value))
    assert said == "" or said.startswith("params.yaml is not valid:\n  ")


SECTIONS = [path for path in places(OWN) if isinstance(at(path, OWN), dict)]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SECTIONS), st.text(max_size=8))
def test_an_unknown_key_anywhere_is_refused_with_a_message(path: Path_, key: str) -> None:
    said = verdict(changed((*path, key), 1))
    assert said.startswith("params.yaml is not valid:\n  ")


@settings(max_examples=50, deadline=None)
@given(
    threads=st.integers(1, 256),
    rate=st.floats(1e-7, 10, allow_nan=False),
    filters=st.lists(st.integers(1, 64), min_size=1, max_size=4),
    electrons=st.tuples(st.floats(1, 50), st.floats(50, 500)),
    members=st.just("all") | st.lists(st.sampled_from(["rbc-convnet", "rbc-compact"]), unique=True),
)
def test_what_is_dumped_is_read_as_the_same(
    threads: int, rate: float, filters: list[int], electrons: tuple[float, float], members: Any
) -> None:
    content = changed(("compute", "threads"), threads)
    content["models"]["rbc-convnet"]["training"]["learning_rate"] = rate
    content["models"]["rbc-convnet"]["network"]["filters"] = filters
    content["simulations"]["denoise"]["peak_electrons"] = list(electrons)
    content["ensembles"]["rbc-ensemble"]["members"] = members
    first = params.parse(content)
    dumped = first.model_dump(mode="json", exclude_none=True)
    again = params.parse(dumped)
    assert again == first
    assert again.model_dump(mode="json", exclude_none=True) == dumped
    for name, model in first.models.items():  # as a bundle remembers it, with what is None
        assert params.parse_model(model.model_dump(mode="json"), name) == model
