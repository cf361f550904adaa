"""Restoration: the image without noise, as with more light."""

from __future__ import annotations

from brightfield import params
from brightfield.results import Picture
from brightfield.tasks.base import Objective, Task
from brightfield.tasks.restoration.answering import RestorationAnswering
from brightfield.tasks.restoration.beside import RestorationBeside
from brightfield.tasks.restoration.learning import RestorationLearning
from brightfield.tasks.restoration.scoring import RestorationScoring


class Restoration(Task[params.RestorationSettings, Picture]):
    """The network works on normalised images; answers have the units of the noisy image."""

    question = "What would an image look like with less noise?"
    objective = Objective("psnr_db")
    substitutes = (Objective("estimated_psnr_db"), Objective("blind_error"))
    answer_type = Picture
    learning_class = RestorationLearning
    answering_class = RestorationAnswering
    scoring_class = RestorationScoring
    beside_class = RestorationBeside
