"""The clean image is the mean of the noisy one, in the same units."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.params import DenoiseSimulation
from brightfield.records import Record
from brightfield.simulate import simulate
from brightfield.simulate.denoise import draw_scene


@pytest.fixture(scope="module")
def records() -> list[Record]:
    params = DenoiseSimulation(simulator="denoise", images=16, size_px=96)
    return list(simulate(params))


def test_types_and_row(records: list[Record]) -> None:
    for record in records:
        assert record.image.dtype == np.uint16
        assert record.fields["clean"].dtype == np.float32
        assert record.fields["clean"].shape == record.image.shape == (96, 96)
        assert set(record.row) == {"peak_electrons"}
        assert 4.0 <= float(str(record.row["peak_electrons"])) <= 60.0


def test_noise_has_no_mean(records: list[Record]) -> None:
    residuals = [record.image - record.fields["clean"].astype(float) for record in records]
    means = np.array([residual.mean() for residual in residuals])
    errors = np.array([residual.std() / np.sqrt(residual.size) for residual in residuals])
    assert abs(means / errors).max() < 4.5
    assert abs((means / errors).mean()) < 1.2


def test_noise_does_not_follow_the_brightness(records: list[Record]) -> None:
    for record in records:
        clean = record.fields["clean"].astype(float)
        slope = np.polyfit(clean.ravel(), record.image.ravel(), 1)[0]
        assert slope == pytest.approx(1, abs=0.1)


def test_less_light_is_more_noise(records: list[Record]) -> None:
    peaks = np.array([float(str(record.row["peak_electrons"])) for record in records])
    quality = [
        record.fields["clean"].std() / (record.image - record.fields["clean"].astype(float)).std() for record in records
    ]
    assert np.corrcoef(np.log(peaks), np.log(quality))[0, 1] > 0.7


def test_a_range_of_one_value_gives_that_peak() -> None:
    params = DenoiseSimulation(simulator="denoise", images=3, size_px=64, peak_electrons=(25.0, 25.0))
    peaks = [record.row["peak_electrons"] for record in simulate(params.model_copy(update={"seed": 1}))]
    assert peaks == pytest.approx([25.0] * 3)


@pytest.mark.parametrize("seed", range(5))
def test_scenes_have_cells_on_a_dark_background(seed: int) -> None:
    scene = draw_scene((128, 160), np.random.default_rng(seed))
    assert scene.shape == (128, 160)
    assert 0 < scene.min() < 0.3
    assert 0.7 < np.percentile(scene, 99.5) < 1.2
