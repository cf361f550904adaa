"""From a table of positions to tables of physics: beads of known truth, whole files, and errors in one message."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from brightfield.beads import physics
from brightfield.beads.physics import Conditions, Settings
from brightfield.beads.trajectories import Sampling
from brightfield.errors import BrightfieldError
from brightfield.simulate.beads.motion import THERMAL_ENERGY, VISCOSITY, thermal_step

REAL = os.environ.get("BRIGHTFIELD_REAL_DATA")
FRAMES, RATE_HZ, PIXEL_UM, RADIUS_UM = 3000, 200.0, 0.1, 0.5
DRAG = 6 * np.pi * VISCOSITY * RADIUS_UM
STIFFNESS = 1.0  # pN/um: a corner of 19 Hz
SUBSTEPS = 8
FILES = {"trajectories.csv", "drift.csv", "msd.csv", "spectra.csv", "allan.csv", "physics.csv", "physics.png"}


def path_of(stiffness: float, seed: int) -> np.ndarray:
    """(FRAMES, 2) in px."""
    decay, deviation = thermal_step(stiffness, DRAG, 1 / RATE_HZ / SUBSTEPS)
    thermal = deviation * np.random.default_rng(seed).standard_normal((FRAMES * SUBSTEPS, 2))
    return lfilter([1.0], [1.0, -decay], thermal, axis=0).reshape(FRAMES, SUBSTEPS, 2).mean(axis=1) / PIXEL_UM


@pytest.fixture(scope="module")
def positions() -> pd.DataFrame:
    """Two trapped beads, a free one and two that are stuck, on a stage that drifts; 3 % are missing."""
    rng = np.random.default_rng(0)
    drift = np.stack([0.001 * np.arange(FRAMES), np.sin(np.arange(FRAMES) / 500)], axis=1)
    moves = [
        path_of(STIFFNESS, 1),
        path_of(STIFFNESS, 2),
        path_of(0.0, 3),
        np.zeros((FRAMES, 2)),
        np.zeros((FRAMES, 2)),
    ]
    tables = []
    for number, move in enumerate(moves):
        x, y = (move + drift + [300.0 * number, 200.0] + rng.normal(0, 0.03, (FRAMES, 2))).T
        tables.append(pd.DataFrame({"frame": np.arange(FRAMES), "x": x, "y": y, "quality": 0.9}))
    table = pd.concat(tables, ignore_index=True).sort_values(["frame", "x"], ignore_index=True)
    return table[rng.uniform(size=len(table)) > 0.03]


def settings(**changes: object) -> Settings:
    return Settings(
        Sampling(RATE_HZ), PIXEL_UM, **{"conditions": Conditions(radius_um=RADIUS_UM), "reference": [3, 4], **changes}
    )  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def out(positions: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that was written, and what was told."""
    folder = tmp_path_factory.mktemp("tracks")
    positions.to_csv(folder / "positions.csv", index=False)
    return folder / "out", physics.tracks(folder / "positions.csv", folder / "out", settings())


def test_each_bead_is_what_it_is(out: tuple[Path, str]) -> None:
    table = pd.read_csv(out[0] / "physics.csv").set_index("particle")
    assert table["looks_like"].tolist() == ["trapped", "trapped", "free", "reference", "reference"]
    trapped, free, stuck = table.loc[[0, 1]], table.loc[2], table.loc[[3, 4]]
    for name in ("stiffness_pn_um", "stiffness_x_pn_um", "stiffness_equipartition_pn_um", "stiffness_drag_pn_um"):
        assert trapped[name].mean() == pytest.approx(STIFFNESS, rel=0.1)
        assert (trapped[f"{name}_low"] < trapped[name]).all()
        assert (trapped[f"{name}_high"] > trapped[name]).all()
    assert trapped["corner_hz"].mean() == pytest.approx(STIFFNESS / DRAG / 2 / np.pi, rel=0.1)
    assert (trapped["relaxations"] > 500).all()
    truth = THERMAL_ENERGY / DRAG
    assert table.loc[[0, 1, 2], "diffusion_um2_s"].mean() == pytest.approx(truth, rel=0.1)
    assert free["diffusion_um2_s_low"] < truth < free["diffusion_um2_s_high"]
    assert table["diffusion_stokes_um2_s"].iloc[0] == pytest.approx(truth, rel=5e-3)
    assert free[["corner_hz", "stiffness_pn_um"]].isna().all()
    assert stuck["diffusion_um2_s"].isna().all()
    assert (table["localisation_error_um_low"] < 0.003).all()
    assert (table["localisation_error_um_high"] > 0.003).all()
    assert stuck["localisation_error_um"].to_numpy() == pytest.approx([0.003, 0.003], rel=0.05)


