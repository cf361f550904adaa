"""Datasets."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import tiny
from brightfield import layout
from brightfield.data import auditing, store
from brightfield.data.records import Record
from brightfield.system.files import write_json
from conftest import write_prepared
from pages import charts, open_page, start, text


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


def audited(name: str, records: list[Record]) -> None:
    """Write the audit of a dataset as the stage `prepare` does."""
    rows = pd.DataFrame([{"id": record.id, "group": record.group, "split": "train"} for record in records])
    layout.prepared(name).mkdir(parents=True, exist_ok=True)
    write_json(layout.prepared(name) / layout.AUDIT, auditing.audit(records, rows).as_dict())


@pytest.mark.usefixtures("empty")
def test_images_and_a_map_of_them() -> None:
    write_prepared(layout.prepared("bacteria"), "segmentation")
    audited("bacteria", tiny.records("segmentation", 3))
    app = start()
    app.query_params["dataset"] = "bacteria"
    open_page("data", app)
    assert len(app.get("image")) == 1
    assert charts(app) == 1  # of the range of the training data
    app.toggle(key="data-map-bacteria").set_value(True).run()
    assert not app.exception
    assert charts(app) == 2
    assert app.segmented_control(key="data-by-bacteria").options == ["split", "group"]


def test_versions_are_listed_and_two_compared(empty: Path) -> None:
    records = tiny.records("classification", 12, groups=6)
    for name in ("rbc", "stained"):
        layout.raw(name).mkdir(parents=True)
        store.write_raw(layout.raw(name), records[: 12 if name == "rbc" else 10], {})
    audited("rbc", records)
    write_json(layout.versions("rbc"), {"versions": [{"number": n, "hash": f"{n}.dir", "who": "Anna"} for n in (1, 2)]})
    app = open_page("data")
    assert [each.value for each in app.subheader][-2:] == ["Versions", "Difference"]
    assert "`brightfield data restore rbc VERSION`" in text(app)
    app.selectbox(key="data-first-rbc").set_value("rbc").run()
    app.selectbox(key="data-second-rbc").set_value("stained").run()
    assert not app.exception
    assert "**10** are the same, truth included, and **2** differ." in text(app)
    assert app.dataframe[-1].value["difference"].tolist() == ["only in the first"] * 2
