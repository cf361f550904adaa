"""``--magnify auto``: the magnification of an acquisition, from the width of what its images show and the width that a model knows.

Beads are of any width: there the model's agreement with itself says at which magnification it sees best.

One acquisition has one magnification, so it is measured on several images together: a field with few cells measures badly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from brightfield import images, layout, tasks
from brightfield.errors import BrightfieldError
from brightfield.images.scaling import LARGEST, SMALLEST
from brightfield.inference.predictor import Predictor

AUTO: Final = "auto"


@dataclass(frozen=True)
class Measured:
    """The magnification that was measured.

    Attributes:
        factor: magnification at which the model should see the images; None: it could not be measured.
        line: what was measured, for a person.
    """

    factor: float | None
    line: str


# a factor, one that was measured, or one that is still to be measured
Magnification = float | Measured | Literal["auto"]


def measures_by_default(predictor: Predictor) -> bool:
    """Whether the magnification is measured unless it is given: by a starter whose task can.

    A starter sees crops as they come as long as their cells are about as wide as those that it knows (``answering.tolerated``): to
    cut a crop or fill it up costs something, too.
    """
    starter = [member.bundle.name for member in predictor.members] == [layout.STARTER]
    answering = predictor.task.answering
    measurable = answering.measured is not None and not (answering.by_width and predictor.known_width_px is None)
    return starter and measurable


def check(predictor: Predictor) -> tuple[str, float | None]:
    """What the model's task looks at, and the width that the model knows, in pixels; None where the width does not count.

    Raises:
        BrightfieldError: a task that measures nothing, or a model that knows no width.
    """
    measured, known_px = predictor.task.answering.measured, predictor.known_width_px
    if measured is None:
        able = tasks.kinds_that(lambda kind: kind.answering_class.measured is not None)
        raise BrightfieldError(
            f"Task {predictor.task_name!r} cannot measure its magnification: expected a task of kind {able}. "
            "Leave out --magnify auto."
        )
    if not predictor.task.answering.by_width:
        return measured, None
    if known_px is None:
        names = " and ".join(member.bundle.name for member in predictor.members)
        raise BrightfieldError(
            f"{names} does not know how wide {measured} are: it is a classical method, or was trained by an earlier version. Train "
            "it again, or give --magnify a number."
        )
    return measured, known_px


def measure(predictor: Predictor, shown: Sequence[images.Image]) -> Measured:
    """Measure the magnification of images of one acquisition.

    Args:
        predictor: the model.
        shown: images (H, W) or (H, W, C), as its task encodes them; at most ``answering.sample`` of them are looked at.

    Raises:
        BrightfieldError: as :func:`check`, and for an image that the task does not accept.
    """
    objects, known_px = check(predictor)
    task = predictor.task

    some = images.evenly_spaced(shown, task.answering.sample)
    if known_px is None:
        return _by_agreement(predictor, some, objects)
    width_px = task.answering.width(some, known_px, predictor.look)
    counted = _counted(some)
    if width_px is None or not SMALLEST <= known_px / width_px <= LARGEST:
        return Measured(
            None,
            f"The width of the {objects} could not be measured on {counted}: too few are found for sure. The model sees them as "
            "without --magnify auto.",
        )
    usual = task.answering.usual_magnification(some)
    wanted = known_px / width_px
    factor: float | None = wanted
    seen_at = f"magnified {wanted:.3g} times"
    if max(wanted / usual, usual / wanted) <= task.answering.tolerated:
        factor, seen_at = (1.0 if usual == 1 else None), "as they come"
    return Measured(
        factor,
        f"The {objects} are {width_px:.1f} px wide ({counted}), the model knows {known_px:.1f} px: it sees them {seen_at}.",
    )


def _by_agreement(predictor: Predictor, some: Sequence[images.Image], objects: str) -> Measured:
    factor = predictor.task.answering.magnification(some, predictor.look)
    if factor is None:
        return Measured(
            None, f"The model sees the {objects} as they come: no magnification is better ({_counted(some)})."
        )
    return Measured(
        factor,
        f"The model agrees with itself most on {objects} that it sees magnified {factor:.3g} times ({_counted(some)}): so it does.",
    )


def _counted(some: Sequence[images.Image]) -> str:
    return f"{len(some)} image{'s' if len(some) != 1 else ''}"
