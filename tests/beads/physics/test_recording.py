"""The frame rate and the pixel size come from the user, else from the table, else from nowhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brightfield.beads.physics.recording import Recording, recording
from brightfield.errors import BrightfieldError


def table(path: Path, **columns: object) -> Path:
    frames = np.repeat(np.arange(20), 2)
    file = path / "positions.csv"
    pd.DataFrame({"frame": frames, "x": 1.0, "y": 2.0, **columns}).to_csv(file, index=False)
    return file


def test_what_the_table_states(tmp_path: Path) -> None:
    times = np.repeat(np.arange(20), 2) / 25.0
    file = table(tmp_path, time_s=times, pixel_size_um=0.1)
    assert recording(file).frame_rate_hz == pytest.approx(25)
    assert recording(file).pixel_size_um == 0.1


def test_what_is_given_stands_over_the_table(tmp_path: Path) -> None:
    file = table(tmp_path, time_s=np.repeat(np.arange(20), 2) / 25.0, pixel_size_um=0.1)
    assert recording(file, 10.0, 0.2) == Recording(10.0, 0.2)
    assert recording(file, pixel_size_um=0.2).frame_rate_hz == pytest.approx(25)
    assert recording(tmp_path / "missing.csv", 10.0, 0.2) == Recording(10.0, 0.2)  # the table is read later


def test_frames_that_are_missing_do_not_change_the_rate(tmp_path: Path) -> None:
    file = table(tmp_path, time_s=np.repeat(np.arange(20), 2) / 25.0, pixel_size_um=0.1)
    rows = pd.read_csv(file)
    rows[~rows["frame"].isin([3, 4, 5])].to_csv(file, index=False)
    assert recording(file).frame_rate_hz == pytest.approx(25)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"pixel_size_um": 0.1}, r"states no times \(column time_s\). Give --frame-rate"),
        (
            {"time_s": np.repeat(np.arange(20.0), 2)},
            r"states no pixel size \(column pixel_size_um\). Give it with --pixel-size",
        ),
        (
            {"time_s": np.repeat(np.arange(20.0) ** 2, 2), "pixel_size_um": 0.1},
            "expected frames evenly spaced in time",
        ),
        ({"time_s": 1.0, "pixel_size_um": 0.1}, "none that grow"),
        (
            {"time_s": np.repeat(np.arange(20.0) % 17, 2), "pixel_size_um": 0.1},
            "the time goes back at frame 17, as where two movies were joined",
        ),
        (
            {"time_s": np.repeat(np.arange(20.0), 2), "pixel_size_um": np.repeat([0.1, 0.2], 20)},
            "states pixel sizes from 0.1 to 0.2 um, expected one",
        ),
    ],
)
def test_what_the_table_does_not_state_is_asked_for(tmp_path: Path, columns: dict[str, object], says: str) -> None:
    with pytest.raises(BrightfieldError, match=says):
        recording(table(tmp_path, **columns))
