"""The training loop: steps, schedules and moving averages. The only file that imports Lightning."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from brightfield import params
from brightfield.architectures.protocols import pretrained_part
from brightfield.inference.device import Device
from brightfield.system import progress
from brightfield.tasks import Sample
from brightfield.tasks.learning import LossFunction
from brightfield.training.checkpointing import BestCheckpoint

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # its advice does not apply here
warnings.filterwarnings("ignore", module="lightning")


def run(
    network: nn.Module,
    loss_function: LossFunction,
    training: params.Training,
    loader: DataLoader[Sample],
    checkpoint: BestCheckpoint,
    device: Device,
    description: str,
) -> None:
    """Train a network in place; the checkpoint receives the scores of every epoch and the best weights."""
    module = Module(network, loss_function, training, checkpoint, len(loader))
    trainer = lightning.Trainer(
        accelerator="gpu" if device.torch_device.type == "cuda" else device.torch_device.type,
        devices=1,
        precision="bf16-mixed" if device.bfloat16 else "32-true",
        max_epochs=training.epochs,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        callbacks=[Progress(description, len(loader), checkpoint.task.objective.metric)],
    )
    with _interruptible():
        trainer.fit(module, loader)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt for Ctrl+C again: Lightning turns it into SystemExit and ignores every later one."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as stop:
        if not isinstance(stop.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from stop


class Module(lightning.LightningModule):
    """The task's loss, the entry's optimizer and schedule, and the score at the end of each epoch."""

    def __init__(
        self,
        network: nn.Module,
        loss_function: LossFunction,
        training: params.Training,
        checkpoint: BestCheckpoint,
        steps: int,
    ) -> None:
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last)
        self.loss_function, self.training_settings = loss_function, training
        self.checkpoint, self.steps = checkpoint, steps
        self.losses: list[Tensor] = []
        self.rate = training.learning_rate
        self.mean = None if training.ema is None else moving_average(self.network, training.ema)

    def training_step(self, batch: Sample, _: int) -> Tensor:
        # read here, because the schedule advances before the epoch ends
        self.rate = float(self.trainer.optimizers[0].param_groups[0]["lr"])
        image = batch["image"].contiguous(memory_format=torch.channels_last)
        loss = self.loss_function(self.network(image).float(), batch["target"])
        self.losses.append(loss.detach())
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Sample, batch_idx: int) -> None:
        del outputs, batch, batch_idx
        if self.mean is not None:
            self.mean.update_parameters(self.network)

    def on_train_epoch_end(self) -> None:
        loss = float(torch.stack(self.losses).mean())
        self.losses.clear()
        scored = self.network if self.mean is None else self.mean.module
        self.checkpoint.epoch(scored, self.current_epoch, loss, self.rate)
        self.network.train()
        patience = self.training_settings.patience
        if patience is not None and self.current_epoch - self.checkpoint.best_epoch >= patience:
            self.trainer.should_stop = True

    def configure_optimizers(self) -> Any:
        chosen = optimizer(self.network, self.training_settings)
        if self.training_settings.schedule == "constant":
            return chosen
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            chosen,
            [group["lr"] for group in chosen.param_groups],
            total_steps=self.training_settings.epochs * self.steps,
            pct_start=0.15,
        )
        return [chosen], [{"scheduler": schedule, "interval": "step"}]


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


def moving_average(network: nn.Module, decay: float) -> AveragedModel:
    """The exponential moving average of weights and of the statistics of batch normalisation.

    It decays faster in the first steps, so that the random initial weights are forgotten soon.
    """

    def step(mean: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
        retained = min(decay, (1 + int(steps)) / (10 + int(steps)))
        return mean + (1 - retained) * (current - mean)

    return AveragedModel(network, avg_fn=step, use_buffers=True)


class Progress(lightning.Callback):
    """A progress bar over all steps of all epochs, with the last value of the objective."""

    def __init__(self, description: str, steps: int, metric: str) -> None:
        self.description, self.steps, self.metric = description, steps, metric

    def on_train_start(self, trainer: Any, module: Any) -> None:
        del module
        self.bar = progress.bar(trainer.max_epochs * self.steps, self.description, "step")

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        del trainer, module, outputs, batch, batch_idx
        self.bar.update()

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        del trainer
        if module.checkpoint.rows:
            value = module.checkpoint.rows[-1][f"validation_{self.metric}"]
            self.bar.set_postfix({self.metric: f"{value:.4f}"}, refresh=False)

    def on_train_end(self, trainer: Any, module: Any) -> None:
        del trainer, module
        self.bar.close()

    def on_exception(self, trainer: Any, module: Any, exception: BaseException) -> None:
        del trainer, module, exception
        self.bar.close()
