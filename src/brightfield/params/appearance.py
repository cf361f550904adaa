"""Sub-section ``appearance`` of a simulation: ranges that stand in for the simulator's own, such as `brightfield match` finds.

An acquisition (smear, movie, field) draws each number anew between the two ends; what is left out stays as the simulator has it.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from brightfield.params.base import Section

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=0.9)]


def _in_order(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError(f"a range goes from its lower end to its upper, got {list(ends)}")
    return ends


PositiveRange = Annotated[tuple[Positive, Positive], Field(strict=False), AfterValidator(_in_order)]
Range = Annotated[tuple[NotNegative, NotNegative], Field(strict=False), AfterValidator(_in_order)]
ShareRange = Annotated[tuple[Share, Share], Field(strict=False), AfterValidator(_in_order)]
Colours = Annotated[tuple[Range, Range, Range], Field(strict=False)]  # red, green, blue


class _Camera(Section):
    offset: Range | None = None  # counts in the dark
    electrons_per_count: PositiveRange | None = None
    read_noise: Range | None = None  # electrons


class RbcAppearance(Section):
    """Light, stain and camera of a stained smear."""

    white: Colours | None = None  # brightness of the empty background, 1 is the largest count
    stain: Colours | None = None  # absorption per um of cell
    texture: Range | None = None  # of the dried plasma, relative
    electrons: PositiveRange | None = None  # at the largest count, log-uniform
    read_noise: Range | None = None  # electrons
    focus_um: Range | None = None  # how far a smear lies off the plane, to either side
    neighbours: Annotated[tuple[float, float], Field(strict=False)] | None = None  # probability of one in the crop
    contour: bool = True  # whether the cell's contour is drawn in red, as a contour finder leaves it


class BeadsAppearance(_Camera):
    """Light, beads and camera of a movie."""

    electrons: PositiveRange | None = None  # in a pixel of the empty background, log-uniform
    contrast: PositiveRange | None = None  # of a bead, 1 is that of a bare sphere
    defocus_um: PositiveRange | None = None  # to either side of the plane, log-uniform
    radius_um: PositiveRange | None = None


class BacteriaAppearance(_Camera):
    """Light, cells and camera of a field."""

    electrons: PositiveRange | None = None  # in a pixel of the empty background, log-uniform
    myxococcus: ShareRange | None = None  # of the area that is covered
    e_coli: ShareRange | None = None
    focus_um: Range | None = None  # how far a field lies off the plane, to either side


class DenoiseAppearance(_Camera):
    """Cells, blur and camera of a fluorescence image; its light is ``peak_electrons`` of the simulation."""

    blur_px: PositiveRange | None = None  # standard deviation of the point-spread function
    radius_px: PositiveRange | None = None  # of a field's typical nucleus, log-uniform
    cover: ShareRange | None = None  # of the field by cells, before they overlap
    haze: Range | None = None  # light from out of focus, relative to the light in focus
    background: Range | None = None  # autofluorescence and stray light, relative to the peak
