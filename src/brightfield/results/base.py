"""The base of all types of answers, and the form that describes how a type is written, drawn, served and shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from brightfield.errors import BrightfieldError
from brightfield.results.canvas import Canvas, PixelWindow
from brightfield.results.tiff import write_tiff

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]


def expect(condition: bool, what: str, came: object) -> None:
    """Raise ValueError with what was expected and what came, unless the condition holds."""
    if not condition:
        raise ValueError(f"{what}, got {came}")


@dataclass(frozen=True)
class Metadata:
    """Names and units that tables and files need beside the numbers of an answer.

    Attributes:
        classes: class names by their index; empty where a task has no classes.
        pixel_size_um: side of a pixel in micrometres.
        species: names of the species of cells by their number, from 1.
        image: name of the image.
    """

    classes: tuple[str, ...] = ()
    pixel_size_um: float = 1.0
    species: tuple[str, ...] = ()
    image: str = "0"


class KnownTruth(Protocol):
    """An image whose truth is known: a :class:`brightfield.data.records.Record`."""

    @property
    def fields(self) -> Mapping[str, np.ndarray]:
        """Arrays of the truth, by name."""

    @property
    def row(self) -> Mapping[str, object]:
        """Numbers and words of the truth, by name."""


@dataclass(frozen=True)
class BaseResult:
    """The base of every type of answer; ``FORM`` of a subclass describes how it is written, drawn, served and shown.

    Attributes:
        metadata: names, and the size of a pixel. None unless the answer comes from a model of :func:`brightfield.load`; elsewhere
            the task has them.
    """

    FORM: ClassVar[Form[Any]]

    metadata: Metadata | None = field(default=None, kw_only=True, repr=False, compare=False)

    def to_dataframe(self) -> pd.DataFrame:
        """The table of the CSV that `brightfield predict` writes: one row per object where the answer has objects, else one row.

        For several answers, use :func:`brightfield.results.to_dataframe`.

        Raises:
            BrightfieldError: the answer has no metadata.
        """
        return self.FORM.table_of({self.image_name: self})

    def to_tiff(self, path: str | Path) -> Path:
        """Write the answer as the TIFF that `brightfield predict` writes, with its pixel size; an existing file is replaced.

        Returns:
            The path.

        Raises:
            BrightfieldError: an answer of this type is not an image, or it has no metadata.
        """
        image = next(iter(self.FORM.files.values()), None)
        array = None if image is None else image(self)
        if array is None:
            raise BrightfieldError(
                f"An answer of type {type(self).__name__} is not an image, so it has no TIFF. Use to_dataframe()."
            )
        write_tiff(Path(path), array, self._known.pixel_size_um)
        return Path(path)

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain data, as a served model returns it: ``kind``, and numbers and numpy arrays by name."""
        return self.FORM.plain(self)

    @property
    def image_name(self) -> str:
        """The name of the image, from the metadata."""
        return self._known.image

    @property
    def _known(self) -> Metadata:
        if self.metadata is None:
            raise BrightfieldError(
                f"This {type(self).__name__} has no metadata (names of classes, size of a pixel). Predict with a model of "
                "brightfield.load(), or set metadata: dataclasses.replace(answer, metadata=Metadata(...))."
            )
        return self.metadata


Answer = TypeVar("Answer", bound=BaseResult)


def by_image(rows: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Join the tables of several images, given by name and in order, with column image first."""
    import pandas as pd

    tables = [table.assign(image=name) for name, table in rows.items()]
    return pd.concat(tables, ignore_index=True)[["image", *next(iter(rows.values()))]]


def no_image(truth: KnownTruth) -> None:
    """No true image: for types whose truth is not an image."""
    del truth


@dataclass(frozen=True)
class Objects(Generic[Answer]):
    """A second table, with a row for each object of an image.

    Attributes:
        table: file name.
        measure: makes the rows of one image, with its fluorescence image (H, W) if there is one.
    """

    table: str
    measure: Callable[[Answer, Metadata, Array | None], pd.DataFrame]


@dataclass(frozen=True)
class Entry:
    """One entry of a served answer beside its ``kind``.

    Attributes:
        name: key in what ``Form.plain`` returns.
        dtype: numpy's name of the type of its numbers, such as ``float32``.
        axes: number of axes of the array; 0 for a single number.
        always: whether every answer of the type has it.
    """

    name: str
    dtype: str
    axes: int = 0
    always: bool = True


@dataclass(frozen=True)
class Form(Generic[Answer]):
    """Everything that depends on the type of an answer: how it is written, drawn, served and shown.

    The page Predict of the dashboard shows the drawing, the tables and the files, and does not depend on the type.

    Attributes:
        table: file name of the table.
        columns: columns that the table must have, in this order; others follow.
        rows: makes the rows of one image: one row, or one row per object. ``combine`` adds the name of the image.
        files: makes the arrays of the TIFF files of one image, (H, W) each, by the end of their names (``labels.tif``; without
            ``_``); None: no such file for this answer. ``to_tiff`` writes the first.
        draw: draws the answer, and the truth unless it is None, into the image (H, W) or (H, W, C), enlarged by the factor.
        plain: makes the answer of a served model: ``kind``, numbers and arrays by name.
        mark_truth: draws the truth into a tile of a gallery if the record has truth of this type; else returns the tile unchanged.
        true_image: returns truth that is an image, (H, W), for a tile of its own; None where the record has none.
        combine: joins the rows of several images, given by name and in order.
        panels: draws several answers to one image, and the truth unless it is None, each in a panel, by their titles; None: each as
            ``draw`` does.
        objects: the table of objects, if the type has objects.
        entries: what ``plain`` returns beside ``kind``, for the schema on the registry's pages; without it they show none.
    """

    table: str
    columns: tuple[str, ...]
    rows: Callable[[Answer, Metadata], pd.DataFrame]
    files: Mapping[str, Callable[[Answer], Array | None]]
    draw: Callable[[Array, Answer, Answer | None, int], Canvas]
    plain: Callable[[Answer], dict[str, Any]]
    mark_truth: Callable[[Canvas, KnownTruth, PixelWindow], Canvas]
    true_image: Callable[[KnownTruth], Array | None] = no_image
    combine: Callable[[Mapping[str, pd.DataFrame]], pd.DataFrame] = by_image
    panels: Callable[[Array, Mapping[str, Answer], Answer | None, int], dict[str, Canvas]] | None = None
    objects: Objects[Answer] | None = None
    entries: tuple[Entry, ...] = ()

    def ordered(self, table: pd.DataFrame) -> pd.DataFrame:
        """Put the columns of the table in order; raises ValueError if some are missing."""
        if missing := [name for name in self.columns if name not in table.columns]:
            raise ValueError(
                f"the table must have the columns {', '.join(self.columns)}; missing: {', '.join(missing)}"
            )
        return table[[*self.columns, *(name for name in table.columns if name not in self.columns)]]

    def table_of(self, answers: Mapping[str, Answer]) -> pd.DataFrame:
        """The table of several answers, given by the names of their images; the table of objects where the type has objects."""
        if self.objects is None:
            return self.ordered(self.combine({name: self.rows(each, each._known) for name, each in answers.items()}))
        return by_image({name: self.objects.measure(each, each._known, None) for name, each in answers.items()})
