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
    best = {"psnr_db": restoration.HIGHEST_PSNR_DB, "ssim": 1.0, "nrmse": 0.0}
    assert {name: statistics[name] for name in best} == pytest.approx(best)
    assert statistics["psnr_affine_db"] > 95
    assert (statistics["lost"], statistics["invented"]) == (0, 0)
    assert statistics["structures"] == 1


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


SUMMED = {"structures": [3.0, 1.0], "lost": [1.0, 0.0], "invented": [0.0, 1.0]}
SUMMED |= {"structures_px": [90.0, 10.0], "lost_px": [20.0, 0.0], "invented_px": [0.0, 12.0]}


def test_summary_is_the_mean_and_hides_nothing() -> None:
    scores = {"psnr_db": [20.0, 30.0], "ssim": [0.5, 0.7], "nrmse": [0.2, 0.1]}
    table = pd.DataFrame(
        {**scores, **{f"{n.removesuffix('_db')}_affine{'_db' * n.endswith('_db')}": v for n, v in scores.items()}}
    )
    table = table.assign(**SUMMED)
    means = {"psnr_db": 25, "ssim": 0.6, "nrmse": 0.15, "psnr_affine_db": 25, "ssim_affine": 0.6, "nrmse_affine": 0.15}
    shares = {"lost_percent": 25, "invented_percent": 25, "lost_area_percent": 20, "invented_area_percent": 12}
    assert restoration.summarise(table) == pytest.approx(means | shares)
    assert restoration.summarise(table.iloc[::-1]) == pytest.approx(restoration.summarise(table))
    broken = restoration.summarise(table.assign(ssim=[0.5, np.nan], lost=[np.nan, 0]))
    assert math.isnan(broken["ssim"])
    assert math.isnan(broken["lost_percent"])
    assert broken["psnr_db"] == 25
    assert all(math.isnan(value) for value in restoration.summarise(table.iloc[:0]).values())


# --- after an affine fit ----------------------------------------------------------------------------------------------


def test_gain_and_offset_do_not_count_after_the_fit() -> None:
    noisy = RAMP + np.random.default_rng(0).normal(0, 30, RAMP.shape).astype(np.float32)
    plain, turned = (restoration.statistics(Picture(p), Picture(RAMP)) for p in (noisy, -0.2 * noisy + 7000))
    for name in restoration.AFFINE:
        assert turned[name] == pytest.approx(plain[name], rel=1e-3)
    assert turned["psnr_db"] < 0 < 20 < turned["psnr_affine_db"]
    assert plain["psnr_affine_db"] >= plain["psnr_db"]


def test_the_fit_by_hand() -> None:
    """Answer 0, 1, 2 against 1, 3, 8: gain 7/2, offset 1/2; what is left is 1/2, -1, 1/2."""
    answer, clean = np.array([[0.0, 1.0, 2.0]]), np.array([[1.0, 3.0, 8.0]])
    np.testing.assert_allclose(restoration.affine_fit(answer, clean), [[0.5, 4.0, 7.5]])
    np.testing.assert_allclose(restoration.affine_fit(np.full((1, 3), 5.0), clean), [[4.0, 4.0, 4.0]])


# --- structures -------------------------------------------------------------------------------------------------------


def boxes(**heights: float) -> np.ndarray:
    """48x48, background 0, four boxes of 4x5 px (a to d) and a speck of 3x3 px (s); each as high as it is said to be."""
    image = np.zeros((48, 48))
    places = {"a": (4, 4), "b": (4, 30), "c": (30, 4), "d": (30, 30)}
    for name, (y, x) in places.items():
        image[y : y + 4, x : x + 5] = heights.get(name, 0)
    image[20:23, 20:23] = heights.get("s", 0)
    return image


FULL = {"a": 100.0, "b": 100.0, "c": 100.0}


