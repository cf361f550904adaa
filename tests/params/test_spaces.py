"""What tuning tries: labels, conditions, the entry as it is, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tiny
from brightfield import params
from brightfield.params import spaces
from brightfield.params.spaces import Search
from entries import OWN, changed, complaint

FULL = tiny.full_params()
FLIP, BOTH = ["flip"], ["flip", "brightness"]


def entry(name: str, **values: Any) -> params.Model:
    """A model of the project with other values; a double underscore stands for a dot."""
    return params.with_values(FULL.models[name], {key.replace("__", "."): value for key, value in values.items()}, name)


def space(content: dict[str, dict[str, Any]]) -> params.Space:
    return {path: Search.model_validate(search) for path, search in content.items()}


def refused(model: str, content: dict[str, dict[str, Any]]) -> str:
    """What a params.yaml with this space is refused with."""
    return complaint(("spaces", model), content)


# --- labels ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "called"),
    [(["flip", "rotate"], "flip rotate"), ([32, 64, 128], "32 64 128"), ([], "none"), (None, None), (True, True), (3, 3),
     (0.98, 0.98), ("adamw", "adamw")],
)  # fmt: skip
def test_a_choice_has_a_label_and_is_found_again_by_it(choice: Any, called: Any) -> None:
    search = Search(choices=["another", choice])
    assert spaces.label(choice) == called
    assert type(spaces.label(choice)) is type(called)
    assert spaces.chosen(search, called) == choice


def test_what_is_no_label_is_refused_with_those_that_are() -> None:
    with pytest.raises(ValueError, match="no choice is called 'rotate'; expected one of 'none', 'flip', None"):
        spaces.chosen(Search(choices=[[], FLIP, None]), "rotate")
    assert spaces.chosen(Search(low=0, high=3), 2) == 2


ATOMS = st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("abc 1", min_size=1)


@given(st.lists(st.none() | ATOMS | st.lists(ATOMS), min_size=1, max_size=6))
def test_a_search_with_labels_that_differ_finds_each_choice_again(choices: list[Any]) -> None:
    labels = [spaces.label(choice) for choice in choices]
    if any(called in labels[:i] for i, called in enumerate(labels)):
        with pytest.raises(ValueError, match="two choices are called"):
            Search(choices=choices)
    else:
        search = Search(choices=choices)
        assert [spaces.chosen(search, called) for called in labels] == choices


# --- conditions -----------------------------------------------------------------------------------------------------------

CONDITIONAL = space(
    {
        "training.augment": {"choices": [FLIP, BOTH]},
        "training.augment_strength": {"low": 0.3, "high": 2.0, "when": {"training.augment": [BOTH]}},
        "training.weight_decay": {
            "low": 1e-5,
            "high": 0.1,
            "when": {"training.optimizer": "adamw", "network.dropout": [0.2, 0.5]},
        },
    }
)


@pytest.mark.parametrize(
    ("model", "values", "expected"),
    [
        ("rbc-convnet", {"training.augment": FLIP}, ["training.augment"]),
        ("rbc-convnet", {"training.augment": BOTH}, ["training.augment", "training.augment_strength"]),
        ("rbc-convnet", {}, ["training.augment"]),  # what was not drawn is the entry's: flip, by rmsprop
        ("rbc-compact", {"training.augment": FLIP}, ["training.augment", "training.weight_decay"]),  # adamw, dropout 0.2
        ("rbc-compact", {"training.augment": FLIP, "network.dropout": 0.3}, ["training.augment"]),
    ],
)  # fmt: skip
def test_a_path_is_tried_where_others_have_the_values_that_it_asks_for(
    model: str, values: dict[str, Any], expected: list[str]
) -> None:
    assert spaces.active(CONDITIONAL, values, spaces.content_of(FULL.models[model])) == expected


@pytest.mark.parametrize(("value", "met"), [(1, False), (True, True), (False, False), (None, True), (0, False)])
def test_a_condition_tells_numbers_from_true_and_null_is_a_value(value: Any, met: bool) -> None:
    search = Search.model_validate({"choices": [1, 2], "when": {"network.batch_norm": [True, None]}})
    assert spaces.is_tried(search, {"network.batch_norm": value}, {}) == met


def test_a_condition_may_ask_for_a_setting_that_the_entry_leaves_to_its_task() -> None:
    model = FULL.models["bacteria-unet"]
    content = spaces.content_of(model, FULL.settings_of(model))
    assert spaces.is_tried(Search(low=0, high=1, when={"settings.scheme": ["cells", "contours"]}), {}, content)
    assert not spaces.is_tried(Search(low=0, high=1, when={"settings.scheme": "cells"}), {}, content)


# --- the entry as it is ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("search", "own", "nearest"),
    [
        ({"low": 1e-4, "high": 1e-2, "log": True}, 1e-3, 1e-3),
        ({"low": 1e-4, "high": 1e-2, "log": True}, 0.0, 1e-4),  # by factors nothing reaches 0
        ({"low": 1e-4, "high": 1e-2, "log": True}, 1.0, 1e-2),
        ({"low": 1e-4, "high": 1e-2, "log": True}, None, 1e-3),  # the middle, by factors
        ({"low": 0.0, "high": 0.6}, "all", 0.3),
        ({"low": 1, "high": 9}, 12, 9),
        ({"low": 0, "high": 3}, 2.7, 3),  # whole numbers
        ({"low": 5, "high": 49, "step": 2}, 33, 33),
        ({"low": 5, "high": 49, "step": 4}, 34, 33),
        ({"low": 0.0, "high": 0.9, "step": 0.3}, 0.6, 0.6),
        ({"low": 0.0, "high": 0.9, "step": 0.3}, 0.5, 0.6),
        ({"choices": [[], FLIP, None]}, FLIP, FLIP),
        ({"choices": [[], FLIP, None]}, None, None),
        ({"choices": [16, 32]}, 8, 16),
    ],
)  # fmt: skip
def test_the_first_trial_is_the_entry_or_the_nearest_to_it(search: dict[str, Any], own: Any, nearest: Any) -> None:
    model = FULL.models["bacteria-unet"].model_copy(update={"settings": {"anything": own}})
    tried = space({"settings.anything": search})
    (found,) = spaces.default_values(tried, model).values()
    assert found == pytest.approx(nearest)
    assert type(found) is type(nearest)
    assert spaces.outside(tried, model) == ([] if own == nearest else ["settings.anything"])


def test_a_path_that_is_not_tried_of_the_entry_as_it_is_has_no_default() -> None:
    values = spaces.default_values(CONDITIONAL, FULL.models["rbc-convnet"])
    assert values == {"training.augment": FLIP}
    assert spaces.default_values(CONDITIONAL, entry("rbc-convnet", training__augment=BOTH)) == {
        "training.augment": BOTH,
        "training.augment_strength": 1.0,
    }


def test_a_setting_is_that_of_the_task_where_the_entry_leaves_it_out() -> None:
    tried = space({"settings.threshold": {"low": 0.1, "high": 0.9}})
    model = FULL.models["beads-correlation"]
    assert spaces.default_values(tried, model) == {"settings.threshold": 0.3}
    assert spaces.default_values(tried, model, params.TrackingSettings(threshold=0.5)) == {"settings.threshold": 0.5}
    own = params.with_values(model, {"settings.threshold": 0.7}, "test")
    assert spaces.default_values(tried, own, params.TrackingSettings(threshold=0.5)) == {"settings.threshold": 0.7}


def test_choices_that_lack_the_value_of_the_entry_have_it_before_the_others() -> None:
    content = changed(
        ("spaces", "rbc-convnet"), {"training.ema": {"choices": [0.98]}, "training.batch_size": {"choices": [32, 64]}}
    )
    own = params.parse(content)
    assert own.spaces["rbc-convnet"]["training.ema"].choices == [0.98]
    tried = own.space("rbc-convnet")
    assert tried["training.ema"].choices == [None, 0.98]
    assert tried["training.batch_size"].choices == [32, 64]
    assert spaces.outside(tried, own.models["rbc-convnet"]) == []


# --- what is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("training.epochs", "the budget of a trial"),
        ("training.steps_per_epoch", "the budget of a trial"),
        ("seed", "was lucky"),
        ("task", "another question"),
        ("kind", "another question"),
        ("dataset", "the same images"),
        ("training.init_from", "the same weights"),
        ("training.distil_from", "the same teacher"),
        ("test_time_augmentation", "8 times slower"),
        ("network.architecture", "a study, of its own"),
    ],
)
def test_what_would_make_trials_unequal_is_refused_and_why(path: str, why: str) -> None:
    message = refused("rbc-convnet", {path: {"choices": [1, 2]}})
    assert f"  spaces.rbc-convnet.{path}: cannot be tuned: " in message
    assert why in message


@pytest.mark.parametrize(
    ("model", "setting"),
    [
        *(("rbc-convnet", name) for name in ("classes", "keep", "channels", "size_px", "pixel_size_um", "threshold", "share")),
        *(("bacteria-unet", name) for name in ("scheme", "species", "contour_um", "min_area_px", "fluorescence")),
        *(("beads-unet", name) for name in ("tolerance_px", "pixel_size_um", "heat_sigma_px", "hybrid")),
        ("denoise-unet", "deviation_scale"),
    ],
)  # fmt: skip
def test_what_is_asked_and_how_it_is_scored_is_refused(model: str, setting: str) -> None:
    message = refused(model, {f"settings.{setting}": {"choices": [1, 2]}})
    assert f"  spaces.{model}.settings.{setting}: cannot be tuned: it is part of what is asked" in message
    able = "settings.separation_px, settings.threshold" if model.startswith("beads") else "none of this kind"
    assert f"Settings that can be: {able}" in message


@pytest.mark.parametrize(
    ("model", "content", "said"),
    [
        ("beads-unet", {"settings.treshold": {"low": 0.1, "high": 0.5}}, [
            "settings.treshold: the entry has no 'settings.treshold'. Did you mean 'settings.threshold'?",
        ]),
        ("beads-unet", {"settings.threshold": {"low": 0.1, "high": 1.5}}, ["settings.threshold: ", "equal to 1, got 1.5"]),
        ("rbc-convnet", {"training.lr": {"low": 0.1, "high": 0.5}}, ["training.lr: the entry has no 'training.lr'."]),
        ("rbc-features", {"training.learning_rate": {"low": 0.1, "high": 0.5}}, ["the entry has no 'training.learning_rate'"]),
        ("rbc-convnet", {"network.dropout": {"low": 0.1, "high": 1.0}}, ["rbc-convnet.network.dropout: ", "less than 1, got 1.0"]),
        ("bacteria-unet", {"network.kernel_px": {"choices": [3, 4]}}, ["bacteria-unet.network.kernel_px: ", "got 4"]),
        ("rbc-convnet", {"training.augment": {"choices": [["flip"], ["flop"]]}}, ["training.augment.0: ", "got 'flop'"]),
        ("rbc-convnet", {"training.dice": {"low": 0.0, "high": 1.0}}, ["training.dice is for models of kind 'segmentation'"]),
        ("bacteria-tuned", {"network.filters": {"low": 8, "high": 16}}, ["the weights of training.init_from have the shape"]),
        ("rbc-convnet", {
            "training.weight_decay": {"low": 0.0, "high": 0.1, "when": {"training.optimizer": "adamw"}},
            "training.optimizer": {"choices": ["adamw", "rmsprop"]},
        }, ["training.weight_decay.when: 'training.optimizer' is drawn later; name it before this path"]),
        ("rbc-convnet", {"training.ema": {"choices": [0.9], "when": {"training.ema": 0.9}}}, ["'training.ema' is drawn later"]),
        ("rbc-convnet", {"training.ema": {"choices": [0.9], "when": {"training.optimiser": "adamw"}}}, [
            "training.ema.when: the entry has no 'training.optimiser'. Did you mean 'training.optimizer'?",
        ]),
        ("rbc-convnet", {
            "training.optimizer": {"choices": ["adamw", "rmsprop"]},
            "training.weight_decay": {"low": 0.0, "high": 0.1, "when": {"training.optimizer": "sgd"}},
        }, ["'training.optimizer' never has the value 'sgd'"]),
        ("bacteria-unet", {
            "network.depth": {"low": 3, "high": 5},
            "training.dice": {"low": 0.0, "high": 3.0, "when": {"network.depth": [6, 7]}},
        }, ["'network.depth' never has the value [6, 7]"]),
    ],
)  # fmt: skip
def test_a_space_that_the_entry_cannot_take_is_refused(
    model: str, content: dict[str, dict[str, Any]], said: list[str]
) -> None:
    message = refused(model, content)
    for part in said:
        assert part in message


def test_a_value_that_needs_another_is_tried_with_it() -> None:
    """Rows are hidden only where there are blind spots: alone, the entry would not take them."""
    tried = {
        "training.blind_spots": {"choices": [False, True]},
        "training.blind_mask": {"choices": ["pixel", "row"], "when": {"training.blind_spots": True}},
    }
    content = changed(("models", "denoise-blind", "training", "blind_spots"), False)
    content["spaces"] = {"denoise-blind": tried}
    assert params.parse(content).spaces["denoise-blind"].keys() == tried.keys()
    tried["training.blind_mask"].pop("when")
    with pytest.raises(
        params.reading.BrightfieldError, match="training.blind_mask 'row' says what training.blind_spots hides"
    ):
        params.parse(content)


def test_the_projects_own_spaces_have_the_entries_among_them() -> None:
    own = params.load(tiny.REPOSITORY / params.PARAMS)
    assert own.spaces.keys() == OWN["spaces"].keys() == {"rbc-finetuned", "bacteria-unet"}
    for name in own.spaces:
        assert 4 <= len(own.space(name)) <= 8
        assert own.space(name) == own.spaces[name]
        assert spaces.outside(own.space(name), own.models[name]) == []


# --- dotted paths ---------------------------------------------------------------------------------------------------------


def test_a_path_is_put_where_sections_are_left_out() -> None:
    content = {"task": "rbc", "training": {"epochs": 1}}
    params.put(content, "training.epochs", 2)
    params.put(content, "network.dropout", 0.1)
    assert content == {"task": "rbc", "training": {"epochs": 2}, "network": {"dropout": 0.1}}
    assert spaces.paths(content) == ["task", "training.epochs", "network.dropout"]
