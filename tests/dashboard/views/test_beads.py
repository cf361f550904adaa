"""Beads: how those of a movie moved."""

from __future__ import annotations

from pathlib import Path

import pytest

import moved
from pages import charts, open_page, text
from queries import tracks


@pytest.mark.usefixtures("empty")
def test_a_movie_in_numbers_and_figures() -> None:
    moved.write(Path("movies/tracks"))
    app = open_page("beads")
    assert app.selectbox(key="beads-folder").value == str(Path("movies/tracks"))
    table = app.dataframe[0].value
    assert list(table["looks like"]) == ["free", "trapped"]
    assert table["D (\N{MICRO SIGN}m\N{SUPERSCRIPT TWO}/s)"][0] == "0.500 (0.400 to 0.600)"
    assert list(table["error of a position (nm)"]) == ["4.000 (3.000 to 5.000)", "3.000"]
    assert "corner (Hz)" not in table  # of these beads nothing is known of it
    assert charts(app) == 5


@pytest.mark.usefixtures("empty")
def test_a_damaged_folder_is_an_error_and_no_traceback() -> None:
    folder = moved.write(Path("tracks"))
    (folder / tracks.SPECTRA).write_text("nothing")
    app = open_page("beads")
    assert "has no column" in app.error[0].value


@pytest.mark.usefixtures("empty")
def test_a_movie_without_beads() -> None:
    folder = moved.write(Path("tracks"))
    moved.tables()["physics.csv"].head(0).to_csv(folder / tracks.LAST, index=False)
    assert "No bead was seen for long enough." in text(open_page("beads"))
