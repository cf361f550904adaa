"""Corrections of the cells of an image: erased, painted, of another species."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from brightfield import params
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.tasks.correcting import Correcting, Step, Tool

ERASE, PAINT, SPECIES = "erase", "paint", "species"


class SegmentationCorrecting(Correcting[params.SegmentationSettings]):
    """Cells of the truth, one at a time."""

    def tools(self) -> list[Tool]:
        """Erase and paint a cell; where cells have species, also change that of one."""
        species = tuple(self.settings.species)
        tools = [
            Tool(ERASE, "Erase cell", "Click on a cell of the truth.", "point"),
            Tool(
                PAINT,
                "Paint cell",
                "Draw around a cell with the mouse held down: what is inside becomes one cell, whatever it was.",
                "outline",
                species,
            ),
        ]
        if len(species) > 1:
            tools.append(Tool(SPECIES, "Change species", "Click on a cell of the truth.", "point", species))
        return tools

    def change(self, record: Record, step: Step) -> Record:
        """The record with one cell changed; cells are numbered without gaps again."""
        labels = np.array(record.fields.get("labels", np.zeros(record.image.shape[:2])), dtype=np.int32)
        species = record.fields.get("species")
        species = None if species is None else np.array(species)
        if step.action == PAINT:
            assert step.outline is not None
            labels[_inside(step.outline, labels.shape, record.id)] = new = labels.max(initial=0) + 1
            if species is not None:
                species = np.append(species[:new], np.zeros(max(0, new - len(species)), species.dtype))
                species = np.append(species, self._number(step)).astype(np.uint8)
        else:
            cell = _cell_at(labels, step, record.id)
            if step.action == ERASE:
                labels[labels == cell] = 0
            elif species is None:
                raise BrightfieldError(
                    f"Image {record.id}: its cells have no species, so that none can be changed. Import them with species.csv."
                )
            else:
                species[cell] = self._number(step)
        return _numbered(record, labels, species)

    def _number(self, step: Step) -> int:
        """Species are numbered from 1."""
        return 1 + self.settings.species.index(step.to) if step.to else 1


def _cell_at(labels: npt.NDArray[np.int32], step: Step, image: str) -> int:
    assert step.at is not None
    x, y = (round(value) for value in step.at)
    height, width = labels.shape
    cell = int(labels[min(max(y, 0), height - 1), min(max(x, 0), width - 1)])
    if not cell:
        raise BrightfieldError(f"Image {image}: the truth has no cell at x = {x}, y = {y}.")
    return cell


def _inside(
    outline: Sequence[tuple[float, float]], shape: tuple[int, ...], image: str
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows and columns of the pixels whose centres lie inside an outline.

    Raises:
        BrightfieldError: there are none.
    """
    from skimage.draw import polygon

    columns, rows = np.asarray(outline, dtype=np.float64).T
    found: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]] = polygon(rows, columns, shape)
    if not len(found[0]):
        raise BrightfieldError(f"Image {image}: no pixel lies inside the outline.")
    return found


def _numbered(record: Record, labels: npt.NDArray[np.int32], species: npt.NDArray[np.uint8] | None) -> Record:
    """The record with these cells, numbered from 1 without gaps in the order of their numbers."""
    kept = np.unique(labels[labels > 0])
    numbers = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
    numbers[kept] = np.arange(1, len(kept) + 1)
    fields = {**record.fields, "labels": numbers[labels]}
    if species is not None:
        fields["species"] = species[np.concatenate([[0], kept])]
    row = {**record.row}
    if "cells" in row:
        row["cells"] = len(kept)
    if "cover" in row:
        row["cover"] = float((labels > 0).mean())
    return replace(record, fields=fields, row=row)
