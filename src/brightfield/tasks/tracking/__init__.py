"""Where are the beads in this frame?"""

from __future__ import annotations

from brightfield import params
from brightfield.results import Points
from brightfield.tasks.base import Objective, Task
from brightfield.tasks.tracking.answering import TrackingAnswering
from brightfield.tasks.tracking.learning import TrackingLearning
from brightfield.tasks.tracking.scoring import TrackingScoring


class Tracking(Task[params.TrackingSettings, Points]):
    """The network draws a Gaussian at every bead; its peaks, fitted to a fraction of a pixel, are the positions."""

    objective = Objective("capped_error_px")
    answer_type = Points
    learning_class = TrackingLearning
    answering_class = TrackingAnswering
    scoring_class = TrackingScoring