@pytest.mark.parametrize(
    ("answered", "lost", "invented"),
    [
        (FULL, 0, 0),
        ({"a": 100.0, "b": 100.0}, 1, 0),
        ({**FULL, "d": 100.0}, 0, 1),
        ({"a": 100.0, "d": 100.0}, 2, 1),
        ({**FULL, "s": 100.0}, 0, 0),  # nine pixels are no structure
        ({**FULL, "c": 35.0}, 0, 0),  # dim, yet there: Otsu's level is near 50, the lower one near 25
        ({**FULL, "c": 10.0}, 1, 0),
        ({**FULL, "d": 35.0}, 0, 0),  # brighter than it should be, but no structure
        ({}, 3, 0),
    ],
)
def test_structures_by_hand(answered: dict[str, float], lost: int, invented: int) -> None:
    found = restoration.structures(boxes(**answered), boxes(**FULL))
    assert (found["structures"], found["lost"], found["invented"]) == (3, lost, invented)
    assert (found["structures_px"], found["lost_px"], found["invented_px"]) == (60, 20 * lost, 20 * invented)


def test_pieces_and_neighbours_grown_together_are_neither_lost_nor_invented() -> None:
    clean = boxes(**FULL)
    torn, joined = clean.copy(), clean.copy()
    torn[5, 4:9] = 0  # a: one row of five, and two of five
    joined[4:8, 4:35] = 100
    assert restoration.structures(torn, clean)["lost"] == 0
    found = restoration.structures(joined, clean)
    assert found["lost"] == 0
    assert found["invented"] == 1  # what joins them is larger than they are


# --- deviations -------------------------------------------------------------------------------------------------------


def normal_answer(predicted: float, made: float) -> tuple[Picture, Picture]:
    """An answer with errors of deviation ``made`` that says ``predicted``, and the truth."""
    truth = np.linspace(0, 1000, 200 * 200, dtype=np.float32).reshape(200, 200)
    error = np.random.default_rng(0).normal(0, made, truth.shape).astype(np.float32)
    return Picture(truth + error, np.full_like(truth, predicted)), Picture(truth)


def test_deviations_as_large_as_the_errors_are_calibrated() -> None:
    metrics = restoration.summarise(pd.DataFrame([restoration.statistics(*normal_answer(5, 5))]))
    assert metrics["within_1_deviation"] == pytest.approx(0.683, abs=0.01)
    assert metrics["within_2_deviations"] == pytest.approx(0.954, abs=0.01)
    assert metrics["squared_z"] == pytest.approx(1, abs=0.03)
    assert metrics["interval_error"] < 0.01


@pytest.mark.parametrize(("predicted", "within"), [(10, 0.954), (2.5, 0.383)])
def test_deviations_too_large_or_too_small_show(predicted: float, within: float) -> None:
    metrics = restoration.summarise(pd.DataFrame([restoration.statistics(*normal_answer(predicted, 5))]))
    assert metrics["within_1_deviation"] == pytest.approx(within, abs=0.01)
    assert metrics["squared_z"] == pytest.approx((5 / predicted) ** 2, rel=0.03)
    assert metrics["interval_error"] > 0.1


def test_calibration_by_hand() -> None:
    """z of 0, 1, 2, 4: half within 1, three quarters within 2, mean square 21/4."""
    truth = np.zeros((1, 4), np.float32)
    answer = Picture(np.array([[0, 1, -4, 8]], np.float32), np.array([[1, 1, 2, 2]], np.float32))
    found = restoration.calibration(answer, Picture(truth))
    assert (found["within_1_deviation"], found["within_2_deviations"]) == (0.5, 0.75)
    assert found["squared_z"] == 5.25
    assert (found["inside_10"], found["inside_90"]) == (0.25, 0.5)  # up to 0.126 and 1.645 deviations


def test_the_scale_makes_deviations_as_large_as_errors() -> None:
    assert restoration.deviation_scale([normal_answer(2, 6)]) == pytest.approx(3, rel=0.02)
    answer, truth = normal_answer(2, 6)
    assert restoration.deviation_scale([(Picture(answer.pixels * np.float32(np.nan), answer.deviation), truth)]) == 1.0


def test_an_answer_without_deviations_tells_nothing_of_them() -> None:
    statistics = restoration.statistics(Picture(RAMP + 3), Picture(RAMP))
    assert not set(statistics) & set(restoration.CALIBRATION)
    broken = Picture(RAMP * np.float32(np.nan), np.ones_like(RAMP))
    assert set(restoration.CALIBRATION) <= set(restoration.statistics(broken, Picture(RAMP)))


# --- noisy truth ------------------------------------------------------------------------------------------------------

NOISE = 50.0


def noisy(seed: int) -> np.ndarray:
    return (RAMP + np.random.default_rng(seed).normal(0, NOISE, RAMP.shape)).astype(np.float32)


