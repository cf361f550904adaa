"""Crops, weights and answers of classification."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch

from brightfield import params
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.results import Label
from brightfield.tasks.classification import Classification

Balance = Literal["loss", "batches", "none"]


def task(**settings: object) -> Classification:
    return Classification(params.ClassificationSettings.model_validate({"size_px": 20, **settings}))


def labelled(*labels: int) -> list[Record]:
    rng = np.random.default_rng(0)
    return [
        Record(f"{i}", "g", rng.integers(0, 255, (20, 20, 3)).astype(np.uint8), {}, {"label": v})
        for i, v in enumerate(labels)
    ]


@pytest.mark.parametrize(
    ("labels", "balance", "weight"),
    [
        ([1, 0, 0, 0], "loss", 3.0),
        ([1, 1, 1, 0], "loss", 1 / 3),
        ([0, 1], "loss", 1.0),
        ([1, 0, 0, 0], "none", 1.0),
        ([1, 0, 0, 0], "batches", 1.0),  # drawn as often already
        ([1, 1], "loss", 1.0),
        ([0, 0], "loss", 1.0),
    ],
)
def test_both_classes_count_the_same_where_they_are_balanced(
    labels: list[int], balance: Balance, weight: float
) -> None:
    """By hand: logit 0 costs ln 2, times the weight of the class."""
    learning, training = task().learning, params.Training(epochs=1, balance=balance)
    loss = learning.loss_function(learning.dataset(labelled(*labels), training), training)
    assert float(loss(torch.zeros(1, 1), torch.ones(1, 1))) == pytest.approx(weight * np.log(2))
    assert float(loss(torch.zeros(1, 1), torch.zeros(1, 1))) == pytest.approx(np.log(2))


def test_the_weight_is_that_of_positive_crops_in_the_loss() -> None:
    """By hand: logit 0 costs ln 2; with one positive of weight 3 and three negatives, (3 + 3) / 4 ln 2."""
    learning, training = task().learning, params.Training(epochs=1)
    loss = learning.loss_function(learning.dataset(labelled(1, 0, 0, 0), training), training)
    target = torch.tensor([[1.0], [0.0], [0.0], [0.0]])
    assert float(loss(torch.zeros(4, 1), target)) == pytest.approx(1.5 * np.log(2))


@pytest.mark.parametrize("shape", [(40, 40, 3), (31, 57, 3), (10, 10, 3)])
def test_crops_of_another_size_are_resized(shape: tuple[int, int, int]) -> None:
    image = np.zeros(shape, np.uint8)
    image[: shape[0] // 2] = 200  # the upper half is bright
    encoded = task().learning.encode(image)
    assert encoded.tensor.shape == (3, 20, 20)
    assert encoded.shape == shape[:2]
    assert (encoded.tensor[:, :8] > 0.5).all()
    assert (encoded.tensor[:, 12:] < -0.5).all()


def test_resizing_does_not_let_fine_texture_through() -> None:
    image = np.tile(np.array([0, 255], np.uint8), (80, 40))
    encoded = task(channels=1).learning.encode(image)
    assert encoded.std < 10  # a checker of one pixel averages out


def test_a_grey_crop_is_refused_where_colour_is_needed() -> None:
    with pytest.raises(BrightfieldError, match="needs RGB crops, got a grey image of 30x20 px"):
        task().learning.encode(np.zeros((20, 30), np.uint8))


def test_an_rgb_crop_becomes_grey_where_grey_is_asked() -> None:
    assert task(channels=1).learning.encode(labelled(1)[0].image).tensor.shape == (1, 20, 20)


def test_differences_of_colour_stay() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    image[..., 0] = 200
    red, green, _ = task().learning.encode(image).tensor
    assert float(red.mean()) > 1 > 0 > float(green.mean())


def test_answers_are_named_by_the_classes_of_the_task() -> None:
    named = task(classes=["sick", "fine"])
    table = named.combine({name: named.rows(Label(p)) for name, p in (("a", 0.5), ("b", 0.49))})
    assert table.to_dict("list") == {"image": ["a", "b"], "probability": [0.5, 0.49], "answer": ["fine", "sick"]}


# --- what is chosen on validation -----------------------------------------------------------------------------------------


def activated(*probabilities: float) -> list[np.ndarray]:
    return [np.array([p], np.float32) for p in probabilities]


def decoded(made: Classification, probability: float) -> Label:
    encoded = made.learning.encode(np.zeros((20, 20, 3), np.uint8))
    return made.answering.decode(activated(probability)[0], encoded)


def test_what_is_open_is_chosen_on_validation_and_then_used() -> None:
    made = task()
    assert made.answering.needs_calibration
    sure = activated(0.999, 0.99, 0.95, 0.999, 0.01, 0.001, 0.9, 0.002)  # two of them wrong
    truth = [Label(float(label)) for label in (1, 1, 1, 0, 0, 0, 0, 1)]
    calibrated = Classification(made.answering.calibrate(sure, truth))
    assert not calibrated.answering.needs_calibration
    assert calibrated.settings.temperature is not None
    assert calibrated.settings.temperature > 1.5  # it was too sure
    assert 0.5 < decoded(calibrated, 0.99).probability < 0.9
    between = [decoded(calibrated, p).probability for p in (0.001, 0.002)]
    # all positive ones: 3 of 4 are fewer than 95%
    assert calibrated.settings.threshold == pytest.approx(np.mean(between))
    assert decoded(calibrated, 0.002).positive
    assert not decoded(calibrated, 0.001).positive
    order = [decoded(calibrated, p).probability for p in (0.001, 0.3, 0.5, 0.9, 0.999)]
    assert order == sorted(order)


def test_the_labelled_few_may_be_as_many_of_each_class() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(-1.5, 2, 4000)
    labels = rng.random(4000) < 1 / (1 + np.exp(-logits))
    outputs = activated(*(1 / (1 + np.exp(-logits))))
    made = Classification(task().answering.calibrate(outputs, [Label(float(label)) for label in labels]))
    assert made.settings.share == pytest.approx(labels.mean())
    few = [*np.flatnonzero(labels)[:200], *np.flatnonzero(~labels)[:200]]
    adapted = Classification(made.answering.adapted([outputs[i] for i in few], [Label(float(labels[i])) for i in few]))
    means = [np.mean([decoded(one, float(o[0])).probability for o in outputs]) for one in (made, adapted)]
    assert means == pytest.approx([labels.mean()] * 2, abs=0.02)  # nothing was wrong, and nothing is made wrong


def test_what_the_user_has_set_stays() -> None:
    truth = [Label(1.0), Label(0.0), Label(1.0), Label(0.0)]
    outputs = activated(0.9, 0.8, 0.3, 0.1)
    fixed = task(threshold=0.4, temperature=1.0, bias=0.5)
    assert not fixed.answering.needs_calibration
    assert fixed.answering.calibrate(outputs, truth) == fixed.settings
    half = task(threshold=0.4).answering.calibrate(outputs, truth)
    assert half.threshold == 0.4
    assert half.temperature != 1.0
    assert half.bias is not None
    assert task(keep=0.5, temperature=1.0, bias=0.0).answering.calibrate(outputs, truth).threshold == pytest.approx(
        0.85
    )


def test_without_either_a_probability_is_what_the_network_says() -> None:
    assert decoded(task(), 0.3).probability == pytest.approx(0.3)
    assert decoded(task(), 0.3).threshold == 0.5
    for certain in (0.0, 1.0):
        assert decoded(task(temperature=2.0), certain).probability == pytest.approx(certain, abs=1e-3)


def test_the_bias_takes_up_another_share_of_positive_images() -> None:
    made = task()
    # one in ten is good, and the network was trained on as many of each
    truth = [Label(float(i % 10 == 0)) for i in range(200)]
    calibrated = made.answering.calibrate(activated(*[0.5] * 200), truth)
    assert decoded(Classification(calibrated), 0.5).probability == pytest.approx(0.1, abs=0.01)


def test_the_ceiling_is_known_only_where_chances_are() -> None:
    columns = {"truth": np.array([0.0, 1.0]), "probability": np.array([0.4, 0.6]), "answered": np.array([0.0, 1.0])}
    assert task().scoring.ceiling(columns) is None
    best = task().scoring.ceiling({**columns, "p_positive": np.array([0.2, 0.9])})
    assert best is not None
    assert list(best["probability"]) == [0.2, 0.9]


# --- guarantees -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("probability", "threshold", "truth", "score"),
    [
        (0.8, 0.5, 1, 0.0),  # the answer is right
        (0.8, 0.5, 0, 0.8),  # 1 minus the probability of the true class, 0.2
        (0.3, 0.5, 1, 0.7),
        (0.3, 0.5, 0, 0.0),
        (0.3, 0.2, 1, 0.0),  # answered by the threshold, not by the larger probability
        (0.3, 0.2, 0, 0.3),
    ],
)
def test_the_score_of_a_crop_is_how_improbable_its_class_was_unless_it_is_the_answer(
    probability: float, threshold: float, truth: int, score: float
) -> None:
    scores = task().scoring.nonconformity(Label(probability, threshold), Label(float(truth)))
    assert scores["class"] == pytest.approx([score])


@pytest.mark.parametrize("probability", [0.0, 0.05, 0.3, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("limit", [0.0, 0.05, 0.3, 0.5, 0.7, 0.95, 1.0])
def test_a_set_has_the_answer_and_each_class_whose_score_is_within_the_limit(
    probability: float, threshold: float, limit: float
) -> None:
    classification, answer = task(), Label(probability, threshold)
    promised = classification.answering.guaranteed(answer, {"class": limit})
    assert promised.class_set is not None
    assert int(answer.positive) in promised.class_set
    for true in (0, 1):
        within = classification.scoring.nonconformity(answer, Label(float(true)))["class"][0] <= limit
        assert (true in promised.class_set) == within
    assert classification.scoring.sizes(promised) == {"class": len(promised.class_set)}
    assert classification.answering.to_original_scale(promised, (9, 9), (20, 20)) == promised
    assert classification.answering.guaranteed(answer, {}) is answer
