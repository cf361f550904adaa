"""Section ``simulations``: images with exact truth."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from brightfield.params.appearance import BacteriaAppearance, BeadsAppearance, DenoiseAppearance, RbcAppearance
from brightfield.params.base import Fraction, Section

Suite = Literal["focus", "density", "light", "camera"]
Variety = Literal["usual", "wide"]


class _Simulation(Section):
    seed: Annotated[int, Field(ge=0)] = 0
    variety: Variety = "usual"  # of one lab; wide: of many labs, for networks that others begin with
    # test suites beside the test split, each with one thing changed: whether a model holds up is then a number
    suites: Annotated[tuple[Suite, ...], Field(strict=False)] = ()
    suite_groups: Annotated[int, Field(ge=1)] = 6  # smears, movies or fields in each


class RbcSimulation(_Simulation):
    """Single red blood cells of a stained smear, with a known probability of being bad."""

    simulator: Literal["rbc"]
    smears: Annotated[int, Field(ge=3)] = 40  # groups: stain, light and focus vary from smear to smear
    crops_per_smear: Annotated[int, Field(ge=1)] = 60
    size_px: Annotated[int, Field(ge=32)] = 85
    pixel_size_um: Annotated[float, Field(gt=0)] = 0.14
    good_fraction: Fraction = 0.45  # crops drawn without a defect; a defect too mild to see is good as well
    appearance: RbcAppearance | None = None  # none: the simulator's own


class BeadsSimulation(_Simulation):
    """Movies of diffraction rings around micro-beads."""

    simulator: Literal["beads"]
    movies: Annotated[int, Field(ge=3)] = 40
    frames_per_movie: Annotated[int, Field(ge=1)] = 10
    size_px: Annotated[int, Field(ge=32)] = 96  # height
    width_px: Annotated[int, Field(ge=32)] | None = None  # null: as wide as high
    pixel_size_um: Annotated[float, Field(gt=0)] = 0.1
    max_beads: Annotated[int, Field(ge=1)] = 3
    appearance: BeadsAppearance | None = None  # none: the simulator's own


class BacteriaSimulation(_Simulation):
    """Dense fields of Myxococcus and E. coli, brightfield and phase contrast."""

    simulator: Literal["bacteria"]
    images: Annotated[int, Field(ge=3)] = 48
    size_px: Annotated[int, Field(ge=64, le=4096)] = 384
    pixel_size_um: Annotated[float, Field(gt=0)] = 0.065
    phase_fraction: Fraction = 0.5  # phase-contrast images; the others are brightfield
    fluorescence: bool = False  # also render one fluorescence channel (E. coli lit)
    appearance: BacteriaAppearance | None = None  # none: the simulator's own


class DenoiseSimulation(_Simulation):
    """The same fluorescent cells with little and with plenty of light."""

    simulator: Literal["denoise"]
    images: Annotated[int, Field(ge=3)] = 60
    size_px: Annotated[int, Field(ge=64, le=4096)] = 192
    peak_electrons: Annotated[tuple[float, float], Field(strict=False)] = (4.0, 60.0)  # log-uniform, for each image
    appearance: DenoiseAppearance | None = None  # none: the simulator's own


Simulation = Annotated[
    RbcSimulation | BeadsSimulation | BacteriaSimulation | DenoiseSimulation, Field(discriminator="simulator")
]
SIMULATIONS: dict[str, type[RbcSimulation | BeadsSimulation | BacteriaSimulation | DenoiseSimulation]] = {
    "rbc": RbcSimulation,
    "beads": BeadsSimulation,
    "bacteria": BacteriaSimulation,
    "denoise": DenoiseSimulation,
}
