"""What every type of answer shares, and the form in which it states everything that depends on the type."""

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
    """Raise ValueError, which says what was expected and what came, unless the condition holds."""
    if not condition:
        raise ValueError(f"{what}, got {came}")


@dataclass(frozen=True)
class Metadata:
    """What tables and files say of an answer beside its numbers.

    Attributes:
        classes: class names by their index; none where a task has no classes.
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
        """Truth that is an array, by name."""

    @property
    def row(self) -> Mapping[str, object]:
        """Truth that is a number or a word, by name."""


@dataclass(frozen=True)
class BaseResult:
    """The base of every type of answer; a subclass says in ``FORM`` how it is written, drawn, served and shown.

    Attributes:
        metadata: names, and the size of a pixel. None where the answer was not asked for by :func:`brightfield.load`: code that
            holds a task knows them from there.
    """

    FORM: ClassVar[Form[Any]]

    metadata: Metadata | None = field(default=None, kw_only=True, repr=False, compare=False)

    def to_dataframe(self) -> pd.DataFrame:
        """The columns of the CSV that `brightfield predict` writes: a row an object where the answer has objects, else one row.

        Several answers: :func:`brightfield.results.to_dataframe`.

        Raises:
            BrightfieldError: the answer has no metadata.
        """
        return self.FORM.table_of({self.image_name: self})

    def to_tiff(self, path: str | Path) -> Path:
        """Write the answer as the TIFF that `brightfield predict` writes, with its pixel size; a file that is there is replaced.

        Returns:
            The path.

        Raises:
            BrightfieldError: an answer of this type is no image, or it has no metadata.
        """
        image = next(iter(self.FORM.files.values()), None)
        array = None if image is None else image(self)
        if array is None:
            raise BrightfieldError(
                f"An answer of type {type(self).__name__} is no image, so there is no TIFF of it. Use to_dataframe()."
            )
        write_tiff(Path(path), array, self._known.pixel_size_um)
        return Path(path)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as a served model answers: ``kind``, and numbers and numpy arrays by name."""
        return self.FORM.plain(self)

    @property
    def image_name(self) -> str:
        """The name of the image, of the metadata."""
        return self._known.image

    @property
    def _known(self) -> Metadata:
        if self.metadata is None:
            raise BrightfieldError(
                f"This {type(self).__name__} came without the names of classes and the size of a pixel. Ask a model that "
                "brightfield.load() gave, or set metadata: dataclasses.replace(answer, metadata=Metadata(...))."
            )
        return self.metadata


Answer = TypeVar("Answer", bound=BaseResult)


def by_image(rows: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One table of several images, by name and in order, with column image first."""
    import pandas as pd

    tables = [table.assign(image=name) for name, table in rows.items()]
    return pd.concat(tables, ignore_index=True)[["image", *next(iter(rows.values()))]]


def no_image(truth: KnownTruth) -> None:
    """For types whose truth is no image."""
    del truth


@dataclass(frozen=True)
class Objects(Generic[Answer]):
    """A second table, with a row for each object of an image.

    Attributes:
        table: file name.
        measure: the rows of one image, which may have a fluorescence image (H, W) beside it.
    """

    table: str
    measure: Callable[[Answer, Metadata, Array | None], pd.DataFrame]


@dataclass(frozen=True)
class Form(Generic[Answer]):
    """All that depends on the type of an answer: how it is written, drawn, served and shown.

    The page Predict of the dashboard shows the drawing, the tables and the files, and knows no types.

    Attributes:
        table: file name of the table.
        columns: those that the table must have, in this order; others follow.
        rows: what the table says of one image: a row, or a row an object. ``combine`` adds which image it is.
        files: what is in the TIFF files of one image, (H, W) each, by the end of their names (``labels.tif``; no ``_`` in it);
            None: no such file for this answer. The first is what ``to_tiff`` writes.
        draw: the image (H, W) or (H, W, C) with the answer, and the truth unless it is None, enlarged by the factor.
        plain: the answer as a served model gives it: ``kind``, numbers and arrays by name.
        mark_truth: draws the truth into a tile of a gallery, where the record has truth of this type; else the tile as it is.
        true_image: truth that is an image, (H, W), for a tile of its own; None where the record has none.
        combine: one table of the rows of several images, by name and in order.
        objects: a second table.
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
    objects: Objects[Answer] | None = None

    def ordered(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with its columns in order; raises ValueError if some are missing."""
        if missing := [name for name in self.columns if name not in table.columns]:
            raise ValueError(f"the table has the columns {', '.join(self.columns)}; missing: {', '.join(missing)}")
        return table[[*self.columns, *(name for name in table.columns if name not in self.columns)]]

    def table_of(self, answers: Mapping[str, Answer]) -> pd.DataFrame:
        """One table of answers by the names of their images: of their objects, where the type has objects."""
        if self.objects is None:
            return self.ordered(self.combine({name: self.rows(each, each._known) for name, each in answers.items()}))
        return by_image({name: self.objects.measure(each, each._known, None) for name, each in answers.items()})
