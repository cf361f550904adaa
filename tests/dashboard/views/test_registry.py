"""Registry: versions, cards, decisions, and changes where the app was started with them allowed."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from brightfield.evaluation import promotion
from brightfield.experiments import registry
from pages import open_page, problems, text
from queries import project as of_project

pytestmark = pytest.mark.usefixtures("project")


def of_beads(app: AppTest | None = None) -> AppTest:
    app = open_page("registry", app)
    app.segmented_control(key="registry-task").set_value("beads").run()
    assert not app.exception
    return app


def select(app: AppTest, row: int) -> None:
    """As the browser reports it."""
    app.session_state[str(app.dataframe[0].key)] = {"selection": {"rows": [row], "columns": [], "cells": []}}
    app.run()


def test_versions_with_aliases_and_scores() -> None:
    table = of_beads().dataframe[0].value
    assert list(table["version"]) == [2, 1]
    assert list(table["alias"]) == ["challenger", "champion"]
    assert list(table["model"]) == ["beads-unet", "beads-unet-wide"]
    assert list(table["capped error (px)"]) == [0.24, 0.22]
    assert list(table["interval"]) == ["0.220 to 0.260", "0.200 to 0.240"]


def test_the_champion_is_selected_and_its_decisions_have_reasons() -> None:
    app = of_beads()
    assert [tab.label for tab in app.tabs] == ["Card of version 1", "Decisions"]
    assert "This version has no model card" in text(app)
    assert "refused" in text(app)
    assert "beads\\-unet \\(version 2\\)" in text(app)
    assert "Capped error 0\\.24 px against 0\\.22\\." in text(app)


def test_a_card_is_shown_and_loads_nothing_from_elsewhere() -> None:
    version = registry.find("beads", "challenger")
    registry.describe(version, "# Beads\n\n**0.22 px** ![x](http://127.0.0.1:1/seen.png)")
    app = of_beads()
    select(app, 0)
    (card,) = [each.value for each in app.markdown if "# Beads" in each.value]
    assert "**0.22 px**" in card
    assert "\\![x]" in card


def test_a_task_without_versions_says_what_makes_one() -> None:
    app = open_page("registry")
    app.segmented_control(key="registry-task").set_value("denoise").run()
    assert any("dvc repro register@denoise" in block.value for block in app.code)


def test_nothing_is_changed_unless_the_app_was_started_so() -> None:
    app = of_beads()
    assert [button.label for button in app.button] == ["Reload"]
    assert "make dashboard CHANGES=1" in text(app)


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["streamlit", of_project.CHANGES])


def button(app: AppTest, label: str) -> Any:
    return next(each for each in app.button if each.label.startswith(label))


@pytest.mark.usefixtures("allowed")
def test_a_version_is_promoted_by_the_gate_or_for_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    def promote(settings: Any, task: str, reference: str, *, force: str | None) -> promotion.Decision:
        del settings
        asked.append((task, reference, force))
        return promotion.Decision(registry.find(task, reference), force is not None, "It gains too little.", {})

    monkeypatch.setattr(promotion, "promote", promote)
    app = of_beads()
    assert button(app, "Make version 1").disabled  # it is champion
    select(app, 0)
    button(app, "Make version 2 (beads-unet) champion").click().run()
    assert "Refused" in app.info[0].value
    assert "It gains too little" in app.info[0].value
    select(app, 0)
    app.text_input(key="registry-reason").set_value("new camera").run()
    button(app, "Make version 2").click().run()
    assert "is champion now" in app.success[0].value
    assert asked == [("beads", "2", None), ("beads", "2", "new camera")]


@pytest.mark.usefixtures("allowed")
def test_what_cannot_be_done_is_said() -> None:
    """There was no champion before."""
    app = of_beads()
    button(app, "Roll back").click().run()
    assert not app.exception
    assert len(problems(app)) == 1
    assert registry.champion("beads").number == 1  # type: ignore[union-attr]
