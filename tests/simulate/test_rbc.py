"""Labels that follow their probability, and crops that show what they say."""

from __future__ import annotations

from dataclasses import asdict
from typing import get_args

import numpy as np
import pytest
from scipy.ndimage import binary_fill_holes

import tiny
from brightfield import params
from brightfield.data import splitting
from brightfield.params import RbcSimulation, Suite
from brightfield.simulate import rbc, simulate
from brightfield.simulate.rbc import CAUSES, Crop, draw_crop, draw_smear, render
from brightfield.simulate.rbc.processing import toned
from brightfield.simulate.rbc.smears import Smear

PLAIN = Smear(
    stain=np.array([0.03, 0.14, 0.20]),
    white=np.array([0.8, 0.8, 0.8]),
    focus_um=0.0,
    electrons=1e6,
    neighbours=0.0,
    texture=0.0,
)


@pytest.fixture(scope="module")
def crops() -> list[Crop]:
    smears = [(draw_smear(rng), rng) for rng in np.random.default_rng(0).spawn(300)]
    return [draw_crop(0.45, smear, rng) for smear, rng in smears for _ in range(30)]


def test_labels_follow_their_probability(crops: list[Crop]) -> None:
    p, label = (np.array([getattr(crop, name) for crop in crops]) for name in ("p_positive", "label"))
    for low, high in [(0, 0.02), (0.02, 0.3), (0.3, 0.7), (0.7, 0.98), (0.98, 1)]:
        here = (p >= low) & (p <= high)
        assert here.sum() > 100
        standard_error = np.sqrt((p[here] * (1 - p[here])).mean() / here.sum())
        assert label[here].mean() == pytest.approx(p[here].mean(), abs=4 * standard_error + 1e-9)


def test_the_best_possible_accuracy_is_known_and_hard_enough(crops: list[Crop]) -> None:
    p = np.array([crop.p_positive for crop in crops])
    assert 0.93 < np.maximum(p, 1 - p).mean() < 0.97
    assert 0.32 < p.mean() < 0.46


