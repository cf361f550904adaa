"""``brightfield export``, and the options of ``brightfield import`` that files of other tools need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import tiny
from brightfield import layout
from brightfield.cli import app
from brightfield.data import catalogue, store
from brightfield.errors import BrightfieldError


def test_export_says_how_to_come_back(project: Path) -> None:
    layout.raw("bacteria").mkdir(parents=True)
    store.write_raw(layout.raw("bacteria"), tiny.records("segmentation", 3), {})
    done = CliRunner().invoke(app, ["export", "bacteria", "--out", "there", "--to", "imagej"])
    assert done.exit_code == 0, done.output
    assert "Wrote 3 image files to there" in done.output
    assert "--groups there/groups.csv" in done.output
    assert sorted(path.name for path in (project / "there" / "image0").iterdir()) == ["RoiSet.zip", "image.tif"]


@pytest.mark.parametrize(
    ("name", "to", "says"), [("bacteria", "trackmate", "Known: ilastik, imagej, tiff"), ("bacteri", "tiff", "bacteria")]
)
def test_unknown_names_are_answered_with_what_there_is(project: Path, name: str, to: str, says: str) -> None:
    with pytest.raises(BrightfieldError, match=says):
        catalogue.export(name, Path("there"), to)


def test_options_of_the_import_arrive(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(catalogue, "add", lambda *names, **options: given.update(options, names=names))
    options = ["--connected", "2", "--connected", "3", "--pixel-size-um", "0.25"]
    done = CliRunner().invoke(app, ["import", "bacteria", "lab", "--name", "mine", *options])
    assert done.exit_code == 0, done.output
    assert given["names"] == ("bacteria", Path("lab"), "mine")
    assert (given["connected"], given["pixel_size_um"]) == ([2, 3], 0.25)
