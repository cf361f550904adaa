"""Inputs, targets and loss of segmentation: a class for each pixel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional as F

from brightfield import architectures, images, params
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.results import ClassMap
from brightfield.tasks.learning import Learning, LossFunction
from brightfield.tasks.samples import Encoded, Samples
from brightfield.tasks.segmentation import widths
from brightfield.tasks.segmentation.masks import class_map, edges

QUIET_PX = 8  # distance from a cell beyond which pixels are background, without its diffraction pattern
SMOOTH_PX = 1.0  # smoothing term of the Dice loss: an absent class costs nothing


class SegmentationLearning(Learning[params.SegmentationSettings, ClassMap]):
    """Classes of pixels by the scheme of the settings; the contour class separates touching cells."""

    augmentations: ClassVar[frozenset[str]] = frozenset(
        {"flip", "rotate", "brightness", "noise", "recorded_noise", "blur", "defocus", "reverse"}
    )

    def truth(self, record: Record) -> ClassMap:
        """The instances and their species, and the classes derived from them."""
        if "labels" not in record.fields:
            raise BrightfieldError(f"Image {record.id} has no labels (an instance map of its size).")
        instances = np.asarray(record.fields["labels"], dtype=np.int32)
        species = record.fields.get("species")
        try:
            classes = class_map(instances, self.settings.contour_px, species, self.settings.scheme)
        except ValueError as error:
            raise BrightfieldError(
                f"Image {record.id}: {error}. Scheme 'species' needs labels with a species for every cell "
                "(species.csv of an import). Use scheme 'contours' without them."
            ) from error
        if classes.max(initial=0) >= len(self.settings.classes):
            raise BrightfieldError(
                f"Image {record.id} has more species than settings.species names ({', '.join(self.settings.species)})."
            )
        return ClassMap(classes, instances, species)

    def pixels(self, record: Record) -> np.ndarray:
        """The image, and its fluorescence as a second channel if the settings ask for it."""
        if not self.settings.fluorescence:
            return record.image
        if "fluorescence" not in record.fields:
            raise BrightfieldError(
                f"Image {record.id} has no fluorescence, which settings.fluorescence needs. Import it (fluorescence.tif), "
                "simulate it (fluorescence: true), predict with --fluorescence, or use a model without fluorescence."
            )
        return np.stack([images.to_grey(record.image), record.fields["fluorescence"]], axis=-1).astype(np.float32)

    def encode(self, image: np.ndarray) -> Encoded:
        """One grey channel, or two with fluorescence, each normalised to mean 0 and standard deviation 1."""
        if not self.settings.fluorescence:
            if image.ndim == 3 and image.shape[2] == 2:
                raise BrightfieldError(
                    f"This model takes no fluorescence: expected (height, width) or (height, width, 3), got {image.shape}."
                )
            return super().encode(image)
        if image.ndim != 3 or image.shape[2] != 2:
            raise BrightfieldError(
                f"This model takes two channels, transmitted light and fluorescence, (height, width, 2); got {image.shape}."
            )
        light, mean, std = images.normalise(image[..., 0])
        fluorescence, _, _ = images.normalise(image[..., 1])
        return Encoded(torch.from_numpy(np.stack([light, fluorescence])), mean, std, image.shape[:2])

    def target(self, record: Record, encoded: Encoded) -> Tensor:
        """Class indices, (H, W) uint8: an eighth of the memory of what the loss takes."""
        del encoded
        return torch.from_numpy(self.truth(record).classes.astype(np.uint8))

    def shape(self) -> architectures.Shape:
        """One grey channel in, or two with fluorescence; a logit for each class out."""
        return architectures.Shape(2 if self.settings.fluorescence else 1, len(self.settings.classes))

    def network(self, model: params.Model) -> nn.Module:
        """The network; raises BrightfieldError for one that classifies species without a scheme with species."""
        if model.network.needs_species and self.settings.scheme != "species":
            raise BrightfieldError(
                f"architecture {model.network.architecture!r} classifies species: it needs settings.scheme 'species', "
                f"got {self.settings.scheme!r}."
            )
        return super().network(model)

    def loss_function(self, samples: Samples, training: params.Training) -> LossFunction:
        """Cross-entropy, with ``training.dice`` also the soft Dice loss of every class (Milletari et al., 3DV 2016).

        With ``balance: loss`` classes are weighted by the inverse square root of their share, which weights contours up without
        making them thicker.
        """
        balanced = training.balance == "loss"
        weights = class_weights(samples, len(self.settings.classes)) if balanced else None

        def loss(output: Tensor, target: Tensor) -> Tensor:
            target = target.long()
            entropy = cross_entropy(output, target, None if weights is None else weights.to(output.device))
            return entropy + training.dice * dice_loss(output, target) if training.dice else entropy

        return loss

    def distillation_loss(self, output: Tensor, taught: Tensor) -> Tensor:
        """Cross-entropy against the teacher's probabilities of the classes, the mean over pixels."""
        return -(taught * torch.log_softmax(output, dim=1)).sum(dim=1).mean()

    def patch_centres(self, record: Record) -> list[npt.NDArray[np.intp]]:
        """The pixels of each species, and the pixels where cells touch."""
        labels = np.asarray(record.fields["labels"], dtype=np.int32)
        species = record.fields.get("species")
        kinds = [labels > 0] if species is None else [species[labels] == kind for kind in np.unique(species[1:])]
        outside = edges((labels > 0).astype(np.int32), self.settings.contour_px)
        kinds.append((labels > 0) & edges(labels, self.settings.contour_px) & ~outside)
        found = [np.argwhere(kind) for kind in kinds]
        return [pixels for pixels in found if len(pixels)]

    def known_width(self, records: Iterable[Record]) -> float | None:
        """The width of the labelled cells."""
        return widths.of_labels(np.asarray(record.fields["labels"], dtype=np.int32) for record in records)

    def background_mask(self, record: Record) -> npt.NDArray[np.bool_]:
        """The pixels outside the cells and their halos."""
        return np.asarray(ndimage.distance_transform_edt(record.fields["labels"] == 0) > QUIET_PX)


def class_weights(samples: Samples, classes: int) -> Tensor:
    """Weights of the classes, (classes,) float32, with a mean of 1 over the pixels of the samples."""
    counts = sum(torch.bincount(t.ravel(), minlength=classes) for t in samples.targets)
    share = torch.as_tensor(counts).double() / torch.as_tensor(counts).sum()
    weights = share.clamp(min=1e-4) ** -0.5
    return (weights / (weights * share).sum()).float()


def cross_entropy(output: Tensor, target: Tensor, weights: Tensor | None) -> Tensor:
    """The mean over pixels, weighted by class; logits (N, classes, H, W) and class indices (N, H, W).

    It is summed here, because torch's own sum over pixels differs in the last digit between two runs on a GPU.
    """
    losses = F.cross_entropy(output, target, weights, reduction="none")
    return losses.mean() if weights is None else losses.sum() / weights[target].sum()


def dice_loss(output: Tensor, target: Tensor) -> Tensor:
    """1 minus the soft Dice coefficient, its mean over classes; logits (N, classes, H, W) and class indices (N, H, W)."""
    answered = torch.softmax(output, dim=1)
    true = F.one_hot(target, output.shape[1]).movedim(-1, 1).to(answered.dtype)
    shared, both = (answered * true).sum(dim=(0, 2, 3)), (answered + true).sum(dim=(0, 2, 3))
    return (1 - (2 * shared + SMOOTH_PX) / (both + SMOOTH_PX)).mean()
