"""Compare: which model is better, and on which images."""

from __future__ import annotations

import pytest

from pages import charts, open_page, start, text

pytestmark = pytest.mark.usefixtures("answered")


def test_two_models_are_compared_in_words_numbers_and_a_figure() -> None:
    app = open_page("compare")
    assert app.selectbox(key="compare-reference-rbc").value == "rbc-compact"
    assert app.multiselect(key="compare-models-rbc").value == ["rbc-convnet"]
    assert "rbc\\-compact is better on test" in text(app)
    assert charts(app) == 1
    table = app.dataframe[0].value
    assert table["metric"].iloc[0] == "AUC"
    assert table["better"].iloc[0] == "rbc-compact"
    assert "There are no pictures here." in text(app)  # the models are not


def test_models_that_answer_alike_are_so_called() -> None:
    app = start()
    app.query_params["compare-task"] = "bacteria"
    open_page("compare", app)
    assert "equal on test" in text(app)
    assert set(app.dataframe[0].value["better"]) <= {"equal", "may be chance"}  # what is undefined may be anything
    assert "Their answers score alike on every image." in text(app)


def test_one_model_is_no_comparison() -> None:
    app = open_page("compare")
    app.multiselect(key="compare-models-rbc").set_value([]).run()
    assert "Choose a model to compare with the reference." in text(app)
    assert not app.exception
