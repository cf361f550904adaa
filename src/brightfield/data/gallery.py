"""``brightfield gallery``: a contact sheet of a dataset with one row per split and suite, above recorded frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from brightfield import images, layout, params
from brightfield.data import splitting, store
from brightfield.data.records import Record
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.results import FORMS
from brightfield.results.canvas import Canvas, Limits, PixelWindow, enlarge, limits_of, stretch

COLUMNS = 8  # default number of images per row
LARGEST_TILE_PX = 192  # largest side of a tile in pixels of the image; of larger images the middle is shown
SMALLEST_TILE_PX = 128  # smallest side of a tile on the sheet; smaller ones are enlarged by whole pixels
GAP_PX = 4
NAME_PX = 16  # height of a row's name
LEAST_SPAN = 0.25  # share of a common grey scale; an image that spans less of it is hardly visible
SMOOTHING_PX = 2.0  # sigma of the smoothing before windows are compared, which suppresses noise
STRUCTURED = 0.5  # share of the largest standard deviation; windows with more contain structure
REST = "simulated or imported"  # a row's name before the images are split

Row = tuple[str, list[Record]]


def sheet(
    task: str,
    dataset: str | None = None,
    *,
    like: Sequence[Path] = (),
    truth: bool = False,
    columns: int = COLUMNS,
) -> Canvas:
    """Draw the contact sheet of a dataset.

    Args:
        task: an entry of ``tasks``.
        dataset: one of its datasets; None: the task's own.
        like: recorded frames, or folders of them, to be shown below. All images then have the same grey scale, so that they can be
            compared, unless most of the simulated ones would be black in it; without frames, each image has its own. Frames with
            another number of bits have scales of their own, which the name of their row states.
        truth: outline cells, ring positions, frame crops green (positive) or red, and put clean images below the noisy.
        columns: number of images per row.

    Returns:
        (H, W, 3) uint8.

    Raises:
        BrightfieldError: the dataset is missing, or frames cannot be read.
    """
    settings = params.load()
    name = dataset or params.entry(settings.tasks, task, "task").dataset
    if (owner := params.entry(settings.datasets, name, "dataset").task) != task:
        raise BrightfieldError(f"Dataset {name!r} belongs to task {owner!r}: expected a dataset of task {task!r}.")
    rows = list(_rows(name, columns))
    frames = list(_frames(like, columns))
    side = _side([record.image for _, chosen in rows for record in chosen] + frames)
    factor = max(1, -(-SMALLEST_TILE_PX // side))
    shown = [_middle(record.image, side) for _, chosen in rows for record in chosen]
    lab = [_structured(frame, side, i) for i, frame in enumerate(frames)]
    alike = not lab or {frame.dtype for frame in lab} == {image.dtype for image in shown}
    common = _common(shown, lab if alike else []) if lab else None
    strips = []
    for title, chosen in rows:
        strips.append(_strip(title, [_tile(r, side, factor, common, truth) for r in chosen], columns))
        if truth and (clean := _true_images(chosen)):
            strips.append(_strip(f"{title}: truth", [_tile(r, side, factor, common, False) for r in clean], columns))
    if lab:
        own = common if alike else None
        title = "recorded frames"
        if not alike:
            title += " (another number of bits: each frame has its own grey scale)"
        elif own is None:
            title += " (too bright for one grey scale: each image has its own)"
        strips.append(_strip(title, [enlarge(stretch(frame, own), factor) for frame in lab], columns))
    return np.concatenate(strips, axis=0)


def _rows(name: str, columns: int) -> Iterator[Row]:
    """Name and evenly spaced images of each split, or of each suite before the dataset is split."""
    prepared, raw = layout.prepared(name), layout.raw(name)
    split = (prepared / layout.INDEX).is_file()
    index = store.read_index(prepared if split else raw)
    column = "split" if split else "suite"
    part = index.get(column, pd.Series("", index.index)).fillna("")
    for each in splitting.in_order(part):
        path = prepared / layout.split_images(each) if split else raw / layout.IMAGES
        image_set = ImageSet(path, index[part == each])
        yield str(each) or REST, [image_set[i] for i in images.evenly_spaced(range(len(image_set)), columns)]


def _frames(paths: Sequence[Path], columns: int) -> Iterator[npt.NDArray[Any]]:
    chosen = images.evenly_spaced(images.files(paths), columns)
    for file in chosen:
        yield from (image for _, image in islice(images.frames([file]), max(1, columns // len(chosen))))


def _side(shown: Sequence[npt.NDArray[Any]]) -> int:
    sides = [int(min(image.shape[:2])) for image in shown]
    return min(LARGEST_TILE_PX, *sides)


def _corner(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    return (shape[0] - side) // 2, (shape[1] - side) // 2


def _middle(image: npt.NDArray[Any], side: int) -> npt.NDArray[Any]:
    y, x = _corner(image.shape, side)
    return image[y : y + side, x : x + side]


def _structured(image: npt.NDArray[Any], side: int, number: int) -> npt.NDArray[Any]:
    """A window of a frame that contains structure; ``number`` chooses among them, because frames of a movie are similar."""
    windows = [
        image[y : y + side, x : x + side]
        for y in range(_corner(image.shape, side)[0] % side, image.shape[0] - side + 1, side)
        for x in range(_corner(image.shape, side)[1] % side, image.shape[1] - side + 1, side)
    ]
    spread = np.array(
        [gaussian_filter(images.to_grey(window).astype(np.float32), SMOOTHING_PX).std() for window in windows]
    )
    chosen = np.argsort(-spread, kind="stable")[: max(1, int((spread > STRUCTURED * spread.max()).sum()))]
    window: npt.NDArray[Any] = windows[chosen[number % len(chosen)]]
    return window


def _limits(shown: Sequence[npt.NDArray[Any]]) -> Limits:
    return limits_of(np.concatenate([np.asarray(image, np.float32).ravel() for image in shown]))


def _common(shown: Sequence[npt.NDArray[Any]], lab: Sequence[npt.NDArray[Any]]) -> Limits | None:
    """The common grey scale, or None if most of the images would hardly be visible in it."""
    low, high = limits = _limits([*shown, *lab])
    seen = [np.subtract(*_limits([image])[::-1]) > LEAST_SPAN * (high - low) for image in shown]
    return limits if np.mean(seen) > 0.5 else None


def _true_images(records: Sequence[Record]) -> list[Record]:
    """The records with the true image in place of the image; empty unless all of them have one."""
    for form in FORMS.values():
        found = [form.true_image(record) for record in records]
        shown = [replace(r, image=each) for r, each in zip(records, found, strict=True) if each is not None]
        if shown and len(shown) == len(records):
            return shown
    return []


def _tile(record: Record, side: int, factor: int, limits: Limits | None, truth: bool) -> Canvas:
    """One image of the sheet, with the truth of the record drawn by its type."""
    window = PixelWindow(*_corner(record.image.shape, side), side, factor)
    canvas = enlarge(stretch(window.cut(record.image), limits), factor)
    for form in FORMS.values() if truth else ():
        canvas = form.mark_truth(canvas, record, window)
    return canvas


def _strip(title: str, tiles: Sequence[Canvas], columns: int) -> Canvas:
    """A row of tiles under its name, as wide as a full row."""
    side = tiles[0].shape[0]
    height = NAME_PX + side + 2 * GAP_PX
    canvas = np.full((height, columns * (side + GAP_PX) + GAP_PX, 3), 255, np.uint8)
    for i, tile in enumerate(tiles[:columns]):
        x = GAP_PX + i * (side + GAP_PX)
        canvas[NAME_PX + GAP_PX : NAME_PX + GAP_PX + side, x : x + side] = tile
    picture = Image.fromarray(canvas)
    ImageDraw.Draw(picture).text((GAP_PX, 1), title, fill=(0, 0, 0), font=ImageFont.load_default(NAME_PX - 3))
    return np.array(picture)
