"""Targets and loss of tracking: heat maps of the positions of beads."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from brightfield import architectures, params
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.results import Points
from brightfield.tasks.learning import Learning, LossFunction
from brightfield.tasks.samples import Encoded, Samples
from brightfield.tasks.tracking import hybrid
from brightfield.tasks.tracking.heat import heat_map
from brightfield.tasks.tracking.hybrid import CHANNELS, HEAT, NOTHING


class TrackingLearning(Learning[params.TrackingSettings, Points]):
    """Heat maps with a Gaussian at every bead, and for a hybrid network the transmission of the beads."""

    # flips only: resampling would move the beads relative to their heat map
    augmentations: ClassVar[frozenset[str]] = frozenset({"flip", "brightness", "noise", "blur"})

    def truth(self, record: Record) -> Points:
        """The positions of the frame."""
        if "positions" not in record.fields:
            raise BrightfieldError(
                f"Frame {record.id} has no positions, so it cannot be used for training or testing. "
                "Import it again with --positions."
            )
        return Points.exact(record.fields["positions"])

    def target(self, record: Record, encoded: Encoded) -> Tensor:
        """The heat map, (1, H, W): a Gaussian with peak 1 at every bead; the larger value counts where two overlap.

        For a hybrid network (2, H, W): the heat map, and the transmission of the beads alone.
        """
        heat = heat_map(self.truth(record).positions, encoded.shape, self.settings.heat_sigma_px)
        drawn = torch.from_numpy(heat)[None]
        return torch.cat([drawn, hybrid.target(record, encoded.shape)]) if self.settings.hybrid else drawn

    def shape(self) -> architectures.Shape:
        """One grey channel in; one heat map out, for a hybrid network also the transmission."""
        return architectures.Shape(1, CHANNELS if self.settings.hybrid else 1, bias=NOTHING)

    def loss_function(self, samples: Samples, training: params.Training) -> LossFunction:
        """Cross-entropy against the heat map, whose minimum is the heat map itself.

        Pixels of beads are not weighted up: that finds few more beads but many false ones, and the initial bias ``NOTHING`` makes
        it unnecessary.

        Raises:
            BrightfieldError: a hybrid network that begins with nothing, and frames whose transmission is not known.
        """
        if self.settings.hybrid:
            hybrid.check(samples.targets, training)
        return self._loss

    def _loss(self, output: Tensor, target: Tensor) -> Tensor:
        heat = F.binary_cross_entropy_with_logits(output[:, HEAT], target[:, HEAT])
        return heat + hybrid.loss(output, target) if self.settings.hybrid else heat

    def distillation_loss(self, output: Tensor, taught: Tensor) -> Tensor:
        """That of a training, with the teacher's heat map and transmission as targets."""
        return self._loss(output, taught)
