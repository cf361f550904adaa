"""Files, parts alone, what bundles remember; and whatever stands anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny
from brightfield import params
from brightfield.errors import BrightfieldError
from entries import OWN, Path_, at, changed


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


def test_a_setting_of_the_task_may_have_another_value_although_the_entry_leaves_it_out() -> None:
    model = params.load(tiny.REPOSITORY / params.PARAMS).models["beads-correlation"]
    assert model.settings == {}
    other = params.with_values(model, {"settings.threshold": 0.6, "network.template_px": 21}, "spaces")
    assert other.settings == {"threshold": 0.6}
    with pytest.raises(
        BrightfieldError, match=r"spaces: a model's entry has no 'settings\.treshold'.* mean 'settings\.threshold'"
    ):
        params.with_values(model, {"settings.treshold": 0.6}, "spaces")
    with pytest.raises(BrightfieldError, match=r"spaces is not valid:\n  settings\.threshold: .* equal to 1, got 1\.5"):
        params.with_values(model, {"settings.threshold": 1.5}, "spaces")


def test_settings_that_need_those_of_the_task_are_left_to_it() -> None:
    """Scheme `species` needs names of species, which stand in the task."""
    model = params.load(tiny.REPOSITORY / params.PARAMS).models["bacteria-unet"]
    assert params.with_values(model, {"settings.scheme": "species"}, "test").settings == {"scheme": "species"}


def test_settings_that_bundles_of_earlier_versions_hold_are_read() -> None:
    before = {"pixel_size_um": 0.1, "classes": ["background", "body", "contour"], "contour_px": 2.0, "min_area_px": 30}
    settings = params.parse_settings("segmentation", {**before, "seed_probability": 0.65}, "bundle.json")
    assert isinstance(settings, params.SegmentationSettings)
    assert (settings.scheme, settings.contour_px, settings.seed_probability) == ("contours", 2.0, 0.65)


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
    members=st.just("all") | st.lists(st.sampled_from(["rbc-convnet", "rbc-compact"]), unique=True, min_size=1),
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
