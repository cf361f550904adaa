"""Images that a user uploads."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from brightfield import layout
from pages import open_page, text


@pytest.mark.usefixtures("project")
def test_predict(tmp_path: Path) -> None:
    image = np.random.default_rng(0).normal(20_000, 300, (80, 100))
    image[20:40, 20:40] = image[50:70, 60:80] = 5_000
    tifffile.imwrite(tmp_path / "cells.tif", image.astype(np.uint16), photometric="minisblack")
    app = open_page("predict")
    app.segmented_control(key="predict-task").set_value("bacteria").run()
    model = app.selectbox(key="predict-model-bacteria")
    assert model.options[0] == "champion: bacteria-watershed, version 1"
    content = (tmp_path / "cells.tif").read_bytes()
    app.file_uploader(key="upload-bacteria").set_value(
        [("cells.tif", content, "image/tiff"), ("bad.png", b"no", "image/png")]
    ).run()
    assert not app.exception, app.exception[0].message
    assert len(app.error) == 1
    assert r"bad\.png cannot be read" in app.error[0].value
    tables = [frame.value for frame in app.dataframe]
    assert len(tables[0]) == 2  # regions
    assert tables[1]["cells"].tolist() == [2]
    assert "**cells** · 100 x 80 px · uint16" in text(app)
    labels = [button.label for button in app.download_button]
    assert labels == [
        "regions.csv",
        "images.csv",
        "All files (zip)",
        "labels (TIFF)",
        "classes (TIFF)",
        "overlay (PNG)",
    ]


@pytest.mark.usefixtures("project")
def test_a_magnification_is_offered_where_the_task_has_one(tmp_path: Path) -> None:
    image = np.random.default_rng(0).normal(20_000, 300, (80, 100))
    image[20:40, 20:40] = 5_000
    tifffile.imwrite(tmp_path / "cells.tif", image.astype(np.uint16), photometric="minisblack")
    app = open_page("predict")
    app.segmented_control(key="predict-task").set_value("denoise").run()
    assert not [each for each in app.segmented_control if each.key and "magnification" in each.key]
    app.segmented_control(key="predict-task").set_value("bacteria").run()
    ways = app.segmented_control(key="predict-magnification-bacteria")
    assert ways.options == ["as the files say", "measure it", "by a factor"]
    ways.set_value("by a factor").run()
    app.number_input(key="predict-factor-bacteria").set_value(1.5).run()
    app.file_uploader(key="upload-bacteria").set_value(
        [("cells.tif", (tmp_path / "cells.tif").read_bytes(), "image/tiff")]
    ).run()
    assert not app.exception, app.exception[0].message
    assert "magnified 1\\.5 times" in text(app)
    app.segmented_control(key="predict-magnification-bacteria").set_value("measure it").run()
    assert "does not know how wide cells are" in app.error[0].value


@pytest.mark.usefixtures("no_studies")
def test_a_starter_answers_in_a_fresh_clone(empty: Path, filled: Path, starters_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(filled / layout.model("bacteria", "bacteria-watershed"), starters_folder / "bacteria")
    image = np.random.default_rng(0).normal(20_000, 300, (80, 100))
    image[20:40, 20:40] = 5_000
    tifffile.imwrite(tmp_path / "cells.tif", image.astype(np.uint16), photometric="minisblack")
    app = open_page("predict")
    assert any("make repro" in block.value for block in app.code)  # for the first task, which has none
    app.segmented_control(key="predict-task").set_value("bacteria").run()
    model = app.selectbox(key="predict-model-bacteria")
    assert model.options == ["starter: part of Brightfield, not trained here"]
    assert model.value == layout.STARTER
    ways = app.segmented_control(key="predict-magnification-bacteria-starter")
    assert ways.value == "measure it"  # nobody knows whose images it answers
    ways.set_value("as the files say").run()  # this one does not know its width
    app.file_uploader(key="upload-bacteria").set_value(
        [("cells.tif", (tmp_path / "cells.tif").read_bytes(), "image/tiff")]
    ).run()
    assert not app.exception, app.exception[0].message
    assert [frame.value for frame in app.dataframe][1]["cells"].tolist() == [1]


@pytest.mark.usefixtures("project")
def test_predict_without_a_usable_bundle() -> None:
    app = open_page("predict")
    app.segmented_control(key="predict-task").set_value("beads").run()
    app.selectbox(key="predict-model-beads").set_value("beads-unet").run()
    app.file_uploader(key="upload-beads").set_value([("a.png", b"x", "image/png")]).run()
    assert not app.exception
    assert len(app.error) == 1


@pytest.mark.usefixtures("project")
def test_a_classical_answer_stands_beside_the_models(tmp_path: Path) -> None:
    image = np.random.default_rng(0).normal(20_000, 300, (80, 100))
    image[20:40, 20:40] = image[50:70, 60:80] = 5_000
    tifffile.imwrite(tmp_path / "cells.tif", image.astype(np.uint16), photometric="minisblack")
    app = open_page("predict")
    app.segmented_control(key="predict-task").set_value("bacteria").run()
    assert app.toggle(key="predict-beside-bacteria-otsu").label == "beside: otsu"
    app.toggle(key="predict-beside-bacteria-otsu").set_value(True).run()
    app.file_uploader(key="upload-bacteria").set_value(
        [("cells.tif", (tmp_path / "cells.tif").read_bytes(), "image/tiff")]
    ).run()
    assert not app.exception, app.exception[0].message
    assert "otsu 2 cells" in app.info[0].value
    assert "the truth of a few images" in app.info[1].value
    labels = [button.label for button in app.download_button]
    assert labels[:4] == ["regions.csv", "images.csv", "beside.csv", "All files (zip)"]
    assert "beside-otsu (PNG)" in labels
    app.segmented_control(key="predict-task").set_value("rbc").run()
    assert not app.toggle
