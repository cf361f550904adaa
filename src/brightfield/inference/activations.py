"""A network's activated output for images of any size: padding, tiling, stitching, and test-time augmentation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from brightfield import images
from brightfield.architectures.protocols import as_local
from brightfield.images import symmetry
from brightfield.inference.device import Device
from brightfield.tasks import Encoded, Task

FloatArray = npt.NDArray[np.float32]
MULTIPLE = 32  # height and width must be multiples of it, for five levels of halving
TILE_PX = 1152  # largest side of a tile, which bounds the memory; the 2048 px of a camera make two tiles
# Margin of a tile. A network with a known receptive field (``reach_px``) answers a tile beyond this margin as it answers the whole
# image. For others, many of which see the whole image (squeeze-and-excitation), borders have a small weight and tiles are blended.
REACH_PX = 32
BLEND_PX = 64  # overlap of neighbouring tiles beyond the margins
BATCH_PIXELS = 1024 * 1024  # largest number of pixels in a batch; alone, small images take up to ten times as long


def activations(
    task: Task[Any, Any], network: nn.Module, encoded: Sequence[Encoded], device: Device, views: int = 1
) -> list[FloatArray]:
    """All of :func:`stream`."""
    return list(stream(task, network, encoded, device, views))


def stream(
    task: Task[Any, Any], network: nn.Module, encoded: Sequence[Encoded], device: Device, views: int = 1
) -> Iterator[FloatArray]:
    """Activated output for each image, channels first, one at a time; small images of one size are batched.

    Args:
        task: the task, which encodes images and activates outputs.
        network: the network, which is moved to the device.
        encoded: the images.
        device: where to compute.
        views: number of the eight flips and quarter turns over which the output is averaged, turned back (test-time augmentation).
    """
    network.to(device.torch_device).eval()
    device = device.for_network(network)
    for batch in _batches(encoded):
        with torch.inference_mode():
            outputs = _all_views(task, network, batch, device, views)
        yield from outputs


def _batches(encoded: Iterable[Encoded]) -> Iterator[list[Encoded]]:
    """Neighbours of one size, as many as ``BATCH_PIXELS`` allow; no image is read ahead of one that fills a batch alone."""
    batch: list[Encoded] = []
    for image in encoded:
        if batch and image.tensor.shape != batch[0].tensor.shape:
            yield batch
            batch = []
        batch.append(image)
        pixels = math.prod(max(side, MULTIPLE) for side in image.tensor.shape[-2:])
        if (len(batch) + 1) * pixels > BATCH_PIXELS:
            yield batch
            batch = []
    if batch:
        yield batch


def _all_views(
    task: Task[Any, Any], network: nn.Module, encoded: Sequence[Encoded], device: Device, views: int
) -> list[FloatArray]:
    total = _one_view(task, network, encoded, device)
    for view in range(1, views):
        seen = [_turned(image, view) for image in encoded]
        for whole, output in zip(total, _one_view(task, network, seen, device), strict=True):
            whole += symmetry.turned_back(output, view) if task.answering.tileable else output
    return total if views == 1 else [whole / np.float32(views) for whole in total]


def _turned(image: Encoded, view: int) -> Encoded:
    tensor = torch.from_numpy(symmetry.turned(image.tensor.numpy(), view).copy())
    return replace(image, tensor=tensor, shape=image.shape if view % 2 == 0 else image.shape[::-1])


def _one_view(task: Task[Any, Any], network: nn.Module, encoded: Sequence[Encoded], device: Device) -> list[FloatArray]:
    batch = np.stack([image.tensor.numpy() for image in encoded])
    return _whole(task, network, batch, device) if task.answering.tileable else list(_run(task, network, batch, device))


def _whole(task: Task[Any, Any], network: nn.Module, batch: FloatArray, device: Device) -> list[FloatArray]:
    """Activated outputs for images (N, C, H, W), in tiles if they are large.

    Images are padded first and cut then, at multiples of the network's coarsest pixel, so that the grids of the coarse levels
    are the same in a tile as in the whole image.
    """
    local = as_local(network)
    multiple = MULTIPLE if local is None else math.lcm(MULTIPLE, local.multiple_px)
    margin, blend = (REACH_PX, BLEND_PX) if local is None else (local.reach_px, multiple)
    padded, inside = images.pad_to_multiple(batch, multiple)
    overlap = 2 * margin + blend
    tile = max(TILE_PX, 2 * overlap)  # otherwise most of a tile would be margin where the receptive field is large
    tiles = images.tiles(padded.shape[-2:], tile, overlap, multiple)
    if len(tiles) == 1:
        wholes = list(_run(task, network, padded, device))
    else:
        wholes = [_stitched(task, network, image, tiles, margin, device) for image in padded]
    return [whole[(slice(None), *inside)] for whole in wholes]


def _stitched(
    task: Task[Any, Any],
    network: nn.Module,
    image: FloatArray,
    tiles: Sequence[tuple[slice, slice]],
    margin: int,
    device: Device,
) -> FloatArray:
    """Activated output for one image (C, H, W), tile by tile."""
    stitched: images.Stitcher | None = None
    for where in tiles:
        output = _run(task, network, image[(None, slice(None), *where)], device)[0]
        stitched = stitched or images.Stitcher(image.shape[-2:], len(output), margin)
        stitched.add(where, output)
    assert stitched is not None
    return stitched.result()


def _run(task: Task[Any, Any], network: nn.Module, batch: FloatArray, device: Device) -> FloatArray:
    with device.turn():  # one for each tile, and each view: the others should not wait long
        tensor = torch.from_numpy(np.ascontiguousarray(batch)).to(device.torch_device)
        with device.autocast():
            output = network(tensor.contiguous(memory_format=torch.channels_last))
        activated: FloatArray = task.answering.activate(output.float()).cpu().numpy()
    return activated