def test_the_other_tables_belong_to_it(out: tuple[Path, str], positions: pd.DataFrame) -> None:
    folder, _ = out
    assert {path.name for path in folder.iterdir()} == FILES
    tables = {name: pd.read_csv(folder / name) for name in FILES if name.endswith(".csv")}
    track = tables["trajectories.csv"]
    assert track.columns.tolist() == ["frame", "x", "y", "particle", "quality", "x_um", "y_um"]
    assert len(track) == len(positions)
    drift = tables["drift.csv"].set_index("frame")
    moved = (track["x"] - drift["x"].reindex(track["frame"]).to_numpy()) * PIXEL_UM
    np.testing.assert_allclose(track["x_um"], moved, atol=1e-9)
    assert drift["x"].iloc[-1] == pytest.approx(0.001 * FRAMES, abs=0.05)
    msd = tables["msd.csv"]
    of_free = msd[msd["particle"].isna()]
    np.testing.assert_allclose(of_free["msd_um2"], msd[msd["particle"] == 2]["msd_um2"])  # the only free one
    fitted = msd.groupby("particle")["fitted_um2"].count()
    assert fitted.gt(0).tolist() == [
        True,
        True,
        True,
        False,
        False,
    ]  # trapped, trapped, free; nothing is fitted to stuck ones
    short = msd[(msd["particle"] <= 2) & (msd["lag_frames"] <= 10)]
    np.testing.assert_allclose(short["fitted_um2"], short["msd_um2"], rtol=0.2)
    spectra = tables["spectra.csv"].groupby("particle")
    assert spectra["fitted_um2_hz"].count().gt(0).tolist() == [True, True, False, False, False]
    assert set(tables["allan.csv"]["particle"]) == set(range(5))
    assert (folder / "physics.png").read_bytes().startswith(b"\x89PNG")


def test_it_tells_what_was_done(out: tuple[Path, str]) -> None:
    first, second, third = out[1].splitlines()
    assert first.startswith("5 beads (")
    assert "2 trapped" in first
    assert "steps of at most" in first
    assert "the motion of 2 reference beads" in second
    assert third.startswith("7 files in")


def test_results_are_replaced_only_when_asked(out: tuple[Path, str], tmp_path: Path) -> None:
    small = tmp_path / "small.csv"
    small.write_text("frame,x,y,particle\n" + "".join(f"{i},{i % 3},{i % 2},7\n" for i in range(30)))
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "msd.csv").write_text("old")
    (tmp_path / "there" / "notes.txt").write_text("mine")
    with pytest.raises(BrightfieldError, match="results in .* already, such as msd.csv"):
        physics.tracks(small, tmp_path / "there", settings(reference=None))
    told = physics.tracks(small, tmp_path / "there", settings(reference=None), overwrite=True)
    assert "linked by the column particle of the table" in told
    assert "No drift was subtracted: fewer than five beads" in told
    assert {path.name for path in (tmp_path / "there").iterdir()} == FILES | {"notes.txt"}
    assert pd.read_csv(tmp_path / "there" / "physics.csv")["particle"].tolist() == [7]
    assert pd.read_csv(tmp_path / "there" / "drift.csv").columns.tolist() == ["frame", "x", "y", "beads"]


def test_particles_are_linked_anew_when_a_step_is_given(positions: pd.DataFrame) -> None:
    wrong = positions.query("frame < 50").assign(particle=np.arange(len(positions.query("frame < 50"))))
    found = physics.analyse(wrong, settings(max_step_px=20.0, reference=None, without_drift=False))
    assert len(found.beads) == 5
    assert found.drift is None


def test_errors_that_are_trusted(positions: pd.DataFrame) -> None:
    with pytest.raises(BrightfieldError, match="no columns x_error and y_error. Leave --trust-errors out"):
        physics.analyse(positions, settings(trust_errors=True))
    trapped = positions.query("x < 100").assign(x_error=0.03, y_error=0.03)
    bead = physics.analyse(trapped, settings(trust_errors=True, without_drift=False)).beads[0]
    assert bead.localisation_um.value == pytest.approx(0.003)


@pytest.mark.parametrize("rows", [0, 1])
def test_nothing_lasts(rows: int, positions: pd.DataFrame) -> None:
    with pytest.raises(
        BrightfieldError, match=f"None of {rows} positions belongs to a bead that is seen in enough frames"
    ):
        physics.analyse(positions.iloc[:rows], settings(shortest=5))


def test_a_reference_that_is_not_there(positions: pd.DataFrame) -> None:
    with pytest.raises(BrightfieldError, match="no particle 9 to take drift from"):
        physics.analyse(positions.query("frame < 60"), settings(reference=[9]))


def test_after_a_full_disk_no_table_vouches_for_half_the_files(
    positions: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    positions.query("frame < 60").to_csv(tmp_path / "positions.csv", index=False)
    (tmp_path / "out").mkdir()
    for name in FILES:
        (tmp_path / "out" / name).write_text("old")
    original = pd.DataFrame.to_csv

    def full(self: pd.DataFrame, path: Path, **options: object) -> None:
        if "allan" in str(path):
            Path(path).write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")
        original(self, path, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(BrightfieldError, match="could not be written to .*: No space left on device"):
        physics.tracks(tmp_path / "positions.csv", tmp_path / "out", settings(), overwrite=True)
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES - {"physics.csv"}
    assert (tmp_path / "out" / "allan.csv").read_text() == "old"


@pytest.mark.skipif(not REAL, reason="BRIGHTFIELD_REAL_DATA does not name a folder of real images")
def test_a_real_movie(tmp_path: Path) -> None:
    reference = Path(str(REAL)) / "beads" / "brightfield_trackpy_reference.csv"
    told = physics.tracks(reference, tmp_path / "out", Settings(Sampling(30.0), 0.1, memory=2))
    table = pd.read_csv(tmp_path / "out" / "physics.csv")
    assert told.startswith("5 beads")
    assert table["frames"].tolist() == [50] * 5
    assert set(table["looks_like"]) <= {"free", "unclear"}  # they wander
    assert table["diffusion_um2_s"].dropna().between(0.02, 0.6).all()
