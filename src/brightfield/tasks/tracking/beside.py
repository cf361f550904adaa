"""Beads by the classical fit, beside a network's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from brightfield import images, params
from brightfield.beads.localisation.explaining import explain
from brightfield.beads.localisation.learning import learn
from brightfield.beads.localisation.showing import shows_something
from brightfield.data.records import Record
from brightfield.metrics import every_image_once, of_one, tracking
from brightfield.metrics.declarations import Objective
from brightfield.results import Points
from brightfield.tasks.beside import Baseline, Beside, Method


def locate(settings: params.TrackingSettings, first: Sequence[images.Image]) -> Method[Points]:
    """The beads of a movie by their common profile, as `brightfield locate` finds them, without any option.

    Raises:
        BrightfieldError: there is no bead in the first frames.
    """
    del settings
    locator = learn([frame for frame in first if shows_something(frame)] or list(first)).locator

    def answer(frame: images.Image) -> Points:
        if not shows_something(frame):
            return Points.exact([])
        found = locator.locate(frame)
        return Points(found.positions, found.quality, found.errors)

    return answer


class TrackingBeside(Beside[params.TrackingSettings, Points]):
    """Compares positions with each other, and with the pixels: how much of the light beads at these positions explain."""

    baselines: ClassVar[Mapping[str, Baseline[Any, Any]]] = {
        "locate": Baseline(
            locate,
            "use `brightfield locate`, or train on frames like these (`brightfield match`, `brightfield import`)",
        )
    }
    sees_magnified = False  # the profile is that of the frames as they come
    counts = frozenset({"beads", "matched"})
    agreement = ("matched", "distance_px")
    scored_by = Objective("capped_error_px")
    least_score = 0.01
    judged_by = Objective("explained")
    least_gain = 0.02  # of the light: the profile that is drawn is known no better

    def truth(self, record: Record) -> Points:
        """The positions of the record."""
        return Points.exact(record.fields["positions"])

    def numbers(self, answer: Points, image: images.Image) -> dict[str, float]:
        """The number of beads, and the share of the light above noise that they explain."""
        return {"beads": float(len(answer.positions)), "explained": explain(image, answer.positions).explained}

    def compared(self, answer: Points, reference: Points) -> dict[str, float]:
        """Positions within the tolerance of each other and their median distance, F1, and the capped error."""
        tolerance = self.settings.tolerance_px
        distance = tracking.match(answer.positions, reference.positions, tolerance)[2]
        row = {name: np.array([value]) for name, value in tracking.statistics(answer, reference, tolerance).items()}
        scores = of_one(tracking.pooled(row, every_image_once(row)))
        return {
            "matched": float(len(distance)),
            "distance_px": float(np.median(distance)) if len(distance) else float("nan"),
            "f1": scores["f1"],
            "capped_error_px": scores["capped_error_px"],
        }
