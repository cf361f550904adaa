"""Fit one model: the only file that knows Lightning."""

from __future__ import annotations

import logging
import math
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Sampler

from brightfield import computing, frozen, inference, params, progress
from brightfield.architectures.classical import Classical
from brightfield.architectures.transfer import Transfer
from brightfield.computing import Computer
from brightfield.data.store import ImageSet
from brightfield.tasks import Sample, Task
from brightfield.tasks.base import Samples

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
    # to choose an epoch by its score would be to learn from clean images after all
    blind = model.training is not None and model.training.blind_spots
    watch = Watch(task, validation, computer, on_epoch, keep_last=blind)
    history, best_epoch = pd.DataFrame({"epoch": []}), None
    if model.training is None:
        assert isinstance(network, Classical)
        samples = task.dataset(progress.track(train, f"{description}: reading"))
        network.fit([e.tensor for e in samples.encoded], samples.targets)
    else:
        _fit_network(task, network, model, train, watch, computer, description)
        history, best_epoch = pd.DataFrame(watch.rows), watch.best_epoch
    settings = watch.settled(network, model.views) if task.is_open else task.settings
    return Fitted(network.to("cpu").eval(), history, best_epoch, settings)


def _fit_network(
    task: Task[Any, Any],
    network: nn.Module,
    model: params.Model,
    train: ImageSet,
    watch: Watch,
    computer: Computer,
    description: str,
) -> None:
    """Train a network in place; the watch tells how it went."""
    training = model.training
    assert training is not None
    images = task.dataset(progress.track(train, f"{description}: reading"), training, model.seed)
    task.observe(images, training)
    fitted: nn.Module = network
    samples: Samples = images
    if isinstance(network, Transfer) and network.is_frozen:
        fitted, samples = network.head, frozen.features_of(network, images, computer, model.seed, description)
        watch.encoded_for_epochs = frozen.as_encoded(network, watch.encoded, computer, description)
    loader = _loader(task, samples, training, model.seed)
    lightning = _quiet_lightning()
    module = _module(lightning)(task, fitted, training, watch, len(loader))
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
    fitted.load_state_dict(watch.best_weights)


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
        self.encoded_for_epochs = self.encoded  # others, where only the last layers are trained
        self.truth = [task.truth(record) for record in records]
        self.rows: list[dict[str, float]] = []
        self.best_epoch = 0
        self.best_value = math.nan
        self.best_weights: dict[str, Tensor] = {}

    def epoch(self, network: nn.Module, epoch: int, train_loss: float, learning_rate: float) -> None:
        """Score, compare with the best so far, tell whoever listens."""
        activated = inference.activations(self.task, network, self.encoded_for_epochs, self.computer)
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

    def settled(self, network: nn.Module, views: int) -> params.TaskSettings:
        """The task's settings, with what they leave open chosen by this network's answers, from as many views as it will answer."""
        network = network.to(self.computer.device)
        activated = inference.activations(self.task, network, self.encoded, self.computer, views)
        settings: params.TaskSettings = self.task.settle(activated, self.truth, self.encoded)
        return settings


class Draws(Sampler[int]):
    """Indices for one epoch: all images once, or as many random draws as ``steps`` batches take; a function of the seed.

    Args:
        strata: the class of each image: they take turns, so that every batch holds as many of each.
    """

    def __init__(self, size: int, count: int | None, seed: int, strata: Sequence[int] | None = None) -> None:
        self.count = count or size
        classes = np.zeros(size) if strata is None else np.asarray(strata)
        self.members = [np.flatnonzero(classes == value) for value in np.unique(classes)]
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        turns = [self._endless(members) for members in self.members]
        for drawn in range(self.count):
            yield next(turns[drawn % len(turns)])

    def _endless(self, members: npt.NDArray[np.intp]) -> Iterator[int]:
        while True:
            yield from (int(i) for i in self.rng.permutation(members))


def _loader(task: Task[Any, Any], samples: Samples, training: params.Training, seed: int) -> DataLoader[Sample]:
    count = None if training.steps_per_epoch is None else training.steps_per_epoch * training.batch_size
    strata = task.strata(samples) if training.balance == "batches" else None
    draws = Draws(len(samples), count, seed, strata)
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
            self.mean = None if training.ema is None else _moving_average(self.network, training.ema)

        def training_step(self, batch: Sample, _: int) -> Tensor:
            self.rate = float(self.optimizers().param_groups[0]["lr"])  # the schedule moves on before the epoch ends
            image = batch["image"].contiguous(memory_format=torch.channels_last)
            loss = self.task.loss(self.network(image).float(), batch["target"])
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
            self.watch.epoch(scored, self.current_epoch, loss, self.rate)
            self.network.train()
            patience = self.training_settings.patience
            if patience is not None and self.current_epoch - self.watch.best_epoch >= patience:
                self.trainer.should_stop = True

        def configure_optimizers(self) -> Any:
            optimizer = _optimizer(self.network, self.training_settings)
            if self.training_settings.schedule == "constant":
                return optimizer
            schedule = torch.optim.lr_scheduler.OneCycleLR(
                optimizer,
                [group["lr"] for group in optimizer.param_groups],
                total_steps=self.training_settings.epochs * self.steps,
                pct_start=0.15,
            )
            return [optimizer], [{"scheduler": schedule, "interval": "step"}]

    return Module


def _optimizer(network: nn.Module, training: params.Training) -> torch.optim.Optimizer:
    groups = _rates(network, training)
    if training.optimizer == "rmsprop":  # alpha and eps as in Keras, where the ConvNet was first trained
        return torch.optim.RMSprop(
            groups, training.learning_rate, alpha=0.9, eps=1e-7, weight_decay=training.weight_decay
        )
    return torch.optim.AdamW(groups, training.learning_rate, weight_decay=training.weight_decay)


def _rates(network: nn.Module, training: params.Training) -> list[dict[str, Any]]:
    """What is trained, new layers first: they learn at the full rate, a pretrained backbone at a share of it."""
    pretrained = getattr(network, "backbone", getattr(network, "encoder", None))
    learned = {p for p in network.parameters() if p.requires_grad}
    of_backbone = {p for p in pretrained.parameters() if p.requires_grad} if pretrained is not None else set()
    new = [p for p in network.parameters() if p in learned - of_backbone]
    if not of_backbone or training.backbone_rate == 1:
        return [{"params": [p for p in network.parameters() if p in learned]}]
    slow = [p for p in network.parameters() if p in of_backbone]
    return [{"params": new}, {"params": slow, "lr": training.learning_rate * training.backbone_rate}]


def _moving_average(network: nn.Module, decay: float) -> AveragedModel:
    """The exponential moving average of weights and of what batch normalisation observed.

    It forgets faster in the first steps, so that the random start is gone soon.
    """

    def step(mean: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
        kept = min(decay, (1 + int(steps)) / (10 + int(steps)))
        return mean + (1 - kept) * (current - mean)

    return AveragedModel(network, avg_fn=step, use_buffers=True)


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
