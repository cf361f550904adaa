"""A map of a dataset: images that look alike lie near each other, whatever their labels say.

Each image is described by an encoder that was trained on photographs (ImageNet), which needs no training here, and laid out in two
dimensions by t-SNE (van der Maaten and Hinton, Journal of Machine Learning Research 9, 2579, 2008). Only neighbourhoods mean
anything: distances between far points, and the axes, mean nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from brightfield import images, layout, params
from brightfield.architectures import Shape, pretrained, smp
from brightfield.data import splitting
from brightfield.data.store import ImageSet, read_index
from brightfield.system import progress

if TYPE_CHECKING:
    from torch import Tensor

MOST = 1500  # images on a map
SIDE_PX = 128  # to which images are resized for the encoder
FIRST_STAGE = 2  # first stage of the encoder that is pooled
COMPONENTS = 30  # principal components that t-SNE sees
PERPLEXITY = 30  # about how many neighbours an image has
LEAST = 5  # images of which there is a map
BATCH = 32
SEED = 0

FloatArray = npt.NDArray[np.float64]


def of_dataset(name: str, most: int = MOST) -> pd.DataFrame:
    """The map of a prepared dataset.

    Args:
        name: an entry of ``datasets`` that is prepared.
        most: number of images; of more, evenly spaced ones of each split.

    Returns:
        A row an image: x and y, and its row of the index (id, group, split, where it has them label and kind). Empty for fewer than
        ``LEAST`` images.

    Raises:
        BrightfieldError: the dataset is not here.
    """
    folder = layout.prepared(name)
    index = read_index(folder)
    share = min(1.0, most / max(1, len(index)))
    parts, chosen = [], []
    for split in splitting.in_order(index["split"]):
        whole = ImageSet.prepared(folder, split, index)
        places = images.evenly_spaced(range(len(whole)), max(1, round(share * len(whole))))
        parts.append(whole.index.iloc[list(places)])
        chosen.append((whole, places))
    table = pd.concat(parts, ignore_index=True)
    if len(table) < LEAST:
        return table.iloc[:0].assign(x=[], y=[])
    pixels = (whole[i].image for whole, places in chosen for i in places)
    described = describe(progress.track(pixels, f"describe {name}", unit="image", total=len(table)))
    x, y = lay_out(described).T
    return table.assign(x=x, y=y)


def describe(pixels: Iterable[npt.NDArray[np.generic]]) -> FloatArray:
    """Features of images (H, W) or (H, W, 3), (N, F): the mean of each map of the encoder's later stages."""
    import torch
    from torch.nn import functional as F

    network = params.Smp(architecture="smp", encoder=smp.SHIPPED_ENCODER, weights=pretrained.SHIPPED)
    encoder: Any = smp.build(network, Shape(3, 1)).encoder
    encoder.eval()

    def resized(image: npt.NDArray[np.generic]) -> Tensor:
        colour = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
        normalised, _, _ = images.normalise(colour)
        tensor = torch.from_numpy(np.ascontiguousarray(normalised.transpose(2, 0, 1)))[None]
        return F.interpolate(tensor, (SIDE_PX, SIDE_PX), mode="bilinear", antialias=True)

    rows, left = [], map(resized, pixels)
    with torch.inference_mode():
        while some := list(islice(left, BATCH)):
            maps = encoder(torch.cat(some))[FIRST_STAGE:]
            rows.append(torch.cat([each.mean((2, 3)) for each in maps], dim=1).double().numpy())
    return np.concatenate(rows)


def lay_out(described: FloatArray) -> FloatArray:
    """Places (N, 2) of N described images, (N, F); the same for the same features."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from sklearn.preprocessing import StandardScaler

    number = len(described)
    reduced = PCA(min(COMPONENTS, number - 1, described.shape[1]), random_state=SEED).fit_transform(
        StandardScaler().fit_transform(described)
    )
    tsne = TSNE(2, perplexity=min(PERPLEXITY, (number - 1) / 3), init="pca", random_state=SEED)
    return np.asarray(tsne.fit_transform(reduced), dtype=np.float64)
