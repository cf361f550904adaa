"""Simulated images for a look at them from Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from brightfield import params, simulate
from brightfield.errors import BrightfieldError


def test_they_are_the_first_of_the_pipeline(project: Path) -> None:
    few = simulate.records("beads", 3)
    assert len(few) == 3
    whole = simulate.simulate(params.load().simulations["beads"])
    for record, same in zip(few, whole, strict=False):
        assert record.id == same.id
        np.testing.assert_array_equal(record.image, same.image)
        np.testing.assert_array_equal(record.fields["positions"], same.fields["positions"])


def test_other_values_and_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (record,) = simulate.records("denoise", 1, size_px=64)
    assert record.image.shape == record.fields["clean"].shape == (64, 64)
    (other,) = simulate.records("denoise", 1, size_px=64, seed=7)
    assert (record.image != other.image).any()


def test_what_cannot_be_simulated_is_named(project: Path) -> None:
    with pytest.raises(BrightfieldError, match="There is no simulation 'beds'.*Did you mean 'beads'"):
        simulate.records("beds")
    with pytest.raises(BrightfieldError, match="simulation 'denoise' is not valid"):
        simulate.records("denoise", size_px=3)
    with pytest.raises(BrightfieldError, match=r"has \d+ images, expected at most that, got 100000"):
        simulate.records("denoise", 100_000)
    Path(params.PARAMS).unlink()
    with pytest.raises(BrightfieldError, match="There is no simulator 'beds'"):
        simulate.records("beds")
