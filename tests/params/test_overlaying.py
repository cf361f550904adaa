"""Profiles are put on and taken off, and what a user has changed stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tiny
from brightfield import layout, params
from brightfield.errors import BrightfieldError
from brightfield.params import editing, overlaying
from brightfield.params.overlaying import DEFAULT
from brightfield.params.spaces import MISSING, at

OVERLAY: dict[str, Any] = {
    "about": "of a test",
    "values": {"models.a.training.epochs": [4, 9]},
    "entries": {"models": {"b": {"task": "rbc", "seed": 1}}},
}


def document(**changed: Any) -> dict[str, Any]:
    return {"models": {"a": {"training": {"epochs": 4}}, **changed}}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's own params.yaml, as the current folder has it."""
    path = tmp_path / params.PARAMS
    path.write_bytes((tiny.REPOSITORY / params.PARAMS).read_bytes())
    monkeypatch.chdir(tmp_path)
    return path


# --- an overlay ---------------------------------------------------------------------------------------------------------


def test_entries_are_added_and_values_set_and_the_reverse_takes_them_back() -> None:
    content = document()
    assert list(overlaying.put_on(content, OVERLAY)) == []
    assert content == {"models": {"a": {"training": {"epochs": 9}}, "b": {"task": "rbc", "seed": 1}}}
    assert list(overlaying.put_on(content, OVERLAY)) == []  # a second time changes nothing
    assert content["models"]["a"]["training"]["epochs"] == 9
    assert list(overlaying.put_off(content, OVERLAY)) == []
    assert content == document()
    assert list(overlaying.put_off(content, OVERLAY)) == []
    assert content == document()


def test_a_value_that_is_there_with_the_profile_alone_is_taken_away_again() -> None:
    overlay = {**OVERLAY, "values": {"models.a.training.patience": [None, 3]}}
    content = document()
    assert list(overlaying.put_on(content, overlay)) == []
    assert content["models"]["a"]["training"] == {"epochs": 4, "patience": 3}
    assert list(overlaying.put_off(content, overlay)) == []
    assert content == document()
    content["models"]["a"]["training"]["patience"] = 7
    (line, *_) = overlaying.put_on(content, overlay)
    assert "models.a.training.patience is 7 in params.yaml, neither None nor 3" in line


def test_what_a_user_has_set_is_named_and_stays() -> None:
    content = document(b={"task": "rbc", "seed": 7})
    content["models"]["a"]["training"]["epochs"] = 5
    before = repr(content)
    for change in (overlaying.put_on, overlaying.put_off):
        lines = list(change(content, OVERLAY))
        assert repr(content) == before
        assert len(lines) == 2
        assert any("models.b" in line and "left" in line for line in lines)
        assert any(line.startswith("models.a.training.epochs is 5 in params.yaml, neither 4 nor 9") for line in lines)


def test_a_value_of_a_model_that_was_removed_is_passed_over() -> None:
    content: dict[str, Any] = {"models": {"c": {}}}
    assert list(overlaying.put_on(content, OVERLAY)) == []
    assert content == {"models": {"c": {}, "b": {"task": "rbc", "seed": 1}}}


# --- the profiles of the project ------------------------------------------------------------------------------------------


def test_every_profile_is_valid_and_says_what_it_is_for(own: Path) -> None:
    assert overlaying.names()[0] == DEFAULT
    assert "full" in overlaying.names()
    for name in overlaying.names():
        assert len(overlaying.about(name)) > 20
        params.parse(overlaying.overlaid(name))
    assert overlaying.overlaid(DEFAULT) == params.read_yaml(own)


@pytest.mark.parametrize("name", [name for name in overlaying.names() if name != DEFAULT])
def test_what_a_profile_sets_is_in_params_as_it_expects(name: str, own: Path) -> None:
    """Or it would put nothing on, without a word."""
    overlay = params.read_yaml(layout.PROFILES / f"{name}.yaml")
    content = params.read_yaml(own)
    for dotted, (before, after) in overlay.get("values", {}).items():
        found = at(content, dotted)
        assert (None if found is MISSING else found) == before != after, dotted
    for section, entries in overlay["entries"].items():
        assert not entries.keys() & content[section].keys()
    assert list(overlaying.put_on(content, overlay)) == []


def test_full_has_a_model_of_each_architecture_and_default_has_less() -> None:
    default, full = params.load(tiny.REPOSITORY / params.PARAMS), tiny.full_params()
    assert default.models.keys() < full.models.keys()
    used = {model.network.architecture for model in full.models.values()}
    assert {
        "convnet",
        "regression",
        "transfer",
        "unet",
        "unet_pair",
        "smp",
        "total_variation",
        "wavelet",
        "watershed",
    } <= used
    for name, model in default.models.items():
        longer = full.models[name]
        assert longer.network == model.network
        if model.training is not None:
            assert longer.training is not None
            assert longer.training.epochs >= model.training.epochs


def test_the_file_has_what_the_profile_promises_and_default_gives_back_every_byte(own: Path) -> None:
    before = own.read_text()
    plain = overlaying.overlaid("full")
    assert overlaying.in_force() == []
    assert overlaying.choose("full") == []
    assert overlaying.in_force() == ["full"]
    assert params.load() == params.parse(plain)
    comments = [line.partition("#")[2] for line in before.splitlines() if "#" in line]
    written = own.read_text()
    assert all(comment in written for comment in comments)
    assert overlaying.choose("full") == []
    assert own.read_text() == written
    assert overlaying.choose(DEFAULT) == []
    assert overlaying.in_force() == []
    assert own.read_text() == before


def test_a_changed_entry_outlives_the_profile(own: Path) -> None:
    overlaying.choose("full")
    editing.set_values({"models.rbc-compact.seed": 5, "models.rbc-convnet.training.epochs": 13})
    lines = overlaying.choose(DEFAULT)
    assert any(line.startswith("models.rbc-compact is not as the profile has it") for line in lines)
    assert any(line.startswith("models.rbc-convnet.training.epochs is 13") for line in lines)
    assert len(lines) == 2
    left = params.load()
    assert left.models["rbc-compact"].seed == 5
    assert left.models["rbc-convnet"].training.epochs == 13  # type: ignore[union-attr]
    assert "bacteria-lite" not in left.models
    assert overlaying.in_force() == []


def test_a_profile_that_leaves_something_wanting_is_not_taken_off(own: Path) -> None:
    overlaying.choose("full")
    editing.edit(lambda document: document["ensembles"]["rbc-ensemble"].update(members=["rbc-compact"]), own)
    before = own.read_bytes()
    with pytest.raises(BrightfieldError, match="There is no model 'rbc-compact'"):
        overlaying.choose(DEFAULT)
    assert own.read_bytes() == before


@pytest.mark.usefixtures("own")
def test_one_profile_follows_another_without_a_word() -> None:
    """Two of them set some of the same values."""
    before = Path(params.PARAMS).read_bytes()
    for name in ("full", "combined", "full", DEFAULT, "combined", DEFAULT):
        assert overlaying.choose(name) == []
    assert Path(params.PARAMS).read_bytes() == before


def test_a_profile_that_there_is_not_is_refused_with_those_there_are(own: Path) -> None:
    before = own.read_bytes()
    with pytest.raises(BrightfieldError, match="There is no profile 'ful': expected default, combined, full"):
        overlaying.choose("ful")
    assert own.read_bytes() == before
