"""The validation score of a network after each epoch, and its best weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from brightfield import params
from brightfield.inference import activations
from brightfield.inference.device import Device
from brightfield.tasks import Task
from brightfield.tasks.examples import Examples, Records, for_calibration

OnEpoch = Callable[[int, dict[str, float]], None]  # epoch from 0, metrics; may raise to stop the fit


class BestCheckpoint:
    """Scores the network after each epoch and stores the best weights, or the last ones (``keep_last``).

    Attributes:
        objective: by which epochs are compared, as the truth of the validation images allows.
        keep_last: whether the last weights count: of a network that learns without clean images where those of the validation
            split are known, because to choose by them would use them.
    """

    def __init__(
        self,
        task: Task[Any, Any],
        validation: Records,
        device: Device,
        on_epoch: OnEpoch | None,
        blind: bool = False,
    ) -> None:
        self.task, self.device, self.on_epoch = task, device, on_epoch
        self.examples = Examples.of(task, validation)
        self.objective = task.objective_on(self.examples.truth)
        self.keep_last = blind and self.objective == task.objective
        self.encoded_for_epochs = self.examples.encoded  # features where only the last layers are trained
        self.rows: list[dict[str, float]] = []
        self.best_epoch = 0
        self.best_value = math.nan
        self.best_weights: dict[str, Tensor] = {}

    def epoch(self, network: nn.Module, epoch: int, train_loss: float, learning_rate: float) -> None:
        """Score the network, store its weights if they are the best so far, and call ``on_epoch``."""
        activated = activations.stream(self.task, network, self.encoded_for_epochs, self.device)
        answers = map(self.task.answering.decode_fast, activated, self.examples.encoded)
        scored = self.task.scoring.score(answers, self.examples.truth)
        metrics = {f"validation_{name}": value for name, value in scored.items()}
        row = {"train_loss": train_loss, "learning_rate": learning_rate, **metrics}
        self.rows.append({"epoch": epoch, **row})
        value = metrics[f"validation_{self.objective.metric}"]
        if self.keep_last or not self.best_weights or self.objective.better(value, self.best_value):
            self.best_epoch, self.best_value = epoch, value
            self.best_weights = {name: t.detach().cpu().clone() for name, t in network.state_dict().items()}
        if self.on_epoch is not None:
            self.on_epoch(epoch, row)

    def calibrated(self, network: nn.Module, views: int) -> params.TaskSettings:
        """The task's settings, calibrated with this network's answers and as much test-time augmentation as in prediction."""
        few = for_calibration(self.examples.encoded)
        encoded, truth = [self.examples.encoded[i] for i in few], [self.examples.truth[i] for i in few]
        activated = activations.activations(self.task, network, encoded, self.device, views)
        settings: params.TaskSettings = self.task.answering.calibrate(activated, truth, encoded)
        return settings
