"""Which file holds an image's labels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from brightfield.data.importing import import_dataset
from brightfield.errors import BrightfieldError
from brightfield.params import SegmentationSettings
from labelled import CELLS, box, bring, write_rois

Put = Callable[..., np.ndarray]


def test_files_that_tools_keep_for_themselves_are_explained(lab: Path, destination: Path) -> None:
    tifffile.imwrite(lab / "labels.tif", CELLS)
    (lab / "mine.labeling").write_text("{}")
    _, report = bring(lab, destination)
    assert any("mine.labeling: Labkit's own file (choose Save Labeling" in warning for warning in report.warnings)


def test_labels_twice(lab: Path, destination: Path) -> None:
    write_rois(lab / "RoiSet.zip", [box(2, 2, 9, 9)])
    tifffile.imwrite(lab / "labels.tif", CELLS)
    with pytest.raises(BrightfieldError, match=r"has labels twice \(labels.tif and RoiSet.zip\)"):
        bring(lab, destination)


def test_classes_belong_to_labels(source: Path, destination: Path) -> None:
    with pytest.raises(BrightfieldError, match="a task of kind 'restoration' has none"):
        import_dataset("restoration", source, destination, settings=SegmentationSettings(), connected=[1])
