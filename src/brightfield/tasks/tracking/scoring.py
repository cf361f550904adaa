"""Scores of positions."""

from __future__ import annotations

from brightfield import params
from brightfield.metrics import Columns, Real, Weights, tracking
from brightfield.results import Points
from brightfield.tasks.scoring import Scoring


class TrackingScoring(Scoring[params.TrackingSettings, Points]):
    """Errors, recall and precision of :mod:`brightfield.metrics.tracking`."""

    def statistics(self, predicted: Points, truth: Points) -> dict[str, float]:
        """Counts and sums of errors."""
        return tracking.statistics(predicted, truth, self.settings.tolerance_px)

    def pooled(self, columns: Columns, weights: Weights) -> dict[str, Real]:
        """Errors, recall and precision of :mod:`brightfield.metrics.tracking`."""
        return tracking.pooled(columns, weights)
