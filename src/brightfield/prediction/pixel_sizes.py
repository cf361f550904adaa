"""The pixel size of each image: as given, else as its file states it, else that of the training; and the magnification to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self

from brightfield import images, tasks
from brightfield.errors import BrightfieldError
from brightfield.prediction.own_scale import Measured
from brightfield.tasks import Task

SAME = 0.02  # relative difference up to which two pixel sizes count as equal: files round them
MOST_MAGNIFICATION = 8.0  # a file that states a size further from that of the training is more likely wrong than right


@dataclass
class PixelSizes:
    """Decides the pixel size and the magnification of image after image, and remembers them for a summary.

    Attributes:
        trained_um: pixel size of the training.
        given_um: pixel size that the user gave for all images; None: that of each file, or else that of the training.
        magnification: magnification that the user gave, or that was measured; None: from the pixel size, where the task is
            ``magnifiable``.
        magnifiable: whether images are answered at the magnification that their pixel size says.
        by_files: whether the pixel size that a file states decides the magnification. Crops are learnt from as they come, whatever
            their files state, so only what the user gives counts for them.
        measured: what was measured, where the magnification was.
    """

    trained_um: float
    given_um: float | None = None
    magnification: float | None = None
    magnifiable: bool = False
    by_files: bool = True
    measured: Measured | None = None
    _stated: Counter[float | None] = field(default_factory=Counter)
    _magnified: Counter[float] = field(default_factory=Counter)

    @classmethod
    def of_task(
        cls,
        task: Task[Any, Any],
        name: str,
        given_um: float | None = None,
        magnification: float | Measured | None = None,
    ) -> Self:
        """Those of the images that a model of the task ``name`` is to answer; a given pixel size stands over what was measured.

        Raises:
            BrightfieldError: the task does not support magnification.
        """
        measured = magnification if isinstance(magnification, Measured) and given_um is None else None
        if isinstance(magnification, Measured):
            magnification = None if measured is None else measured.factor
        magnifiable = task.answering.magnifiable
        if magnification not in (None, 1) and not magnifiable:
            able = tasks.kinds_that(lambda kind: kind.answering_class.magnifiable)
            raise BrightfieldError(
                f"Task {name!r} cannot magnify images: expected a task of kind {able}. Leave out --magnify."
            )
        by_files = not task.answering.takes_crops
        by_size = magnifiable and task.answering.magnified_by_pixel_size
        return cls(task.settings.pixel_size_um, given_um, magnification, by_size, by_files, measured)

    def known(self, stated_um: float | None) -> float | None:
        """The pixel size of an image that was given or that its file states; None where it is only assumed."""
        return self.given_um or stated_um

    def of(self, name: str, stated_um: float | None) -> tuple[float, float | None]:
        """The pixel size of an image, and the magnification at which the model sees it; None: as it comes.

        Args:
            name: name of the image, for messages.
            stated_um: pixel size that its file states; None: it states none.

        Raises:
            BrightfieldError: the stated size differs so much from that of the training that it is probably wrong.
        """
        size_um = self.known(stated_um) or self.trained_um
        magnification = self._magnification(name, self.given_um or (stated_um if self.by_files else None))
        self._stated[stated_um] += 1
        self._magnified[magnification or 1.0] += 1
        return size_um, magnification

    def _magnification(self, name: str, size_um: float | None) -> float | None:
        if self.magnification is not None or not self.magnifiable or size_um is None:
            return self.magnification
        if _same(size_um, self.trained_um):
            return 1.0
        magnification = size_um / self.trained_um
        if self.given_um is None and not 1 / MOST_MAGNIFICATION <= magnification <= MOST_MAGNIFICATION:
            raise BrightfieldError(
                f"The file of {name} states a pixel size of {size_um:g} um, the model was trained at {self.trained_um:g} um: "
                f"expected a difference of at most {MOST_MAGNIFICATION:g} times. Give the right one with --pixel-size-um."
            )
        return magnification

    def seen(self, task: Task[Any, Any], frame: images.Frame) -> images.Image:
        """The pixels of a frame as a model of the task sees them."""
        _, magnification = self.of(frame.name, frame.header.pixel_size_um)
        return frame.image if magnification is None else task.answering.magnified(frame.image, magnification)

    def lines(self) -> list[str]:
        """One line on what was measured, one on the pixel sizes in use, and one where the user's contradicts that of the files."""
        return ([self.measured.line] if self.measured else []) + self._lines()

    def _lines(self) -> list[str]:
        total = sum(self._stated.values())
        stated = {size: number for size, number in self._stated.items() if size is not None}
        if self.given_um is not None:
            lines = [f"Pixel size: {self.given_um:g} um, as given{self._seen_at()}."]
            others = [size for size in stated if not _same(size, self.given_um)]
            if others:
                lines.append(
                    f"warning: the files state {_listed(others)} um; the {self.given_um:g} um given overrule them."
                )
            return lines
        if not stated:
            return [f"Pixel size: {self.trained_um:g} um, that of the training; the files state none{self._seen_at()}."]
        number = sum(stated.values())
        lines = [
            f"Pixel size: {_listed(list(stated))} um, as the files of {number} of {total} images state{self._seen_at()}."
        ]
        if number < total:
            lines.append(
                f"warning: {total - number} of {total} images state no pixel size; that of the training is used, "
                f"{self.trained_um:g} um. `brightfield predict --pixel-size-um` takes another."
            )
        return lines

    def _seen_at(self) -> str:
        factors = sorted(factor for factor in self._magnified if factor != 1)
        if not factors or (self.measured is not None and self.measured.factor is not None):
            return ""
        shown = f"{factors[0]:.3g}" if len(factors) == 1 else f"{factors[0]:.3g} to {factors[-1]:.3g}"
        return f"; the model sees them magnified {shown} times (trained at {self.trained_um:g} um)"


def _same(one_um: float, other_um: float) -> bool:
    return abs(one_um - other_um) <= SAME * max(one_um, other_um)


def _listed(sizes: list[float]) -> str:
    found = sorted(set(sizes))
    return ", ".join(f"{size:.4g}" for size in found) if len(found) <= 3 else f"{found[0]:.4g} to {found[-1]:.4g}"
