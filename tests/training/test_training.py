"""Fitting: repeatable, the best epoch wins, and whoever listens may stop it."""

from __future__ import annotations

import signal
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tiny
from brightfield import params, tasks, training
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.inference import activations
from brightfield.inference.bundle import Bundle, Member
from brightfield.inference.device import start_device
from brightfield.inference.predictor import Predictor
from brightfield.results import Label
from brightfield.training import optimisation, sampling
from brightfield.training.checkpointing import BestCheckpoint
from brightfield.training.sampling import BalancedSampler
from trained import fit, weights

BETTER = {"maximize": max, "minimize": min}


# --- repeatable -------------------------------------------------------------------------------------------------------

STOCHASTIC = {
    "classification": tiny.model("classification", network={"dropout": 0.5}, augment=["flip", "rotate", "colour"]),
    "tracking": tiny.model("tracking", patch_px=32, augment=["flip", "noise", "blur"]),
}


@pytest.mark.parametrize("kind", STOCHASTIC)
def test_the_same_seed_gives_the_same_weights_and_history_to_the_last_digit(kind: str) -> None:
    first, second = fit(kind, STOCHASTIC[kind]), fit(kind, STOCHASTIC[kind])
    assert first.history.equals(second.history)
    assert first.best_epoch == second.best_epoch
    assert all(torch.equal(value, weights(second)[name]) for name, value in weights(first).items())


def test_another_seed_gives_other_weights() -> None:
    first, second = (fit("tracking", tiny.model("tracking", seed=seed, epochs=1)) for seed in (0, 1))
    assert any(not torch.equal(value, weights(second)[name]) for name, value in weights(first).items())


# --- the best epoch ---------------------------------------------------------------------------------------------------


