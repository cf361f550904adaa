"""The frames of a movie from which profiles are learned: the first ones, or others where these show nothing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from brightfield import images
from brightfield.beads.localisation.showing import shows_something
from brightfield.images.opening import open_frames, standardise

PLACES = (
    60  # largest number of frames, evenly spaced in the movie, that are looked at where the first ones show nothing
)

Frames = dict[int, images.Image]  # grey frames by their number in the movie


def learning_frames(paths: Sequence[Path], first: int) -> Frames:
    """The first frames of a movie, by their number from 0; those that show nothing are replaced by others of the movie.

    No more than twice as many frames as asked for are in memory at a time. Where no frame shows anything, the first ones remain.

    Args:
        paths: images, stacks or folders of them.
        first: number of frames.
    """
    begin = {n: images.to_grey(image) for n, (_, image) in enumerate(islice(images.frames(paths), first))}
    showing = {n: frame for n, frame in begin.items() if shows_something(frame)}
    if len(showing) == len(begin) or len(begin) < first:
        return showing or begin
    places = [(path, n) for path in images.files(paths) for n in range(images.frame_count(path))]
    spaced = np.unique(np.linspace(first, len(places) - 1, min(len(places) - first, PLACES)).round().astype(int))
    others = [int(n) for n in spaced if n >= first and shows_something(_read(*places[n]))]
    chosen = images.evenly_spaced(others, first - len(showing)) if others else []
    return {**showing, **{n: _read(*places[n]) for n in chosen}} or begin


def _read(path: Path, number: int) -> images.Image:
    with open_frames(path) as source:
        return images.to_grey(standardise(path, source.get(number)))
