"""Whatever cells there are, their masks are sound, and image and masks lie in the same place to a tenth of a pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from brightfield.simulate.bacteria import imaging
from brightfield.simulate.bacteria.imaging import Focus, Slide, transmitted_light
from brightfield.simulate.bacteria.placement import Rod
from brightfield.simulate.bacteria.rendering import MIN_PIECE_PX, Scene, draw_scene, scene_of

PIXEL_UM = 0.065
SIZE_PX = 96


def straight(species: int, radius_um: float, centre_um: tuple[float, float], angle: float, axis_um: float) -> Rod:
    """A rod whose axis is ``axis_um`` long."""
    along = np.array([-0.5, 0.0, 0.5])[:, None] * axis_um
    return Rod(species, radius_um, np.array(centre_um) + along * [np.cos(angle), np.sin(angle)])


def assert_sound(scene: Scene) -> None:
    """Labels 1 to n without gaps, each connected and without holes, each with a species."""
    n = int(scene.labels.max())
    np.testing.assert_array_equal(np.unique(scene.labels[scene.labels > 0]), np.arange(1, n + 1))
    assert scene.species.shape == (n + 1,)
    assert scene.species[0] == 0
    for label in range(1, n + 1):
        mask = scene.labels == label
        assert mask.sum() >= MIN_PIECE_PX
        assert ndimage.label(mask)[1] == 1
        assert np.array_equal(ndimage.binary_fill_holes(mask), mask)


rods = st.builds(
    straight,
    species=st.sampled_from([1, 2]),
    radius_um=st.floats(0.2, 0.6),
    centre_um=st.tuples(st.floats(-0.5, 6.5), st.floats(-0.5, 6.5)),
    angle=st.floats(0, np.pi),
    axis_um=st.floats(0.2, 6.0),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(rods, max_size=8))
def test_masks_are_sound_however_rods_lie_across_each_other(some: list[Rod]) -> None:
    scene = scene_of(some, SIZE_PX, PIXEL_UM)
    assert_sound(scene)
    owner = scene.owner[scene.pad : -scene.pad, scene.pad : -scene.pad]
    cells = scene.labels > 0
    # a mask is one rod's, and of that rod's species
    assert len(set(zip(scene.labels[cells], owner[cells], strict=True))) == scene.labels.max()
    np.testing.assert_array_equal(scene.species[scene.labels[cells]], scene.rods[owner[cells]])


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([64, 97, 130]),
    st.dictionaries(st.sampled_from([1, 2]), st.floats(0.02, 0.6), max_size=2),
)
def test_placed_cells_are_sound_of_the_species_asked_for_and_where_the_thickness_is(
    seed: int, size_px: int, covers: dict[int, float]
) -> None:
    scene = draw_scene(size_px, PIXEL_UM, covers, np.random.default_rng(seed))
    assert_sound(scene)
    assert set(scene.species[1:]) <= set(covers)
    inner = scene.thickness[scene.pad : -scene.pad, scene.pad : -scene.pad]
    assert inner.shape == scene.labels.shape == (size_px, size_px)
    np.testing.assert_array_equal(scene.labels > 0, inner > 0)
    assert scene.thickness.max() < 1.4  # um, the widest E. coli


def test_what_a_cell_encloses_is_its_own() -> None:
    around = straight(2, 0.6, (3.0, 3.0), 0.0, 3.0)
    bump = straight(1, 0.25, (3.0, 3.33), 0.0, 0.1)  # thicker than the other cell near its edge, but inside it
    for cells in ([around, bump], [bump, around]):
        scene = scene_of(cells, SIZE_PX, PIXEL_UM)
        assert_sound(scene)
        assert scene.species.tolist() == [0, 2]


# --- image and mask in the same place ---------------------------------------------------------------------------------

PHASES = [(y, x) for y in (0.0, 0.25, 0.5, 0.75) for x in (0.0, 0.3, 0.6)]  # of a pixel
RADIUS_UM, AXIS_UM, ANGLE = 0.47, 1.6, 0.5


def lone_rod(row: float, column: float, angle: float = ANGLE) -> Rod:
    return straight(2, RADIUS_UM, (column * PIXEL_UM, row * PIXEL_UM), angle, AXIS_UM)


def pose(weight: npt.NDArray[Any]) -> tuple[float, float, float]:
    """Centroid (row, column) in px and orientation in rad of an image of weights."""
    y, x = np.indices(weight.shape)
    total = weight.sum()
    row, column = (weight * y).sum() / total, (weight * x).sum() / total
    yy, xx, xy = ((weight * a).sum() / total for a in ((y - row) ** 2, (x - column) ** 2, (y - row) * (x - column)))
    return float(row), float(column), float(np.arctan2(2 * xy, xx - yy) / 2)


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> Slide:
    """Nothing but the cell."""
    monkeypatch.setattr(imaging, "GRANULES", 0.0)
    return Slide(background=dict.fromkeys(imaging.BACKGROUND_PHASE, (0.0, 0.0)), specks_per_um2=0.0)


@pytest.mark.parametrize(
    ("modality", "z_um"), [("phase", 0.0), ("phase", 0.3), ("brightfield", 0.0), ("brightfield", -0.8)]
)
def test_the_image_of_a_rod_lies_where_the_rod_does(modality: str, z_um: float, clean: Slide) -> None:
    """Light and lens are symmetric, so the contrast of a lone rod is centred on it, in focus or not."""
    tip = (AXIS_UM / 2 + RADIUS_UM) / PIXEL_UM  # px from the middle: what an angle moves there
    for dy, dx in PHASES:
        row, column = 48 + dy, 47 + dx
        scene = scene_of([lone_rod(row, column)], SIZE_PX, PIXEL_UM)
        light = transmitted_light(scene, modality, Focus(z_um, 0.0), PIXEL_UM, np.random.default_rng(0), clean)
        contrast = (light - 1) * np.sign(light[48, 47] - 1)
        found = pose(np.clip(contrast - 0.5 * contrast.max(), 0, None))  # without halo and fringes
        assert found[0] == pytest.approx(row, abs=0.05)
        assert found[1] == pytest.approx(column, abs=0.05)
        assert found[2] == pytest.approx(ANGLE, abs=0.1 / tip)


def test_the_mask_of_a_rod_lies_where_the_rod_does() -> None:
    """A pixel is in or out, so one mask may be off by a tenth of a pixel or so, but not to one side."""
    # (phases, 3)
    found = np.array([pose(scene_of([lone_rod(48 + y, 47 + x)], SIZE_PX, PIXEL_UM).labels) for y, x in PHASES])
    error = found - np.array([(48 + y, 47 + x, ANGLE) for y, x in PHASES])
    tip = (AXIS_UM / 2 + RADIUS_UM) / PIXEL_UM
    assert np.abs(error.mean(axis=0) * [1, 1, tip]).max() < 0.02
    assert np.sqrt((error**2).mean(axis=0) * [1, 1, tip**2]).max() < 0.1


def test_thickness_is_that_of_the_distance_to_the_axis_and_the_mask_ends_where_it_does() -> None:
    area = (2 * RADIUS_UM * AXIS_UM + np.pi * RADIUS_UM**2) / PIXEL_UM**2
    perimeter = (2 * AXIS_UM + 2 * np.pi * RADIUS_UM) / PIXEL_UM
    too_wide = []  # px, on average around the cell
    for dy, dx in PHASES:
        row, column = 48 + dy, 47 + dx
        scene = scene_of([lone_rod(row, column)], SIZE_PX, PIXEL_UM)
        y, x = np.indices((SIZE_PX, SIZE_PX)) - np.array([row, column])[:, None, None]
        along, across = x * np.cos(ANGLE) + y * np.sin(ANGLE), y * np.cos(ANGLE) - x * np.sin(ANGLE)
        distance_um = PIXEL_UM * np.hypot(np.maximum(abs(along) - AXIS_UM / 2 / PIXEL_UM, 0), across)
        thickness = scene.thickness[scene.pad : -scene.pad, scene.pad : -scene.pad]
        np.testing.assert_array_equal(scene.labels > 0, distance_um < RADIUS_UM)
        expected = 2 * np.sqrt(np.clip(RADIUS_UM**2 - distance_um**2, 0, None))
        np.testing.assert_allclose(thickness, expected, atol=0.002)
        too_wide.append((scene.labels.sum() - area) / perimeter)
    assert np.abs(too_wide).max() < 0.1
    assert abs(np.mean(too_wide)) < 0.02