class Constant(nn.Module):
    """Answers every pixel with one number."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))

    def forward(self, batch: Tensor) -> Tensor:
        return torch.zeros_like(batch) + self.value


@pytest.mark.parametrize(
    ("values", "best"),
    [([3.0, 0.1, 2.0], 1), ([0.1, 3.0, 2.0], 0), ([3.0, 2.0, 0.1], 2), ([2.0, 2.0], 0), ([float("nan"), 2.0, 3.0], 1)],
)
def test_the_watch_keeps_the_weights_of_the_best_epoch(values: list[float], best: int) -> None:
    """PSNR is highest where the constant is nearest the mean of the clean images, 0 in units of the noisy ones; nan is worst."""
    task = tasks.build("restoration", tiny.SETTINGS["restoration"])
    records: Any = tiny.records("restoration", 2)
    watch = BestCheckpoint(task, records, start_device(tiny.COMPUTE), None)
    for epoch, value in enumerate(values):
        network = Constant(value)
        watch.epoch(network, epoch, train_loss=0.0, learning_rate=0.1)
        network.value.data.fill_(99.0)  # what is kept is a copy
    assert watch.best_epoch == best
    assert float(watch.best_weights["value"]) == np.float32(values[best])
    assert [row["epoch"] for row in watch.rows] == list(range(len(values)))


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_the_weights_returned_are_those_whose_score_is_the_best_of_the_history(kind: str) -> None:
    fitted = fit(kind, tiny.model(kind, epochs=4, learning_rate=0.03))
    task = tasks.build(kind, tiny.SETTINGS[kind])
    records = tiny.records(kind, 4, seed=2)
    encoded = [task.learning.encode(record.image) for record in records]
    activated = activations.activations(task, fitted.network, encoded, start_device(tiny.COMPUTE))
    answers = [task.answering.decode(a, e) for a, e in zip(activated, encoded, strict=True)]
    score = task.scoring.score(answers, [task.learning.truth(record) for record in records])[task.objective.metric]
    column = fitted.history[f"validation_{task.objective.metric}"]
    assert score == BETTER[task.objective.direction](column)
    assert fitted.best_epoch is not None
    assert column[fitted.best_epoch] == score
    assert not fitted.network.training


def test_with_one_class_only_the_objective_is_undefined_and_the_first_epoch_stands() -> None:
    validation: Any = tiny.records("classification", 4)[1::2]
    train: Any = tiny.records("classification", 6)
    task = tasks.build("classification", tiny.SETTINGS["classification"])
    fitted = training.fit(task, tiny.model("classification"), train, validation, tiny.COMPUTE)
    assert fitted.history["validation_auc"].isna().all()
    assert fitted.best_epoch == 0
    assert fitted.history["validation_accuracy"].notna().all()


# --- listeners --------------------------------------------------------------------------------------------------------


def test_each_epoch_is_told_once_with_its_metrics() -> None:
    reported: list[tuple[int, dict[str, float]]] = []
    fitted = fit(
        "restoration",
        tiny.model("restoration", epochs=3, steps_per_epoch=2),
        on_epoch=lambda epoch, metrics: reported.append((epoch, metrics)),
    )
    assert [{"epoch": epoch, **metrics} for epoch, metrics in reported] == fitted.history.to_dict("records")
    assert list(fitted.history)[:3] == ["epoch", "train_loss", "learning_rate"]
    assert {"validation_psnr_db", "validation_ssim", "validation_nrmse"} <= set(fitted.history)


class Pruned(Exception):  # noqa: N818
    """What a tuner raises."""


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("error", [Pruned, KeyboardInterrupt])
def test_what_a_listener_raises_stops_the_fit_and_comes_out(error: type[BaseException]) -> None:
    epochs: list[int] = []

    def listener(epoch: int, metrics: dict[str, float]) -> None:
        del metrics
        epochs.append(epoch)
        if epoch == 1:
            raise error

    with pytest.raises(error):
        fit("restoration", tiny.model("restoration", epochs=5, steps_per_epoch=1), on_epoch=listener)
    assert epochs == [0, 1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # the next Ctrl+C counts as well


# --- steps and schedules ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 5, 8])
def test_one_pass_draws_every_image_once(size: int) -> None:
    draws = BalancedSampler(size, None, seed=0)
    assert len(draws) == size
    assert sorted(draws) == list(range(size))


def test_draws_go_through_all_images_before_any_comes_again() -> None:
    draws = BalancedSampler(5, 12, seed=0)
    drawn = list(draws)
    assert len(drawn) == len(draws) == 12
    assert sorted(drawn[:5]) == sorted(drawn[5:10]) == list(range(5))
    assert len(set(drawn[10:])) == 2


def test_classes_take_turns_so_that_every_batch_has_as_many_of_each() -> None:
    sampling_classes = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1]
    drawn = list(BalancedSampler(10, None, seed=0, sampling_classes=sampling_classes))
    assert len(drawn) == 10
    assert [sampling_classes[i] for i in drawn] == [0, 1] * 5
    rare = [i for i in drawn if sampling_classes[i] == 1]
    assert sorted(rare[:3]) == [7, 8, 9]  # all of the rare ones before any comes again
    assert len({i for i in drawn if sampling_classes[i] == 0}) == 5


def test_balanced_batches_are_for_images_of_one_class_each() -> None:
    with pytest.raises(
        BrightfieldError, match="training.balance 'batches' is for tasks whose images have one class each"
    ):
        fit("restoration", tiny.model("restoration", balance="batches"))
    fitted = fit("classification", tiny.model("classification", balance="batches"))
    assert len(fitted.history) == 2


def test_training_stops_when_the_objective_gets_no_better() -> None:
    patient = fit("classification", tiny.model("classification", epochs=40, patience=2, learning_rate=1e-12))
    assert patient.best_epoch is not None
    assert len(patient.history) == patient.best_epoch + 3 < 40  # the best, and two that were no better


def test_the_mean_of_weights_is_scored_and_kept() -> None:
    """By hand: a weight w of loss w steps from 1 by -0.1; its mean with decay 0 follows, with (1 + n) / (10 + n) at first lags."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 1.0)
    mean = optimisation.MovingAverage(network, decay=0.5)
    seen = []
    for step in range(3):
        nn.init.constant_(network.weight, 1.0 - 0.1 * (step + 1))
        mean.update(network)
        seen.append(mean.network.weight.item())
    # the first update takes the weights as they are; then shares 2 / 11 and 3 / 12 of the mean are kept
    second = 2 / 11 * 0.9 + 9 / 11 * 0.8
    assert seen == pytest.approx([0.9, second, 3 / 12 * second + 9 / 12 * 0.7])


def test_a_fit_with_a_moving_average_returns_it() -> None:
    with_mean = tiny.model("classification", ema=0.99, epochs=1, steps_per_epoch=8)
    averaged, plain = (
        fit("classification", with_mean),
        fit("classification", tiny.model("classification", epochs=1, steps_per_epoch=8)),
    )
    assert weights(averaged).keys() == weights(plain).keys()
    assert any(not torch.equal(value, weights(plain)[name]) for name, value in weights(averaged).items())
    assert averaged.history["train_loss"].equals(plain.history["train_loss"])  # what is trained is the same


