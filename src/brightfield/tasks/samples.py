"""What training draws from: images that are encoded once, cut into patches and augmented anew each time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from brightfield import params
from brightfield.data.augmenting import Augmenter
from brightfield.system.arrays import ArrayStore, Lazy


class Sample(TypedDict):
    """What a batch is stacked from: ``image`` (C, H, W) float32, ``target`` as the task encodes it."""

    image: Tensor
    target: Tensor


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
    def sample(self, i: int, rng: np.random.Generator) -> Sample:
        """A variant of image ``i``; all that is random in it comes from ``rng``."""


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
        self.centred = training.centred if training else 0.0
        self.patch = training.patch_px if training else None
        self.augmentations = training.augment if training else []
        self.augment = Augmenter(training.augment, allowed, noise) if training and training.augment else None

    def __len__(self) -> int:
        return len(self.encoded)

    def _encoded(self, number: int, without_pixels: Encoded) -> Encoded:
        return replace(without_pixels, tensor=torch.from_numpy(self.store[number]))

    def sample(self, i: int, rng: np.random.Generator) -> Sample:
        """A patch, augmented; the whole image as it is without a training."""
        encoded, target = self.encoded[i], self.targets[i]
        image = encoded.tensor
        if self.patch is not None:
            image, target = self._cut(image, target, self.patch, self.patch_centres[i], rng)
        if self.augment is not None:
            image, target = self.augment(image, target, rng, black=-encoded.mean / encoded.std)
        return {"image": image, "target": target}

    def _cut(
        self,
        image: Tensor,
        target: Tensor,
        side: int,
        patch_centres: list[int],
        rng: np.random.Generator,
    ) -> tuple[Tensor, Tensor]:
        """A random square of both, of a share of them around one of the places; smaller images are mirrored outwards first."""
        image, target = _grow(image, side), _grow(target, side)
        height, width = image.shape[-2:]
        if patch_centres and rng.random() < self.centred:
            of_kind = self.store[patch_centres[rng.integers(len(patch_centres))]]
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
    padding = [(0, 0)] * (tensor.ndim - 2) + [(0, max(0, side - height)), (0, max(0, side - width))]
    return torch.from_numpy(np.pad(tensor.numpy(), padding, mode="symmetric"))
