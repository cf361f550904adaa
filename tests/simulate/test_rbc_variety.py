"""Smears of many labs: wide ranges, labels that mean the same, and nothing new in a smear of one lab."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import binary_fill_holes
from scipy.special import expit

from brightfield.data.records import Record
from brightfield.params import RbcAppearance, RbcSimulation
from brightfield.simulate import rbc, simulate
from brightfield.simulate.rbc import FOCUS_UM, TAU, THRESHOLDS, Crop, draw_crop, draw_smear, render
from brightfield.simulate.rbc.processing import compressed, sharpened, toned
from brightfield.simulate.rbc.smears import Smear
from brightfield.simulate.rbc.variety import OFF_CENTRE_UM, crowd

SIMULATION: dict[str, Any] = {"simulator": "rbc", "smears": 60, "crops_per_smear": 1, "variety": "wide"}
GOOD = Crop("normal", 0.0, 0.0, 0.0, 1.0, 1)
CLEAR = {"contour": False, "crowding": 0.0, "neighbours": 0.0, "unevenness": 0.0, "texture": 0.0, "electrons": 1e6}


@pytest.fixture(scope="module")
def smears() -> list[Smear]:
    return [draw_smear(np.random.default_rng(seed), variety="wide") for seed in range(200)]


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return list(simulate(RbcSimulation.model_validate(SIMULATION)))


def is_contour(image: np.ndarray) -> np.ndarray:
    return np.asarray((image == (255, 0, 0)).all(axis=-1))


def test_a_smear_of_one_lab_has_nothing_that_is_wide() -> None:
    for seed in range(20):
        smear = draw_smear(np.random.default_rng(seed))
        for one in fields(Smear):
            if one.default is not MISSING:
                assert getattr(smear, one.name) == one.default, one.name
    image = np.random.default_rng(0).integers(0, 256, (9, 9, 3)).astype(np.uint8)
    assert toned(image, 1.0) is sharpened(image, 0.0) is compressed(image, 0.0) is image


def test_usual_is_the_default_and_wide_gives_other_bytes_that_stay_the_same(records: list[Record]) -> None:
    entry = {**SIMULATION, "smears": 3}
    del entry["variety"]
    default = list(simulate(RbcSimulation.model_validate(entry)))
    usual = list(simulate(RbcSimulation.model_validate({**entry, "variety": "usual"})))
    again = list(simulate(RbcSimulation.model_validate({**SIMULATION, "smears": 3})))
    for left, right, wide, first in zip(default, usual, again, records, strict=False):
        assert left.image.tobytes() == right.image.tobytes()
        assert wide.image.tobytes() == first.image.tobytes() != left.image.tobytes()
        assert wide.row == first.row


def test_cells_are_from_half_to_twice_as_large_mostly_about_as_large(smears: list[Smear]) -> None:
    sizes = np.array([smear.magnification for smear in smears])
    assert 0.5 <= sizes.min() < 0.6
    assert 1.6 < sizes.max() <= 2.0
    assert 0.65 < ((sizes > 0.7) & (sizes < 1.4)).mean() < 0.9


def test_measured_cells_differ_in_size_by_a_factor_of_three() -> None:
    """By their contours, which are drawn here in every smear."""
    params = RbcSimulation.model_validate(
        {**SIMULATION, "smears": 120, "good_fraction": 1.0, "appearance": RbcAppearance().model_dump()}
    )
    areas = [binary_fill_holes(is_contour(record.image)).sum() for record in simulate(params)]
    widths = np.sqrt(4 / np.pi * np.array(areas)[np.array(areas) > 200])
    assert widths.max() > 2.5 * widths.min()  # the largest run over the edge of the crop
    assert 35 < np.median(widths) < 65


def test_backgrounds_cameras_and_contours_of_many_labs(smears: list[Smear], records: list[Record]) -> None:
    white = np.array([smear.white**smear.gamma for smear in smears])
    assert white.max(axis=1).min() < 0.55
    assert white.max(axis=1).max() > 1
    assert (white[:, 0] > 1.12 * white[:, 2]).mean() > 0.03  # yellowish
    assert (white[:, 2] > 1.12 * white[:, 0]).mean() > 0.03  # blueish
    assert (np.ptp(white, axis=1) < 0.08 * white.max(axis=1)).mean() > 0.03  # grey
    assert 0.25 < np.mean([smear.unevenness == 0 == smear.texture for smear in smears]) < 0.55
    assert np.ptp(np.log10([smear.electrons for smear in smears])) > 2
    assert 0.1 < np.mean([smear.contour for smear in smears]) < 0.4
    drawn = [bool(is_contour(record.image).sum() > 15) for record in records]
    assert 0.1 < np.mean(drawn) < 0.45


def test_probabilities_are_those_of_the_severities() -> None:
    for seed in range(300):
        rng = np.random.default_rng(seed)
        crop = draw_crop(0.45, draw_smear(rng, variety="wide"), rng)
        severities = {
            "out_of_focus": (abs(crop.z_um) - FOCUS_UM[0]) / FOCUS_UM[1],
            "failed_contour": crop.contour_error,
        }
        if crop.severity and crop.kind not in severities:
            severities[crop.kind if crop.kind == "overlapping" else "sick"] = crop.severity
        expected = np.prod([1 - expit((s - THRESHOLDS[name]) / TAU) for name, s in severities.items()])
        assert crop.p_positive == pytest.approx(expected, rel=1e-9)


def test_labels_follow_their_probability(monkeypatch: pytest.MonkeyPatch) -> None:
    params = RbcSimulation.model_validate({**SIMULATION, "smears": 100, "crops_per_smear": 8})
    monkeypatch.setattr(rbc, "render", lambda *of_crop: np.zeros((1, 1, 3), np.uint8))  # it is drawn when its label is
    p, label = np.array([(float(str(r.row["p_positive"])), int(str(r.row["label"]))) for r in simulate(params)]).T
    assert label.mean() == pytest.approx(p.mean(), abs=4 * np.sqrt((p * (1 - p)).mean() / p.size))
    assert label[p < 0.02].mean() < 0.03
    assert label[p > 0.98].mean() > 0.97


@pytest.mark.parametrize("magnification", [0.5, 1.0, 1.4])
def test_without_a_drawn_contour_a_failed_one_leaves_the_cell_off_the_middle(magnification: float) -> None:
    smear = replace(draw_smear(np.random.default_rng(0)), **CLEAR, off_centre_um=OFF_CENTRE_UM)
    pixel_um = 0.14 / magnification

    def off_centre_um(error: float, seed: int) -> float:
        image = render(replace(GOOD, contour_error=error), smear, 129, pixel_um, np.random.default_rng(seed))
        weight = np.clip(np.median(image[..., 1]) - image[..., 1].astype(float) - 8, 0, None)
        rows, columns = np.indices(weight.shape) - 64
        return float(np.hypot((weight * rows).sum(), (weight * columns).sum()) / weight.sum() * pixel_um)

    for seed in range(3):
        assert off_centre_um(0.0, seed) < 0.3
        assert off_centre_um(0.6, seed) == pytest.approx(OFF_CENTRE_UM * 0.36, abs=0.4)


def test_out_of_focus_is_more_blurred_than_any_optics(smears: list[Smear]) -> None:
    """A crop that half of the experts call bad, under the sharpest optics, against one in focus under the worst."""

    def steepest(z_um: float, blur_um: float) -> float:
        smear = replace(draw_smear(np.random.default_rng(1)), **CLEAR, blur_um=blur_um)
        image = render(replace(GOOD, z_um=z_um), smear, 85, 0.14, np.random.default_rng(3)).astype(float)
        return float(abs(np.diff(image[..., 1], axis=1)).max())

    at_threshold = FOCUS_UM[0] + FOCUS_UM[1] * THRESHOLDS["out_of_focus"]
    worst = max(smear.blur_um for smear in smears)
    assert steepest(0.0, 0.0) > 1.1 * steepest(0.0, worst) > 1.1 * 1.1 * steepest(1.2 * at_threshold, 0.0)


def test_a_crowd_keeps_off_the_cell_and_covers_the_rest() -> None:
    size, step = 300, 0.1
    around = [crowd(1.5, np.zeros(2), 8.8, size, step, np.random.default_rng(seed)) for seed in range(5)]
    rows, columns = (np.indices((size, size)) - (size - 1) / 2) * step
    near = np.hypot(rows, columns) < 8.8 - 5.0
    assert max(thickness[near].max() for thickness in around) == 0
    assert 0.15 < np.mean([(thickness > 0).mean() for thickness in around]) < 0.8
    assert 1.5 < max(thickness.max() for thickness in around) < 8


def test_compression_loses_detail_and_keeps_the_mean() -> None:
    noise = np.random.default_rng(0).normal(0, 3, (21, 30, 3))
    image = np.rint(130 + noise).astype(np.uint8)
    small = compressed(image, 12.0)
    assert small.shape == image.shape
    assert small.std() < 0.5 * image.std()
    assert small.mean() == pytest.approx(image.mean(), abs=1)
    even = np.full((16, 16, 3), 130, np.uint8)
    assert np.abs(compressed(even, 2.0).astype(int) - 130).max() <= 1


def test_sharpening_steepens_an_edge() -> None:
    edge = np.repeat(np.repeat([[60, 80, 120, 140]], 8, axis=0)[..., None], 3, axis=2).astype(np.uint8)
    sharp = sharpened(edge, 1.0).astype(int)
    assert sharp[4, 2, 0] - sharp[4, 1, 0] > 40


def test_an_appearance_stands_over_what_is_wide() -> None:
    own = RbcAppearance(
        white=((0.5, 0.5), (0.6, 0.6), (0.7, 0.7)), stain=((0, 0), (0, 0), (0, 0)), texture=(0, 0), contour=False
    )
    params = RbcSimulation.model_validate({**SIMULATION, "smears": 12, "appearance": own.model_dump()})
    for record in simulate(params):
        assert np.median(record.image, axis=(0, 1)) / 255 == pytest.approx([0.5, 0.6, 0.7], rel=0.15)
        assert not is_contour(record.image).any()