def test_a_pretrained_backbone_learns_at_a_share_of_the_rate() -> None:
    network = nn.ModuleDict({"backbone": nn.Linear(2, 2), "head": nn.Linear(2, 1)})
    network["backbone"].bias.requires_grad_(False)
    entry = params.Training(epochs=1, learning_rate=0.1, backbone_rate=0.25)
    new, slow = optimisation.optimizer(network, entry).param_groups
    assert (new["lr"], slow["lr"]) == (0.1, 0.025)
    assert [tuple(p.shape) for p in new["params"]] == [(1, 2), (1,)]
    assert [tuple(p.shape) for p in slow["params"]] == [(2, 2)]
    (one,) = optimisation.optimizer(nn.Linear(2, 1), entry).param_groups
    assert one["lr"] == 0.1


def test_draws_are_a_function_of_the_seed_and_differ_from_epoch_to_epoch() -> None:
    first, same, other = (
        BalancedSampler(50, None, seed=3),
        BalancedSampler(50, None, seed=3),
        BalancedSampler(50, None, seed=4),
    )
    epochs = []
    for epoch in (0, 1):
        first.set_epoch(epoch)
        epochs.append(list(first))
    same.set_epoch(1)
    assert list(same) == epochs[1]  # whether or not the epoch before was drawn
    assert epochs[0] != epochs[1]
    assert list(other) != epochs[0]


def test_a_last_batch_of_one_is_left_out_because_batch_normalisation_cannot_take_it() -> None:
    task = tasks.build("classification", tiny.SETTINGS["classification"])
    for images, batch_size, expected in ((5, 4, [4]), (6, 4, [4, 2]), (3, 1, [1, 1, 1]), (1, 4, [1])):
        entry = tiny.model("classification", steps_per_epoch=None, batch_size=batch_size).training
        assert entry is not None
        samples = task.learning.dataset(tiny.records("classification", images), entry)
        batches = sampling.Batches(task, samples, entry, 0, torch.device("cpu"))
        assert [len(batch.images) for batch in batches.epoch(0)] == expected
        assert len(batches) == len(expected)


@pytest.mark.parametrize("optimizer", ["adamw", "rmsprop"])
def test_a_constant_schedule_keeps_the_learning_rate(optimizer: str) -> None:
    fitted = fit("classification", tiny.model("classification", schedule="constant", optimizer=optimizer))
    assert set(fitted.history["learning_rate"]) == {0.01}


def test_one_cycle_ends_near_zero() -> None:
    fitted = fit("classification", tiny.model("classification", epochs=3, steps_per_epoch=5))
    rates = fitted.history["learning_rate"]
    assert rates.iloc[-1] == pytest.approx(0.01 / 25 / 1e4)  # of the last step, as PyTorch documents it
    assert rates.iloc[-1] < rates.iloc[1] < rates.iloc[0] <= 0.01


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 6, 7, 8])
def test_a_fit_may_be_as_short_as_a_single_step(steps: int) -> None:
    fitted = fit("classification", tiny.model("classification", epochs=1, steps_per_epoch=steps))
    assert np.isfinite(fitted.history["train_loss"]).all()


def test_a_baseline_is_fitted_without_epochs() -> None:
    fitted = fit("segmentation", tiny.baseline("segmentation"))
    assert fitted.best_epoch is None
    assert fitted.history.empty
    assert list(fitted.history) == ["epoch"]


def test_an_image_set_on_disk_is_fitted_as_well(prepared: Any) -> None:
    folder = prepared("restoration")
    train, validation = (ImageSet.prepared(folder, split) for split in ("train", "validation"))
    task = tasks.build("restoration", tiny.SETTINGS["restoration"])
    fitted = training.fit(task, tiny.model("restoration", epochs=1), train, validation, tiny.COMPUTE)
    assert len(fitted.history) == 1


@pytest.mark.parametrize("model", [tiny.model("classification"), tiny.baseline("classification")])
def test_what_a_task_leaves_open_is_chosen_on_the_validation_split(model: params.Model) -> None:
    task = tasks.build("classification", tiny.SETTINGS["classification"])
    records: Any = tiny.records("classification", 12)
    fitted = training.fit(task, model, records, records, tiny.COMPUTE)
    calibrated = fitted.settings
    assert isinstance(calibrated, params.ClassificationSettings)
    assert calibrated.threshold is not None
    assert calibrated.temperature is not None
    predictor = Predictor(
        [Member(Bundle("m", "rbc", tasks.build("classification", calibrated), model, fitted.network, {}), 1.0)]
    )
    kept = [answer.positive for answer in predictor.predict([r.image for r in records]) if isinstance(answer, Label)]
    good = [bool(record.row["label"]) for record in records]
    assert np.mean(np.array(kept)[good]) >= calibrated.keep


def test_a_task_that_leaves_nothing_open_keeps_its_settings() -> None:
    assert fit("tracking", tiny.model("tracking")).settings == tiny.SETTINGS["tracking"]
