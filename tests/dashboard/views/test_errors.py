"""Errors: the worst answers first, beside those of another model."""

from __future__ import annotations

from pathlib import Path

import pytest

import scored
from brightfield import layout
from brightfield.data.store import ImageSet
from brightfield.tasks.correcting import Step
from conftest import write_prepared
from pages import open_page, start, text
from queries import errors

pytestmark = pytest.mark.usefixtures("answered")


def test_the_worst_answers_of_a_model_and_of_another_beside_it() -> None:
    app = start()
    app.query_params["errors-task"] = "bacteria"
    open_page("errors", app)
    assert "6 images." in text(app)
    assert len(app.get("image")) == 6
    assert app.selectbox(key="errors-by-bacteria").value == "mean_iou"
    app.selectbox(key="errors-beside-bacteria").set_value("bacteria-watershed").run()
    assert not app.exception
    assert len(app.get("image")) == 12
    assert "bacteria\\-watershed: " in text(app)
    app.segmented_control(key="errors-order").set_value("where the other is better").run()
    assert not app.exception


def test_an_address_opens_an_image_in_the_microscope() -> None:
    image = errors.worst(errors.scores("bacteria-again"), "mean_iou")["id"].iloc[1]
    app = start()
    app.query_params["errors-task"] = "bacteria"
    app.query_params["errors-image"] = f"test/{image}"
    open_page("errors", app)
    assert "2 of 6" in text(app)
    app.button(key="errors-close").click().run()
    assert not app.exception
    assert "errors-image" not in app.query_params
    assert "2 of 6" not in text(app)
    app.button(key=f"errors-open-test/{image}").click().run()
    assert app.query_params["errors-image"] == f"test/{image}"


def test_an_image_that_is_not_among_those_asked_for_is_not_opened() -> None:
    app = start()
    app.query_params["errors-task"] = "bacteria"
    app.query_params["errors-image"] = "test/../../secret"
    open_page("errors", app)
    assert not [button for button in app.button if button.key == "errors-close"]


def test_images_are_narrowed_to_a_cell_of_the_confusion() -> None:
    """The models of this task are not here: what is missing is said beside what is known."""
    app = start()
    app.query_params["errors-task"] = "rbc"
    app.query_params["errors-cell-rbc"] = "bad as good"
    app.session_state["errors-table"] = True
    open_page("errors", app)
    assert app.multiselect(key="errors-split-rbc").value == ["test"]
    assert app.selectbox(key="errors-cell-rbc").value == "bad as good"
    assert "bad, answered good" in text(app)
    assert "bad, answered bad" not in text(app)
    assert "There are no pictures here." in text(app)
    assert set(app.dataframe[0].value["truth"]) == {"bad"}


def test_images_with_pixels_in_a_cell_are_ordered_by_how_many_and_compared_so() -> None:
    app = start()
    app.query_params["errors-task"] = "bacteria"
    app.query_params["errors-cell-bacteria"] = "contour as body"
    app.query_params["errors-beside-bacteria"] = "bacteria-watershed"
    app.session_state["errors-table"] = True
    open_page("errors", app)
    assert app.selectbox(key="errors-by-bacteria").value == "confused_px"
    table = app.dataframe[0].value
    assert table["confused_px"].is_monotonic_decreasing
    assert (table["confused_px"] > 0).all()
    assert (table["confused_px of other"] == table["confused_px"]).all()  # the two models answer alike


def test_the_truth_is_corrected_where_one_looks_and_the_corrections_are_taken_along() -> None:
    image = errors.worst(errors.scores("bacteria-again"), "mean_iou")["id"].iloc[0]
    app = start()
    app.query_params["errors-task"] = "bacteria"
    app.query_params["errors-image"] = f"test/{image}"
    app.session_state["drafts"] = {"bacteria": {image: [Step(action="paint", outline=[(1, 1), (9, 1), (9, 9)])]}}
    open_page("errors", app)
    assert "**1 image corrected, 0 images ticked as wrong**" in text(app)
    assert "`brightfield relabel bacteria FILE`" in text(app)
    assert not [button for button in app.button if button.key == "correct-save"]  # changes are not allowed here
    app.checkbox(key=f"doubt-bacteria-{image}").check().run()
    assert not app.exception
    assert "**1 image corrected, 1 image ticked as wrong**" in text(app)
    app.button(key=f"correct-undo-{image}").click().run()
    assert "**0 images corrected, 1 image ticked as wrong**" in text(app)
    app.button(key="correct-discard").click().run()
    assert not app.exception
    assert "ticked as wrong" not in text(app)


def test_a_correction_that_finds_nothing_is_said_once() -> None:
    image = errors.worst(errors.scores("bacteria-again"), "mean_iou")["id"].iloc[0]
    app = start()
    app.query_params["errors-task"] = "bacteria"
    app.query_params["errors-image"] = f"test/{image}"
    app.session_state["correcting-problem"] = "the truth has no cell at x = 1, y = 2"
    open_page("errors", app)
    assert "no cell at x" in app.warning[0].value
    app.run()
    assert not app.warning


def test_labels_that_are_probably_wrong_are_corrected_on_the_spot(empty: Path) -> None:
    write_prepared(layout.prepared("rbc"), "classification")
    scored.write_report("rbc-convnet", scored.crops({"validation": 1.0, "test": 1.0}))
    app = start()
    app.query_params["errors-look"] = "labels that are probably wrong"
    open_page("errors", app)
    assert app.code[0].value == "brightfield labels rbc"
    records = ImageSet.prepared(layout.prepared("rbc"), "train").index
    image, label = records["id"].iloc[0], ("bad", "good")[records["label"].iloc[0]]
    folder = layout.report("labels-rbc")
    folder.mkdir(parents=True)
    (folder / layout.LABEL_ERRORS).write_text(
        "rank,id,group,split,label,probability_of_label,margin,suspected\n"
        f"1,{image},g,train,{label},0.01,-0.98,1\n2,stranger,g,train,bad,0.1,-0.8,1\n"
    )
    app.run()
    assert not app.exception
    assert "believed to 0.010" in text(app)
    assert "There is no picture here. The image stranger" in text(app)
    app.segmented_control(key=f"correct-class-rbc-{image}").set_value("good" if label == "bad" else "bad").run()
    assert not app.exception
    assert "**1 image corrected, 0 images ticked as wrong**" in text(app)
    app.segmented_control(key=f"correct-class-rbc-{image}").set_value(label).run()  # as it is: not corrected
    assert "corrected" not in text(app).replace("(corrected)", "")
