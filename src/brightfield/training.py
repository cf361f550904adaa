"""Fit one model: the only file that knows Lightning."""

from __future__ import annotations

import logging
import math
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler

from brightfield import computing, inference, params, progress
from brightfield.architectures.classical import Classical
from brightfield.computing import Computer
from brightfield.data.store import ImageSet
from brightfield.tasks import Sample, Task
from brightfield.tasks.base import EncodedImages

OnEpoch = Callable[[int, dict[str, float]], None]  # epoch from 0, metrics; may raise to stop the fit


@dataclass(frozen=True)
class Fitted:
    """A trained network in evaluation mode, with the weights of its best epoch; of its last where it learned without the truth.

    Attributes:
        network: the module.
        history: one row an epoch: epoch, train_loss, learning_rate, validation_<metric>...; empty for a baseline.
        best_epoch: whose weights these are; None for a baseline.
        settings: those of the task, with what they left open chosen on the validation split.
    """

    network: nn.Module
    history: pd.DataFrame
    best_epoch: int | None
    settings: params.TaskSettings


def fit(
    task: Task[Any, Any],
    model: params.Model,
    train: ImageSet,
    validation: ImageSet,
    compute: params.Compute,
    on_epoch: OnEpoch | None = None,
    description: str = "training",
) -> Fitted:
    """Fit a model's network on one split, watched on another.

    Every epoch ends with the task's own metrics on the whole images of the validation split, and the weights of the epoch with the
    best objective are the ones returned; those of the last where a network learns without clean images (``blind_spots``).
    """
    computer = computing.start(compute, model.seed)
    network = task.network(model)
    computer = computer.suited(network)
    if model.training is None:
        assert isinstance(network, Classical)
        samples = task.dataset(progress.track(train, f"{description}: reading"))
        network.fit([e.tensor for e in samples.encoded], samples.targets)
        settings = task.settings
        if task.is_open:
            settings = Watch(task, validation, computer, None).settled(network)
        return Fitted(network.eval(), pd.DataFrame({"epoch": []}), None, settings)
    return _fit_network(task, network, model, train, validation, computer, on_epoch, description)


def _fit_network(
    task: Task[Any, Any],
    network: nn.Module,
    model: params.Model,
    train: ImageSet,
    validation: ImageSet,
    computer: Computer,
    on_epoch: OnEpoch | None,
    description: str,
) -> Fitted:
    training = model.training
    assert training is not None
    samples = task.dataset(progress.track(train, f"{description}: reading"), training, model.seed)
    task.observe(samples, training)
    # to choose an epoch by its score would be to learn from clean images after all
    watch = Watch(task, validation, computer, on_epoch, keep_last=training.blind_spots)
    loader = _loader(samples, training, model.seed)
    lightning = _quiet_lightning()
    module = _module(lightning)(task, network, training, watch, len(loader))
    trainer = lightning.Trainer(
        accelerator="gpu" if computer.device.type == "cuda" else computer.device.type,
        devices=1,
        precision="bf16-mixed" if computer.bfloat16 else "32-true",
        max_epochs=training.epochs,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        callbacks=[_progress(lightning)(description, len(loader), task.objective.metric)],
    )
    with _interruptible():
        trainer.fit(module, loader)
    network.load_state_dict(watch.best_weights)
    settings = watch.settled(network) if task.is_open else task.settings
    return Fitted(network.to("cpu").eval(), pd.DataFrame(watch.rows), watch.best_epoch, settings)


class Watch:
    """Scores the network after each epoch and remembers the best weights, or the last whatever they score."""

    def __init__(
        self,
        task: Task[Any, Any],
        validation: ImageSet,
        computer: Computer,
        on_epoch: OnEpoch | None,
        keep_last: bool = False,
    ) -> None:
        self.keep_last = keep_last
        self.task, self.computer, self.on_epoch = task, computer, on_epoch
        records = list(validation)
        self.encoded = [task.encode(record.image) for record in records]
        self.truth = [task.truth(record) for record in records]
        self.rows: list[dict[str, float]] = []
        self.best_epoch = 0
        self.best_value = math.nan
        self.best_weights: dict[str, Tensor] = {}

    def epoch(self, network: nn.Module, epoch: int, train_loss: float, learning_rate: float) -> None:
        """Score, compare with the best so far, tell whoever listens."""
        activated = inference.activations(self.task, network, self.encoded, self.computer)
        answers = [self.task.decode(a, e) for a, e in zip(activated, self.encoded, strict=True)]
        metrics = {f"validation_{name}": value for name, value in self.task.score(answers, self.truth).items()}
        row = {"train_loss": train_loss, "learning_rate": learning_rate, **metrics}
        self.rows.append({"epoch": epoch, **row})
        value = metrics[f"validation_{self.task.objective.metric}"]
        if self.keep_last or not self.best_weights or self.task.objective.better(value, self.best_value):
            self.best_epoch, self.best_value = epoch, value
            self.best_weights = {name: t.detach().cpu().clone() for name, t in network.state_dict().items()}
        if self.on_epoch is not None:
            self.on_epoch(epoch, row)

    def settled(self, network: nn.Module) -> params.TaskSettings:
        """The task's settings, with what they leave open chosen by this network's answers."""
        activated = inference.activations(self.task, network.to(self.computer.device), self.encoded, self.computer)
        settings: params.TaskSettings = self.task.settle(activated, self.truth, self.encoded)
        return settings


