"""Heat maps and positions: (0, 0) is the centre of the first pixel, x the column, y the row."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import rings
import tiny
from brightfield import params
from brightfield.beads.localisation.hybrid import refine_found
from brightfield.data.records import Record
from brightfield.results import Points
from brightfield.tasks.tracking import Tracking

TASK = Tracking(params.TrackingSettings())
LOSS = TASK.learning.loss_function(TASK.learning.dataset([]), params.Training(epochs=1))
HEIGHT, WIDTH = 48, 40


def heat_of(*positions: tuple[float, float], task: Tracking = TASK) -> np.ndarray:
    """The heat map that a perfect network draws, (1, H, W)."""
    image = np.random.default_rng(0).normal(size=(HEIGHT, WIDTH)).astype(np.float32)
    record = Record("frame", "movie", image, {"positions": np.array(positions, float).reshape(-1, 2)})
    return task.learning.target(record, task.learning.encode(image)).numpy()


def decode(heat: np.ndarray, task: Tracking = TASK) -> Points:
    return task.answering.decode(heat.astype(np.float32), task.learning.encode(heat[0]))


def decode_image(task: Tracking, heat: np.ndarray, image: np.ndarray) -> np.ndarray:
    return task.answering.decode(heat, task.learning.encode(image)).positions


def errors(found: Points, *truth: tuple[float, float]) -> np.ndarray:
    """Distance of each true position to the nearest that was found."""
    assert len(found.positions) == len(truth)
    return np.array([np.hypot(*(found.positions - true).T).min() for true in truth])


def test_the_heat_map_is_a_gaussian_at_x_right_and_y_down() -> None:
    heat = heat_of((10.0, 30.0))
    assert heat.shape == (1, HEIGHT, WIDTH)
    assert heat.dtype == np.float32
    assert heat[0, 30, 10] == 1.0
    assert heat[0, 30, 12] == heat[0, 28, 10] == pytest.approx(np.exp(-0.5))  # one sigma of 2 px away
    assert heat_of((10.25, 30.0))[0, 30, 10] == pytest.approx(np.exp(-(0.25**2) / 8))
    np.testing.assert_allclose(heat_of((10.0, 20.0), (20.0, 20.0))[0, 20, 15], np.exp(-25 / 8), rtol=1e-5)  # the larger


def test_positions_are_found_to_a_hundredth_of_a_pixel_at_every_phase() -> None:
    phases = np.arange(0, 1, 0.1)
    worst = max(float(errors(decode(heat_of(p)), p)[0]) for dx in phases for dy in phases if (p := (17 + dx, 25 + dy)))
    assert worst < 0.01


@pytest.mark.parametrize("sigma", [1.0, 1.5, 3.0])
def test_and_for_every_width_of_the_gaussian(sigma: float) -> None:
    task = Tracking(params.TrackingSettings(heat_sigma_px=sigma))
    for phase in (0.0, 0.3, 0.5, 0.77):
        position = (17 + phase, 25 - phase)
        assert errors(decode(heat_of(position, task=task), task), position)[0] < 0.01


BORDER = [(x, y) for x in (-0.4, 0.0, 0.3, 1.49) for y in (-0.3, 0.2, 20.6, HEIGHT - 0.9, HEIGHT - 0.6)]
BORDER += [(WIDTH - 1 - x, y) for x, y in BORDER]


@pytest.mark.parametrize("position", BORDER)
def test_near_the_border_as_well(position: tuple[float, float]) -> None:
    assert errors(decode(heat_of(position)), position)[0] < 0.01


@pytest.mark.parametrize("offset", [(9.0, 0.0), (0.0, 8.6), (6.3, 6.4), (-7.2, 5.5)])
def test_two_beads_that_are_close_are_both_found(offset: tuple[float, float]) -> None:
    first = (17.3, 22.6)
    second = (first[0] + offset[0], first[1] + offset[1])
    assert (errors(decode(heat_of(first, second)), first, second) < 0.05).all()


def test_of_two_beads_closer_than_the_separation_the_higher_stays() -> None:
    heat = np.maximum(heat_of((17.0, 22.0)), 0.8 * heat_of((23.0, 22.0)))
    found = decode(heat)
    assert errors(found, (17.0, 22.0))[0] < 0.01
    assert found.quality == pytest.approx([1.0])
    near = Tracking(params.TrackingSettings(separation_px=5.0))
    assert len(decode(heat, near).positions) == 2


def test_quality_is_the_height_of_the_peak_and_low_peaks_are_no_beads() -> None:
    heat = np.maximum(0.9 * heat_of((10.0, 10.0)), 0.31 * heat_of((30.0, 40.0)))
    found = decode(heat)
    assert sorted(found.quality) == pytest.approx([0.31, 0.9])
    strict = Tracking(params.TrackingSettings(threshold=0.5))
    assert errors(decode(heat, strict), (10.0, 10.0))[0] < 0.01


@pytest.mark.parametrize("level", [0.0, 0.05, 0.29])
def test_an_empty_map_has_no_beads(level: float) -> None:
    found = decode(np.full((1, HEIGHT, WIDTH), level))
    assert found.positions.shape == (0, 2)
    assert found.quality.shape == (0,)
    assert not heat_of().any()


def test_a_plateau_is_one_bead() -> None:
    """A network that is very sure saturates: several pixels are exactly 1."""
    found = decode(np.minimum(1.3 * heat_of((17.2, 25.4)), 1.0))
    assert errors(found, (17.2, 25.4))[0] < 1.0


@pytest.mark.parametrize("phase", [0.0, 0.2, 0.5])
def test_the_few_digits_of_bfloat16_are_enough(phase: float) -> None:
    """Logits as mixed precision computes them: neighbours of a peak are often equal to it."""
    position = (17 + phase, 25 + phase)
    logits = torch.logit(torch.from_numpy(0.98 * heat_of(position)).clamp(1e-4)).bfloat16().float()
    assert errors(decode(torch.sigmoid(logits).numpy()), position)[0] < 0.05


@settings(max_examples=60, deadline=None)
@given(st.floats(0, WIDTH - 1), st.floats(0, HEIGHT - 1), st.floats(0.5, 1.0), st.floats(0, 0.02))
def test_a_little_noise_moves_a_position_a_little(x: float, y: float, height: float, noise: float) -> None:
    rng = np.random.default_rng(0)
    heat = np.clip(height * heat_of((x, y)) + rng.normal(0, noise, (1, HEIGHT, WIDTH)), 0, 1)
    assert errors(decode(heat), (x, y))[0] < 0.02 + 10 * noise


def test_positions_are_tabled_frame_by_frame() -> None:
    answers = {
        "b": Points.exact(np.array([[1.5, 2.5], [9, 9]])),
        "empty": Points.exact([]),
        "a": Points.exact([[3, 4]]),
    }
    table = TASK.combine({name: TASK.rows(answer) for name, answer in answers.items()})
    assert table.to_dict("list") == {
        "frame": [0, 0, 2],
        "x": [1.5, 9, 3],
        "y": [2.5, 9, 4],
        "quality": [1, 1, 1],
        "image": ["b", "b", "a"],
    }
    assert list(TASK.combine({"empty": TASK.rows(Points.exact([]))})) == list(table)


def test_the_loss_is_least_for_the_heat_map_itself() -> None:
    """By hand: logit 0 costs ln 2 a pixel, whatever its heat; of all answers a heat h is cheapest where it is h."""
    target = torch.tensor([[[[1.0, 0.3], [0.0, 0.0]]]])
    assert float(LOSS(torch.zeros_like(target), target)) == pytest.approx(np.log(2))
    heat = torch.full((1, 1, 2, 2), 0.3)
    losses = {h: float(LOSS(torch.logit(torch.full_like(heat, h)), heat)) for h in (0.1, 0.25, 0.3, 0.35, 0.9)}
    assert min(losses, key=losses.__getitem__) == 0.3


def test_a_network_begins_by_seeing_no_beads() -> None:
    torch.manual_seed(0)
    network = TASK.learning.network(tiny.model("tracking")).eval()
    with torch.no_grad():
        heat = TASK.answering.activate(network(torch.randn(2, 1, 48, 48)))
    assert 0 < float(heat.median()) < TASK.settings.threshold / 2


def test_the_tiny_frames_have_the_beads_where_they_are_said_to_be() -> None:
    """The truth of the other tests: the darkest place of a frame is a bead, to a pixel."""
    for record in tiny.records("tracking", 4):
        y, x = np.unravel_index(np.argmin(record.image), record.image.shape)
        assert np.hypot(*(record.fields["positions"] - (x, y)).T).min() < 2.0


def test_refined_answers_come_from_the_frame_and_say_how_sure_they_are() -> None:
    task = Tracking(params.TrackingSettings(refine=True))
    image = rings.exposed(rings.light(27.3, 23.8), np.random.default_rng(0))
    record = Record("frame", "movie", image, {"positions": np.array([[27.8, 23.3]])})  # the heat map is off by 0.7 px
    encoded = task.learning.encode(image)
    heat = task.learning.target(record, encoded).numpy()
    found = task.answering.decode(heat, encoded)
    assert np.hypot(*(found.positions[0] - (27.3, 23.8))) < 0.05
    assert found.errors is not None
    assert 0 < found.errors.max() < 0.03
    table = task.combine({"a": task.rows(found), "b": task.rows(found)})
    assert list(table.columns) == ["frame", "x", "y", "quality", "x_error", "y_error", "image"]
    assert TASK.answering.decode(heat, encoded).errors is None


def test_refined_answers_know_the_dark_level_of_the_camera() -> None:
    slope = 1 + 0.6 * (np.arange(rings.SIZE[1]) / rings.SIZE[1] - 0.5)
    image = rings.exposed(rings.light(27.3, 23.8) * slope, np.random.default_rng(1))
    record = Record("frame", "movie", image, {"positions": np.array([[27.8, 23.3]])})
    settings_of = [
        params.TrackingSettings(refine=True, camera_offset=camera_offset) for camera_offset in (None, rings.OFFSET)
    ]
    heat = TASK.learning.target(record, TASK.learning.encode(image)).numpy()
    unknown, known = (decode_image(Tracking(each), heat, image) for each in settings_of)
    found = TASK.answering.decode(heat, TASK.learning.encode(image)).positions
    np.testing.assert_allclose(known, refine_found(image, found, camera_offset=rings.OFFSET)[0], atol=1e-4)
    assert np.abs(known - unknown).max() > 1e-3


# --- guarantees -------------------------------------------------------------------------------------------------------


def test_the_score_of_a_bead_is_its_distance_in_standard_errors() -> None:
    """By hand: 0.5 px off with errors 0.3 and 0.4 is 1; errors unknown or 0 count as the tolerance, 1 px. The last has no match."""
    errors_px = np.array([[0.3, 0.4], [np.nan, 0.1], [0.0, 0.0], [0.1, 0.1]])
    found = Points(np.array([[10.3, 10.4], [20.0, 20.25], [30.0, 30.75], [40.0, 40.0]]), np.ones(4), errors_px)
    truth = Points.exact([[10.0, 10.0], [20.0, 20.0], [30.0, 30.0], [44.0, 40.0]])
    np.testing.assert_allclose(TASK.scoring.nonconformity(found, truth)["radius"], [1.0, 0.25, 0.75])
    plain = Points(found.positions, found.quality)
    np.testing.assert_allclose(TASK.scoring.nonconformity(plain, truth)["radius"], [0.5, 0.25, 0.75])


def test_a_radius_is_the_limit_in_standard_errors_and_scales_with_the_frame() -> None:
    found = Points(np.array([[10.0, 10.0], [20.0, 20.0]]), np.ones(2), np.array([[0.3, 0.4], [np.nan, np.nan]]))
    promised = TASK.answering.guaranteed(found, {"radius": 2.0})
    np.testing.assert_allclose(promised.radius, [1.0, 2.0])
    np.testing.assert_array_equal(promised.positions, found.positions)
    assert TASK.scoring.sizes(promised) == {"radius": 1.5}
    original = TASK.answering.to_original_scale(promised, (40, 50), (80, 100))
    np.testing.assert_allclose(original.radius, [0.5, 1.0])
    assert TASK.answering.guaranteed(found, {}) is found
    none = TASK.answering.guaranteed(Points.exact([]), {"radius": 2.0})
    assert none.radius is not None
    assert (none.radius.shape, TASK.scoring.sizes(none)) == ((0,), {})


def test_residuals_of_matched_beads_by_hand() -> None:
    task = Tracking(params.TrackingSettings())
    truth = Points.exact([[10.0, 20.0], [40.0, 40.0]])
    found = Points(
        np.array([[40.5, 39.5], [10.25, 20.0], [90.0, 90.0]]),
        np.ones(3),
        np.array([[0.1, 0.2], [np.nan, np.nan], [1, 1]]),
    )
    rows = task.scoring.residuals(found, truth)
    rows = rows[np.argsort(rows[:, 0])]
    np.testing.assert_allclose(rows[0], [10, 20, 0.25, 0, np.nan, np.nan])
    np.testing.assert_allclose(rows[1], [40, 40, 0.5, -0.5, 0.1, 0.2])
    assert np.isnan(task.scoring.residuals(truth, truth)[:, 4:]).all()
    assert len(task.scoring.residuals(Points.exact([]), truth)) == 0
