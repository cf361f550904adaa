"""The test split beside the suites."""

from __future__ import annotations

import pytest

from pages import charts, open_page


@pytest.mark.usefixtures("project", "no_studies")
def test_shifts_show_what_each_suite_costs() -> None:
    app = open_page("shifts")
    assert list(app.segmented_control(key="shifts-task").options) == ["rbc", "bacteria"]  # beads have no suites
    assert charts(app) == 1
    table = app.dataframe[0].value
    assert list(table.columns) == ["model", "test", "camera", "focus"]
    assert list(table["model"]) == ["rbc-ensemble", "rbc-compact", "rbc-convnet", "rbc-features"]
    assert table["focus"].tolist() == pytest.approx([-0.1] * 4)
    assert table["camera"].tolist() == pytest.approx([0.0] * 4)


@pytest.mark.usefixtures("project", "no_studies")
def test_shifts_show_the_objective_by_kind_where_one_is_told() -> None:
    app = open_page("shifts")
    assert "By kind of test image" not in [heading.value for heading in app.subheader]
    app.segmented_control(key="shifts-task").set_value("bacteria").run()
    assert not app.exception
    assert charts(app) == 3
    assert "By kind of test image" in [heading.value for heading in app.subheader]


@pytest.mark.usefixtures("project", "no_studies")
def test_shifts_show_images_against_what_they_are_like() -> None:
    app = open_page("shifts")
    assert "Single images by condition" not in [heading.value for heading in app.subheader]
    app.segmented_control(key="shifts-task").set_value("bacteria").run()
    assert "Single images by condition" in [heading.value for heading in app.subheader]
    assert app.selectbox(key="shifts-condition-bacteria").value == "cover"
    app.selectbox(key="shifts-condition-bacteria").set_value("focus_um").run()
    app.selectbox(key="shifts-image-metric-bacteria").set_value("ap50").run()
    assert not app.exception
    assert any("distance of the focal plane" in caption.value for caption in app.caption)


@pytest.mark.usefixtures("project", "no_studies")
def test_shifts_of_another_metric_recalibrated_where_probabilities_are() -> None:
    app = open_page("shifts")
    toggle = app.toggle(key="shifts-recalibrated-rbc")
    assert not toggle.value
    assert any("best that any model could reach" in caption.value for caption in app.caption)
    toggle.set_value(True).run()
    assert not app.exception
    table = app.dataframe[0].value
    assert list(table["model"]) == ["rbc-compact", "rbc-convnet"]  # the others were not recalibrated
    assert table["focus"].tolist() == pytest.approx([0.0, 0.0])
    app.selectbox(key="shifts-metric-rbc").set_value("other").run()
    assert app.dataframe[0].value["test"].tolist() == pytest.approx([0.7, 0.7])
    app.segmented_control(key="shifts-task").set_value("bacteria").run()
    assert not app.exception
    assert not app.toggle


@pytest.mark.usefixtures("project", "no_studies")
def test_shifts_show_how_often_what_is_guaranteed_was_true() -> None:
    app = open_page("shifts")
    assert "Guarantees" in [heading.value for heading in app.subheader]
    table = app.dataframe[1].value
    assert list(table) == ["model", "promised", "test", "camera", "focus", "classes in a set on test"]
    assert table.iloc[0][["promised", "test", "focus"]].tolist() == [0.9, 0.91, 0.7]
    assert any("for 90% of images the true class is in the set" in caption.value for caption in app.caption)
    assert any("too few groups to promise it of new groups" in caption.value for caption in app.caption)
    app.segmented_control(key="shifts-task").set_value("bacteria").run()
    assert not app.exception
    assert any("95% of the true outline" in caption.value for caption in app.caption)
    assert not any("too few groups" in caption.value for caption in app.caption)
