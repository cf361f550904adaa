"""Scores of restored images."""

from __future__ import annotations

from typing import ClassVar

from brightfield import params
from brightfield.metrics import Columns, Real, Weights, column, mean, restoration
from brightfield.results import Picture
from brightfield.results.layers import Layers
from brightfield.tasks.scoring import Scoring


class RestorationScoring(Scoring[params.RestorationSettings, Picture]):
    """PSNR, SSIM and the rest of :mod:`brightfield.metrics.restoration`."""

    calibration_metric: ClassVar[str | None] = "interval_error"

    def statistics(self, predicted: Picture, truth: Picture) -> dict[str, float]:
        """PSNR, SSIM and the rest of :mod:`brightfield.metrics.restoration`."""
        return restoration.statistics(predicted, truth)

    def pooled(self, columns: Columns, weights: Weights) -> dict[str, Real]:
        """Means over images; pooled shares of structures and calibration."""
        return restoration.pooled(columns, weights)

    def statistics_for(self, metric: str, predicted: Picture, truth: Picture) -> dict[str, float]:
        """The objective alone, or everything."""
        if metric == "psnr_db" and truth.deviation is None:
            return {metric: restoration.psnr_db(predicted, truth)}
        return self.statistics(predicted, truth)

    def pooled_for(self, metric: str, columns: Columns, weights: Weights) -> Real:
        """The mean of the objective, or one of all metrics."""
        if metric == "psnr_db":
            return mean(column(columns, metric), weights)
        return super().pooled_for(metric, columns, weights)

    def layers(self, answer: Picture, truth: Picture) -> tuple[Layers, Layers]:
        """The two images."""
        words = "" if truth.deviation is not None else f"PSNR {restoration.psnr_db(answer, truth):.2f} dB"
        return Layers(picture=answer.pixels, words=words), Layers(picture=truth.pixels)

    def pooled_subset(self, columns: Columns, weights: Weights) -> dict[str, Real]:
        """All metrics, of the images of one kind (a level of light)."""
        return restoration.pooled(columns, weights)
