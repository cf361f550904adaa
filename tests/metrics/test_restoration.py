"""Against errors put in by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from brightfield.metrics import restoration
from brightfield.results import Picture

RAMP = np.linspace(100, 1100, 64 * 50, dtype=np.float32).reshape(64, 50)  # 0.1 to 99.9 percentile: 998 of the 1000


def test_range_leaves_out_hot_pixels() -> None:
    hot = RAMP.copy()
    hot[3, 4] = 60000
    assert restoration.data_range(RAMP) == pytest.approx(998, abs=0.01)
    assert restoration.data_range(hot) == pytest.approx(998, abs=2)


def test_hand_computed_error() -> None:
    error = np.where(np.indices(RAMP.shape).sum(axis=0) % 2, 9.98, -9.98)  # a hundredth of the range, everywhere
    statistics = restoration.statistics(Picture((RAMP + error).astype(np.float32)), Picture(RAMP))
    assert statistics["nrmse"] == pytest.approx(0.01, rel=1e-4)
    assert statistics["psnr_db"] == pytest.approx(40.0, abs=0.001)
    assert 0.5 < statistics["ssim"] < 1


def test_ssim_of_constant_images_is_that_of_the_formula() -> None:
    # without structure only the luminance term is left: (2 ab + C1) / (a^2 + b^2 + C1), C1 = (0.01 range)^2
    clean = np.full((40, 60), 100, np.float32)
    clean[0] = 200  # gives the truth a range; the middle of the map does not see it
    shifted = clean + 20
    c1 = (0.01 * restoration.data_range(clean)) ** 2
    luminance = (2 * 100 * 120 + c1) / (100**2 + 120**2 + c1)
    ssim = restoration._ssim(shifted.astype(np.float64), clean.astype(np.float64), restoration.data_range(clean))
    assert ssim == pytest.approx(luminance, abs=0.005)


def test_the_range_is_that_of_the_truth() -> None:
    weak = restoration.statistics(Picture(RAMP * 0.5), Picture(RAMP))
    strong = restoration.statistics(Picture(RAMP), Picture(RAMP * 0.5))
    assert strong["nrmse"] == pytest.approx(2 * weak["nrmse"], rel=1e-5)  # the same error over half the range


def test_units_do_not_matter() -> None:
    noisy = RAMP + np.random.default_rng(0).normal(0, 30, RAMP.shape).astype(np.float32)
    counts = restoration.statistics(Picture(noisy), Picture(RAMP))
    electrons = restoration.statistics(Picture(noisy * np.float32(0.25)), Picture(RAMP * np.float32(0.25)))
    assert electrons == pytest.approx(counts, rel=1e-4)


def test_the_truth_scores_perfectly() -> None:
    statistics = restoration.statistics(Picture(RAMP), Picture(RAMP))
    assert statistics == pytest.approx({"psnr_db": restoration.HIGHEST_PSNR_DB, "ssim": 1.0, "nrmse": 0.0})


def test_more_noise_is_worse_by_every_indicator() -> None:
    noise = np.random.default_rng(0).normal(0, 1, RAMP.shape)
    rows = [
        restoration.statistics(Picture((RAMP + sigma * noise).astype(np.float32)), Picture(RAMP))
        for sigma in (5, 20, 80)
    ]
    table = pd.DataFrame(rows)
    assert table["psnr_db"].is_monotonic_decreasing
    assert table["ssim"].is_monotonic_decreasing
    assert table["nrmse"].is_monotonic_increasing
    assert table["psnr_db"].diff()[1] == pytest.approx(-20 * math.log10(4), abs=0.01)


@pytest.mark.parametrize(
    ("predicted", "truth"),
    [
        (RAMP, np.full_like(RAMP, 7)),  # no range
        (np.where(RAMP > 1000, np.float32(np.nan), RAMP), RAMP),  # a network that diverged
        (np.where(RAMP > 1000, np.float32(np.inf), RAMP), RAMP),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_is_undefined_is_nan(predicted: np.ndarray, truth: np.ndarray) -> None:
    statistics = restoration.statistics(Picture(predicted), Picture(truth))
    assert all(math.isnan(value) for value in statistics.values())


def test_an_image_smaller_than_the_window_has_no_ssim() -> None:
    statistics = restoration.statistics(Picture(RAMP[:8] + 5), Picture(RAMP[:8]))
    assert math.isnan(statistics["ssim"])
    assert statistics["psnr_db"] > 0


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="share a shape"):
        restoration.statistics(Picture(RAMP.T.copy()), Picture(RAMP))


def test_summary_is_the_mean_and_hides_nothing() -> None:
    table = pd.DataFrame({"psnr_db": [20.0, 30.0], "ssim": [0.5, 0.7], "nrmse": [0.2, 0.1]})
    assert restoration.summarise(table) == pytest.approx({"psnr_db": 25, "ssim": 0.6, "nrmse": 0.15})
    assert restoration.summarise(table.iloc[::-1]) == pytest.approx(restoration.summarise(table))
    broken = restoration.summarise(table.assign(ssim=[0.5, np.nan]))
    assert math.isnan(broken["ssim"])
    assert broken["psnr_db"] == 25
    assert all(math.isnan(value) for value in restoration.summarise(table.iloc[:0]).values())
