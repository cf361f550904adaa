"""Ensembles."""

from __future__ import annotations

import pytest

from pages import charts, open_page, text


@pytest.mark.usefixtures("project")
def test_an_ensemble_and_its_gain() -> None:
    app = open_page("ensembles")
    app.segmented_control(key="ensemble").set_value("beads-ensemble").run()
    assert not app.exception
    assert charts(app) == 2
    methods = app.dataframe[0].value
    assert methods.to_numpy().tolist() == [["soft vote", 0.19, ""], ["greedy", 0.2, "✓"]]
    table = app.dataframe[1].value.set_index("name")
    assert table.loc["beads-correlation", "gain"] == pytest.approx(0.35)  # an error that is smaller is a gain
    assert table.loc["beads-correlation", "gain, low"] == pytest.approx(0.32)
    assert "greedy selection" in text(app)
    pairs = app.dataframe[2].value
    assert list(pairs.columns) == ["member", "and", "correlation of errors"]  # positions are neither right nor wrong
    assert pairs["correlation of errors"].tolist() == [0.4]
    assert app.dataframe[3].value["without"].tolist() == ["beads-unet", "beads-unet-wide"]
    assert "rank correlation **0.55**" in text(app)
    assert "has 0.200: the ensemble is not shown to be better than it" in text(app)
    assert "0.061 :gray[(0.040 to 0.080)], of the ensemble 0.032" in text(app)
    costs = app.dataframe[4].value
    assert list(costs.columns) == ["name", "ms an image", "MB"]
    assert costs["name"].tolist() == ["beads-ensemble", "beads-unet", "beads-unet-wide"]
    app.segmented_control(key="ensemble").set_value("denoise-ensemble").run()
    assert any("dvc repro ensemble@denoise-ensemble" in block.value for block in app.code)
