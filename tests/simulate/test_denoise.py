"""The clean image is the mean of the noisy one, in the same units."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage

from brightfield.data.records import Record
from brightfield.params import DenoiseSimulation
from brightfield.simulate import simulate
from brightfield.simulate.denoise import draw_scene, level
from brightfield.simulate.denoise.conditions import Acquisition


@pytest.fixture(scope="module")
def records() -> list[Record]:
    params = DenoiseSimulation(simulator="denoise", images=16, size_px=96)
    return list(simulate(params))


def test_types_and_row(records: list[Record]) -> None:
    for record in records:
        assert record.image.dtype == np.uint16
        assert record.fields["clean"].dtype == np.float32
        assert record.fields["clean"].shape == record.image.shape == (96, 96)
        assert set(record.row) == {"peak_electrons", "kind", "suite"}
        assert record.row["kind"] == level(float(str(record.row["peak_electrons"])))
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
    scene = draw_scene((128, 160), np.random.default_rng(seed), Acquisition((4.0, 60.0)))
    assert scene.shape == (128, 160)
    assert 0 < scene.min() < 0.3
    assert 0.7 < np.percentile(scene, 99.5) < 1.2


def test_suites_change_what_they_are_named_after() -> None:
    params = DenoiseSimulation(
        simulator="denoise", images=3, size_px=96, suites=["focus", "density", "light", "camera"], suite_groups=8
    )
    found: dict[str, list[Record]] = {}
    for record in simulate(params.model_copy(update={"images": 8})):
        found.setdefault(str(record.row["suite"]), []).append(record)

    def median(suite: str, number: Callable[[Record], float]) -> float:
        return float(np.median([number(record) for record in found[suite]]))

    def sharpness(record: Record) -> float:
        clean = record.fields["clean"].astype(float)
        return float(ndimage.laplace(clean).std() / clean.std())

    def filled(record: Record) -> float:
        clean = record.fields["clean"]
        return float((clean > clean.min() + 0.25 * (clean.max() - clean.min())).mean())

    def noise_floor(record: Record) -> float:
        residual = record.image - record.fields["clean"].astype(float)
        dark = record.fields["clean"] < np.quantile(record.fields["clean"], 0.1)
        return float(residual[dark].std())

    assert median("focus", sharpness) < 0.5 * median("", sharpness)
    assert median("density", filled) > 1.3 * median("", filled)
    assert max(float(str(r.row["peak_electrons"])) for r in found["light"]) < params.peak_electrons[0]
    assert median("camera", noise_floor) > 1.5 * median("", noise_floor)


@pytest.mark.parametrize(
    ("peak", "kind"),
    [
        (1.5, "below 4 electrons"),
        (4.0, "4 to 10 electrons"),
        (9.99, "4 to 10 electrons"),
        (10.0, "10 to 25 electrons"),
        (59.9, "25 to 60 electrons"),
        (60.0, "60 electrons and more"),
    ],
)
def test_levels_of_light(peak: float, kind: str) -> None:
    assert level(peak) == kind
