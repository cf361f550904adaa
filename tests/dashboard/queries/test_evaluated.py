"""Answers that were scored: those of the report, without asking the model again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.evaluation import reports
from queries import answering, evaluated

pytestmark = pytest.mark.usefixtures("answered")
NAME = "bacteria-watershed"


@pytest.fixture
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: Any) -> None:
        raise AssertionError("the model was asked again")

    monkeypatch.setattr(answering, "predictor", asked)


@pytest.mark.usefixtures("nobody_is_asked")
def test_it_is_the_answer_whose_score_the_report_holds() -> None:
    table = reports.image_scores(evaluated.scores_file(NAME))
    rows = table[table["split"] == "test"]
    scoring = evaluated.task_of(NAME).scoring
    for _, row in rows.iterrows():
        numbers = scoring.statistics(*evaluated.answer(NAME, "test", row["id"]))
        assert numbers == {name: row[name] for name in numbers}


def test_without_the_answers_the_model_is_asked(answered: Path) -> None:
    image = reports.image_scores(evaluated.scores_file(NAME)).query("split == 'test'")["id"].iloc[0]
    known, _ = evaluated.answer(NAME, "test", image)
    file = answered / layout.predictions("bacteria", NAME) / "test.safetensors"
    away = file.rename(file.with_suffix(".away"))
    try:
        again, _ = evaluated.answer(NAME, "test", image)
    finally:
        away.rename(file)
    assert np.array_equal(again.instances, known.instances)  # type: ignore[attr-defined]


def test_an_image_of_an_earlier_dataset_is_an_error() -> None:
    with pytest.raises(BrightfieldError, match=r"gone is not in test any more.*dvc repro"):
        evaluated.answer(NAME, "test", "gone")
