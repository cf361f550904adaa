"""Optimizers, schedules of the learning rate, and the moving average of weights."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR

from brightfield import params
from brightfield.architectures.protocols import pretrained_part

WARM_UP = 0.15  # share of the steps of one cycle in which the learning rate rises


def optimizer(network: nn.Module, training: params.Training) -> torch.optim.Optimizer:
    """The entry's optimizer over the trainable parameters of the network."""
    groups = _rates(network, training)
    if training.optimizer == "rmsprop":  # alpha and eps as in Keras, where the ConvNet was first trained
        return torch.optim.RMSprop(
            groups, training.learning_rate, alpha=0.9, eps=1e-7, weight_decay=training.weight_decay
        )
    return torch.optim.AdamW(groups, training.learning_rate, weight_decay=training.weight_decay)


def _rates(network: nn.Module, training: params.Training) -> list[dict[str, Any]]:
    """Parameter groups: new layers with the full learning rate, then a pretrained backbone with a share of it."""
    pretrained = pretrained_part(network)
    learned = {p for p in network.parameters() if p.requires_grad}
    of_backbone = {p for p in pretrained.parameters() if p.requires_grad} if pretrained is not None else set()
    new = [p for p in network.parameters() if p in learned - of_backbone]
    if not of_backbone or training.backbone_rate == 1:
        return [{"params": [p for p in network.parameters() if p in learned]}]
    slow = [p for p in network.parameters() if p in of_backbone]
    return [{"params": new}, {"params": slow, "lr": training.learning_rate * training.backbone_rate}]


def schedule(chosen: torch.optim.Optimizer, training: params.Training, steps: int) -> LRScheduler:
    """The entry's schedule of the learning rate over ``steps`` steps, to be advanced after each of them."""
    if training.schedule == "constant":
        return ConstantLR(chosen, factor=1.0, total_iters=0)
    return OneCycleLR(chosen, [group["lr"] for group in chosen.param_groups], total_steps=steps, pct_start=WARM_UP)


class MovingAverage:
    """The exponential moving average of weights and of the statistics of batch normalisation.

    It decays faster in the first steps, so that the random initial weights are forgotten soon. Steps are counted here and not on
    the device, which would have to be waited for.

    Attributes:
        network: a copy of the network, with the averages.
        steps: number of updates.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.decay, self.steps = decay, 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take the weights in after a step; the first update takes them as they are."""
        retained = min(self.decay, (1 + self.steps) / (10 + self.steps)) if self.steps else 0.0
        means, values = _tensors(self.network), _tensors(network)
        real = [(mean, value) for mean, value in zip(means, values, strict=True) if mean.is_floating_point()]
        torch._foreach_lerp_([mean for mean, _ in real], [value for _, value in real], 1 - retained)
        for mean, value in zip(means, values, strict=True):
            if not mean.is_floating_point():  # numbers of batches
                mean.copy_(value)
        self.steps += 1


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*(p.detach() for p in network.parameters()), *network.buffers()]
