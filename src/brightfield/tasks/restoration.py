"""What would this image look like with more light?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from brightfield import architectures, params
from brightfield.errors import BrightfieldError
from brightfield.metrics import Columns, restoration
from brightfield.records import Record
from brightfield.results import Picture
from brightfield.tasks.base import Encoded, Objective, Task


class Restoration(Task[params.RestorationSettings, Picture]):
    """The network works in the normalised units of the noisy image; answers come back in its own units."""

    objective = Objective("psnr_db", "maximize")
    augmentations: ClassVar[frozenset[str]] = frozenset({"flip"})  # any other would change the noise the network learns

    def truth(self, record: Record) -> Picture:
        """The clean image, in the units of the noisy one."""
        if "clean" not in record.fields:
            raise BrightfieldError(f"Image {record.id} has no clean counterpart to learn from or compare with.")
        return Picture(np.asarray(record.fields["clean"], dtype=np.float32))

    def target(self, record: Record, encoded: Encoded) -> Tensor:
        """The clean image, (1, H, W), normalised as the noisy one was."""
        return torch.from_numpy((self.truth(record).pixels - encoded.mean) / encoded.std)[None].float()

    def shape(self) -> architectures.Shape:
        """One grey channel in, one out."""
        return architectures.Shape(1, 1)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean absolute error: its minimum is the median, which keeps edges."""
        return F.l1_loss(output, target)

    def activate(self, output: Tensor) -> Tensor:
        """Intensities are answers as they are."""
        return output

    def decode(self, activated: npt.NDArray[np.float32], encoded: Encoded) -> Picture:
        """Back to the units of the image."""
        return Picture((activated[0] * encoded.std + encoded.mean).astype(np.float32))

    def rows(self, answer: Picture) -> pd.DataFrame:
        """One row: minimum, mean and maximum."""
        return pd.DataFrame({name: [float(getattr(answer.pixels, name)())] for name in ("min", "mean", "max")})

    def statistics(self, predicted: Picture, truth: Picture) -> dict[str, float]:
        """PSNR, SSIM and normalised RMSE."""
        return restoration.statistics(predicted, truth)

    def summarise(self, columns: Columns) -> dict[str, float]:
        """Means over images."""
        return restoration.summarise(columns)
