"""Cells whose length, width and angle are known."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import measure

from brightfield.results import ClassMap
from brightfield.results.regions import regions

CLASSES = ["background", "body", "contour"]


def capsule(length: float, width: float, degrees: float, shape: tuple[int, int] = (130, 160)) -> ClassMap:
    """A rod in px around (80.3, 60.6), turned counter-clockwise as seen."""
    y, x = np.indices(shape, dtype=float)
    angle = np.radians(degrees)
    along = (x - 80.3) * np.cos(angle) - (y - 60.6) * np.sin(angle)
    aside = (x - 80.3) * np.sin(angle) + (y - 60.6) * np.cos(angle)
    beyond = np.maximum(np.abs(along) - (length - width) / 2, 0)
    inside = np.hypot(beyond, aside) <= width / 2
    return ClassMap(inside.astype(np.uint8), inside.astype(np.int32))


@pytest.mark.parametrize("degrees", [0, 30, 90, -45])
@pytest.mark.parametrize(("length", "width"), [(92.0, 9.5), (40.0, 14.6), (30.0, 22.0)])
def test_length_width_and_angle_of_a_rod(length: float, width: float, degrees: float) -> None:
    cell = regions(capsule(length, width, degrees), CLASSES, pixel_size_um=0.5).iloc[0]
    # along the grid a rod 9.5 px wide is drawn 9 or 10 wide: half a pixel is as good as it gets
    assert cell["length_um"] == pytest.approx(length * 0.5, abs=0.6 * 0.5)
    assert cell["width_um"] == pytest.approx(width * 0.5, abs=0.6 * 0.5)
    assert (cell["x"], cell["y"]) == pytest.approx((80.3, 60.6), abs=0.4)
    assert abs((cell["orientation_deg"] - degrees + 90) % 180 - 90) < 2
    assert -90 < cell["orientation_deg"] <= 90


@pytest.mark.parametrize(("length", "width"), [(92.0, 9.5), (40.0, 14.6), (30.0, 22.0)])
def test_a_slanting_rod_is_measured_to_a_percent(length: float, width: float) -> None:
    rod = capsule(length, width, 30)
    cell = regions(rod, CLASSES, 1.0).iloc[0]
    assert cell["length_um"] == pytest.approx(length, rel=0.01)
    assert cell["width_um"] == pytest.approx(width, rel=0.01)


def test_the_ellipse_would_be_too_wide() -> None:
    rod = capsule(92, 9.5, 30)
    assert measure.regionprops(rod.instances)[0].axis_minor_length == pytest.approx(1.15 * 9.5, rel=0.02)


def test_a_disc_is_as_long_as_it_is_wide() -> None:
    cell = regions(capsule(30, 30, 0), CLASSES, 1.0).iloc[0]
    assert cell["length_um"] == pytest.approx(30, rel=0.03)
    assert cell["width_um"] == pytest.approx(30, rel=0.03)


def test_a_class_without_a_name_is_refused() -> None:
    rod = capsule(40, 14.6, 0)
    with pytest.raises(ValueError, match="expected classes below 1, .* got class 1"):
        regions(rod, CLASSES[:1], 1.0)


def test_species_their_probability_and_fluorescence_of_each_cell() -> None:
    """By hand: a cell of 6 px with light 1 to 6 and one of 4 px with light 10."""
    instances = np.zeros((4, 8), np.int32)
    instances[0:2, 0:3], instances[2:4, 5:7] = 1, 2
    light = np.zeros((4, 8), np.float32)
    light[0:2, 0:3] = [[1, 2, 3], [4, 5, 6]]
    light[2:4, 5:7] = 10
    answer = ClassMap(
        (instances > 0).astype(np.uint8), instances, np.array([0, 2, 1], np.uint8), np.array([0, 0.9, 0.75], np.float32)
    )
    table = regions(answer, CLASSES, 0.5, ["Myxococcus", "E. coli"], light)
    assert table["species"].tolist() == ["E. coli", "Myxococcus"]
    assert table["species_probability"].tolist() == pytest.approx([0.9, 0.75])
    assert table["fluorescence_mean"].tolist() == [3.5, 10]
    assert table["x_um"].tolist() == [0.5, 2.75]
    assert table["y_um"].tolist() == [0.25, 1.25]
    plain = regions(ClassMap(answer.classes, instances), CLASSES, 0.5)
    assert not {"species", "fluorescence_mean"} & set(plain.columns)
    with pytest.raises(ValueError, match=r"as large as its image, \(4, 8\), got \(3, 8\)"):
        regions(answer, CLASSES, 0.5, ["a", "b"], light[:3])
