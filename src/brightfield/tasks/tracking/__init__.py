"""Tracking: the positions of the beads in a frame."""

from __future__ import annotations

from brightfield import params
from brightfield.results import Points
from brightfield.tasks.base import Objective, Task
from brightfield.tasks.tracking.answering import TrackingAnswering
from brightfield.tasks.tracking.beside import TrackingBeside
from brightfield.tasks.tracking.correcting import TrackingCorrecting
from brightfield.tasks.tracking.learning import TrackingLearning
from brightfield.tasks.tracking.scoring import TrackingScoring


class Tracking(Task[params.TrackingSettings, Points]):
    """Positions by heat maps: the network predicts a Gaussian at every bead, whose peaks are fitted to a fraction of a pixel."""

    question = "Where are the beads in a frame?"
    objective = Objective("capped_error_px")
    answer_type = Points
    learning_class = TrackingLearning
    answering_class = TrackingAnswering
    scoring_class = TrackingScoring
    correcting_class = TrackingCorrecting
    locates_objects = True
    beside_class = TrackingBeside
