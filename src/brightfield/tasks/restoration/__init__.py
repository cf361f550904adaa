"""What would this image look like with more light?"""

from __future__ import annotations

from brightfield import params
from brightfield.results import Picture
from brightfield.tasks.base import Objective, Task
from brightfield.tasks.restoration.answering import RestorationAnswering
from brightfield.tasks.restoration.learning import RestorationLearning
from brightfield.tasks.restoration.scoring import RestorationScoring


class Restoration(Task[params.RestorationSettings, Picture]):
    """The network works in the normalised units of the noisy image; answers come back in its own units."""

    objective = Objective("psnr_db")
    answer_type = Picture
    learning_class = RestorationLearning
    answering_class = RestorationAnswering
    scoring_class = RestorationScoring
