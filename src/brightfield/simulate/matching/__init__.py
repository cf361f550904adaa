"""``brightfield match``: a simulation whose images look like a few frames of the lab's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy.typing as npt

from brightfield import images, params, simulate
from brightfield.errors import BrightfieldError
from brightfield.params import editing
from brightfield.simulate.matching import fitting, statistics
from brightfield.simulate.matching.fitting import Values
from brightfield.simulate.matching.fluorescence import DenoiseMatcher
from brightfield.simulate.matching.pixels import pixel_size_um as pixel_size_of
from brightfield.simulate.matching.reference import Matcher, Reference
from brightfield.simulate.matching.smears import RbcMatcher
from brightfield.simulate.matching.statistics import Distance
from brightfield.simulate.matching.transmitted import BacteriaMatcher, BeadsMatcher

MATCHERS: dict[str, type[Any]] = {  # each is a Matcher, made of a simulation's section and a Reference
    "rbc": RbcMatcher,
    "beads": BeadsMatcher,
    "bacteria": BacteriaMatcher,
    "denoise": DenoiseMatcher,
}
MOST_FRAMES = 48  # more would tell hardly more
MOST_TILES = 64
CHECK_SEED = 1  # further than the search's: what is reported is on images that the search has not seen


@dataclass(frozen=True)
class Match:
    """What was found.

    Attributes:
        name: the new entry of ``simulations`` and ``datasets``.
        frames: how many frames were matched.
        measured: what they told directly, in words.
        values: what was searched for.
        before: how far the simulation was from the frames, on images that the search has not seen.
        after: how far the new one is.
        content: the new entry.
    """

    name: str
    frames: int
    measured: str
    values: Values
    before: Distance
    after: Distance
    content: dict[str, Any]

    def __str__(self) -> str:
        found = ", ".join(f"{name} {value:.3g}" for name, value in self.values.items())
        return "\n".join(
            [
                f"Measured on {self.frames} frames: {self.measured}.",
                f"Searched for: {found}.",
                f"Distance of the grey levels {self.before.histogram:.3f} -> {self.after.histogram:.3f} (of the range from "
                f"dark to bright), of the power spectrum {self.before.spectrum:.3f} -> {self.after.spectrum:.3f} (decades).",
            ]
        )


def match(
    simulation: str,
    paths: Sequence[Path],
    name: str,
    *,
    pixel_size_um: float | None = None,
    trials: int = 60,
    seed: int = 0,
) -> Match:
    """Fit the appearance of a simulation to frames and enter it in ``params.yaml`` as ``simulations.NAME`` and ``datasets.NAME``.

    Args:
        simulation: an entry of ``simulations``: what lies in its images, how many, and where the search begins.
        paths: images, stacks or folders of them, all of one camera at one gain.
        name: of the new entries.
        pixel_size_um: of the frames; read from a TIFF file, or else searched for where the simulation depends on it.
        trials: simulations that are tried.
        seed: of the search.

    Raises:
        BrightfieldError: a name that is taken, frames that cannot be read or tell nothing, or a simulation that was not brought
            nearer to them; nothing is written then.
    """
    settings = params.load()
    base = params.entry(settings.simulations, simulation, "simulation")
    if name in settings.datasets:
        raise BrightfieldError(f"There is a dataset {name!r} already; choose another --name.")
    reference = _reference(base, paths, pixel_size_um)
    matcher: Matcher = MATCHERS[base.simulator](base, reference)
    size = base.size_px
    target = statistics.image_statistics(
        [tile for frame in reference.frames for tile in statistics.tiles(frame, size)][:MOST_TILES]
    )

    def distance(section: dict[str, Any], with_seed: int) -> Distance:
        content = base.model_dump() | matcher.few | {"suites": (), "seed": with_seed} | section
        few = type(base).model_validate(content)
        return statistics.distance(statistics.image_statistics([r.image for r in simulate.simulate(few)]), target)

    values, _ = fitting.search(
        matcher.dimensions(), lambda v: distance(matcher.section(v), seed).total, trials, seed, f"match {simulation}"
    )
    section = matcher.section(values)
    before, after = distance({}, seed + CHECK_SEED), distance(section, seed + CHECK_SEED)
    if after.total >= before.total:
        raise BrightfieldError(
            f"No simulation is nearer to these frames than {simulation!r} as it is (distance {before.total:.3f}, the best "
            f"found {after.total:.3f}); nothing was written. Try more --trials, or frames of one camera and one gain."
        )
    content = {"simulator": base.simulator} | base.model_dump(mode="json", exclude_unset=True) | section
    dataset = settings.datasets[simulation]
    editing.add_entries(
        {
            "datasets": (name, dataset.model_dump(mode="json", exclude_unset=True, exclude={"kind"})),
            "simulations": (name, content),
        }
    )
    return Match(name, len(reference.frames), matcher.measured(), values, before, after, content)


def _reference(base: params.Simulation, paths: Sequence[Path], pixel_size_um: float | None) -> Reference:
    if not paths:
        raise BrightfieldError(
            "There are no images to match: name a frame of your own, a stack or a folder with --like."
        )
    files = images.evenly_spaced(images.files(paths), MOST_FRAMES)
    frames = [frame if MATCHERS[base.simulator].colour else images.to_grey(frame) for frame in _frames(files)]
    kinds = sorted({str(frame.dtype) for frame in frames})
    if len(kinds) > 1:
        raise BrightfieldError(f"The frames are of types {', '.join(kinds)}; give those of one camera at one setting.")
    told = next((found for file in files if (found := pixel_size_of(file)) is not None), None)
    return Reference(frames, pixel_size_um or told)


def _frames(files: Sequence[Path]) -> Iterator[npt.NDArray[Any]]:
    """Up to ``MOST_FRAMES``, as many of each file."""
    each = max(1, MOST_FRAMES // len(files))
    for file in files:
        yield from (image for _, image in islice(images.frames([file]), each))
