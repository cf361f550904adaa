"""The training loop: epochs of steps, each epoch scored and, where a training can be resumed, saved."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from brightfield import params
from brightfield.inference.device import Device, seed_generators
from brightfield.system import progress
from brightfield.tasks import Batch
from brightfield.tasks.learning import LossFunction
from brightfield.training.checkpointing import BestCheckpoint
from brightfield.training.resuming import Resumable, State
from brightfield.training.sampling import Batches

Taught = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # of output and images; a scalar to be minimised


def run(
    network: nn.Module,
    loss_function: LossFunction,
    training: params.Training,
    batches: Batches,
    checkpoint: BestCheckpoint,
    device: Device,
    seed: int,
    description: str,
    resumable: Resumable | None = None,
    taught: Taught | None = None,
) -> None:
    """Train a network in place; the checkpoint receives the scores of every epoch and the best weights.

    All random generators are seeded anew for every epoch, so that an epoch does not depend on what was drawn before it: a training
    that was interrupted and goes on ends with the same weights, to the last bit, as one that was not.

    Args:
        network: what is trained, with its initial weights.
        loss_function: of an output and its target.
        training: the entry's section.
        batches: what it learns from.
        checkpoint: scores the epochs.
        device: where to compute.
        seed: of everything random in the network (dropout).
        description: text of the progress bar.
        resumable: where the training is saved after each epoch, and what an interrupted one left there.
        taught: the loss against what a teacher answers to a batch, of the output and the images; the truth has the rest of the
            weight ``training.distil``.
    """
    network.to(device.torch_device).to(memory_format=torch.channels_last)
    state = State.start(network, training, len(batches))
    first = 0 if resumable is None else resumable.restore(state, checkpoint)
    metric = checkpoint.objective.metric
    with progress.bar(training.epochs * len(batches), description, "step", first * len(batches)) as bar:
        for epoch in range(first, training.epochs):
            if training.patience is not None and epoch - 1 - checkpoint.best_epoch >= training.patience:
                break
            seed_generators(seed, epoch)
            network.train()
            losses = []
            of_epoch = batches.epoch(epoch)
            for _ in range(len(batches)):
                rate = float(state.optimizer.param_groups[0]["lr"])
                with device.turn():
                    # the batch is made in it too: on one core it would slow down whoever computes on all
                    losses.append(_step(state, loss_function, next(of_epoch), device, taught, training.distil))
                bar.update()
            scored = network if state.mean is None else state.mean.network
            checkpoint.epoch(scored, epoch, float(torch.stack(losses).mean()), rate)
            if resumable is not None:
                resumable.save(state, checkpoint)
            bar.set_postfix({metric: f"{checkpoint.rows[-1][f'validation_{metric}']:.4f}"}, refresh=False)


def _step(
    state: State, loss_function: LossFunction, batch: Batch, device: Device, taught: Taught | None, weight: float
) -> torch.Tensor:
    """One step of the optimizer; returns the loss, which is still on its way on a GPU."""
    images = batch.images.contiguous(memory_format=torch.channels_last)
    with device.autocast():
        output = state.network(images)
    loss = loss_function(output.float(), batch.targets)
    if taught is not None:
        loss = (1 - weight) * loss + weight * taught(output.float(), images)
    state.optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    state.optimizer.step()
    state.schedule.step()
    if state.mean is not None:
        state.mean.update(state.network)
    return loss.detach()
