"""Labelled cells: one image whose labels come in any of the formats that tools write, and rods side by side."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import roifile

from brightfield.data.importing import ImportReport, import_dataset
from brightfield.data.store import ImageSet
from brightfield.params import SegmentationSettings

CELLS = np.zeros((20, 24), np.uint32)
CELLS[2:6, 2:8], CELLS[9:12, 3:6], CELLS[5:15, 15:20] = 1, 2, 7


def bring(source: Path, destination: Path, connected: Sequence[int] = ()) -> tuple[np.ndarray, ImportReport]:
    """Import a folder with one image: the labels that arrived, and the report."""
    settings = SegmentationSettings()
    report = import_dataset("segmentation", source, destination, settings=settings, connected=connected)
    (record,) = ImageSet.raw(destination)
    return record.fields["labels"], report


def renumbered(labels: np.ndarray) -> np.ndarray:
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape)


def box(
    left: int, top: int, right: int, bottom: int, kind: roifile.ROI_TYPE = roifile.ROI_TYPE.RECT
) -> roifile.ImagejRoi:
    return roifile.ImagejRoi(roitype=kind, left=left, top=top, right=right, bottom=bottom)


def write_rois(path: Path, rois: list[roifile.ImagejRoi]) -> None:
    with zipfile.ZipFile(path, "w") as file:
        for i, roi in enumerate(rois):
            file.writestr(f"{i:04d}.roi", roi.tobytes())


def rods(touching: bool = True) -> npt.NDArray[np.int32]:
    """Rods side by side, 10 px wide, and a disc across the border of the image."""
    labels = np.zeros((80, 70), np.int32)
    gap = 0 if touching else 4
    for number in range(3):
        top = 5 + number * (10 + gap)
        labels[top : top + 10, 8:48] = number + 1
    y, x = np.mgrid[:80, :70]
    labels[np.hypot(y - 74, x - 60) < 12] = 4
    return labels
