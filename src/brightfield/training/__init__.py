"""Training of one model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from torch import Tensor, nn

from brightfield import params
from brightfield.architectures import classical
from brightfield.architectures.protocols import as_frozen
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.inference.device import Device, start_device
from brightfield.metrics.declarations import Objective
from brightfield.system import progress
from brightfield.tasks import Task
from brightfield.tasks.samples import Samples
from brightfield.training import frozen_features, loop, sampling, warm_start
from brightfield.training.checkpointing import BestCheckpoint, OnEpoch
from brightfield.training.distilling import Teacher
from brightfield.training.resuming import Resumable


@dataclass(frozen=True)
class Fitted:
    """A trained network.

    Attributes:
        network: the network in evaluation mode, with the weights of ``best_epoch``.
        history: one row per epoch: epoch, train_loss, learning_rate, validation_<metric>...; empty for a baseline.
        best_epoch: the best epoch, or the last where a network learns without clean images; None for a baseline.
        settings: the task's settings, calibrated on the validation split.
        objective: by which the epoch was chosen.
    """

    network: nn.Module
    history: pd.DataFrame
    best_epoch: int | None
    settings: params.TaskSettings
    objective: Objective


def fit(
    task: Task[Any, Any],
    model: params.Model,
    train: ImageSet,
    validation: ImageSet,
    compute: params.Compute,
    on_epoch: OnEpoch | None = None,
    description: str = "training",
    initial: Mapping[str, Tensor] | None = None,
    resumable: Resumable | None = None,
    teacher: Teacher | None = None,
) -> Fitted:
    """Fit a model's network on one split, and choose its best epoch on another.

    Every epoch ends with the task's metrics on the whole images of the validation split. The weights of the epoch with the best
    objective are returned, or those of the last epoch where a network learns without clean images (``blind_spots``) although the
    validation split has them.

    Args:
        task: the task.
        model: the model's entry in params.yaml.
        train: the images to learn from.
        validation: the images on which the epoch is chosen and the settings are calibrated.
        compute: device, threads, precision, workers.
        on_epoch: called after every epoch.
        description: text of the progress bar.
        initial: weights of a network of the same architecture to start from.
        resumable: where the training is saved after each epoch, and what an interrupted one left there; the caller removes it.
        teacher: a model whose answers are learnt beside the truth.

    Raises:
        BrightfieldError: initial weights of another architecture.
    """
    device = start_device(compute, model.seed)
    network = task.learning.network(model)
    if initial is not None:
        warm_start.begin_with(network, initial)
    device = device.for_network(network)
    blind = model.training is not None and model.training.blind_spots
    checkpoint = BestCheckpoint(task, validation, device, on_epoch, blind)
    history, best_epoch = pd.DataFrame({"epoch": []}), None
    if model.training is None:
        samples = task.learning.dataset(progress.track(train, f"{description}: reading"))
        classical.fit(network, [e.tensor for e in samples.encoded], samples.targets)
    else:
        with device.deterministic():
            workers = sampling.workers_for(compute, device.torch_device.type == "cpu")
            _fit_network(task, network, model, train, checkpoint, device, description, resumable, workers, teacher)
        history, best_epoch = pd.DataFrame(checkpoint.rows), checkpoint.best_epoch
    settings = task.settings
    if task.answering.needs_calibration:
        settings = checkpoint.calibrated(network, model.test_time_augmentation)
    return Fitted(network.to("cpu").eval(), history, best_epoch, settings, checkpoint.objective)


def _fit_network(
    task: Task[Any, Any],
    network: nn.Module,
    model: params.Model,
    train: ImageSet,
    checkpoint: BestCheckpoint,
    device: Device,
    description: str,
    resumable: Resumable | None,
    workers: int,
    teacher: Teacher | None,
) -> None:
    """Train a network in place, and load the best weights from the checkpoint."""
    training = model.training
    assert training is not None
    images = task.learning.dataset(progress.track(train, f"{description}: reading"), training)
    loss_function = task.learning.loss_function(images, training)
    fitted: nn.Module = network
    samples: Samples = images
    taught = None
    if teacher is not None:

        def taught(output: Tensor, seen: Tensor) -> Tensor:
            return task.learning.distillation_loss(output, teacher(seen, device))

    if (frozen := as_frozen(network)) is not None:
        if teacher is not None:
            raise BrightfieldError(
                f"{description}: training.distil_from teaches a network that sees images, and all but the last layers of this one "
                "are frozen. Set network.unfreeze above 0, or leave distil_from out."
            )
        workers = 0  # features are ready
        fitted, samples = frozen.head, frozen_features.features_of(frozen, images, device, description)
        checkpoint.encoded_for_epochs = frozen_features.as_encoded(
            frozen, checkpoint.examples.encoded, device, description
        )
    batches = sampling.Batches(task, samples, training, model.seed, device.torch_device, workers)
    try:
        loop.run(
            fitted, loss_function, training, batches, checkpoint, device, model.seed, description, resumable, taught
        )
    finally:
        batches.end()
    fitted.load_state_dict(checkpoint.best_weights)
