"""Folders of tracks, and their tables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import moved
from brightfield.errors import BrightfieldError
from queries import tracks


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_folders_of_the_project_the_newest_first() -> None:
    for place, name in enumerate(("old", "movies/monday/tracks", "new")):
        moved.write(Path(name))
        os.utime(Path(name) / tracks.LAST, (1000 + place, 1000 + place))
    for hidden in (".brightfield/x", "mlartifacts/1/tracks", "a/b/c/d/e"):  # not where somebody looks, or too deep
        moved.write(Path(hidden))
    Path("unfinished").mkdir()
    (Path("unfinished") / tracks.TRAJECTORIES).touch()
    assert tracks.folders() == ["new", str(Path("movies/monday/tracks")), "old"]


def test_a_table_as_it_is_now() -> None:
    folder = moved.write(Path("tracks"))
    assert list(tracks.table("tracks", tracks.LAST)["particle"]) == [0, 1]
    table = moved.tables()["physics.csv"].head(1)
    table.to_csv(folder / tracks.LAST, index=False)
    os.utime(folder / tracks.LAST, (5000, 5000))
    assert list(tracks.table("tracks", tracks.LAST)["particle"]) == [0]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read"),
        (b"", "is no table"),
        (b"\xff\xfe\x00a", "is no table"),
        (b"a,b\n1,2\n", "no column 'particle'"),
    ],
)
def test_a_damaged_table_is_one_error(content: bytes | None, why: str) -> None:
    folder = moved.write(Path("tracks"))
    path = folder / tracks.STABILITY
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    with pytest.raises(BrightfieldError, match=why):
        tracks.table("tracks", tracks.STABILITY)
