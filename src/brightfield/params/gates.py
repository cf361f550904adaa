"""Section ``gates``: what a new champion of a task must be."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from brightfield.params.base import Section

Allowance = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Times = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Gate(Section):
    """What a candidate must be beside today's champion, on the same images of test and suites. What is left out is not asked."""

    margin: Allowance = 0.0  # the whole interval of its gain in the objective must be above this
    suites: Allowance | None = None  # most that the objective may fall on any shift suite
    calibration: Allowance | None = None  # most that the error of its probabilities may rise
    time: Times | None = None  # most time an image, as a multiple of the champion's, measured on this machine
    size: Times | None = None  # most bytes on disk, as a multiple of the champion's
    committed: bool = False  # whether the code that trained it must be a commit, without changes beside it
