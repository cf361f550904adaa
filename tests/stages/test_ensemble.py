"""Who takes part in an ensemble, and with which outputs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tiny
from brightfield import layout, params, tasks
from brightfield.evaluation.activation_files import ActivationWriter
from brightfield.stages.ensemble import candidates, outputs_of


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> params.Params:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(tiny.tiny_text(), encoding="utf-8")
    return params.load()


def write(model: params.Model, name: str, array: np.ndarray) -> None:
    folder = layout.predictions(model.task, name)
    folder.mkdir(parents=True)
    with ActivationWriter(folder, "validation", ["a"], half=False) as writer:
        writer.append("a", array)


def test_models_that_answer_as_much_as_is_asked_of_the_same_image_take_part(settings: params.Params) -> None:
    members, baselines = candidates(settings, settings.ensembles["bacteria-ensemble"])
    assert {"bacteria-unet", "bacteria-tuned", "bacteria-species", "bacteria-pair", "bacteria-lite"} <= set(members)
    assert "bacteria-fluorescence" not in members, "it needs another image"
    assert baselines == ["bacteria-watershed"]
    assert "beads-hybrid" not in candidates(settings, settings.ensembles["beads-ensemble"])[0]


def test_an_ensemble_of_five_classes_asks_for_five(settings: params.Params) -> None:
    content = settings.model_dump()
    content["tasks"]["bacteria"]["settings"]["scheme"] = "species"
    five = params.Params.model_validate(content)
    members, _ = candidates(five, five.ensembles["bacteria-ensemble"])
    assert {"bacteria-unet", "bacteria-species", "bacteria-pair"} <= set(
        members
    )  # all take the scheme of their task now
    content["models"]["bacteria-unet"]["settings"] = {"scheme": "contours"}
    fewer = params.Params.model_validate(content)
    assert "bacteria-unet" not in candidates(fewer, fewer.ensembles["bacteria-ensemble"])[0]


def test_five_classes_are_read_as_three(settings: params.Params) -> None:
    three, five = np.full((3, 2, 4), 1 / 3, np.float32), np.zeros((5, 2, 4), np.float32)
    five[:] = np.array([0.1, 0.2, 0.3, 0.15, 0.25], np.float32)[:, None, None]
    write(settings.models["bacteria-unet"], "bacteria-unet", three)
    write(settings.models["bacteria-species"], "bacteria-species", five)
    entry = settings.tasks["bacteria"]
    split: Any = SimpleNamespace(name="validation", images=SimpleNamespace(index=pd.DataFrame({"id": ["a"]})))
    task = tasks.build(entry.kind, entry.settings)
    outputs = outputs_of(settings, task, ["bacteria-unet", "bacteria-species"], split)
    np.testing.assert_array_equal(outputs["bacteria-unet"][0], three)
    expected = np.array([0.1, 0.35, 0.55], np.float32)[:, None, None] * np.ones((1, 2, 4), np.float32)
    np.testing.assert_allclose(outputs["bacteria-species"][0], expected, rtol=1e-6)
