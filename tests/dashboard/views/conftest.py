"""A study, or none, without Optuna."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from queries import studies


@pytest.fixture
def fake_studies(monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """One study of ``beads-unet``, whose objective is to be minimised."""
    trials = pd.DataFrame(
        {
            "number": range(6),
            "state": ["complete", "pruned", "complete", "complete", "failed", "complete"],
            "value": [0.5, 0.9, 0.4, 0.3, None, 0.6],
            "epochs": [5, 1, 5, 5, 0, 5],
            "duration_s": [60.0] * 6,
            "training.learning_rate": [0.001, 0.002, 0.003, 0.004, 0.005, 0.006],
            "network.filters": [6, 8, 10, 12, 14, 16],
        }
    )
    fake = SimpleNamespace(
        studies=lambda: ["beads-unet"],
        trials=lambda model: trials,
        importances=lambda model: {"training.learning_rate": 0.9, "network.filters": 0.1},
    )
    monkeypatch.setattr(studies, "_studies", lambda: fake)
    return trials


@pytest.fixture
def no_studies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Optuna stays unloaded."""
    monkeypatch.setattr(studies, "_studies", lambda: SimpleNamespace(studies=list))