class Draws(Sampler[int]):
    """Indices for one epoch: all images once, or as many random draws as ``steps`` batches take; a function of the seed."""

    def __init__(self, size: int, count: int | None, seed: int) -> None:
        self.size, self.count = size, count
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return self.count or self.size

    def __iter__(self) -> Iterator[int]:
        drawn = 0
        while drawn < len(self):
            for i in self.rng.permutation(self.size)[: len(self) - drawn]:
                drawn += 1
                yield int(i)


def _loader(samples: EncodedImages, training: params.Training, seed: int) -> DataLoader[Sample]:
    count = None if training.steps_per_epoch is None else training.steps_per_epoch * training.batch_size
    draws = Draws(len(samples), count, seed)
    # a last batch of one would stop batch normalisation
    drop = len(draws) % training.batch_size == 1 and len(draws) > 1
    return DataLoader(samples, training.batch_size, sampler=draws, drop_last=drop)


def _quiet_lightning() -> Any:
    """Lightning takes seconds to import, so only when something is trained; its advice is for other uses."""
    import lightning

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    return lightning


@contextmanager
def _interruptible() -> Iterator[None]:
    """Lightning turns Ctrl+C into an exit and ignores every later one; callers want to know that it was Ctrl+C."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as stop:
        if not isinstance(stop.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from stop


def _module(lightning: Any) -> type[Any]:
    class Module(lightning.LightningModule):  # type: ignore[misc]
        """The task's loss, the entry's optimizer and schedule, and the watch at the end of each epoch."""

        def __init__(
            self, task: Task[Any, Any], network: nn.Module, training: params.Training, watch: Watch, steps: int
        ) -> None:
            super().__init__()
            self.network = network.to(memory_format=torch.channels_last)
            self.task, self.training_settings, self.watch, self.steps = task, training, watch, steps
            self.losses: list[Tensor] = []
            self.rate = training.learning_rate

        def training_step(self, batch: Sample, _: int) -> Tensor:
            self.rate = float(self.optimizers().param_groups[0]["lr"])  # the schedule moves on before the epoch ends
            image = batch["image"].contiguous(memory_format=torch.channels_last)
            loss = self.task.loss(self.network(image).float(), batch["target"])
            self.losses.append(loss.detach())
            return loss

        def on_train_epoch_end(self) -> None:
            loss = float(torch.stack(self.losses).mean())
            self.losses.clear()
            self.watch.epoch(self.network, self.current_epoch, loss, self.rate)
            self.network.train()

        def configure_optimizers(self) -> Any:
            optimizer = _optimizer(self.network, self.training_settings)
            if self.training_settings.schedule == "constant":
                return optimizer
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                optimizer,
                self.training_settings.learning_rate,
                total_steps=self.training_settings.epochs * self.steps,
                pct_start=0.15,
            )
            return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    return Module


def _optimizer(network: nn.Module, training: params.Training) -> torch.optim.Optimizer:
    if training.optimizer == "rmsprop":  # alpha and eps as in Keras, where the ConvNet was first trained
        return torch.optim.RMSprop(
            network.parameters(), training.learning_rate, alpha=0.9, eps=1e-7, weight_decay=training.weight_decay
        )
    return torch.optim.AdamW(network.parameters(), training.learning_rate, weight_decay=training.weight_decay)


def _progress(lightning: Any) -> type[Any]:
    class Progress(lightning.Callback):  # type: ignore[misc]
        """One bar over all steps of all epochs, with the last value of the objective."""

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
            if module.watch.rows:
                value = module.watch.rows[-1][f"validation_{self.metric}"]
                self.bar.set_postfix({self.metric: f"{value:.4f}"}, refresh=False)

        def on_train_end(self, trainer: Any, module: Any) -> None:
            del trainer, module
            self.bar.close()

        def on_exception(self, trainer: Any, module: Any, exception: BaseException) -> None:
            del trainer, module, exception
            self.bar.close()

    return Progress
