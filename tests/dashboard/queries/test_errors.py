"""The worst answers of a model, by what each image alone scores."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import scored
from brightfield import layout
from brightfield.errors import BrightfieldError
from brightfield.evaluation import reports
from queries import errors, evaluated

pytestmark = pytest.mark.usefixtures("answered")


def test_models_that_were_scored() -> None:
    assert errors.scored("bacteria") == ["bacteria-watershed", "bacteria-again"]
    assert errors.scored("rbc") == ["rbc-convnet", "rbc-compact"]
    assert errors.scored("denoise") == []


def test_each_image_scores_what_its_own_statistics_say() -> None:
    """Of a crop there is no AUC; its Brier score is the squared error of its probability."""
    table = errors.scores("rbc-convnet")
    known = reports.image_scores(evaluated.scores_file("rbc-convnet"))
    known = known[known["split"] != "validation"].reset_index(drop=True)
    assert "auc" not in table
    np.testing.assert_allclose(table["brier"], (known["probability"] - known["truth"]) ** 2, atol=1e-12)
    assert list(table["truth"]) == ["good" if truth else "bad" for truth in known["truth"]]
    assert list(table["answered"]) == ["good" if answer else "bad" for answer in known["answered"]]
    assert set(table["split"]) == {"test", "focus"}  # validation chose the model


def test_a_cell_has_the_images_that_are_counted_in_it() -> None:
    table, confused = errors.scores("rbc-convnet"), errors.confused("rbc-convnet")
    assert confused is not None
    assert confused.is_of_images
    is_in = (table["truth"] == "bad") & (table["answered"] == "good")
    assert (confused.within("bad as good") == is_in).all()
    assert set(confused.cells()[:2]) == {"bad as good", "good as bad"}  # errors first
    assert errors.scores("rbc-convnet", "bad as good").equals(table)


def test_where_pixels_have_classes_they_are_counted_in_each_image() -> None:
    known = reports.image_scores(evaluated.scores_file("bacteria-watershed"))
    known = known[~known["split"].isin(["train", "validation"])].reset_index(drop=True)
    table = errors.scores("bacteria-watershed", "contour as body")
    assert table["confused_px"].tolist() == known["confusion_2_1"].tolist()
    assert errors.measures(table)[0] == "confused_px"
    assert errors.worst(table, "confused_px")["confused_px"].is_monotonic_decreasing
    assert "confused_px" not in errors.scores("bacteria-watershed", "no as such")  # of a model with other classes


@pytest.mark.usefixtures("empty")
def test_a_task_without_classes_has_no_cells() -> None:
    scored.write_report("beads-unet", scored.frames(0.1, 0))
    assert errors.confused("beads-unet") is None


def test_the_objective_comes_first_where_an_image_has_it() -> None:
    table = errors.scores("bacteria-watershed")
    assert errors.measures(table)[0] == "mean_iou"
    assert len(table) == 6
    assert table["mean_iou"].between(0, 1).all()


def test_the_worst_come_first_whatever_is_good() -> None:
    of_errors, of_quality = errors.scores("rbc-convnet"), errors.scores("bacteria-watershed")
    assert errors.worst(of_errors, "brier")["brier"].is_monotonic_decreasing
    assert errors.worst(of_quality, "mean_iou")["mean_iou"].is_monotonic_increasing


def test_images_at_which_another_model_is_better_come_first() -> None:
    one, other = errors.scores("rbc-convnet"), errors.scores("rbc-compact")
    found = errors.apart(one, other, "brier")
    assert len(found) == len(one)
    assert found["gain"].is_monotonic_decreasing
    first, last = found.iloc[0], found.iloc[-1]
    assert first["brier of other"] < first["brier"]  # a smaller error
    assert last["brier of other"] > last["brier"]
    assert first["gain"] == pytest.approx(first["brier"] - first["brier of other"])


def test_scores_of_an_earlier_version_are_one_error(answered: Path) -> None:
    path = answered / layout.report("rbc-compact") / layout.IMAGE_SCORES
    content = path.read_text()
    try:
        path.write_text(content.replace("probability", "chance", 1))
        with pytest.raises(BrightfieldError, match="has no column 'probability'"):
            errors.scores("rbc-compact")
    finally:
        path.write_text(content)


def test_a_picture_shows_the_answer_no_larger_than_is_asked_for() -> None:
    row = errors.worst(errors.scores("bacteria-watershed"), "mean_iou").iloc[0]
    content = errors.picture("bacteria-watershed", "test", row["id"], 200)
    with PIL.Image.open(io.BytesIO(content), formats=("PNG",)) as picture:
        assert max(picture.size) <= 200
        assert np.asarray(picture).std() > 0
