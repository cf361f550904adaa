"""How a person corrects the truth of an image: steps that are checked, kept, and done again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from brightfield import params
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError

Settings = TypeVar("Settings", bound=params.TaskSettings)
Coordinate = Annotated[float, Field(allow_inf_nan=False)]


class Step(BaseModel):
    """One correction, as it is kept in files.

    Attributes:
        action: of one of the task's tools.
        at: x and y in px, for tools ``by`` a point; (0, 0) is the centre of the first pixel.
        outline: x and y of each corner in px, for tools ``by`` an outline.
        to: the name of a class, for tools with classes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Annotated[str, Field(max_length=40)]
    at: tuple[Coordinate, Coordinate] | None = None
    outline: Annotated[list[tuple[Coordinate, Coordinate]], Field(min_length=3, max_length=10_000)] | None = None
    to: Annotated[str, Field(max_length=200)] | None = None


@dataclass(frozen=True)
class Tool:
    """What can be changed.

    Attributes:
        action: of its steps.
        title: on its button.
        use: what to do with it, in a sentence.
        by: what a step points at: the whole image, a point, or an outline.
        classes: of which a step names one; none where it names none.
    """

    action: str
    title: str
    use: str
    by: Literal["image", "point", "outline"]
    classes: tuple[str, ...] = ()

    def step(
        self, at: tuple[float, float] | None = None, outline: list[tuple[float, float]] | None = None, to: str = ""
    ) -> Step:
        """A step of this tool."""
        return Step(action=self.action, at=at, outline=outline, to=to or None)


class Correcting(ABC, Generic[Settings]):
    """Changes the truth of an image as a person asks for it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @abstractmethod
    def tools(self) -> list[Tool]:
        """What can be changed, the most usual first."""

    @abstractmethod
    def change(self, record: Record, step: Step) -> Record:
        """The record with one change, which :meth:`apply` has checked.

        Raises:
            BrightfieldError: there is nothing to be changed where the step points.
        """

    def apply(self, record: Record, steps: Iterable[Step]) -> Record:
        """The record with its truth corrected; its image stays.

        Raises:
            BrightfieldError: a step is none of the task, or finds nothing to change.
        """
        for step in steps:
            self._check(record, step)
            record = self.change(record, step)
            if "labelled" in record.row:
                record = Record(record.id, record.group, record.image, record.fields, {**record.row, "labelled": 1})
        return record

    def _check(self, record: Record, step: Step) -> None:
        known = {tool.action: tool for tool in self.tools()}
        tool = known.get(step.action)
        if tool is None:
            raise BrightfieldError(f"Image {record.id}: {step.action!r} is no correction; known: {', '.join(known)}.")
        given = {"point": step.at, "outline": step.outline}
        for by, place in given.items():
            if (place is not None) != (tool.by == by):
                expected = "no place" if tool.by == "image" else f"{'an' if tool.by == 'outline' else 'a'} {tool.by}"
                raise BrightfieldError(f"Image {record.id}: correction {step.action!r} takes {expected}, got {step!r}.")
        if (step.to or "") not in (tool.classes or ("",)):
            expected = f"a class ({', '.join(tool.classes)})" if tool.classes else "no class"
            raise BrightfieldError(f"Image {record.id}: correction {step.action!r} takes {expected}, got {step.to!r}.")
        height, width = record.image.shape[:2]
        if step.at is not None and not (-0.5 <= step.at[0] <= width - 0.5 and -0.5 <= step.at[1] <= height - 0.5):
            raise BrightfieldError(f"Image {record.id}: {step.at} lies outside the image of {width} x {height} px.")
