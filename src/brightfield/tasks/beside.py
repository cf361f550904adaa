"""Classical answers beside a model's: methods without training, and how two answers are compared, with or without the truth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from brightfield import images, params
from brightfield.data.records import Record
from brightfield.metrics.declarations import Objective
from brightfield.results import Result

Settings = TypeVar("Settings", bound=params.TaskSettings)
Answer = TypeVar("Answer", bound=Result)
Method = Callable[[images.Image], Answer]  # the answer to a grey image (H, W), in its pixels
# a method for images of which these are the first few, (H, W) each; raises BrightfieldError where it finds nothing in them
Begin = Callable[[Settings, Sequence[images.Image]], Method[Answer]]


@dataclass(frozen=True)
class Baseline(Generic[Settings, Answer]):
    """A classical method.

    Attributes:
        begin: makes the method, from the settings of the task and the first few images.
        advice: what to do where it is better than the model; a phrase that follows a colon.
    """

    begin: Begin[Settings, Answer]
    advice: str


class Beside(ABC, Generic[Settings, Answer]):
    """The classical methods of a kind of task, and the numbers by which their answers are compared with a model's."""

    baselines: ClassVar[Mapping[str, Baseline]]  # type: ignore[type-arg]  # a class variable has no type parameters
    sees_magnified: ClassVar[bool] = True  # whether methods see images as a model does, where it sees them magnified
    counts: ClassVar[frozenset[str]] = frozenset()  # numbers that are summed over images; of others the mean is taken
    agreement: ClassVar[tuple[str, ...]]  # those numbers of :meth:`compared` that say how alike two answers are
    scored_by: ClassVar[
        Objective
    ]  # that number of :meth:`compared` by which answers are ranked where the truth is known
    least_score: ClassVar[float]  # smallest difference of it that counts
    # that of :meth:`numbers` by which answers are ranked without the truth; None: none of them says which is better
    judged_by: ClassVar[Objective | None] = None
    least_gain: ClassVar[float] = 0.0  # smallest difference of ``judged_by`` that counts

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def truth(self, record: Record) -> Answer:
        """The true answer to a record whose fields an importer's reader has filled."""

    @abstractmethod
    def numbers(self, answer: Answer, image: images.Image) -> dict[str, float]:
        """What an answer says of a grey image (H, W), in numbers."""

    @abstractmethod
    def compared(self, answer: Answer, reference: Answer) -> dict[str, float]:
        """An answer against another one of the same image, or against the truth; nan where undefined."""
