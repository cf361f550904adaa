"""A network's activated output for images of any size: padded, tiled, stitched, and back in the image's own geometry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from brightfield import images
from brightfield.computing import Computer
from brightfield.images import symmetry
from brightfield.tasks import Encoded, Task

FloatArray = npt.NDArray[np.float32]
MULTIPLE = 32  # what five levels of halving ask of height and width
TILE_PX = 1024  # larger images are cut, so that memory stays bounded
OVERLAP_PX = 128  # more than half the receptive field of the default networks on either side
BATCH_PIXELS = 1024 * 1024


@torch.inference_mode()
def activations(
    task: Task[Any, Any], network: nn.Module, encoded: list[Encoded], computer: Computer, views: int = 1
) -> list[FloatArray]:
    """Activated output for each image, channels first; crops go through the network together.

    Args:
        views: how many of the eight flips and quarter turns of an image are answered; the answer is their mean, turned back.
    """
    network.eval()
    computer = computer.suited(network)
    total = _one_view(task, network, encoded, computer)
    for view in range(1, views):
        seen = [_turned(image, view) for image in encoded]
        for whole, output in zip(total, _one_view(task, network, seen, computer), strict=True):
            whole += symmetry.turned_back(output, view) if task.tileable else output
    return total if views == 1 else [whole / np.float32(views) for whole in total]


def _turned(image: Encoded, view: int) -> Encoded:
    tensor = torch.from_numpy(np.ascontiguousarray(symmetry.turned(image.tensor.numpy(), view)))
    return replace(image, tensor=tensor, shape=image.shape if view % 2 == 0 else image.shape[::-1])


def _one_view(task: Task[Any, Any], network: nn.Module, encoded: list[Encoded], computer: Computer) -> list[FloatArray]:
    if not task.tileable:
        return _crops(task, network, encoded, computer)
    answers: list[FloatArray] = []
    for image in encoded:
        tensor = image.tensor.numpy()
        stitched: images.Stitcher | None = None
        for where in images.tiles(image.shape, TILE_PX, OVERLAP_PX):
            padded, inside = images.pad_to_multiple(tensor[(slice(None), *where)], MULTIPLE)
            output = _run(task, network, padded[None], computer)[0][(slice(None), *inside)]
            if output.shape[-2:] == image.shape:  # a single tile needs no blending
                answers.append(output)
                break
            stitched = stitched or images.Stitcher(image.shape, len(output))
            stitched.add(where, output)
        else:
            assert stitched is not None
            answers.append(stitched.result())
    return answers


def _crops(task: Task[Any, Any], network: nn.Module, encoded: list[Encoded], computer: Computer) -> list[FloatArray]:
    size = max(1, BATCH_PIXELS // max(1, encoded[0].tensor[0].numel())) if encoded else 1
    batches = [encoded[i : i + size] for i in range(0, len(encoded), size)]
    outputs = [_run(task, network, np.stack([e.tensor.numpy() for e in batch]), computer) for batch in batches]
    return [answer for output in outputs for answer in output]


def _run(task: Task[Any, Any], network: nn.Module, batch: FloatArray, computer: Computer) -> FloatArray:
    tensor = torch.from_numpy(np.ascontiguousarray(batch)).to(computer.device)
    with computer.autocast():
        output = network(tensor.contiguous(memory_format=torch.channels_last))
    activated: FloatArray = task.activate(output.float()).cpu().numpy()
    return activated
