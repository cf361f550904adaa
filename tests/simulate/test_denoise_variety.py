"""Fluorescence of many labs: dim light, any blur and noise, and structures beside nuclei, with the exact mean as truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from brightfield.data.records import Record
from brightfield.params import DenoiseAppearance, DenoiseSimulation
from brightfield.simulate import simulate
from brightfield.simulate.denoise import draw_scene, level
from brightfield.simulate.denoise.conditions import Acquisition
from brightfield.simulate.denoise.structures import STRUCTURES
from brightfield.simulate.denoise.variety import SEEN, wide_acquisition
from brightfield.simulate.optics import Camera

WIDE = DenoiseSimulation(simulator="denoise", images=40, size_px=96, variety="wide")


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return list(simulate(WIDE))


@pytest.fixture(scope="module")
def acquisitions() -> list[Acquisition]:
    return [wide_acquisition((4.0, 60.0), np.random.default_rng(seed)) for seed in range(300)]


def test_usual_is_the_default_and_wide_gives_other_bytes_that_stay_the_same(records: list[Record]) -> None:
    few = WIDE.model_copy(update={"images": 4})
    default = DenoiseSimulation(simulator="denoise", images=4, size_px=96)
    usual = list(simulate(few.model_copy(update={"variety": "usual"})))
    for left, right, wide, first in zip(simulate(default), usual, simulate(few), records, strict=False):
        assert left.image.tobytes() == right.image.tobytes()
        assert wide.image.tobytes() == first.image.tobytes() != left.image.tobytes()
        assert wide.fields["clean"].tobytes() == first.fields["clean"].tobytes()


def test_peaks_are_from_one_to_a_hundred_photons(acquisitions: list[Acquisition], records: list[Record]) -> None:
    peaks = np.array([how.peak_electrons[0] for how in acquisitions])
    assert 1 <= peaks.min() < 1.2
    assert 85 < peaks.max() <= 100
    assert 0.35 < (peaks < 10).mean() < 0.65
    for record in records:
        assert record.image.dtype == np.uint16
        assert record.fields["clean"].dtype == np.float32
        assert set(record.row) == {"peak_electrons", "kind", "suite"}
        assert record.row["kind"] == level(float(str(record.row["peak_electrons"])))


def test_cameras_blurs_and_backgrounds_of_many_labs(acquisitions: list[Acquisition]) -> None:
    def values(name: str) -> np.ndarray:
        return np.array([np.ravel(getattr(how, name))[0] for how in acquisitions], dtype=float)

    for name, low, high in [
        ("read_noise", 0.5, 4.5),
        ("psf_sigma_px", 0.6, 3.5),
        ("background", 0.01, 0.3),
        ("electrons_per_count", 0.1, 2.0),
    ]:
        assert values(name).min() < low, name
        assert values(name).max() > high, name
    for name in ("row_noise", "column_noise", "grain"):
        assert 0.15 < (values(name) > 0).mean() < 0.6, name
    assert (values("row_noise") <= 0.1 * values("peak_electrons") + 1e-9).all()


def test_the_mean_of_many_exposures_is_the_clean_image() -> None:
    """With every noise, and counts as coarse as they come: neither rounding nor the end of the counts shifts it."""
    for seed in range(6):
        how = wide_acquisition((4.0, 60.0), np.random.default_rng(seed))
        step, read = how.electrons_per_count[0], how.read_noise[0]
        camera = Camera(step, how.offset[0], read, how.row_noise, 16, how.column_noise, how.grain, how.grain_px)
        electrons = np.tile(np.linspace(0, how.peak_electrons[0], 24), (24, 1))
        rng = np.random.default_rng(100 + seed)
        exposures = np.array([camera.expose(electrons, rng) for _ in range(400)])
        difference = exposures.mean(axis=0) - camera.expected_counts(electrons)
        assert abs(difference.mean(axis=0)).max() < 5 * exposures.std() / np.sqrt(400)
        assert abs(difference.mean()) < 0.2 * exposures[:, :, 0].std()
        assert exposures.min() > 0


def test_images_have_their_clean_image_as_mean(records: list[Record]) -> None:
    slopes = []
    for record in records:
        clean = record.fields["clean"].astype(float)
        slopes.append(np.polyfit(clean.ravel(), record.image.ravel(), 1)[0])
    assert np.median(slopes) == pytest.approx(1, abs=0.02)


def test_structured_noise_is_what_it_is_called() -> None:
    dark = np.zeros((200, 150))
    columns = Camera(0.05, 500, 0.2, 0.0, column_noise=1.0).expose(dark, np.random.default_rng(0)) * 0.05
    assert columns.mean(axis=0).std() == pytest.approx(1.0, rel=0.2)
    assert columns.mean(axis=1).std() < 0.15
    grain = Camera(0.05, 500, 0.0, 0.0, grain=1.0, grain_px=1.0).expose(dark, np.random.default_rng(0)) * 0.05
    grain = grain - grain.mean()
    assert grain.std() == pytest.approx(1.0, rel=0.05)
    # neighbours at the distance of d share exp(-d^2 / 4 s^2)
    assert (grain[:, 1:] * grain[:, :-1]).mean() == pytest.approx(np.exp(-0.25), abs=0.05)
    colour = Camera(0.05, 500, 0.2, 0.0, column_noise=1.0, grain=0.5).expose(
        np.zeros((9, 9, 3)), np.random.default_rng(0)
    )
    assert colour.shape == (9, 9, 3)


def test_most_fields_show_other_things_than_nuclei(acquisitions: list[Acquisition]) -> None:
    assert set(SEEN) == set(STRUCTURES)
    assert sum(SEEN.values()) == pytest.approx(1)
    first = [how.layers[0][0] for how in acquisitions]
    assert set(first) == set(SEEN)
    assert first.count("nuclei") < 0.4 * len(first)
    assert 0.3 < np.mean([len(how.layers) == 2 for how in acquisitions]) < 0.7


def anisotropy(light: np.ndarray) -> float:
    """0 where a structure has no direction, 1 for lines, by the structure tensor where it is bright."""
    gy, gx = np.gradient(light)
    xx, yy, xy = (ndimage.gaussian_filter(product, 4.0) for product in (gx * gx, gy * gy, gx * gy))
    weight = xx + yy
    return float((np.hypot(xx - yy, 2 * xy) / (weight + 1e-12) * weight).sum() / weight.sum())


@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("seed", range(4))
def test_each_structure_covers_a_part_of_the_field(name: str, seed: int) -> None:
    how = replace(wide_acquisition((4.0, 60.0), np.random.default_rng(seed)), layers=((name, 1.0),))
    how = replace(how, background=(0.01, 0.01), psf_sigma_px=(1.0, 1.0), haze=(0.0, 0.0))
    scene = draw_scene((128, 160), np.random.default_rng(seed), how)
    assert scene.shape == (128, 160)
    assert scene.dtype == np.float32
    assert scene.min() > 0
    assert 0.6 < np.percentile(scene, 99.5) < 1.3
    assert scene.max() < 12  # no single spot takes all the light
    assert 0.002 < (scene > 0.3).mean() < 0.95


def test_structures_look_as_they_are_named() -> None:
    def drawn(name: str) -> list[np.ndarray]:
        how = Acquisition((4.0, 60.0), layers=((name, 1.0),))
        rngs = [np.random.default_rng(seed) for seed in range(8)]
        return [ndimage.gaussian_filter(STRUCTURES[name]((160, 160), 1.0, how, rng), 1.0) for rng in rngs]

    lines, dots, cytoplasm = (drawn(name) for name in ("filaments", "puncta", "cytoplasm"))
    assert np.median([anisotropy(light) for light in lines]) > 1.5 * np.median([anisotropy(light) for light in dots])

    def extent(light: np.ndarray) -> float:
        """Share of the light that survives a wide blur, at the brightest places."""
        return float(np.percentile(ndimage.gaussian_filter(light, 4.0), 99) / np.percentile(light, 99))

    assert np.median([extent(light) for light in dots]) < 0.6 * np.median([extent(light) for light in cytoplasm])


def test_an_appearance_stands_over_what_is_wide() -> None:
    own = DenoiseAppearance(
        offset=(300.0, 300.0), electrons_per_count=(0.5, 0.5), read_noise=(0.0, 0.0), blur_px=(4.0, 4.0)
    )
    made = list(simulate(WIDE.model_copy(update={"images": 6, "appearance": own})))
    for record in made:
        clean = record.fields["clean"].astype(float)
        assert clean.min() >= 300
        peak = float(str(record.row["peak_electrons"]))
        assert np.percentile(clean, 99.5) - 300 == pytest.approx(peak / 0.5, rel=0.3)
        # a blur of 4 px leaves nothing finer
        assert ndimage.laplace(clean).std() < 0.12 * clean.std()
