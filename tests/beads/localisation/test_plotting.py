"""The picture of a profile."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from brightfield import images
from brightfield.beads.localisation.centring import mirror_centres
from brightfield.beads.localisation.fitting import fit_profile
from brightfield.beads.localisation.plotting import profile_figure, write_profile
from rings import windows


def test_the_line_runs_through_the_pixels(tmp_path: Path) -> None:
    pixels, _ = windows(5, np.random.default_rng(0))
    profile, found = fit_profile(pixels, mirror_centres(pixels))
    figure = profile_figure([profile], pixels, found.positions)
    points, line = figure.axes[0].lines[:2]
    r, brightness = points.get_data()
    expected = np.interp(r, *line.get_data())
    assert np.std(np.asarray(brightness) - expected) < 40  # the noise of about 1000 electrons
    assert "5 beads" in figure.axes[0].get_title()
    two = profile_figure([profile, profile], pixels, found.positions, np.array([0, 0, 1, 0, 0]))
    assert [axes.get_title().split(";")[0] for axes in two.axes] == ["Kind 1 of 2: 4 beads", "Kind 2 of 2: 1 beads"]
    write_profile(tmp_path / "profile.png", figure)
    assert images.read(tmp_path / "profile.png").shape[2] == 3
