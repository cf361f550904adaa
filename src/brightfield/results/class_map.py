"""Segmented cells: ``<image>_labels.tif`` (instances), ``<image>_classes.tif``, and one row per cell in ``regions.csv``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from brightfield import layout
from brightfield.results.base import Array, BaseResult, Entry, Form, KnownTruth, Metadata, Objects, expect
from brightfield.results.canvas import TRUE, Canvas, Colour, PixelWindow, check_size, enlarge, stretch
from brightfield.results.outlines import outermost

if TYPE_CHECKING:
    import pandas as pd

CLASS_COLOURS: tuple[Colour, ...] = ((90, 160, 255), (255, 210, 60), (120, 220, 120), (240, 120, 220), (90, 230, 230))
TINT = 0.25  # opacity of the class colour
ROUNDING = 1e-6  # of the square of a root
DASH_PX = 3  # length of the dashes of true outlines


@dataclass(frozen=True)
class ClassMap(BaseResult):
    """A class and an instance for each pixel of one image.

    Attributes:
        classes: (H, W) uint8, index into the task's class names; 0 is background.
        instances: (H, W) int32, 0 is background, cells are numbered from 1.
        species: (N + 1,) uint8, the species of each instance from 1, by its number; entry 0 is unused. None where species are not
            part of the task, or not known.
        certainty: (N + 1,) float32, the probability of that species; None for truth.
        count: smallest and largest number of cells, between which the true one is guaranteed to be, with the probability that the
            model promises; None where it is not guaranteed, and for truth.
        margin: distance in pixels from the outline of a cell, within which nearly all of its true outline is guaranteed to be;
            likewise.
    """

    classes: npt.NDArray[np.uint8]
    instances: npt.NDArray[np.int32]
    species: npt.NDArray[np.uint8] | None = None
    certainty: npt.NDArray[np.float32] | None = None
    count: tuple[int, int] | None = None
    margin: float | None = None

    def __post_init__(self) -> None:
        expect(self.classes.ndim == 2, "a class map must be (H, W)", self.classes.shape)
        expect(
            self.classes.shape == self.instances.shape, "classes and instances must share a shape", self.instances.shape
        )
        expect(self.classes.dtype == np.uint8, "classes must be uint8", self.classes.dtype)
        expect(self.instances.dtype == np.int32, "instances must be int32", self.instances.dtype)
        for name, values in (("species", self.species), ("certainty", self.certainty)):
            if values is not None:
                enough = values.ndim == 1 and len(values) > self.instances.max(initial=0)
                expect(enough, f"{name} must have an entry for 0 and for each instance", values.shape)
        if self.count is not None:
            expect(0 <= self.count[0] <= self.count[1], "a count must be two rising numbers of at least 0", self.count)
        if self.margin is not None:
            expect(self.margin >= 0, "a margin must not be negative", self.margin)


def _rows(answer: ClassMap, metadata: Metadata) -> pd.DataFrame:
    """One row: the number of cells, also of each species if there are species, and the share of the image that cells cover.

    Where it is guaranteed, also between which numbers that of the cells lies.
    """
    import pandas as pd

    inside = answer.instances > 0
    numbers = np.unique(answer.instances[inside])
    row: dict[str, Any] = {"cells": [len(numbers)]}
    if answer.count is not None:
        row |= {"count_low": [answer.count[0]], "count_high": [answer.count[1]]}
    if answer.species is not None:
        kinds = answer.species[numbers]
        row |= {name: [int((kinds == code).sum())] for code, name in enumerate(metadata.species, start=1)}
    return pd.DataFrame({**row, "cover": [float(inside.mean())]})


def _regions(answer: ClassMap, metadata: Metadata, fluorescence: Array | None) -> pd.DataFrame:
    """One row per cell."""
    from brightfield.results.regions import regions

    return regions(answer, metadata.classes, metadata.pixel_size_um, metadata.species, fluorescence)


def _labels(answer: ClassMap) -> Array:
    """The instances as uint16, which every program reads, unless there are too many."""
    fits = answer.instances.max(initial=0) <= np.iinfo(np.uint16).max and answer.instances.min(initial=0) >= 0
    return answer.instances.astype(np.uint16) if fits else answer.instances


def _classes(answer: ClassMap) -> Array:
    return answer.classes


def _margin(answer: ClassMap) -> Array | None:
    """255 where an outline may lie, 0 elsewhere: within the margin of the outline of a cell that was found."""
    if answer.margin is None:
        return None
    edge = outermost(answer.instances)
    y, x = np.nonzero(edge)
    reach = int(answer.margin)
    near = np.zeros((edge.shape[0] + 2 * reach, edge.shape[1] + 2 * reach), dtype=np.uint8)
    steps = np.arange(-reach, reach + 1)
    for down, right in zip(*np.nonzero(steps[:, None] ** 2 + steps**2 <= answer.margin**2 + ROUNDING), strict=True):
        near[y + down, x + right] = 255
    return near[reach : reach + edge.shape[0], reach : reach + edge.shape[1]]


def _plain(answer: ClassMap) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": "segmentation", "classes": answer.classes, "instances": answer.instances}
    if answer.species is not None:
        plain |= {"species": answer.species, "species_probability": answer.certainty}
    if answer.count is not None:
        plain |= {"count_low": answer.count[0], "count_high": answer.count[1]}
    return plain if answer.margin is None else {**plain, "margin_px": answer.margin}


def _draw(image: npt.NDArray[Any], result: ClassMap, truth: ClassMap | None, factor: int) -> Canvas:
    """Tint the classes and outline each instance; outlines of true instances are dashed in black and white."""
    check_size(image, *(each.classes for each in (result, truth) if each is not None))
    canvas = enlarge(_tinted(stretch(image), result.classes), factor)
    ids = enlarge(result.instances, factor)
    edge = _outline(ids, factor)
    canvas[edge] = _distinct(ids[edge])
    if truth is not None:
        y, x = np.nonzero(_outline(enlarge(truth.instances, factor), factor))
        dash = (x + y) // DASH_PX % 4  # white, black, and two gaps through which the outline of the answer shows
        for phase, grey in enumerate((255, 0)):
            canvas[y[dash == phase], x[dash == phase]] = grey
    return canvas


def _tinted(canvas: Canvas, classes: npt.NDArray[np.uint8]) -> Canvas:
    colours = np.zeros((256, 3), dtype=np.float32)
    colours[1:] = np.resize(np.array(CLASS_COLOURS, dtype=np.float32), (255, 3))
    opacity = np.full((256, 1), TINT, dtype=np.float32)
    opacity[0] = 0
    return (canvas * (1 - opacity)[classes] + (opacity * colours)[classes]).astype(np.uint8)


def _outline(ids: npt.NDArray[np.int32], factor: int) -> npt.NDArray[np.bool_]:
    """The outline of each instance inside it, 1 px wide, or 2 px in an enlarged image."""
    edge = outermost(ids)
    return edge if factor == 1 else edge | outermost(np.where(edge, np.int32(0), ids))


def _distinct(ids: npt.NDArray[np.int32]) -> Canvas:
    """Bright colours of ids, (N, 3): steps of the golden ratio around the circle of hues give near ids different hues."""
    hue = (ids * 0.6180339887) % 1.0
    phase = np.abs((hue[:, None] * 6.0 + np.array([0.0, 4.0, 2.0])) % 6.0 - 3.0) - 1.0  # hexagonal colour model
    colours: Canvas = (55 + 200 * np.clip(phase, 0, 1)).astype(np.uint8)
    return colours


def _mark_truth(tile: Canvas, truth: KnownTruth, window: PixelWindow) -> Canvas:
    """Outline each cell."""
    if "labels" not in truth.fields:
        return tile
    from skimage.segmentation import find_boundaries

    marked = tile.copy()
    marked[find_boundaries(enlarge(window.cut(truth.fields["labels"]), window.factor), mode="inner")] = TRUE
    return marked


ClassMap.FORM = Form(
    table="images.csv",
    columns=("image",),
    rows=_rows,
    files={layout.INSTANCES: _labels, layout.CLASS_MAP: _classes, layout.MARGIN: _margin},
    draw=_draw,
    plain=_plain,
    entries=(
        Entry("classes", "uint8", 2),
        Entry("instances", "int32", 2),
        Entry("species", "uint8", 1, always=False),
        Entry("species_probability", "float32", 1, always=False),
        Entry("count_low", "int64", always=False),
        Entry("count_high", "int64", always=False),
        Entry("margin_px", "float64", always=False),
    ),
    mark_truth=_mark_truth,
    objects=Objects("regions.csv", _regions),
)
