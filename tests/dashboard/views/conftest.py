"""Studies of the project, or none."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest

import studied
from brightfield import layout


@pytest.fixture
def no_studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where studies are kept, for this test alone: the project is shared."""
    folder = tmp_path / "studies"
    monkeypatch.setattr(layout, "STUDIES", folder)
    monkeypatch.setattr(layout, "JOURNAL", folder / "journal.log")
    monkeypatch.setattr(layout, "CLAIMS", folder / "claims")
    return folder


@pytest.fixture
def searched(no_studies: Path) -> optuna.Study:
    """A search of ``beads-unet``, whose objective is to be minimised."""
    del no_studies
    return studied.fill(studied.begin(studied.identity()))


@pytest.fixture
def confirmed(searched: optuna.Study) -> optuna.Study:
    """The same, after its best were trained again: one is better than the entry as it is."""
    studied.confirm(searched, studied.identity(), 0.05)
    return searched
