"""Which pixel is background, cell body, cell contour, and which cell, of which species, is it?"""

from __future__ import annotations

from dataclasses import replace

from brightfield import params
from brightfield.results import ClassMap, Metadata
from brightfield.tasks.base import Objective, Task
from brightfield.tasks.segmentation.answering import SegmentationAnswering
from brightfield.tasks.segmentation.learning import SegmentationLearning
from brightfield.tasks.segmentation.scoring import SegmentationScoring


class Segmentation(Task[params.SegmentationSettings, ClassMap]):
    """The contour class keeps touching cells apart, and a watershed gives it back to the cells."""

    objective = Objective("mean_iou")
    answer_type = ClassMap
    learning_class = SegmentationLearning
    answering_class = SegmentationAnswering
    scoring_class = SegmentationScoring

    @property
    def metadata(self) -> Metadata:
        """With the names of the species."""
        return replace(super().metadata, species=tuple(self.settings.species))
