"""Tuning studies, asked through the functions of ``brightfield.training.tuning``."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from queries import studies


@pytest.fixture
def _studies(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = pd.DataFrame(
        {"number": [0, 1], "state": ["complete", "running"], "value": [0.5, None], "rate": [0.1, 0.2]}
    )
    fake = SimpleNamespace(
        studies=lambda: ["net"],
        trials=lambda model: trials if model == "net" else pd.DataFrame(),
        importances=lambda model: {"depth": 0.2, "rate": 0.8} if model == "net" else {},
    )
    monkeypatch.setattr(studies, "_studies", lambda: fake)


@pytest.mark.usefixtures("_studies")
def test_a_study() -> None:
    assert studies.tuned() == ["net"]
    table = studies.trials("net")
    assert table["value"].dtype == float
    assert studies.parameters(table) == ["rate"]
    assert studies.importances("net").to_dict("list") == {"parameter": ["rate", "depth"], "importance": [0.8, 0.2]}


@pytest.mark.usefixtures("_studies")
def test_a_study_without_trials() -> None:
    table = studies.trials("other")
    assert table.empty
    assert set(studies.NOT_PARAMETERS) <= set(table.columns)
    assert studies.importances("other").empty
