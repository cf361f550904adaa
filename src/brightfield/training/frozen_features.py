"""Features of a frozen backbone: they never change, so they are computed once and cached.

The cache ``.brightfield/features`` has one file per backbone and set of images, named by a digest of both. The least recently used
files are deleted when there are too many. The folder may be removed at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors.numpy
import torch
from safetensors import SafetensorError
from torch import Tensor

from brightfield.architectures.protocols import FeatureNetwork
from brightfield.errors import BrightfieldError
from brightfield.images import symmetry
from brightfield.inference.device import Device
from brightfield.system import progress
from brightfield.system.files import atomic_file
from brightfield.tasks import Batch, Encoded
from brightfield.tasks.samples import EncodedImages, Samples

FOLDER = Path(".brightfield/features")
MOST_FILES = 24  # largest number of files in the cache
BATCH = 64  # number of images in a batch
FLIP = "flip"  # the only augmentation with few enough variants to be computed beforehand

FloatArray = npt.NDArray[np.float32]


class FeatureImages(Samples):
    """Features of images, the input of the head; each access draws one of the computed views."""

    def __init__(self, features: FloatArray, targets: Sequence[Tensor]) -> None:
        self.features, self.targets = features, targets

    def __len__(self) -> int:
        return len(self.features)

    def cut(self, images: Sequence[int], rng: np.random.Generator) -> Batch:
        """The features of one of the views of each image, (N, width, 1, 1)."""
        views = rng.integers(self.features.shape[1], size=len(images))
        features = torch.from_numpy(self.features[list(images), views][..., None, None])
        return Batch(features, torch.stack([self.targets[i] for i in images]), torch.zeros(len(images)))


def features_of(network: FeatureNetwork, samples: EncodedImages, device: Device, description: str) -> FeatureImages:
    """The features of the training images, in all eight views if the training augments with flips.

    Raises:
        BrightfieldError: the training has an augmentation other than flips.
    """
    others = [name for name in samples.augmentations if name != FLIP]
    if others:
        raise BrightfieldError(
            f"The features of a frozen backbone are computed once, so training.augment can only be [{FLIP}], got "
            f"{', '.join(samples.augmentations)}. Leave out {', '.join(others)}, or train the backbone too (network.unfreeze)."
        )
    views = symmetry.VIEWS if samples.augmentations else 1
    return FeatureImages(compute(network, samples.encoded, device, views, description), samples.targets)


def as_encoded(network: FeatureNetwork, encoded: Sequence[Encoded], device: Device, description: str) -> list[Encoded]:
    """Images with their features, (width, 1, 1), in place of their pixels."""
    found = compute(network, encoded, device, 1, description)
    return [replace(e, tensor=torch.from_numpy(f[0][:, None, None])) for e, f in zip(encoded, found, strict=True)]


def compute(
    network: FeatureNetwork, encoded: Sequence[Encoded], device: Device, views: int, description: str
) -> FloatArray:
    """Features, (N, views, width), from the cache if they are there."""
    path = FOLDER / f"{_digest(network, encoded, device, views)}.safetensors"
    if (known := _read(path)) is not None:
        return known
    network.backbone.to(device.torch_device)
    turned = (symmetry.turned(e.tensor.numpy(), view) for e in encoded for view in range(views))
    rows: list[FloatArray] = []
    with torch.inference_mode(), progress.bar(len(encoded) * views, f"{description}: features", "view") as bar:
        while batch := [image for _, image in zip(range(BATCH), turned, strict=False)]:
            tensor = torch.from_numpy(np.stack(batch)).to(device.torch_device, memory_format=torch.channels_last)
            with device.autocast(), device.turn():
                rows.append(network.features(tensor).float().flatten(1).cpu().numpy())
            bar.update(len(batch))
    features = np.concatenate(rows).reshape(len(encoded), views, -1)
    _write(path, features)
    return features


def _digest(network: FeatureNetwork, encoded: Sequence[Encoded], device: Device, views: int) -> str:
    found = hashlib.sha256(
        f"{network.input_px} {views} {device.torch_device} {device.bfloat16} {torch.__version__}".encode()
    )
    for name, tensor in network.backbone.state_dict().items():
        found.update(name.encode())
        found.update(tensor.cpu().contiguous().numpy().tobytes())
    for image in encoded:
        found.update(str(image.tensor.shape).encode())
        found.update(image.tensor.numpy().tobytes())
    return found.hexdigest()[:32]


def _read(path: Path) -> FloatArray | None:
    try:
        features: FloatArray = safetensors.numpy.load_file(path)["features"]
        path.touch()
    except (OSError, SafetensorError, KeyError):  # missing or damaged: computed again
        return None
    return features


def _write(path: Path, features: FloatArray) -> None:
    """Write features into the cache; on a full disk nothing is written, and they are computed again next time."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as partial:
            partial.write_bytes(safetensors.numpy.save({"features": np.ascontiguousarray(features)}))
        oldest = sorted(path.parent.glob("*.safetensors"), key=lambda file: file.stat().st_mtime)[:-MOST_FILES]
        for file in oldest:
            file.unlink(missing_ok=True)
