"""Fields of bacteria of many labs: cells, slides, light and cameras of every kind, with a truth that agrees with the image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from brightfield.data.records import Record
from brightfield.params import BacteriaAppearance, BacteriaSimulation
from brightfield.results import ClassMap
from brightfield.results.regions import regions
from brightfield.simulate import simulate
from brightfield.simulate.bacteria import Acquisition, draw_acquisition, photograph, variety
from brightfield.simulate.bacteria.abbe import phase_contrast
from brightfield.simulate.bacteria.imaging import Focus, Slide, transmitted_light
from brightfield.simulate.bacteria.placement import E_COLI, MAX_CURVATURE, MYXOCOCCUS, SPECIES, Rod, Species, place
from brightfield.simulate.bacteria.rendering import MIN_PIECE_PX, PARTED, draw_rods, draw_scene, scene_of
from brightfield.simulate.optics import Camera

PIXEL_UM = 0.065
WIDE = BacteriaSimulation(simulator="bacteria", images=30, size_px=128, seed=5, variety="wide")
CLEAR = Slide(background=dict.fromkeys(("brightfield", "phase"), (0.0, 0.0)), specks_per_um2=0.0)  # nothing but cells


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return list(simulate(WIDE))


@pytest.fixture(scope="module")
def acquisitions() -> list[Acquisition]:
    return [draw_acquisition(WIDE, np.random.default_rng(seed)) for seed in range(300)]


def rod(species: Species, length_um: float, waist: float = 0.0) -> Rod:
    """A straight rod in the middle of a field of 96 px."""
    along = np.linspace(-0.5, 0.5, 5)[:, None] * (length_um - species.width[0])
    return Rod(species.code, species.width[0] / 2, 48 * PIXEL_UM + along * [1.0, 0.0], waist)


# --- usual and wide ---------------------------------------------------------------------------------------------------


def test_usual_is_the_default_and_wide_gives_other_bytes_that_stay_the_same(records: list[Record]) -> None:
    few = WIDE.model_copy(update={"images": 3})
    default = BacteriaSimulation(simulator="bacteria", images=3, size_px=128, seed=5)
    usual = list(simulate(few.model_copy(update={"variety": "usual"})))
    for left, right, wide, first in zip(simulate(default), usual, simulate(few), records, strict=False):
        for name in ("image", "labels", "species"):
            of_left, of_right, of_wide, of_first = (
                each.image if name == "image" else each.fields[name] for each in (left, right, wide, first)
            )
            assert of_left.tobytes() == of_right.tobytes()
            assert of_wide.tobytes() == of_first.tobytes()
        assert wide.image.tobytes() != left.image.tobytes()
        assert wide.row == first.row


def test_what_only_wide_fields_have_is_left_out_of_usual_ones() -> None:
    """The steps that draw nothing random for a usual field leave its random numbers as they are without them."""
    covers = {MYXOCOCCUS.code: 0.2, E_COLI.code: 0.1}
    scene = draw_scene(96, PIXEL_UM, covers, np.random.default_rng(1))
    named = draw_scene(96, PIXEL_UM, covers, np.random.default_rng(1), SPECIES)
    assert scene.labels.tobytes() == named.labels.tobytes()
    for modality in ("brightfield", "phase"):
        light = transmitted_light(scene, modality, Focus(0.3, 0.1), PIXEL_UM, np.random.default_rng(2))
        again = transmitted_light(scene, modality, Focus(0.3, 0.1), PIXEL_UM, np.random.default_rng(2), Slide())
        assert light.tobytes() == again.tobytes()
    usual = draw_acquisition(WIDE.model_copy(update={"variety": "usual"}), np.random.default_rng(3))
    assert (usual.pixel, usual.coarse, usual.hot, usual.slide.blobs_per_um2) == (1.0, 1.0, 0.0, 0.0)
    assert not usual.filtered
    assert all((each.sisters, each.waist) == (0.0, 0.0) for each in usual.slide.species.values())


def test_a_suite_changes_one_condition_of_a_wide_field() -> None:
    made = [draw_acquisition(WIDE, np.random.default_rng(7), suite=suite) for suite in (None, "density")]
    without, dense = made
    assert sum(dense.covers.values()) > 0.55
    assert (dense.pixel, dense.electrons, dense.camera) == (without.pixel, without.electrons, without.camera)


def test_an_appearance_stands_over_what_is_wide() -> None:
    own = BacteriaAppearance(myxococcus=(0.2, 0.2), e_coli=(0.0, 0.0), offset=(300.0, 300.0), focus_um=(0.1, 0.1))
    for seed in range(5):
        how = draw_acquisition(WIDE.model_copy(update={"appearance": own}), np.random.default_rng(seed))
        assert how.covers == {MYXOCOCCUS.code: 0.2, E_COLI.code: 0.0}
        assert how.camera.offset == 300
        assert abs(how.focus.z_um) == pytest.approx(0.1)


# --- records ----------------------------------------------------------------------------------------------------------


def test_records_are_as_those_of_usual_fields(records: list[Record]) -> None:
    assert {record.row["kind"] for record in records} == {"brightfield", "phase"}
    for record in records:
        labels, species = record.fields["labels"], record.fields["species"]
        assert record.image.shape == labels.shape == (128, 128)
        assert record.image.dtype == np.uint16
        assert labels.dtype == np.int32
        assert set(record.row) == {"kind", "focus_um", "cover", "electrons", "suite"}
        n = int(labels.max())
        assert species.shape == (n + 1,)
        assert set(species[1:]) <= {MYXOCOCCUS.code, E_COLI.code}
        assert (np.bincount(labels.ravel(), minlength=n + 1)[1:] >= MIN_PIECE_PX).all()
        assert all(ndimage.label(labels == label)[1] == 1 for label in range(1, n + 1))


def test_some_fields_are_empty_and_some_are_crowded(records: list[Record], acquisitions: list[Acquisition]) -> None:
    covers = np.array([sum(how.covers.values()) for how in acquisitions])
    assert 0.02 < (covers == 0).mean() < 0.15
    assert (covers > 0.35).mean() > 0.1
    assert min(float(str(record.row["cover"])) for record in records) == 0
    assert max(float(str(record.row["cover"])) for record in records) > 0.25


def test_image_and_truth_agree_where_light_is_plenty() -> None:
    """What an image shows of its cells lies in their masks: elsewhere a clear slide is even."""
    for modality in ("brightfield", "phase"):
        for seed in range(4):
            rng = np.random.default_rng(seed)
            wide = variety.draw_wide(rng)
            slide = replace(wide.slide, background=CLEAR.background, specks_per_um2=0.0, blobs_per_um2=0.0)
            pixel_um = PIXEL_UM * wide.pixel
            scene = draw_scene(128, pixel_um, {MYXOCOCCUS.code: 0.1, E_COLI.code: 0.1}, rng, slide.species)
            light = transmitted_light(scene, modality, Focus(0.2, 0.0), pixel_um, rng, slide)
            contrast = abs(light - np.median(light[scene.labels == 0]))
            far = ndimage.distance_transform_edt(scene.labels == 0) > 1.0 / pixel_um
            assert contrast[scene.labels > 0].mean() > 3 * contrast[far].mean()


# --- shapes -----------------------------------------------------------------------------------------------------------


def widths_px(records: list[Record]) -> list[float]:
    """The median width of the cells of each field that has some."""
    tables = [
        regions(ClassMap((labels > 0).astype(np.uint8), labels), ["", "cell"], 1.0)
        for labels in (record.fields["labels"] for record in records)
        if labels.max() >= 3
    ]
    return [float(np.median(table["width_um"])) for table in tables]


def test_widths_in_pixels_vary_by_more_than_a_factor_of_two(records: list[Record]) -> None:
    found = widths_px(records)
    assert len(found) > 10
    assert max(found) > 2 * min(found)
    usual = widths_px(list(simulate(WIDE.model_copy(update={"variety": "usual", "images": 12}))))
    assert max(found) / min(found) > 1.3 * max(usual) / min(usual)


def test_long_and_curved_cells_occur(acquisitions: list[Acquisition]) -> None:
    shapes = [how.slide.species[E_COLI.code] for how in acquisitions]
    assert 0.1 < np.mean([shape.length[0] > 2 * E_COLI.length[0] for shape in shapes]) < 0.35
    assert 0.1 < np.mean([shape.curvature > 0.15 for shape in shapes]) < 0.35
    assert any(shape.sisters > 0.3 for shape in shapes)
    assert any(shape.waist > 0.3 for shape in shapes)


def test_a_resting_curvature_bends_a_rod_further_than_a_push_may() -> None:
    curved = {E_COLI.code: replace(E_COLI, curvature=0.4, length=(4.0, 0.3), flexibility=0.05)}
    straight = {E_COLI.code: replace(E_COLI, length=(4.0, 0.3), flexibility=0.05)}

    def bends(species: dict[int, Species]) -> list[float]:
        """Curvature per um of each rod: the sagitta s of a chord c gives 8 s / c^2."""
        found = []
        for each in place(25.0, {E_COLI.code: 0.08}, np.random.default_rng(3), species):
            chord = each.axis[-1] - each.axis[0]
            length = float(np.hypot(*chord))
            middle = each.axis[len(each.axis) // 2] - each.axis[0]
            found.append(8 * abs(chord[0] * middle[1] - chord[1] * middle[0]) / length / length**2)
        return found

    assert np.percentile(bends(curved), 75) > MAX_CURVATURE
    assert max(bends(straight)) < 0.1


def test_filaments_are_longer_than_any_usual_cell() -> None:
    filaments = {
        MYXOCOCCUS.code: replace(MYXOCOCCUS, length=(22.0, 2.0), longest=40.0),
        E_COLI.code: E_COLI,
    }
    rods = place(30.0, {MYXOCOCCUS.code: 0.06}, np.random.default_rng(2), filaments)
    lengths = [float(np.hypot(*np.diff(each.axis, axis=0).T).sum()) for each in rods]
    assert max(lengths) > MYXOCOCCUS.longest


def test_sisters_lie_end_to_end() -> None:
    divided = {E_COLI.code: replace(E_COLI, sisters=1.0)}
    rods = place(40.0, {E_COLI.code: 0.03}, np.random.default_rng(4), divided)
    middles = np.array([each.axis.mean(axis=0) for each in rods])
    near = []
    for i, each in enumerate(rods):
        apart = np.hypot(*(middles - middles[i]).T)
        apart[i] = np.inf
        other = rods[int(apart.argmin())]
        turned = np.subtract(*(np.arctan2(*(r.axis[-1] - r.axis[0])[::-1]) for r in (each, other)))
        length = np.hypot(*(each.axis[-1] - each.axis[0])) + 2 * each.radius_um
        near.append(abs(np.sin(turned)) < 0.5 and 0.7 < apart.min() / length < 1.4)
    assert np.mean(near) > 0.6


def test_a_pinched_rod_is_thinner_in_the_middle() -> None:
    whole, pinched = (draw_rods([rod(E_COLI, 4.0, waist)], 96, PIXEL_UM, pad=0)[0] for waist in (0.0, 0.4))
    middle, aside = 48, 48 + round(1.0 / PIXEL_UM)
    assert whole[:, middle].max() == pytest.approx(E_COLI.width[0], rel=0.03)
    # the round ends of the pieces beside the middle reach into it, so it is pinched by a little less than 0.4
    assert 0.6 < pinched[:, middle].max() / E_COLI.width[0] < 0.72
    assert (pinched[:, middle] > 0).sum() == pytest.approx(pinched[:, middle].max() / PIXEL_UM, abs=1.5)
    for thickness in (whole, pinched):
        assert thickness[:, aside].max() == pytest.approx(E_COLI.width[0], rel=0.03)
    columns = np.flatnonzero((whole > 0).any(axis=0))
    np.testing.assert_array_equal(columns, np.flatnonzero((pinched > 0).any(axis=0)))


def test_a_rod_that_is_pinched_enough_is_two_cells_of_the_same_light() -> None:
    alike = [scene_of([rod(E_COLI, 4.0, waist)], 96, PIXEL_UM) for waist in (0.0, PARTED - 0.01, PARTED, 0.5)]
    assert [scene.labels.max() for scene in alike] == [1, 1, 2, 2]
    assert all(scene.owner.max() == 1 for scene in alike)  # one rod, whose halves refract alike
    for scene in alike[2:]:
        areas = np.bincount(scene.labels.ravel())[1:]
        assert areas[0] == pytest.approx(areas[1], rel=0.05)
        assert list(scene.species) == [0, E_COLI.code, E_COLI.code]
        assert ndimage.label(scene.labels > 0)[1] == 1  # they touch, in the middle
        assert abs(np.flatnonzero((scene.labels == 1).any(axis=0))[-1] - 48) <= 1


def test_a_bent_rod_parts_across_its_axis() -> None:
    angle = np.linspace(0, 1.5 * np.pi, 40)  # three quarters of a circle: its ends face each other
    axis = 48 * PIXEL_UM + 1.5 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    scene = scene_of([Rod(E_COLI.code, 0.3, axis, 0.4)], 96, PIXEL_UM)
    areas = np.bincount(scene.labels.ravel())[1:]
    assert len(areas) == 2
    assert areas[0] == pytest.approx(areas[1], rel=0.05)


# --- light ------------------------------------------------------------------------------------------------------------


def test_negative_phase_contrast_makes_cells_bright(acquisitions: list[Acquisition]) -> None:
    scene = scene_of([rod(MYXOCOCCUS, 4.0)], 96, PIXEL_UM)
    for negative in (False, True):
        slide = replace(CLEAR, light={"phase": lambda rng, sign=negative: phase_contrast(0.5, 0.25, sign)})
        light = transmitted_light(scene, "phase", Focus(0.0, 0.0), PIXEL_UM, np.random.default_rng(0), slide)
        cell, far = light[48, 48], np.median(light[scene.labels == 0])
        assert (cell > 1.15 * far) if negative else (cell < 0.85 * far)
    drawn = [how.slide.light["phase"](np.random.default_rng(i)).negative for i, how in enumerate(acquisitions)]
    assert np.mean(drawn) == pytest.approx(variety.NEGATIVE, abs=0.1)


def test_blobs_are_seen_and_are_no_cells() -> None:
    scene = scene_of([], 128, PIXEL_UM)
    lights = [
        transmitted_light(scene, "phase", Focus(0.2, 0.0), PIXEL_UM, np.random.default_rng(6), slide)
        for slide in (CLEAR, replace(CLEAR, blobs_per_um2=1 / 30))
    ]
    assert scene.labels.max() == 0
    assert lights[1].std() > 20 * lights[0].std()


# --- cameras ----------------------------------------------------------------------------------------------------------


def exposed(**how: object) -> np.ndarray:
    """An even field of 1,000 counts above 100 or so, in 16 bits."""
    camera = Camera(electrons_per_count=10.0, offset=100.0, read_noise=0.0, row_noise=0.0)
    even = Acquisition({}, "phase", Focus(0.0, 0.0), 1e4, 0.0, camera, response=0.0)
    return photograph(np.ones((128, 128), np.float32), replace(even, **how), np.random.default_rng(8))


def test_hot_pixels_are_few_and_far_brighter_than_their_neighbours() -> None:
    cold, hot = exposed(), exposed(hot=2e-3)
    bright = hot > 1.4 * np.median(hot)
    assert not (cold > 1.4 * np.median(cold)).any()
    assert 10 < bright.sum() < 70  # of 16,384 pixels
    np.testing.assert_array_equal(hot[~bright], cold[~bright])


def test_an_enlarged_image_is_smooth_from_pixel_to_pixel() -> None:
    fine, coarse = exposed(), exposed(coarse=2.5)
    assert coarse.shape == fine.shape
    assert coarse.dtype == np.uint16
    assert np.median(coarse) == pytest.approx(np.median(fine), rel=0.01)
    noise = [image - ndimage.gaussian_filter(image.astype(float), 4.0) for image in (fine, coarse)]
    alone, shared = (np.corrcoef(each[:, :-1].ravel(), each[:, 1:].ravel())[0, 1] for each in noise)
    assert abs(alone) < 0.2
    assert shared > 0.5


def test_cameras_are_of_8_and_16_bits_and_the_background_is_not_saturated(acquisitions: list[Acquisition]) -> None:
    bits = np.array([how.camera.bits for how in acquisitions])
    assert set(bits) == {8, 16}
    assert np.mean(bits == 8) == pytest.approx(variety.EIGHT_BIT, abs=0.1)
    for how in acquisitions:
        level = how.camera.offset + how.electrons / how.camera.electrons_per_count
        assert level < 0.85 * 2**how.camera.bits
    electrons = np.array([how.electrons for how in acquisitions])
    assert electrons.min() < 200
    assert electrons.max() > 5e5  # noise from a tenth to a thousandth
    assert 0.2 < np.mean([how.coarse > 1 for how in acquisitions]) < 0.4
    assert 0.2 < np.mean([how.hot > 0 for how in acquisitions]) < 0.4


def test_some_images_are_filtered_and_their_noise_is_alike_in_neighbours(acquisitions: list[Acquisition]) -> None:
    assert 0.15 < np.mean([how.filtered for how in acquisitions]) < 0.35
    light = np.ones((64, 64))
    how = replace(acquisitions[0], coarse=1.0, hot=0.0, electrons=1e3, vignette=0.0, response=0.0)
    raw, filtered = (
        photograph(light, replace(how, filtered=each), np.random.default_rng(0)).astype(float) for each in (False, True)
    )
    np.testing.assert_array_equal(filtered, ndimage.median_filter(raw, 3, mode="nearest"))
