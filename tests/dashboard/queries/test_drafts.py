"""Corrections that are not saved yet."""

from __future__ import annotations

import json

import pytest
import streamlit as st

from brightfield.errors import BrightfieldError
from queries import drafts, errors, evaluated

pytestmark = pytest.mark.usefixtures("answered", "session")
NAME = "bacteria-again"


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    state: dict[str, object] = {}
    monkeypatch.setattr(st, "session_state", state)
    return state


def image() -> str:
    return str(errors.scores(NAME)["id"].iloc[0])


def cell() -> tuple[float, float]:
    """A place in a true cell."""
    known = evaluated.split_of(NAME, "test")
    rows, columns = known.truth[evaluated.place_of(known, image())].instances.nonzero()
    return float(columns[0]), float(rows[0])


def test_steps_are_kept_until_they_are_taken_back() -> None:
    at = cell()
    drafts.add(NAME, "test", image(), {"action": "erase", "at": list(at), "to": None})
    assert [step.action for step in drafts.of_image("bacteria", image())] == ["erase"]
    with pytest.raises(BrightfieldError, match="no cell"):  # it is gone already
        drafts.add(NAME, "test", image(), {"action": "erase", "at": list(at)})
    assert len(drafts.of_image("bacteria", image())) == 1
    assert json.loads(drafts.as_file("bacteria")) == {image(): [{"action": "erase", "at": list(at)}]}
    drafts.undo("bacteria", image())
    assert drafts.of_dataset("bacteria") == {}


@pytest.mark.parametrize(
    "content", [{"action": "erase", "at": "here"}, {"action": "erase", "at": [1, 2], "__class__": "x"}, {}]
)
def test_what_a_browser_may_not_send_is_refused(content: dict[str, object]) -> None:
    with pytest.raises(BrightfieldError, match="no correction"):
        drafts.add(NAME, "test", image(), content)
    assert drafts.of_dataset("bacteria") == {}


def test_what_is_ticked_is_a_table() -> None:
    drafts.doubt("bacteria", "a", {"split": "test", "label": "good"}, wrong=True)
    drafts.doubt("bacteria", "b", {"split": "test", "label": "good"}, wrong=True)
    drafts.doubt("bacteria", "a", {}, wrong=False)
    assert drafts.as_table("bacteria") == "id,split,label\nb,test,good\n"
    drafts.discard("bacteria")
    assert drafts.doubted("bacteria") == {}
