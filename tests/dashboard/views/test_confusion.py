"""Confusion matrices."""

from __future__ import annotations

import pytest

from pages import charts, open_page, text


@pytest.mark.usefixtures("project")
def test_confusion_of_another_task_and_other_models() -> None:
    app = open_page("confusion")
    assert app.multiselect(key="confusion-rbc").value == ["rbc-features", "rbc-convnet", "rbc-ensemble"]
    assert charts(app) == 3  # matrices, recalls, and the kinds that one of them tells
    table = app.dataframe[0].value.set_index(["class", "model"])
    assert table.loc[("bad", "rbc-features"), "recall"] == pytest.approx(0.70)
    assert table.loc[("bad", "rbc-features"), "precision"] == pytest.approx(70 / 90)
    assert table.loc[("good", "rbc-features"), "in truth"] == 200
    app.segmented_control(key="confusion-unit").set_value("Counts").run()
    app.segmented_control(key="confusion-task").set_value("bacteria").run()
    assert not app.exception
    assert charts(app) == 4  # models with classes of their own have charts of their own
    assert app.multiselect(key="confusion-bacteria").value == [
        "bacteria-watershed",
        "bacteria-unet",
        "bacteria-ensemble",
    ]
    table = app.dataframe[0].value
    assert table.groupby("model")["class"].count().to_dict() == {
        "bacteria-watershed": 3,
        "bacteria-unet": 3,
        "bacteria-ensemble": 5,
    }
    app.multiselect(key="confusion-bacteria").set_value([]).run()
    assert "Choose a model." in text(app)


@pytest.mark.usefixtures("project")
def test_models_minus_another_one_with_the_same_classes() -> None:
    app = open_page("confusion")
    before = charts(app)
    app.selectbox(key="confusion-minus-rbc").set_value("rbc-ensemble").run()
    assert not app.exception
    assert "percentage points more than rbc\\-ensemble" in text(app)
    assert charts(app) == before
    app.segmented_control(key="confusion-task").set_value("bacteria").run()
    app.selectbox(key="confusion-minus-bacteria").set_value("bacteria-ensemble").run()  # it has classes of its own
    assert not app.exception
