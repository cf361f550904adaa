"""The magnification at which a network finds beads best, by how far it agrees with itself on a few frames.

Where pixels are much smaller than what the optics resolve, or an image was enlarged, noise is smooth, and a network finds beads
in it. Seen smaller, noise is noise again. The width of the beads does not tell: of simulated movies that were enlarged, dots and
rings of 20 times their width were answered best at one magnification, and frames as a camera takes them as they came (radii of 1
to 30 px).

Agreement with itself did tell (see :mod:`brightfield.tasks.tracking.agreement`). Where the noise of neighbours is alike, the
magnification with the most agreement counts; elsewhere only one with much more, as small beads are lost in a smaller image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from brightfield import images
from brightfield.data import noise

# from an image to the agreement of the model with itself on it, 0 to 1
Agree = Callable[[images.Image], float]

MAGNIFICATIONS = (1.0, 0.7, 0.5, 0.35, 0.25)
SEEN_PX = 384  # largest side of the part of a frame that is looked at
LEAST_PX = 40  # frames are not made smaller
SMOOTH = 0.25  # correlation of the noise of neighbours, in rows and in columns, from which it is smooth
CLEARLY = 0.2  # least gain of agreement where it is not
ALIKE = 0.1  # difference of agreements up to which the larger magnification counts: it locates beads better


def factor(shown: Sequence[images.Image], agree: Agree) -> float | None:
    """The magnification at which a model agrees most with itself on frames of one acquisition.

    Args:
        shown: frames (H, W) or (H, W, C).
        agree: the model.

    Returns:
        A number below 1, or None where frames are best seen as they come.
    """
    if not shown:
        return None
    parts = [frame[images.busiest(frame, SEEN_PX)] for frame in shown]
    least = min(min(part.shape[:2]) for part in parts)
    found = {
        each: float(np.mean([agree(images.magnified(part, each) if each != 1 else part) for part in parts]))
        for each in MAGNIFICATIONS
        if each == 1 or least * each >= LEAST_PX
    }
    best = max(found, key=lambda each: found[each])
    smooth = min(noise.mean([noise.of_image(images.to_grey(part)) for part in parts])) >= SMOOTH
    if best == 1 or found[best] - found[1.0] <= (0.0 if smooth else CLEARLY):
        return None
    return max(each for each in found if each != 1 and found[each] >= found[best] - ALIKE)
