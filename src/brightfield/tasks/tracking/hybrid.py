"""The second output of a hybrid network: the image of the beads alone.

Channel ``ALONE`` is the transmission of the beads without noise, debris and uneven light, 1 where there is no bead. Centres of
symmetry in it are less affected by noise, and nearer to the beads than the peaks of a heat map. They are the starts of the
refinement, and the answer where an image cannot be refined. The network need not detect debris for the refinement: the residual
of the fit shows it as well as its true mask does (:mod:`brightfield.beads.localisation.debris`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from brightfield import params
from brightfield.beads.localisation.centring import mirror_centres
from brightfield.beads.localisation.windows import corners, cut, territories
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError

HEAT, ALONE = 0, 1  # channels
CHANNELS = 2
NOTHING = -4.0  # initial bias of the last layer: log odds of a heat of 0.02, as beads fill few pixels
# half-width of the window of a centre of symmetry: wider ones cut off the rings of large beads at one side
HALF_PX = 12
WITHIN_PX = 2  # largest distance of the centre from the peak of the heat, along each axis
# weight of the loss of the transmission relative to that of the heat map: more costs beads in a short training
WEIGHT = 0.5


def target(record: Record, shape: tuple[int, int]) -> Tensor:
    """The transmission of the beads alone, (1, H, W); NaN for a frame of which nobody knows it, as of any that is not simulated.

    Raises:
        BrightfieldError: the record has a transmission of another size.
    """
    if "transmission" not in record.fields:
        return torch.full((1, *shape), torch.nan)
    alone = np.asarray(record.fields["transmission"], dtype=np.float32)
    if alone.shape != shape:
        raise BrightfieldError(f"Frame {record.id} has {shape} px, its transmission {alone.shape}: expected the same.")
    return torch.from_numpy(alone)[None]


def check(targets: Sequence[Tensor], training: params.Training) -> None:
    """Refuse a training from nothing on frames (2, H, W) whose transmission is not known: nothing would teach the second output.

    Raises:
        BrightfieldError: there is such a frame.
    """
    if training.init_from is not None:
        return
    unknown = sum(bool(target[ALONE, 0, 0].isnan()) for target in targets)
    if unknown:
        raise BrightfieldError(
            f"{unknown} of {len(targets)} frames have no image of their beads alone (transmission), from which a hybrid network "
            "learns: expected simulated frames. Begin with a hybrid network, training.init_from: starter; or train on a dataset "
            "of section `simulations` (simulate an old one again); or leave out settings.hybrid."
        )


def loss(output: Tensor, target: Tensor) -> Tensor:
    """The mean squared error of the transmission, weighted relative to the loss of the heat map; (N, 2, H, W) each.

    Where the transmission is not known (NaN), any is right.
    """
    drawn, known = _transmission(output), target[:, ALONE]
    return WEIGHT * F.mse_loss(drawn, torch.where(known.isnan(), drawn.detach(), known))


def activate(output: Tensor) -> Tensor:
    """Convert logits to heat, and return it with the transmission, (N, 2, H, W)."""
    return torch.stack([torch.sigmoid(output[:, HEAT]), _transmission(output)], dim=1)


def centres(alone: npt.NDArray[np.float32], positions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The centre of symmetry of each bead in the transmission (H, W), near its position; (N, 2) x and y in px."""
    if not len(positions):
        return positions
    side = 2 * HALF_PX + 1
    first = corners(positions, side)
    windows, inside = cut(alone, first, side)
    deviation = (windows - 1) * territories(positions, first, side) * (1 if inside is None else inside)
    found: npt.NDArray[np.float64] = mirror_centres(deviation, within=WITHIN_PX) + first
    return found


def _transmission(output: Tensor) -> Tensor:
    """The transmission, shifted so that it begins at 1 (no bead) although the bias of the last layer is ``NOTHING``."""
    return output[:, ALONE] + (1 - NOTHING)
