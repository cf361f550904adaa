"""Classification: the probability that a crop belongs to the positive class."""

from __future__ import annotations

from brightfield import params
from brightfield.results import Label
from brightfield.tasks.base import Objective, Task
from brightfield.tasks.classification.answering import ClassificationAnswering
from brightfield.tasks.classification.correcting import ClassificationCorrecting
from brightfield.tasks.classification.learning import ClassificationLearning
from brightfield.tasks.classification.scoring import ClassificationScoring


class Classification(Task[params.ClassificationSettings, Label]):
    """Two classes, one probability: that of the second class."""

    question = "To which class does an image belong?"
    objective = Objective("auc")
    answer_type = Label
    learning_class = ClassificationLearning
    answering_class = ClassificationAnswering
    scoring_class = ClassificationScoring
    correcting_class = ClassificationCorrecting
    classifies_images = True
