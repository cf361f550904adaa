"""What is said of doubtful answers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import counting
from brightfield import prediction
from brightfield.inference.predictor import Predictor
from brightfield.prediction import doubting
from trained import TASKS, write_bundle

FAR = pd.DataFrame({"outside": [1, 1, 0], "distance": [3.0, 9.0, 0.5], "farthest": ["focus", "focus", "noise"]})


def model(kind: str) -> Predictor:
    write_bundle(kind)
    return prediction.load(TASKS[kind], "mine")


def test_agreement_decides_and_distance_explains(project: Path) -> None:
    predictor = model("segmentation")
    found = doubting.compared(FAR, [(1.0,), (0.0,), (0.0,)], predictor)
    assert found is not None
    assert list(found.columns) == list(doubting.COLUMNS)
    assert list(found["outside"]) == [0, 1, 1]
    assert list(found["distance"]) == [3.0, 9.0, 0.5]
    assert "distance" not in doubting.compared(None, [(1.0,)], predictor)  # type: ignore[operator]


def test_a_task_that_judges_no_answers_has_the_distance_alone(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    predictor = model("segmentation")
    monkeypatch.setattr(type(predictor.task.answering), "doubts", None)
    assert doubting.compared(None, [], predictor) is None
    found = doubting.compared(FAR, [], predictor)
    assert found is FAR
    said = doubting.warning(FAR.assign(image=["a", "b", "c"]), predictor)
    assert said is not None
    assert said.startswith("2 of 3 answers are doubtful: their images are unlike the training data.")
    assert "Look at b first." in said
    assert counting.KIND not in said


def test_nothing_is_said_where_nothing_is_doubtful(project: Path) -> None:
    predictor = model("segmentation")
    found = doubting.compared(FAR, [(1.0,)] * 3, predictor)
    assert found is not None
    assert doubting.warning(found.assign(image=["a", "b", "c"]), predictor) is None
    assert doubting.warning(pd.DataFrame(columns=["image", *doubting.COLUMNS]), predictor) is None


@pytest.mark.parametrize(("agreements", "most"), [([0.0, 0.0, 1.0], True), ([0.0, 1.0, 1.0], False)])
def test_that_the_model_does_not_suit_is_said_once_where_most_are_doubtful(
    project: Path, agreements: list[float], most: bool
) -> None:
    predictor = model("segmentation")
    found = doubting.compared(FAR, [(each,) for each in agreements], predictor)
    assert found is not None
    said = doubting.warning(found.assign(image=["a", "b", "c"]), predictor)
    assert said is not None
    assert said.count("The model does not suit these images.") == int(most)
    assert "What differs most from the training data is their focus." in said
    assert "their expected error is 0.97 (1 - the mean of Dice and AP50)" in said


@pytest.mark.parametrize("kind", list(TASKS))
def test_what_helps_is_what_the_task_can_do(project: Path, kind: str) -> None:
    predictor = model(kind)
    said = " ".join(doubting.remedies(predictor))
    assert ("--recalibrate" in said) == predictor.task.answering.recalibratable
    assert "--magnify" not in said  # it does not know how wide things are
    assert "`brightfield match`" in said
    assert f"`brightfield import {TASKS[kind]}`" in said


def test_one_image_in_words() -> None:
    doubtful = {"outside": 1, "doubt": 0.625, "distance": 2.34, "farthest": "focus"}
    assert doubting.about(doubtful) == "expected error 0.62, focus 2.3 times the limit"
    assert doubting.about(doubtful | {"distance": 0.9}) == "expected error 0.62"
    assert doubting.about(doubtful | {"outside": 0}) == ""
    assert doubting.about({"outside": 1, "distance": 2.0, "farthest": "noise"}) == "noise 2.0 times the limit"
    assert doubting.about({}) == ""
