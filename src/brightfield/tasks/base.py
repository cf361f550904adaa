"""The one interface: stages, tuner, ensembles, registry and dashboard know tasks by nothing else."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import pandas as pd

from brightfield import params
from brightfield.metrics.declarations import Objective as Objective  # tasks import it from here
from brightfield.results import Metadata, Result, form_of
from brightfield.tasks.answering import Answering
from brightfield.tasks.beside import Beside
from brightfield.tasks.correcting import Correcting
from brightfield.tasks.learning import Learning
from brightfield.tasks.scoring import Scoring

Settings = TypeVar("Settings", bound=params.TaskSettings)
Answer = TypeVar("Answer", bound=Result)


class Task(Generic[Settings, Answer]):
    """A question about images, in three parts: how it is learnt, how it is answered, and how good an answer is.

    An image passes through ``learning.encode`` -> network -> ``answering.activate`` (what ensembles average) ->
    ``answering.decode`` -> a result, which ``scoring.statistics`` compares with ``learning.truth``.

    A kind of task is a subclass that names its objective and the classes of its three parts, and declares what else it can do.
    Nothing changes a task after that.

    Attributes:
        settings: of the task, as a model answers it.
        learning, answering, scoring: its parts, each with these settings.
    """

    question: ClassVar[str] = "What does an image show?"  # what is asked of an image, in a sentence
    objective: ClassVar[Objective]
    # of data whose truth is not exact, the better first; the metrics that their truth allows say which of them it is
    substitutes: ClassVar[tuple[Objective, ...]] = ()
    answer_type: ClassVar[type]  # of :mod:`brightfield.results`: how answers are written, drawn, served and shown
    learning_class: ClassVar[type[Learning[Any, Any]]]
    answering_class: ClassVar[type[Answering[Any, Any]]]
    scoring_class: ClassVar[type[Scoring[Any, Any]]]
    # classical methods without training, to be answered beside a model; None: there are none
    beside_class: ClassVar[type[Beside[Any, Any]] | None] = None
    # how a person corrects the truth of an image; None: nobody can, as nobody can draw what an image would be without noise
    correcting_class: ClassVar[type[Correcting[Any]] | None] = None
    # whether answer and truth are one class for a whole image (a Label, column ``label`` of an index): images can then be sorted by
    # their answers, and labels judged
    classifies_images: ClassVar[bool] = False
    # whether answer and truth are places, whose differences ``scoring.residuals`` measures
    locates_objects: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.learning: Learning[Settings, Answer] = self.learning_class(settings)
        self.answering: Answering[Settings, Answer] = self.answering_class(settings)
        self.scoring: Scoring[Settings, Answer] = self.scoring_class(settings)
        self.correcting: Correcting[Settings] | None = (
            None if self.correcting_class is None else self.correcting_class(settings)
        )

    @classmethod
    def objective_of(cls, names: Container[str]) -> Objective:
        """The objective of data, from the names of its metrics or statistics: the first objective among them."""
        return next((each for each in (cls.objective, *cls.substitutes) if each.metric in names), cls.objective)

    def objective_on(self, truth: Sequence[Answer]) -> Objective:
        """The objective of data, from the truth of its images, which is of one sort for all of them."""
        if not self.substitutes or not truth:
            return self.objective
        return self.objective_of(self.scoring.statistics(truth[0], truth[0]))

    @property
    def class_names(self) -> list[str]:
        """Names of the classes by their index; none where a task has no classes."""
        return self.settings.class_names

    @property
    def metadata(self) -> Metadata:
        """What tables and files of answers say beside their numbers: names of classes, size of a pixel."""
        return Metadata(tuple(self.class_names), self.settings.pixel_size_um)

    def rows(self, answer: Answer) -> pd.DataFrame:
        """The rows of a table for one image: one row, or one per object; ``combine`` adds which image it is."""
        return form_of(self.answer_type).rows(answer, self.metadata)

    def combine(self, rows: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """One table of several images, by name and in order: the CSV a user opens."""
        return form_of(self.answer_type).combine(rows)