def repeats(count: int, seed: int = 100) -> Picture:
    """The mean of other noisy images, with the deviation of its noise."""
    mean = np.mean([noisy(seed + i) for i in range(count)], axis=0)
    return Picture(mean.astype(np.float32), np.full(RAMP.shape, NOISE / np.sqrt(count), np.float32))


def test_the_psnr_estimated_from_repeats_is_that_against_the_clean_image() -> None:
    for error in (15.0, 60.0):
        answer = Picture((RAMP + np.random.default_rng(1).normal(0, error, RAMP.shape)).astype(np.float32))
        estimated = [restoration.statistics(answer, repeats(4, seed)) for seed in range(100, 400, 10)]
        found = restoration.summarise(pd.DataFrame(estimated))
        exact = restoration.statistics(answer, Picture(RAMP))
        # the range of noisy images is a little wider
        wider = 20 * np.log10(
            np.mean([restoration.data_range(repeats(4, s).pixels) for s in range(100, 400, 10)]) / 998
        )
        assert found["estimated_psnr_db"] == pytest.approx(exact["psnr_db"] + wider, abs=0.2)
        assert found["estimated_psnr_affine_db"] == pytest.approx(exact["psnr_affine_db"] + wider, abs=0.2)
        assert not {"psnr_db", "ssim"} & set(found)


def test_the_error_of_a_good_answer_may_be_negative_by_chance_and_is_pooled_before_the_logarithm() -> None:
    rows = [restoration.statistics(Picture(RAMP), repeats(4, seed)) for seed in range(100, 400, 10)]
    errors = [row["squared_error"] for row in rows]
    assert min(errors) < 0 < max(errors)
    pooled = restoration.summarise(pd.DataFrame(rows))
    assert pooled["estimated_psnr_db"] == pytest.approx(min(100.0, -10 * np.log10(max(np.mean(errors), 1e-10))))
    assert max(row["estimated_psnr_db"] for row in rows) == restoration.HIGHEST_PSNR_DB


def test_hidden_pixels_tell_the_error_beside_the_noise_and_no_psnr() -> None:
    hidden = np.zeros(RAMP.shape, bool)
    hidden[::3, ::3] = True
    deviation = np.where(hidden, np.float32(NOISE), np.float32(np.inf))
    truth = Picture(noisy(1), deviation)
    found = {what: restoration.statistics(Picture(p), truth) for what, p in {"clean": RAMP, "off": RAMP + 50}.items()}
    assert set(found["clean"]) == {"blind_error"}
    assert found["clean"]["blind_error"] == pytest.approx(1, abs=0.15)
    assert found["off"]["blind_error"] == pytest.approx(1 + (50 / NOISE) ** 2, abs=0.3)
    elsewhere = RAMP.copy()
    elsewhere[~hidden] += 1000  # pixels that the model saw do not count
    assert restoration.statistics(Picture(elsewhere), truth) == found["clean"]


def test_a_noisy_truth_that_says_nothing_gives_nan() -> None:
    flat = Picture(np.zeros((16, 16), np.float32), np.ones((16, 16), np.float32))
    assert all(math.isnan(value) for value in restoration.statistics(flat, flat).values())
    unknown = Picture(RAMP, np.full(RAMP.shape, np.inf, np.float32))
    assert math.isnan(restoration.statistics(Picture(RAMP * np.float32("nan")), unknown)["blind_error"])


def test_the_noise_of_the_truth_does_not_widen_deviations() -> None:
    rng = np.random.default_rng(0)
    answer = Picture((RAMP + rng.normal(0, 30, RAMP.shape)).astype(np.float32), np.full(RAMP.shape, 10, np.float32))
    assert restoration.deviation_scale([(answer, Picture(RAMP))]) == pytest.approx(3, rel=0.05)
    assert restoration.deviation_scale([(answer, repeats(4))]) == pytest.approx(3, rel=0.05)


def test_the_correlation_of_neighbours_by_hand() -> None:
    assert restoration.neighbour_correlation(np.array([[1.0, -1.0], [-1.0, 1.0]])) == -1
    assert restoration.neighbour_correlation(np.array([[1.0, 1.0], [-1.0, -1.0]])) == 0  # 1 in a row, -1 in a column
    assert np.isnan(restoration.neighbour_correlation(np.zeros((2, 2))))
