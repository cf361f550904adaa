"""What a hybrid network answers beside the heat map: the image of the beads alone.

Channel ``ALONE`` is the transmission of the beads without noise, debris and uneven light, 1 where there is none. Symmetry finds
centres in it that noise would hide, and nearer to the beads than the peaks of a heat map: refinement begins there, and where an
image cannot be refined they stay the answer. Which pixels are to count in the refinement no network needs to say: what a fit
leaves shows debris as well as its truth would (:mod:`brightfield.beads.localisation.debris`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from brightfield.beads.localisation.centring import mirror_centres
from brightfield.beads.localisation.windows import corners, cut, territories
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError

HEAT, ALONE = 0, 1  # channels
CHANNELS = 2
NOTHING = -4.0  # log odds of a heat of 0.02: beads fill few pixels
HALF_PX = 12  # of the window in which a centre of symmetry is looked for: wider ones cut the rings of large beads at one side,
WITHIN_PX = 2  # and how far along each axis from the peak of the heat
WEIGHT = 0.5  # of the transmission's loss beside that of the heat map: more costs beads in a short training


def target(record: Record, shape: tuple[int, int]) -> Tensor:
    """The transmission of the beads alone, (1, H, W).

    Raises:
        BrightfieldError: for a record that does not tell it.
    """
    if "transmission" not in record.fields:
        raise BrightfieldError(
            f"Frame {record.id} does not tell what its beads alone let through, which a hybrid network learns from. Simulated "
            "frames do: train on a dataset of section `simulations` (made anew if it is an old one), or leave out settings.hybrid."
        )
    alone = np.asarray(record.fields["transmission"], dtype=np.float32)
    if alone.shape != shape:
        raise BrightfieldError(f"Frame {record.id} has {shape} px, its transmission {alone.shape}: expected the same.")
    return torch.from_numpy(alone)[None]


def loss(output: Tensor, target: Tensor) -> Tensor:
    """The mean squared error of the transmission, (N, 2, H, W) each, as it counts beside the loss of the heat map."""
    return WEIGHT * F.mse_loss(_transmission(output), target[:, ALONE])


def activate(output: Tensor) -> Tensor:
    """(N, 2, H, W): logits to heat, and the transmission."""
    return torch.stack([torch.sigmoid(output[:, HEAT]), _transmission(output)], dim=1)


def centres(alone: npt.NDArray[np.float32], positions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Where each bead is most like its own mirror image in the transmission (H, W), near its position; (N, 2) x and y in px."""
    if not len(positions):
        return positions
    side = 2 * HALF_PX + 1
    first = corners(positions, side)
    windows, inside = cut(alone, first, side)
    deviation = (windows - 1) * territories(positions, first, side) * (1 if inside is None else inside)
    found: npt.NDArray[np.float64] = mirror_centres(deviation, within=WITHIN_PX) + first
    return found


def _transmission(output: Tensor) -> Tensor:
    """Begins at 1, where there is no bead, although the last layer begins at ``NOTHING``."""
    return output[:, ALONE] + (1 - NOTHING)
