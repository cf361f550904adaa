"""``brightfield match``: fit a simulation to the appearance of a few recorded frames."""

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
from brightfield.simulate.matching.reference import Matcher, Reference
from brightfield.simulate.matching.smears import RbcMatcher
from brightfield.simulate.matching.statistics import Distance
from brightfield.simulate.matching.transmitted import BacteriaMatcher, BeadsMatcher

MATCHERS: dict[str, type[Any]] = {  # classes of Matchers, built from a simulation's section and a Reference
    "rbc": RbcMatcher,
    "beads": BeadsMatcher,
    "bacteria": BacteriaMatcher,
    "denoise": DenoiseMatcher,
}
MOST_FRAMES = 48  # largest number of frames: more hardly improve the match
MOST_TILES = 64  # largest number of tiles of these frames
CHECK_SEED = 1  # added to the seed of the search: distances are reported on images that the search has not seen


@dataclass(frozen=True)
class Match:
    """The result of a match.

    Attributes:
        name: name of the new entry of ``simulations`` and ``datasets``.
        frames: number of frames that were matched.
        measured: quantities measured on the frames, in words.
        values: quantities found by the search.
        before: distance of the original simulation from the frames, on images that the search has not seen.
        after: distance of the new simulation.
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
                f"Fitted: {found}.",
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
        simulation: an entry of ``simulations``, which determines the objects, their number, and the start of the search.
        paths: images, stacks or folders of them, all of one camera at one gain.
        name: name of the new entries.
        pixel_size_um: side of a pixel of the frames in micrometres; None: read from a TIFF file, or else fitted where the
            simulation depends on it.
        trials: number of simulations to try.
        seed: seed of the search.

    Raises:
        BrightfieldError: a name that is taken, frames that cannot be read or measured, or no simulation that is nearer to the
            frames; nothing is written then.
    """
    settings = params.load()
    base = params.entry(settings.simulations, simulation, "simulation")
    if name in settings.datasets:
        raise BrightfieldError(f"There is a dataset {name!r} already. Choose another --name.")
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
            f"No simulation is nearer to these frames than {simulation!r} itself (distance {before.total:.3f}, of the best "
            f"found {after.total:.3f}), so nothing was written. Try more --trials, or frames of one camera and one gain."
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
            "There are no images to match: expected a frame, a stack or a folder. Give them with --like."
        )
    files = images.evenly_spaced(images.files(paths), MOST_FRAMES)
    frames = [frame if MATCHERS[base.simulator].colour else images.to_grey(frame) for frame in _frames(files)]
    kinds = sorted({str(frame.dtype) for frame in frames})
    if len(kinds) > 1:
        raise BrightfieldError(
            f"The frames have the types {', '.join(kinds)}: expected one. Give frames of one camera at one setting."
        )
    from_file = next((found for file in files if (found := images.header(file).pixel_size_um) is not None), None)
    return Reference(frames, pixel_size_um or from_file)


def _frames(files: Sequence[Path]) -> Iterator[npt.NDArray[Any]]:
    """Up to ``MOST_FRAMES`` frames, equally many of each file."""
    each = max(1, MOST_FRAMES // len(files))
    for file in files:
        yield from (image for _, image in islice(images.frames([file]), each))
