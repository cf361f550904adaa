"""``brightfield locate``: frames in, positions with errors and a profile out, without a project or a model."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from brightfield import images
from brightfield.beads import locate
from brightfield.beads.localisation import learning
from brightfield.beads.localisation.checking import Check
from brightfield.beads.localisation.learning import Learned
from brightfield.beads.localisation.profile import Profile
from brightfield.beads.physics.recording import recording
from brightfield.errors import BrightfieldError
from brightfield.metrics.tracking import match
from brightfield.simulate.beads.diffraction import draw_rings
from rings import ELECTRONS, PIXEL_UM, RINGS, exposed

PLACES = np.array([[30.0, 34.0], [88.0, 40.0], [60.0, 90.0]])


@cache
def frames() -> tuple[list[np.ndarray], np.ndarray]:
    """Six frames with three beads that drift, and their places (6, 3, 2)."""
    rng, drawn = np.random.default_rng(0), []
    paths = PLACES + 0.3 * np.arange(6)[:, None, None] + rng.uniform(-0.2, 0.2, (6, 3, 2))
    for places in paths:
        light = np.ones((120, 130), dtype=np.float32)
        for place in places:
            draw_rings(light, RINGS, 1.0, place[None], PIXEL_UM)
        drawn.append(exposed(ELECTRONS * light.astype(float), rng))
    return drawn, paths


@cache
def known() -> Learned:
    """What is learnt from the first of them."""
    return learning.learn(frames()[0][: locate.CALIBRATION_FRAMES])


@pytest.fixture
def movie(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """A folder with the frames, and the places."""
    (tmp_path / "movie").mkdir()
    drawn, paths = frames()
    for number, frame in enumerate(drawn):
        images.write_tiff(tmp_path / "movie" / f"frame{number}.tif", frame)
    return tmp_path / "movie", paths


@pytest.fixture
def taught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The profile of the movie is known already: to learn it takes a second, for which most tests have no use."""
    monkeypatch.setattr(locate, "learn", lambda *of_movie, **how: known())


def test_a_movie_becomes_a_table_that_trackpy_links(movie: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    folder, paths = movie
    told = locate.locate([folder], tmp_path / "out", overlays=2)
    table = pd.read_csv(tmp_path / "out" / "positions.csv")
    assert list(table.columns) == ["frame", "x", "y", "quality", "x_error", "y_error", "image"]
    assert table["image"].unique().tolist() == [f"frame{number}" for number in range(6)]
    for frame, rows in table.groupby("frame"):
        assert len(match(rows[["x", "y"]].to_numpy(), paths[int(str(frame))], 0.1)[0]) == len(rows) == 3
    assert table[["x_error", "y_error"]].to_numpy().max() < 0.05
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "positions.csv",
        "profile.png",
        "frame0_overlay.png",
        "frame1_overlay.png",
    }
    assert "18 positions in 6 frames" in str(told)
    assert told.check.frames == 6
    assert "of the light above noise; chi-square 1." in str(told)
    assert "show nothing" not in str(told)
    assert len(told.profiles) == 1
    assert "Beads differ" not in str(told)
    several = replace(told, profiles=(told.profiles[0], replace(told.profiles[0], misfit=2.0)))
    assert "Beads differ: 2 profiles" in str(several)
    assert "residual of the profile is 2.0 times the noise" in str(several)
    assert all(path.is_file() for path in told.files)


