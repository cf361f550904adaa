"""Datasets."""

from __future__ import annotations

import pytest

from pages import open_page, text


@pytest.mark.usefixtures("project")
def test_datasets_and_their_checks() -> None:
    app = open_page("data")
    datasets, checks, splits = (frame.value for frame in app.dataframe)
    assert datasets["dataset"].tolist() == ["rbc", "beads"]
    assert datasets["images"].tolist() == [12, 12]
    assert datasets["classes"].tolist() == ["6 bad, 6 good", ""]
    assert datasets["warnings"].tolist() == [2, 0]
    found = checks.set_index("name")
    assert found.loc["no near copies between groups", "outcome"] == "warning"
    assert "image0 and image5 (train, test; correlation" in found.loc["no near copies between groups", "examples"]
    assert found.loc["no saturated image", "count"] == 1
    assert splits.set_index("split").loc["train", "groups"] == 4
    assert "8 of 10 checks found nothing" in text(app)
    app.segmented_control(key="dataset").set_value("beads").run()
    assert not app.exception
    assert set(app.dataframe[1].value["outcome"]) == {"ok"}
    app.segmented_control(key="dataset").set_value("denoise").run()
    assert any("dvc repro prepare@denoise" in block.value for block in app.code)
