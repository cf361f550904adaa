"""Positions as TrackMate and trackpy write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from brightfield.data.importing import ImportReport, import_dataset
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.params import TrackingSettings

SETTINGS = TrackingSettings(pixel_size_um=0.1)
COLUMNS = "LABEL,ID,TRACK_ID,QUALITY,POSITION_X,POSITION_Y,POSITION_Z,POSITION_T,FRAME,RADIUS,VISIBILITY\n"
NAMES = "Label,Spot ID,Track ID,Quality,X,Y,Z,T,Frame,Radius,Visibility\n"
SPOTS = "ID1,1,,5.6,0.5,1.25,0,0,0,0.3,1\nID2,2,,5.5,2,0.75,0,0,0,0.3,1\nID3,3,0,5.2,1.5,1,0,2,2,0.3,1\n"
EXPECTED = {0: [[5, 12.5], [20, 7.5]], 2: [[15, 10]]}  # micrometres by tenths


def units(unit: str) -> str:
    return f",,,(quality),({unit}),({unit}),({unit}),(sec),,({unit}),\n"


def xml(spots: str, head: str = "", model: str = 'spatialunits="micron"', pixel: str = "0.1") -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<TrackMate version="7.11.1"><Model {model} timeunits="sec"><AllSpots>'
        f'{spots}</AllSpots></Model><Settings><ImageData filename="run.tif" pixelwidth="{pixel}" pixelheight="{pixel}"/>'
        "</Settings></TrackMate>"
    )


def spot(frame: int, x: float, y: float, visibility: int = 1) -> str:
    return f'<Spot ID="1" FRAME="{frame}" POSITION_X="{x}" POSITION_Y="{y}" VISIBILITY="{visibility}"/>'


SAVED = (
    f'<SpotsInFrame frame="0">{spot(0, 0.5, 1.25)}{spot(0, 2, 0.75)}{spot(0, 1, 1, 0)}</SpotsInFrame>'
    f'<SpotsInFrame frame="1"/><SpotsInFrame frame="2">{spot(2, 1.5, 1)}</SpotsInFrame>'
)


@pytest.fixture
def movie(source: Path) -> Path:
    """Four frames of 20 x 24 px as run.tif; its folder is given."""
    frames = np.random.default_rng(0).integers(0, 4000, (4, 20, 24), dtype=np.uint16)
    tifffile.imwrite(source / "run.tif", frames, photometric="minisblack")
    return source


def bring(source: Path, destination: Path, **options: object) -> tuple[dict[int, list[list[float]]], ImportReport]:
    report = import_dataset("tracking", source, destination, settings=SETTINGS, **options)
    found = {
        int(str(record.row["frame"])): record.fields["positions"].round(9).tolist()
        for record in ImageSet.raw(destination)
        if "positions" in record.fields
    }
    return found, report


@pytest.mark.parametrize("name", ["positions.csv", "spots.csv", "run_spots.csv"])
@pytest.mark.parametrize(("unit", "factor"), [("micron", 1), ("µm", 1), ("nm", 1000), ("pixel", 10)])
def test_the_table_of_spots_in_its_unit(movie: Path, destination: Path, name: str, unit: str, factor: float) -> None:
    rows = [line.split(",") for line in SPOTS.splitlines()]
    scaled = "".join(
        ",".join([*row[:4], repr(float(row[4]) * factor), repr(float(row[5]) * factor), *row[6:]]) + "\n"
        for row in rows
    )
    (movie / name).write_text(COLUMNS + NAMES + NAMES + units(unit) + scaled, encoding="utf-8")
    found, report = bring(movie, destination)
    assert found == EXPECTED
    assert report.labelled == 2
    assert any("divided by the task's 0.1 um per pixel" in warning for warning in report.warnings)


def test_a_pixel_size_of_its_own(movie: Path, destination: Path) -> None:
    (movie / "spots.csv").write_text(COLUMNS + NAMES + NAMES + units("micron") + SPOTS)
    found, report = bring(movie, destination, pixel_size_um=0.2)
    assert found == {frame: (np.array(xy) / 2).tolist() for frame, xy in EXPECTED.items()}
    assert not any("divided by the task's" in warning for warning in report.warnings)


def test_what_trackmate_saved(movie: Path, destination: Path) -> None:
    (movie / "run.xml").write_text(xml(SAVED))
    found, report = bring(movie, destination)
    assert found == EXPECTED | {1: []}  # searched, and there is none; what was filtered out is not there
    assert report.labelled == 3
    (movie / "run.xml").rename(movie.parent / "elsewhere.xml")
    other, _ = bring(movie, destination.with_name("b"), positions=movie.parent / "elsewhere.xml")
    assert other == found


def test_the_size_of_a_pixel_in_the_file_counts(movie: Path, destination: Path) -> None:
    (movie / "run.xml").write_text(xml(SAVED, pixel="0.25"))
    found, _ = bring(movie, destination, pixel_size_um=7.0)
    assert found[2] == [[6, 4]]


def test_tracks_exported_to_xml(movie: Path, destination: Path) -> None:
    (movie / "run.xml").write_text(
        '<Tracks nTracks="1" spaceUnits="micron" frameInterval="1.0"><particle nSpots="2"><detection t="0" x="0.5" y="1.25" '
        'z="0"/><detection t="2" x="1.5" y="1" z="0"/></particle></Tracks>'
    )
    assert bring(movie, destination)[0] == {0: [[5, 12.5]], 2: [[15, 10]]}


BOMB = '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]>'


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("run.xml", xml(SAVED, head=BOMB), "it declares a document type"),
        ("run.xml", xml(SAVED)[:-40], "unclosed token"),
        ("run.xml", "<html/>", "it begins with <html>"),
        ("run.xml", "", "cannot be read as XML of TrackMate"),
        ("run.xml", xml(SAVED, pixel="0"), "a pixel is 0.0 x 0.0"),
        ("run.xml", xml(spot(0, float("nan"), 1)), "a spot lies at"),
        ("run.xml", xml('<Spot FRAME="0"/>'), "POSITION_X"),
        ("run.xml", xml(spot(4, 1, 1)), "frame 4 of run does not exist, expected 0 to 3"),
        ("run.xml", xml(spot(0, 2.5, 1)), "has a position outside: x = 25"),
        ("spots.csv", COLUMNS + SPOTS, "does not say in which unit POSITION_X is"),
        ("spots.csv", COLUMNS + NAMES + NAMES + units("inch") + SPOTS, "does not say in which unit"),
        ("spots.csv", COLUMNS + NAMES + NAMES + units("um") + SPOTS.replace("2.0", "x").replace(",2,0.75", ",x,0.75"),
         "1 rows are not positions, the first in line 6"),
    ],
)  # fmt: skip
def test_what_is_refused(movie: Path, destination: Path, name: str, content: str, says: str) -> None:
    (movie / name).write_text(content)
    with pytest.raises(BrightfieldError, match=says):
        bring(movie, destination)
    assert not destination.exists()


def test_two_files_about_one_movie(movie: Path, destination: Path) -> None:
    (movie / "run.xml").write_text(xml(SAVED))
    (movie / "positions.csv").write_text("frame,x,y\n0,1,1\n")
    with pytest.raises(BrightfieldError, match="run.xml and another file both have frame 0 of run"):
        bring(movie, destination)


def test_a_file_of_no_movie_is_told(movie: Path, destination: Path) -> None:
    (movie / "walk.xml").write_text(xml(SAVED))
    found, report = bring(movie, destination)
    assert found == {}
    assert any("walk.xml: named after no movie beside it, left out" in warning for warning in report.warnings)


def test_all_columns_of_trackpy(movie: Path, destination: Path) -> None:
    (movie / "positions.csv").write_text(
        ",y,x,mass,size,ecc,signal,raw_mass,ep,frame,particle\n0,3.25,20.123456789012345,7,2,0.1,9,99,0.05,0,1\n"
    )
    import_dataset("tracking", movie, destination, settings=SETTINGS)
    # to the last digit
    assert ImageSet.raw(destination)[0].fields["positions"].tolist() == [[20.123456789012345, 3.25]]