def test_the_default_dataset_has_good_and_bad_crops_in_the_proportions_of_a_lab(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """956 good and 2,000 bad to train, 319 and 667 each to validate and to test: 60, 20 and 20%, 32.3% of each good."""
    simulation = params.load(tiny.REPOSITORY / params.PARAMS).simulations["rbc"]
    assert isinstance(simulation, RbcSimulation)
    monkeypatch.setattr(rbc, "render", lambda *of_crop: np.zeros((1, 1, 3), np.uint8))  # it is drawn when its label is
    crops = [(record.group, record.row["label"]) for record in simulate(simulation.model_copy(update={"suites": ()}))]
    groups, labels = [group for group, _ in crops], np.array([label for _, label in crops], dtype=float)
    splits = np.array(splitting.split_groups(groups, validation=0.2, test=0.2, seed=0, strata=list(labels)))
    for split, share in (("train", 2956), ("validation", 986), ("test", 986)):
        assert np.mean(splits == split) == pytest.approx(share / 4928, abs=0.01)
        assert labels[splits == split].mean() == pytest.approx(956 / 2956, abs=0.01)


def test_every_defect_occurs_and_is_mostly_bad(crops: list[Crop]) -> None:
    kinds = {crop.kind for crop in crops}
    assert kinds >= {"normal", "elliptocyte", "sickle", "burr", *CAUSES} - {"sick"}
    good = {kind: np.mean([c.label for c in crops if c.kind == kind]) for kind in kinds}
    assert good.pop("normal") > 0.88
    assert max(good.values()) < 0.25


@pytest.mark.parametrize(("kind", "at_threshold"), [("elliptocyte", 0.30), ("target", 0.30), ("failed_contour", 0.42)])
def test_half_the_experts_say_bad_at_the_threshold(kind: str, at_threshold: float, crops: list[Crop]) -> None:
    near = [
        c.p_positive for c in crops if c.kind == kind and abs(c.severity - at_threshold) < 0.02 and abs(c.z_um) < 0.8
    ]
    assert near
    assert np.median(near) == pytest.approx(0.5, abs=0.12)


def test_record_has_a_red_contour_and_its_row() -> None:
    record = next(simulate(RbcSimulation(simulator="rbc", smears=3, crops_per_smear=1)))
    assert record.image.shape == (85, 85, 3)
    assert record.image.dtype == np.uint8
    assert set(record.row) == {"label", "p_positive", "kind", "smear", "suite"}
    assert (record.image == (255, 0, 0)).all(axis=-1).sum() > 60


def test_a_right_contour_is_one_pixel_wide_and_follows_the_cell() -> None:
    rng = np.random.default_rng(1)
    image = render(Crop("normal", 0.0, 0.0, 0.0, 1.0, 1), PLAIN, 85, 0.14, rng).astype(float)
    contour = (image == (255, 0, 0)).all(axis=-1)
    filled = binary_fill_holes(contour)
    inner = binary_fill_holes(filled & ~contour)
    assert filled.sum() == contour.sum() + inner.sum()
    equivalent_radius_um = np.sqrt(filled.sum() / np.pi) * 0.14
    assert equivalent_radius_um == pytest.approx(3.9, abs=1.0)
    # blue light is absorbed inside and not outside
    assert image[inner, 2].mean() < 0.8 * image[~filled, 2].mean()


def test_a_healthy_cell_is_paler_in_its_middle() -> None:
    image = render(Crop("normal", 0.0, 0.0, 0.0, 1.0, 1), PLAIN, 85, 0.14, np.random.default_rng(2)).astype(float)
    rows, columns = np.indices((85, 85)) - 42
    r_um = np.hypot(rows, columns) * 0.14
    middle, ring = image[r_um < 0.7, 2].mean(), image[(r_um > 1.7) & (r_um < 2.3), 2].mean()
    assert middle > 1.1 * ring


def test_defocus_blurs() -> None:
    def edge(z_um: float) -> float:
        image = render(Crop("normal", 0.0, z_um, 0.0, 1.0, 1), PLAIN, 85, 0.14, np.random.default_rng(3)).astype(float)
        green = np.where((image == (255, 0, 0)).all(axis=-1), np.nan, image[..., 1])
        return float(np.nanmax(abs(np.diff(green, axis=1))))

    assert edge(4.0) < 0.6 * edge(0.0)


@pytest.mark.parametrize("suite", get_args(Suite))
def test_a_suite_changes_one_thing(suite: Suite) -> None:
    changed = {
        "focus": {"focus_um"},
        "density": {"neighbours"},
        "light": {"white"},
        "camera": {"mixing", "gamma", "read_noise"},
    }[suite]
    for seed in range(20):
        usual, other = (asdict(draw_smear(np.random.default_rng(seed), how)) for how in (None, suite))
        assert {name for name in usual if not np.array_equal(usual[name], other[name])} == changed


def test_suites_look_as_they_are_named() -> None:
    def smears(suite: Suite | None) -> list[Smear]:
        return [draw_smear(np.random.default_rng(seed), suite) for seed in range(50)]

    assert min(abs(s.focus_um) for s in smears("focus")) >= 0.6
    assert min(s.neighbours for s in smears("density")) > max(s.neighbours for s in smears(None))
    dimming = [dim.white / usual.white for dim, usual in zip(smears("light"), smears(None), strict=True)]
    assert np.max(dimming) <= 0.6
    for smear in smears("camera"):
        np.testing.assert_allclose(smear.mixing.sum(axis=0), 1)  # grey stays grey


def test_a_tone_curve_lifts_the_shadows_and_keeps_black_and_white() -> None:
    np.testing.assert_array_equal(
        toned(np.array([0, 64, 255], np.uint8), 0.5), [0, round(255 * (64 / 255) ** 0.5), 255]
    )
