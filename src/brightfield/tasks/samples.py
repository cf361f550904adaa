"""What training draws from: images that are encoded once, cut into patches and augmented anew each time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from brightfield import params
from brightfield.data.augmenting import Augmenter
from brightfield.data.augmenting.recorded import mirrored
from brightfield.errors import BrightfieldError
from brightfield.system.arrays import ArrayStore, Lazy

RESIDENT_SHARE = 0.25  # largest share of a GPU's free memory that the images take


class Batch(NamedTuple):
    """What a network is shown at once.

    Attributes:
        images: (N, C, H, W) float32.
        targets: what its outputs are compared with, (N, ...) as the task encodes them.
        black: (N,) float32, value of a pixel without any light in the units of each image.
    """

    images: Tensor
    targets: Tensor
    black: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on a device; from pinned memory it is copied while the caller goes on."""
        return Batch(*(tensor.to(device, non_blocking=True) for tensor in self))


@dataclass(frozen=True)
class Encoded:
    """An image as a network sees it.

    Attributes:
        tensor: (C, H, W) float32, mean 0 and standard deviation 1.
        mean, std: of the image before, in its own units: ``tensor * std + mean`` undoes the normalisation.
        shape: (H, W) of the image as it came.
    """

    tensor: Tensor
    mean: float
    std: float
    shape: tuple[int, int]


class Example(NamedTuple):
    """A record as training uses it.

    Attributes:
        encoded: the image.
        target: what the network's output is compared with.
        patch_centres: pixels that patches should show, an array (K, 2) of rows and columns for each kind of place.
        noise: windows (H, W) of noise that the camera recorded in this image, in its normalised units.
    """

    encoded: Encoded
    target: Tensor
    patch_centres: list[npt.NDArray[np.intp]]
    noise: list[npt.NDArray[np.float32]]


class Samples(ABC):
    """What training draws from; ``targets`` has one entry an image."""

    targets: Sequence[Tensor]

    @abstractmethod
    def __len__(self) -> int:
        """How many images."""

    @abstractmethod
    def cut(self, images: Sequence[int], rng: np.random.Generator) -> Batch:
        """Patches of some images, as they are; all that is random comes from ``rng``."""

    def varied(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """Augmented patches, on the device where they lie."""
        del rng
        return batch

    def reside(self, device: torch.device) -> bool:
        """Move all images to a device, if that suits them and they fit; returns whether they lie there."""
        del device
        return False


class EncodedImages(Samples):
    """Encoded records, in memory or, where there are too many, on the disk; training draws patches and augments them each time.

    Args:
        examples: read once, in this order.
        allowed: the augmentations that the task allows.
        training: patches and augmentations; without it images come whole and as they are.

    Raises:
        BrightfieldError: for an augmentation that the task does not allow.
    """

    def __init__(self, examples: Iterable[Example], allowed: frozenset[str], training: params.Training | None) -> None:
        self.store = ArrayStore()
        encoded: list[tuple[int, Encoded]] = []
        targets: list[int] = []
        self.patch_centres: list[list[int]] = []
        noise: list[npt.NDArray[np.float32]] = []
        for example in examples:
            one = example.encoded
            encoded.append((self.store.append(one.tensor.numpy()), replace(one, tensor=torch.empty(0))))
            targets.append(self.store.append(example.target.numpy()))
            # two bytes a number: a list of all pixels of cells may be larger than the image
            smallest = np.min_scalar_type(max(one.shape))
            self.patch_centres.append([self.store.append(pixels.astype(smallest)) for pixels in example.patch_centres])
            noise += example.noise
        self.encoded: Sequence[Encoded] = Lazy(len(encoded), lambda i: self._encoded(*encoded[i]))
        self.targets = Lazy(len(targets), lambda i: torch.from_numpy(self.store[targets[i]]))
        self._black = [-one.mean / one.std for _, one in encoded]
        self._resident: list[tuple[Tensor, Tensor]] = []
        self.centred = training.centred if training else 0.0
        self.patch = training.patch_px if training else None
        self.augmentations = training.augment if training else []
        self.augment: Augmenter | None = None
        if training and training.augment:
            self.augment = Augmenter(training.augment, allowed, noise, training.augment_strength)

    def __len__(self) -> int:
        return len(self.encoded)

    def _encoded(self, number: int, without_pixels: Encoded) -> Encoded:
        return replace(without_pixels, tensor=torch.from_numpy(self.store[number]))

    def cut(self, images: Sequence[int], rng: np.random.Generator) -> Batch:
        """A patch of each image, or the whole images, without ``patch_px``.

        Raises:
            BrightfieldError: whole images of several sizes.
        """
        patches, targets = zip(*(self._patch(i, rng) for i in images), strict=True)
        if len(shapes := {tuple(patch.shape) for patch in patches}) > 1:
            height, width = zip(*(shape[-2:] for shape in shapes), strict=True)
            raise BrightfieldError(
                f"Images of {min(width)}x{min(height)} to {max(width)}x{max(height)} px cannot be learnt from whole, in one batch. "
                "Set training.patch_px, the side of the patches that are cut from them."
            )
        cut = Batch(torch.stack(patches), torch.stack(targets), torch.tensor([self._black[i] for i in images]))
        return cut.to(cut.images.device)

    def varied(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """The augmentations of the training."""
        if self.augment is None:
            return batch
        images, targets = self.augment(batch.images, batch.targets, rng, batch.black)
        return Batch(images, targets, batch.black)

    def reside(self, device: torch.device) -> bool:
        """Move all images to a GPU, if they leave most of its memory to the network."""
        if device.type != "cuda" or self.store.nbytes > RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]:
            return False
        tensors = zip((encoded.tensor for encoded in self.encoded), self.targets, strict=True)
        self._resident = [(image.to(device), target.to(device)) for image, target in tensors]
        return True

    def _patch(self, i: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """A random square of image and target, a share of them around one of the places; what is smaller is mirrored outwards."""
        side = self.patch
        image, target = self._resident[i] if self._resident else (self.encoded[i].tensor, self.targets[i])
        if side is None:
            return image, target
        image, target = _grow(image, side), _grow(target, side)
        height, width = image.shape[-2:]
        places = self.patch_centres[i]
        if places and rng.random() < self.centred:
            of_kind = self.store[places[rng.integers(len(places))]]
            row, column = of_kind[rng.integers(len(of_kind))]
            # up to a quarter of a side off the middle, or a network could learn what is there from where it is
            away = rng.integers(-(side // 4), side // 4 + 1, 2) - side // 2
            top, left = int(np.clip(row + away[0], 0, height - side)), int(np.clip(column + away[1], 0, width - side))
        else:
            top = int(rng.integers(height - side + 1))
            left = int(rng.integers(width - side + 1))
        window = np.s_[..., top : top + side, left : left + side]
        return image[window], target[window]


def _grow(tensor: Tensor, side: int) -> Tensor:
    height, width = tensor.shape[-2:]
    if height >= side and width >= side:
        return tensor
    rows, columns = (mirrored(max(side, have), have).to(tensor.device) for have in (height, width))
    return tensor[..., rows[:, None], columns]
