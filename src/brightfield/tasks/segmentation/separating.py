"""Separation of touching cells, by the settings, and the candidates of a calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from brightfield import params
from brightfield.tasks.segmentation import merging
from brightfield.tasks.segmentation.cells import Labels, Probabilities, instances_of, large
from brightfield.tasks.segmentation.masks import most_probable

SEED_PROBABILITY = 0.5  # before the calibration
SEED_PROBABILITIES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9)  # candidates of the calibration
# candidates, too: log odds added in favour of merging, because a cell in pieces counts as several errors
LEANINGS = (0.0, 0.5, 1.0, 1.5, 2.0)


def needs_calibration(settings: params.SegmentationSettings) -> bool:
    """Whether the settings leave the separation open."""
    return settings.seed_probability is None and settings.merging is None and settings.scheme != "cells"


def separated(
    three: Probabilities, settings: params.SegmentationSettings, pieces: merging.Fragments | None = None
) -> Labels:
    """Cells (H, W) from the probabilities (3, H, W) of background, body and contour, and their fragments where they are known."""
    if settings.merging is not None:
        pieces = merging.fragments(three) if pieces is None else pieces
        return large(merging.merged(pieces, settings.merging), settings.min_area_px)
    seed = SEED_PROBABILITY if settings.seed_probability is None else settings.seed_probability
    return instances_of(three, most_probable(three), settings.min_area_px, seed)


def candidates(
    settings: params.SegmentationSettings, pieces: Sequence[merging.Fragments], truth: Sequence[Labels]
) -> list[params.SegmentationSettings]:
    """Candidates of the calibration: seed probabilities, and merging learnt from these images, if they are enough.

    Args:
        settings: the settings to which a separation is added.
        pieces: fragments of each image.
        truth: (H, W) cells of each image.
    """
    tried: list[dict[str, Any]] = [{"seed_probability": value} for value in SEED_PROBABILITIES]
    weights = merging.learn(pieces, truth)
    if weights is not None:
        tried += [{"merging": [weights[0] + leaning, *weights[1:]]} for leaning in LEANINGS]
    return [settings.model_copy(update=values) for values in tried]
