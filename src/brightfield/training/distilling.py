"""Distillation: a network learns what a better model answers, beside the truth (Hinton, Vinyals and Dean 2015, arXiv:1503.02531).

The teacher sees each patch as it is augmented for the network, not once and for all: only so does a small network come near it
(Beyer et al. 2022, CVPR, Knowledge distillation: A good teacher is patient and consistent).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from brightfield import params
from brightfield.errors import BrightfieldError
from brightfield.inference.device import Device
from brightfield.inference.predictor import Predictor, combined
from brightfield.tasks import Task


class Teacher:
    """A trained model whose answers are learnt.

    Args:
        task: of the network that learns.
        folder: the bundle of the teacher, a model or an ensemble.
        compute: device, threads, precision.

    Raises:
        BrightfieldError: the teacher answers another question than the network.
    """

    def __init__(self, task: Task[Any, Any], folder: Path, compute: params.Compute) -> None:
        self.task = task
        self.predictor = Predictor.load(folder, compute)
        settings = [member.bundle.task.settings for member in self.predictor.members]
        if not all(map(self._suits, settings)) or not task.settings.completed_by(settings):
            raise BrightfieldError(
                f"training.distil_from {folder} cannot teach this network: it has other classes or other input. Expected a model "
                "with the same `settings`, or with more classes."
            )

    def _suits(self, own: params.TaskSettings) -> bool:
        """Whether answers of a model are answers of the network, whatever was calibrated for the model."""
        asked = self.task.settings
        open_ = {name: None for name in type(asked).model_fields if getattr(asked, name) is None}
        return isinstance(own, type(asked)) and own.model_copy(update=open_).votes_with(asked)

    def __call__(self, images: Tensor, device: Device) -> Tensor:
        """What the teacher answers to a batch (N, C, H, W): activated outputs (N, ...) as those of the network's task.

        Each member answers once, without turned views, which would take eight times as long.
        """
        answering, way = self.task.answering, self.predictor.way
        outputs = []
        for member in self.predictor.members:
            asked = member.bundle.task
            with torch.inference_mode(), device.autocast():
                output = member.bundle.network(images)
            activated = asked.answering.activate(output.float()).cpu().numpy()
            vote = answering.ballot if way == "vote" else answering.voted
            outputs.append([vote(each, asked.settings) for each in activated])
        taught = combined(self.task, outputs, [member.weight for member in self.predictor.members], way)
        return torch.from_numpy(np.stack(list(taught))).to(images.device)
