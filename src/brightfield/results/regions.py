"""Sizes and shapes of segmented cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[Any]


class Segmented(Protocol):
    """The arrays of a :class:`brightfield.results.ClassMap` that are measured."""

    @property
    def classes(self) -> npt.NDArray[np.uint8]:
        """The class of each pixel, (H, W)."""

    @property
    def instances(self) -> npt.NDArray[np.int32]:
        """The instance of each pixel, (H, W)."""

    @property
    def species(self) -> npt.NDArray[np.uint8] | None:
        """The species of each instance by its number, (N + 1,)."""

    @property
    def certainty(self) -> npt.NDArray[np.float32] | None:
        """The probability of that species, (N + 1,)."""


def regions(
    result: Segmented,
    classes: Sequence[str],
    pixel_size_um: float,
    species: Sequence[str] = (),
    fluorescence: Array | None = None,
) -> pd.DataFrame:
    """Measure each instance.

    Length and width are those of the *capsule* (a rectangle with a half disc at either end) that has the instance's
    area and its variance along the long axis. They are exact for a straight rod, equal to the diameter for a disc, and a
    little too short for a bent rod. The axes of the ellipse with the same moments, which many programs report, are 15 % too
    wide for a long rod.

    Args:
        result: the segmented image.
        classes: names of the classes by their index.
        pixel_size_um: side of a pixel in micrometres.
        species: names of the species by their number, from 1.
        fluorescence: (H, W), a fluorescence image of the same field.

    Returns:
        One row per instance: ``label``; ``x`` and ``y``, the centroid in px, ``x_um`` and ``y_um``; ``area_px``, ``area_um2``,
        ``length_um``, ``width_um``; ``orientation_deg``, the angle of the long axis to the x axis, in (-90, 90],
        counter-clockwise as seen; ``at_border``, whether it touches the edge of the image and may be cut; ``class``, the most
        frequent class other than background; and ``<class>_px``, the number of pixels of each class other than background. Where
        the answer has species, ``species`` and ``species_probability``; with a fluorescence image, ``fluorescence_mean``, its mean
        over the instance in its units.

    Raises:
        ValueError: the map contains a class without a name, or the fluorescence differs from the map in size.
    """
    if fluorescence is not None and fluorescence.shape != result.instances.shape:
        raise ValueError(
            f"fluorescence must be as large as its image, {result.instances.shape}, got {fluorescence.shape}"
        )
    if result.classes.max(initial=0) >= len(classes):
        raise ValueError(f"expected classes below {len(classes)}, which have names, got class {result.classes.max()}")
    rows, cols = np.nonzero(result.instances > 0)
    labels, number = np.unique(result.instances[rows, cols], return_inverse=True)
    n, height, width = len(labels), *result.instances.shape
    border = (rows == 0) | (cols == 0) | (rows == height - 1) | (cols == width - 1)
    codes = number * len(classes) + result.classes[rows, cols]
    counts = np.bincount(codes, minlength=n * len(classes)).reshape(n, len(classes))
    optional: dict[str, Any] = {}
    if result.species is not None:
        optional["species"] = np.array(["", *species], dtype=object)[result.species[labels]]
        if result.certainty is not None:
            optional["species_probability"] = result.certainty[labels].astype(np.float64)
    if fluorescence is not None:
        light = np.bincount(number, weights=fluorescence[rows, cols], minlength=n)
        optional["fluorescence_mean"] = light / np.bincount(number, minlength=n)
    return pd.DataFrame(
        {
            "label": labels,
            **_geometry(rows, cols, number, n, pixel_size_um),
            "at_border": np.bincount(number[border], minlength=n) > 0,
            **optional,
            "class": np.array(classes)[1 + counts[:, 1:].argmax(axis=1)],
            **{f"{name}_px": counts[:, i] for i, name in enumerate(classes) if i > 0},
        }
    )


def _geometry(rows: Array, cols: Array, number: Array, n: int, pixel_size_um: float) -> dict[str, Array]:
    """Centroid, area, length, width and angle of n instances from the rows, columns and instances 0...n-1 of pixels."""
    area = np.bincount(number, minlength=n)

    def average(values: Array) -> Array:
        return np.bincount(number, weights=values, minlength=n) / area

    x, y = average(cols), average(rows)
    dx, dy = cols - x[number], rows - y[number]
    # pixels are squares, not points: each adds its own variance of 1/12
    xx, yy, xy = average(dx**2) + 1 / 12, average(dy**2) + 1 / 12, average(dx * dy)
    length, width = _capsule(area, (xx + yy) / 2 + np.hypot((xx - yy) / 2, xy))
    angle = -np.degrees(np.arctan2(2 * xy, xx - yy)) / 2
    return {
        "x": x,
        "y": y,
        "x_um": x * pixel_size_um,
        "y_um": y * pixel_size_um,
        "area_px": area,
        "area_um2": area * pixel_size_um**2,
        "length_um": length * pixel_size_um,
        "width_um": width * pixel_size_um,
        "orientation_deg": np.where(angle <= -90, angle + 180, angle),
    }


def _capsule(area: Array, variance: Array) -> tuple[Array, Array]:
    """Length and width of capsules with the given area and variance along the axis.

    With radius r and s r between the centres of the ends, the area is r^2 (2 s + pi), and the second moment along the
    axis is r^4 (s^3 / 6 + pi s^2 / 4 + 4 s / 3 + pi / 4): variance / area depends on s alone, and grows with it.
    """
    s = np.append(0.0, np.geomspace(1e-3, 1e3, 2000))
    ratio = (s**3 / 6 + np.pi * s**2 / 4 + 4 * s / 3 + np.pi / 4) / (2 * s + np.pi) ** 2
    shape = np.interp(variance / area, ratio, s)
    radius = np.sqrt(area / (2 * shape + np.pi))
    return radius * (shape + 2), 2 * radius
