"""Scores of positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from brightfield import params
from brightfield.metrics import Columns, Real, Weights, tracking
from brightfield.metrics.declarations import Metric
from brightfield.results import Points
from brightfield.results.layers import INVENTED, MISSED, RIGHT, Layers
from brightfield.tasks.guarantees import Guarantee
from brightfield.tasks.scoring import Scoring
from brightfield.tasks.tracking.answering import RADIUS, uncertainty


class TrackingScoring(Scoring[params.TrackingSettings, Points]):
    """Errors, recall and precision of :mod:`brightfield.metrics.tracking`."""

    guarantees: ClassVar[Mapping[str, Guarantee]] = {
        RADIUS: Guarantee(
            "found beads that are beads",
            "the true position lies within the radius",
            "column radius_px",
            Metric("radius", None, "px", 3),
        )
    }

    def statistics(self, predicted: Points, truth: Points) -> dict[str, float]:
        """Counts and sums of errors."""
        return tracking.statistics(predicted, truth, self.settings.tolerance_px)

    def nonconformity(self, predicted: Points, truth: Points) -> dict[str, Real]:
        """``radius``: the distance of each matched bead from the true one, in units of its :func:`uncertainty`."""
        found, _, distance = tracking.match(predicted.positions, truth.positions, self.settings.tolerance_px)
        return {RADIUS: distance / uncertainty(predicted, self.settings)[found]}

    def sizes(self, guaranteed: Points) -> dict[str, float]:
        """The mean radius in px."""
        radius = guaranteed.radius
        return {} if radius is None or not len(radius) else {RADIUS: float(radius.mean())}

    def layers(self, answer: Points, truth: Points) -> tuple[Layers, Layers]:
        """The positions, and an arrow from each true one to the answer that is matched with it."""
        found, true, distance = tracking.match(answer.positions, truth.positions, self.settings.tolerance_px)
        residuals = np.hstack([truth.positions[true], answer.positions[found]])
        mean = f", {distance.mean():.3f} px off on average" if len(distance) else ""
        return (
            Layers(
                points=answer.positions,
                verdicts=_verdicts(len(answer.positions), found, INVENTED),
                residuals=residuals,
                words=f"{_beads(answer)}, {len(found)} of {len(truth.positions)} matched{mean}",
            ),
            Layers(
                points=truth.positions,
                verdicts=_verdicts(len(truth.positions), true, MISSED),
                words=_beads(truth),
            ),
        )

    def residuals(self, predicted: Points, truth: Points) -> npt.NDArray[np.float64]:
        """Of each matched bead."""
        found, true, _ = tracking.match(predicted.positions, truth.positions, self.settings.tolerance_px)
        at, off = truth.positions[true], predicted.positions[found] - truth.positions[true]
        stated = np.full(off.shape, np.nan) if predicted.errors is None else predicted.errors[found]
        return np.hstack([at, off, stated])

    def pooled(self, columns: Columns, weights: Weights) -> dict[str, Real]:
        """Errors, recall and precision of :mod:`brightfield.metrics.tracking`."""
        return tracking.pooled(columns, weights)


def _beads(answer: Points) -> str:
    return f"{len(answer.positions)} bead{'' if len(answer.positions) == 1 else 's'}"


def _verdicts(count: int, matched: npt.NDArray[np.intp], otherwise: str) -> tuple[str, ...]:
    """Of each position, by whether it is matched."""
    is_right = np.isin(np.arange(count), matched)
    return tuple(RIGHT if right else otherwise for right in is_right)