def test_where_beads_differ_the_table_tells_the_kind_of_each(
    movie: tuple[Path, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = movie
    for path in sorted(folder.iterdir())[2:]:
        path.unlink()
    for path in folder.iterdir():
        image = images.read(path).astype(float)
        middle = np.median(image)
        image[60:] = 2 * middle - image[60:]  # the last bead is bright where the others are dark
        images.write_tiff(path, np.maximum(image, 0).astype(np.uint16))

    def both(frames: object, profile: Profile, most: int, **how: bool) -> tuple[Profile, ...]:
        return profile, replace(profile, coefficients=-profile.coefficients)

    monkeypatch.setattr(learning, "split_kinds", both)
    locate.locate([folder], tmp_path / "out", overlays=0)
    table = pd.read_csv(tmp_path / "out" / "positions.csv")
    assert list(table.columns) == ["frame", "x", "y", "quality", "x_error", "y_error", "kind", "image"]
    kinds = table.groupby(table["y"] > 66)["kind"].unique()
    assert sorted(map(len, kinds)) == [1, 1]
    assert {kinds[False][0], kinds[True][0]} == {1, 2}


@pytest.mark.usefixtures("taught")
def test_answers_that_are_there_stay_and_nothing_is_learnt_for_nothing(
    movie: tuple[Path, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = movie
    locate.locate([folder], tmp_path / "out", overlays=0)
    with monkeypatch.context() as patched:
        patched.delattr(locate, "learn")
        with pytest.raises(BrightfieldError, match="overwrite"):
            locate.locate([folder], tmp_path / "out", overlays=0)
    locate.locate([folder], tmp_path / "out", overlays=0, overwrite=True)


@pytest.mark.usefixtures("taught")
def test_what_is_no_movie_of_beads_is_refused(movie: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    folder, _ = movie
    (tmp_path / "empty").mkdir()
    with pytest.raises(BrightfieldError):
        locate.locate([tmp_path / "empty"], tmp_path / "out")
    images.write_tiff(folder / "frame9.tif", np.zeros((50, 40), np.uint16))
    with pytest.raises(BrightfieldError, match="40 x 50 px, the first frame 130 x 120"):
        locate.locate([folder], tmp_path / "out")
    assert not (tmp_path / "out" / "positions.csv").exists()


def test_dark_frames_are_named_and_the_profile_is_learned_from_others(
    movie: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    folder, paths = movie
    rng = np.random.default_rng(1)
    for number in (0, 1, 3):
        images.write_tiff(folder / f"frame{number}.tif", np.rint(rng.normal(100, 3, (120, 130))).astype(np.uint16))
    images.write_tiff(folder / "frame5.tif", np.full((120, 130), 65535, np.uint16))
    told = locate.locate([folder], tmp_path / "out", overlays=0, first=2)
    table = pd.read_csv(tmp_path / "out" / "positions.csv")
    assert sorted(table["image"].unique()) == ["frame2", "frame4"]
    assert len(match(table.loc[table["frame"] == 4, ["x", "y"]].to_numpy(), paths[4], 0.1)[0]) == 3
    assert told.blank == ["frame0", "frame1", "frame3", "frame5"]
    assert "4 of 6 frames show nothing" in str(told)
    assert "frame0, frame1, frame3, ..." in str(told)


def test_where_no_bead_is_nothing_is_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    images.write_tiff(tmp_path / "noise.tif", rng.poisson(1000, (3, 70, 80)).astype(np.uint16))
    with pytest.raises(BrightfieldError, match="No bead was found in the 3 frames"):
        locate.locate([tmp_path / "noise.tif"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_positions_that_cannot_be_right_are_refused_before_anything_is_written(
    movie: tuple[Path, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = movie
    check = Check(5, 120, 100, 110, 5 * 120 * 130, 500, before=5e12, after=3.5e12, noise=1e11)
    monkeypatch.setattr(locate, "learn", lambda *frames, **how: replace(known(), check=check))
    with pytest.raises(BrightfieldError, match=r"^120 positions in 5 frames explain 31% of the light .*--diameter"):
        locate.locate([folder], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    told = locate.locate([folder], tmp_path / "out", diameter=30, overlays=0)
    assert "Most positions explain little of their pixels" in str(told)


def test_frames_of_two_folders_are_told_apart_by_a_column(movie: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    folder, _ = movie
    for number, part in enumerate(("first", "second")):
        (tmp_path / part).mkdir()
        shutil.copy(folder / f"frame{number}.tif", tmp_path / part / "f.tif")
    (tmp_path / "first" / "notes.txt").write_text("x")
    summary = locate.locate([tmp_path / "first", tmp_path / "second"], tmp_path / "out", overlays=0)
    table = pd.read_csv(tmp_path / "out" / "positions.csv")
    assert set(zip(table["frame"], table["source"], strict=True)) == {(0, "first/f.tif"), (1, "second/f.tif")}
    assert summary.table["source"].tolist() == table["source"].tolist()
    assert str(summary).splitlines()[-2:] == ["Found: 3, taken: 2, left out: 1.", "Left out: notes.txt: not an image."]


@pytest.mark.usefixtures("taught")
def test_answers_in_the_folder_of_the_frames_are_no_frames(movie: tuple[Path, np.ndarray]) -> None:
    folder, _ = movie
    locate.locate([folder], folder, overlays=2)
    assert (folder / "profile.png").is_file()
    assert locate.locate([folder], folder, overlays=2, overwrite=True).frames == 6


def test_a_frame_that_was_saved_twice_is_refused(movie: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    folder, _ = movie
    np.save(folder / "frame1.npy", images.read(folder / "frame1.tif"))
    with pytest.raises(BrightfieldError, match=r"has frame1 twice \(frame1.npy and frame1.tif\), expected each frame"):
        locate.locate([folder], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("taught")
def test_the_pixel_size_and_the_times_of_the_files_reach_the_table(
    movie: tuple[Path, np.ndarray], tmp_path: Path
) -> None:
    stack = np.stack([image for _, image in images.frames([movie[0]])])
    stated = {"axes": "TYX", "PhysicalSizeX": 130.0, "PhysicalSizeXUnit": "nm", "TimeIncrement": 0.04}
    tifffile.imwrite(tmp_path / "run.ome.tif", stack, ome=True, metadata=stated)
    summary = locate.locate([tmp_path / "run.ome.tif"], tmp_path / "out", overlays=0)
    assert "Pixel size: 0.13 um, as the files state" in str(summary)
    assert "Frame rate: 25 Hz" in str(summary)
    table = pd.read_csv(tmp_path / "out" / "positions.csv")
    assert (table["pixel_size_um"] == 0.13).all()
    np.testing.assert_allclose(table["time_s"], 0.04 * table["frame"])
    assert recording(tmp_path / "out" / "positions.csv").frame_rate_hz == pytest.approx(25)
    given = locate.locate([tmp_path / "run.ome.tif"], tmp_path / "given", overlays=0, pixel_size_um=0.2)
    assert (given.table["pixel_size_um"] == 0.2).all()


@pytest.mark.usefixtures("taught")
def test_two_movies_in_one_folder_are_named(movie: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    stack = np.stack([image for _, image in images.frames([movie[0]])])
    (tmp_path / "two").mkdir()
    for name in ("a", "b"):
        images.write_tiff(tmp_path / "two" / f"{name}.tif", stack)
    says = "2 files were read as one movie, frames numbered on, of which a.tif, b.tif have several frames"
    assert says in str(locate.locate([tmp_path / "two"], tmp_path / "out", overlays=0))
    assert "were read as one movie" not in str(locate.locate([movie[0]], tmp_path / "single", overlays=0))
    assert "were read as one movie" not in str(locate.locate([tmp_path / "two" / "a.tif"], tmp_path / "a", overlays=0))
