"""Segmentation: the class of each pixel (background, body or contour), the cells, and their species."""

from __future__ import annotations

from dataclasses import replace

from brightfield import params
from brightfield.results import ClassMap, Metadata
from brightfield.tasks.base import Objective, Task
from brightfield.tasks.segmentation.answering import SegmentationAnswering
from brightfield.tasks.segmentation.beside import SegmentationBeside
from brightfield.tasks.segmentation.correcting import SegmentationCorrecting
from brightfield.tasks.segmentation.learning import SegmentationLearning
from brightfield.tasks.segmentation.scoring import SegmentationScoring


class Segmentation(Task[params.SegmentationSettings, ClassMap]):
    """Cells by classes of pixels: the contour class separates touching cells, and a watershed adds it to the cells again."""

    question = "Which pixel belongs to which cell?"
    objective = Objective("mean_iou")
    answer_type = ClassMap
    learning_class = SegmentationLearning
    answering_class = SegmentationAnswering
    scoring_class = SegmentationScoring
    correcting_class = SegmentationCorrecting
    beside_class = SegmentationBeside

    @property
    def metadata(self) -> Metadata:
        """The metadata with the names of the species."""
        return replace(super().metadata, species=tuple(self.settings.species))
