"""A folder as ``brightfield tracks`` leaves it, made up: a bead that is free and one in a trap, for tests of what is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

FRAMES = 200
PIXEL_UM = 0.1


def tables(seed: int = 0) -> dict[str, pd.DataFrame]:
    """The tables by file name, with the columns that the page Beads shows."""
    rng = np.random.default_rng(seed)
    free = np.cumsum(rng.normal(0, 0.3, (FRAMES, 2)), axis=0) + 40
    trapped = rng.normal(0, 0.2, (FRAMES, 2)) + 80
    parts = [
        pd.DataFrame({"frame": np.arange(FRAMES), "x": x, "y": y, "particle": particle})
        for particle, (x, y) in enumerate((free.T, trapped.T))
    ]
    track = pd.concat(parts, ignore_index=True)
    track["x_um"], track["y_um"] = track["x"] * PIXEL_UM, track["y"] * PIXEL_UM
    lag = np.array([0.01, 0.1, 1.0])
    both = [0] * len(lag) + [1] * len(lag)
    values = np.concatenate([4 * 0.5 * lag, np.full(len(lag), 0.002)])
    return {
        "trajectories.csv": track,
        "msd.csv": pd.DataFrame(
            {
                "particle": both,
                "lag_s": np.tile(lag, 2),
                "msd_um2": values,
                "standard_error_um2": values / 10,
                "fitted_um2": np.where(np.array(both) == 0, values, np.nan),
            }
        ),
        "spectra.csv": pd.DataFrame(
            {
                "particle": both,
                "frequency_hz": np.tile(1 / lag, 2),
                "power_x_um2_hz": values,
                "power_y_um2_hz": 3 * values,
                "fitted_um2_hz": np.where(np.array(both) == 1, values, np.nan),
            }
        ),
        "allan.csv": pd.DataFrame(
            {
                "particle": both,
                "tau_s": np.tile(lag, 2),
                "deviation_um": values,
                "low_um": values / 2,
                "high_um": values * 2,
            }
        ),
        "physics.csv": pd.DataFrame(
            {
                "particle": [0, 1],
                "looks_like": ["free", "trapped"],
                "frames": FRAMES,
                "diffusion_um2_s": [0.5, np.nan],
                "diffusion_um2_s_low": [0.4, np.nan],
                "diffusion_um2_s_high": [0.6, np.nan],
                "localisation_error_um": [0.004, 0.003],
                "localisation_error_um_low": [0.003, np.nan],
                "localisation_error_um_high": [0.005, np.nan],
            }
        ),
    }


def write(folder: Path) -> Path:
    """Write the tables into a folder, which is made."""
    folder.mkdir(parents=True)
    for name, table in tables().items():
        table.to_csv(folder / name, index=False)
    return folder
