"""Answers of one model or several together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import tiny
from brightfield import params, tasks
from brightfield.errors import BrightfieldError
from brightfield.inference import activations, bundle
from brightfield.inference.bundle import Bundle, Member
from brightfield.inference.predictor import Predictor, combined
from brightfield.results import Picture
from brightfield.system.files import atomic_folder

TASK = tasks.build("restoration", tiny.SETTINGS["restoration"])


def member(seed: int, weight: float = 1.0, kind: str = "restoration") -> Member:
    torch.manual_seed(seed)
    entry = tiny.model(kind, seed=seed, network={"residual": False} if kind == "restoration" else None)
    task = tasks.build(kind, tiny.SETTINGS[kind])
    return Member(Bundle(f"m{seed}", kind, task, entry, task.learning.network(entry).eval(), {}), weight)


def test_the_weighted_mean_is_taken_image_by_image() -> None:
    small, large = np.zeros((1, 2, 2), np.float32), np.zeros((1, 3, 1), np.float32)
    outputs = [[small + 1, large + 10], [small + 4, large + 40]]
    means = list(combined(TASK, outputs, [3.0, 1.0]))  # (3 * 1 + 4) / 4 and (3 * 10 + 40) / 4
    assert [image.shape for image in means] == [(1, 2, 2), (1, 3, 1)]
    assert [image.dtype for image in means] == [np.float32, np.float32]
    assert np.unique(means[0]) == pytest.approx([1.75])
    assert np.unique(means[1]) == pytest.approx([17.5])


def test_weights_count_relative_to_their_sum() -> None:
    outputs = [[np.full((1, 1), value, np.float32)] for value in (1.0, 2.0, 6.0)]
    assert next(iter(combined(TASK, outputs, [1, 1, 1]))) == pytest.approx(3.0)
    assert next(iter(combined(TASK, outputs, [10, 10, 10]))) == pytest.approx(3.0)
    assert next(iter(combined(TASK, outputs, [0, 0, 5]))) == pytest.approx(6.0)


def test_members_with_other_numbers_of_images_are_a_mistake() -> None:
    image = np.zeros((1, 1), np.float32)
    with pytest.raises(ValueError, match="those of 1$"):
        list(combined(TASK, [[image, image], [image]], [1, 1]))


def test_activations_are_averaged_before_they_are_decoded() -> None:
    members = [member(0, 3.0), member(1, 1.0)]
    predictor = Predictor(members, tiny.COMPUTE)
    image = tiny.records("restoration", 1)[0].image
    encoded = [predictor.task.learning.encode(image)]
    a, b = (activations.activations(m.bundle.task, m.bundle.network, encoded, predictor.device)[0] for m in members)
    assert not np.allclose(a, b)
    np.testing.assert_allclose(predictor.activations(encoded)[0], 0.75 * a + 0.25 * b, rtol=1e-5, atol=1e-6)
    (answer,) = predictor.predict([image])
    assert isinstance(answer, Picture)
    expected = (0.75 * a + 0.25 * b)[0] * encoded[0].std + encoded[0].mean
    np.testing.assert_allclose(answer.pixels, expected, rtol=1e-5, atol=1e-5)


def test_images_of_several_sizes_are_answered_in_their_order() -> None:
    predictor = Predictor([member(0)], tiny.COMPUTE)
    images = [
        np.random.default_rng(i).integers(0, 255, shape).astype(np.uint8)
        for i, shape in enumerate([(20, 31), (64, 9), (20, 31)])
    ]
    answers = predictor.predict(images)
    assert [answer.pixels.shape for answer in answers if isinstance(answer, Picture)] == [(20, 31), (64, 9), (20, 31)]
    for image, answer in zip(images, answers, strict=True):
        (alone,) = predictor.predict([image])
        assert isinstance(alone, Picture)
        assert isinstance(answer, Picture)
        np.testing.assert_array_equal(alone.pixels, answer.pixels)
    assert predictor.predict([]) == []


@pytest.mark.parametrize("kind", tiny.KINDS)
@pytest.mark.parametrize("fill", [0, 255])
def test_a_constant_image_is_answered(kind: str, fill: int) -> None:
    shape = (40, 50, 3) if kind == "classification" else (40, 50)
    (answer,) = Predictor([member(0, kind=kind)], tiny.COMPUTE).predict([np.full(shape, fill, np.uint8)])
    assert answer is not None


@pytest.mark.parametrize("weights", [[], [0.0], [0.0, 0.0]])
def test_without_a_member_that_counts_there_is_no_predictor(weights: list[float]) -> None:
    with pytest.raises(BrightfieldError, match="expected at least one above zero"):
        Predictor([member(i, weight) for i, weight in enumerate(weights)], tiny.COMPUTE)


def test_a_model_and_an_ensemble_are_loaded_alike(tmp_path: Path) -> None:
    sources = []
    for seed in (0, 1):
        made = member(seed)
        with atomic_folder(tmp_path / made.bundle.name) as folder:
            settings = tiny.SETTINGS["restoration"]
            bundle.write(folder, made.bundle.name, "denoise", settings, made.bundle.model, made.bundle.network, {})
        sources.append(bundle.Source(tmp_path / made.bundle.name, 0.5))
    with atomic_folder(tmp_path / "both") as folder:
        bundle.write_ensemble(folder, "both", "denoise", tiny.SETTINGS["restoration"], sources, {})
    image = tiny.records("restoration", 1)[0].image
    answers = []
    for name in ("m0", "m1", "both"):
        predictor = Predictor.load(tmp_path / name, tiny.COMPUTE)
        assert predictor.task_name == "denoise"
        (answer,) = predictor.predict([image])
        assert isinstance(answer, Picture)
        answers.append(answer.pixels)
    np.testing.assert_allclose(answers[2], (answers[0] + answers[1]) / 2, rtol=1e-4, atol=1e-5)


def test_a_network_of_five_classes_votes_for_body_and_contour() -> None:
    asked = params.SegmentationSettings(species=["long", "short"], seed_probability=0.5, pixel_size_um=0.065)
    members = []
    for seed, scheme in enumerate(("contours", "species")):
        torch.manual_seed(seed)
        task = tasks.build("segmentation", asked.model_copy(update={"scheme": scheme}))
        entry = tiny.model("segmentation", seed=seed)
        members.append(Member(Bundle(scheme, "cells", task, entry, task.learning.network(entry).eval(), {}), 0.5))
    predictor = Predictor(members, tiny.COMPUTE, tasks.build("segmentation", asked))
    encoded = [predictor.task.learning.encode(record.image) for record in tiny.records("segmentation", 2)]
    three, five = (
        activations.activations(member.bundle.task, member.bundle.network, encoded, predictor.device)
        for member in members
    )
    assert [len(one) for one in (three[0], five[0])] == [3, 5]
    for answer, a, b in zip(predictor.activations(encoded), three, five, strict=True):
        together = np.stack([b[0], b[1] + b[3], b[2] + b[4]])
        np.testing.assert_allclose(answer, (a + together) / 2, atol=1e-6)
    assert len(predictor.predict([record.image for record in tiny.records("segmentation", 2)])) == 2


def test_a_network_that_segments_and_one_that_tells_species_apart_are_composed() -> None:
    """By hand: parts are the mean of both, species those of the network that knows them."""
    asked = params.SegmentationSettings(species=["long", "short"], scheme="species", pixel_size_um=0.065)
    task = tasks.build("segmentation", asked)

    def pixel(*values: float) -> np.ndarray:
        return np.array(values, np.float32)[:, None, None]

    three = pixel(0.2, 0.6, 0.2)
    five = pixel(0.4, 0.1, 0.0, 0.3, 0.2)  # of the bodies a quarter is long, of the contours nothing
    whole = task.answering.combined([three, five], [0.5, 0.5])
    # background 0.3; body (0.6 + 0.4) / 2 = 0.5, a quarter long; contour (0.2 + 0.2) / 2 = 0.2, all short
    np.testing.assert_allclose(whole[:, 0, 0], [0.3, 0.125, 0.0, 0.375, 0.2], atol=1e-6)
    unsure = task.answering.combined([three, pixel(1.0, 0, 0, 0, 0)], [0.5, 0.5])
    np.testing.assert_allclose(unsure[:, 0, 0], [0.6, 0.15, 0.05, 0.15, 0.05], atol=1e-6)  # nobody knows the species
    of_three = asked.model_copy(update={"scheme": "contours"})
    assert asked.completed_by([of_three, asked])
    assert not asked.completed_by([of_three, of_three])


def test_a_network_without_parts_takes_no_part() -> None:
    asked = params.SegmentationSettings(species=["long", "short"], pixel_size_um=0.065)
    task = tasks.build("segmentation", asked)
    cells = asked.model_copy(update={"scheme": "cells"})
    with pytest.raises(BrightfieldError, match="scheme 'cells' cannot take part in an ensemble of scheme 'contours'"):
        task.answering.voted(np.zeros((2, 4, 4), np.float32), cells)


def test_a_median_is_not_moved_by_one_member() -> None:
    outputs = [[np.full((1, 2, 2), value, np.float32)] for value in (1.0, 2.0, 90.0)]
    (found,) = combined(TASK, outputs, [1, 1, 1], "median")
    assert found.dtype == np.float32
    assert np.unique(found) == 2.0


def test_probabilities_sum_to_one_after_a_median() -> None:
    task = tasks.build("segmentation", params.SegmentationSettings(pixel_size_um=0.065))
    outputs = [np.array(values, np.float32)[:, None, None] for values in ([0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.5])]
    np.testing.assert_allclose(task.answering.combined(outputs, [1 / 3] * 3, "median")[:, 0, 0], [1 / 3] * 3, atol=1e-6)


def test_members_vote_by_their_own_thresholds() -> None:
    """Two of three answer the second class, although the mean of probabilities is below each threshold."""
    asked = params.ClassificationSettings(threshold=0.5)
    answering = tasks.build("classification", asked).answering
    of_members = [(0.35, 0.3), (0.35, 0.3), (0.05, 0.5)]
    ballots = [
        answering.ballot(np.array([p], np.float32), asked.model_copy(update={"threshold": t})) for p, t in of_members
    ]
    assert [float(ballot[0]) for ballot in ballots] == [1.0, 1.0, 0.0]
    assert answering.combined(ballots, [1 / 3] * 3, "vote")[0] == pytest.approx(2 / 3)


def test_members_vote_for_the_class_of_each_pixel() -> None:
    asked = params.SegmentationSettings(species=["long", "short"], pixel_size_um=0.065)
    answering = tasks.build("segmentation", asked).answering
    five = np.array([0.3, 0.2, 0.0, 0.5, 0.0], np.float32)[:, None, None]
    vote = answering.ballot(five, asked.model_copy(update={"scheme": "species"}))
    assert vote[:, 0, 0].tolist() == [0.0, 1.0, 0.0]  # body: 0.2 + 0.5


def test_a_member_with_more_views_is_averaged_over_them() -> None:
    one = member(0)
    encoded = [one.bundle.task.learning.encode(record.image) for record in tiny.records("restoration", 2)]
    predictor = Predictor([Member(one.bundle, 1.0), Member(one.bundle, 1.0, views=8)], tiny.COMPUTE)
    once, turned = (
        activations.activations(one.bundle.task, one.bundle.network, encoded, predictor.device, views)
        for views in (1, 8)
    )
    for found, a, b in zip(predictor.activations(encoded), once, turned, strict=True):
        np.testing.assert_allclose(found, (a + b) / 2, rtol=1e-5, atol=1e-6)


def test_an_ensemble_says_how_far_its_members_are_apart() -> None:
    """By hand: of two members with the same weight, half of the distance of their outputs."""
    members = [member(0), member(1)]
    predictor = Predictor(members, tiny.COMPUTE)
    images = [record.image for record in tiny.records("restoration", 2)]
    encoded = [predictor.task.learning.encode(image) for image in images]
    a, b = (activations.activations(m.bundle.task, m.bundle.network, encoded, predictor.device) for m in members)
    expected = [float(np.abs(one - other).mean() / 2) for one, other in zip(a, b, strict=True)]
    assert predictor.judge(images).disagreements == pytest.approx(expected, rel=1e-4)
    assert Predictor(members[:1], tiny.COMPUTE).judge(images).disagreements is None


def test_members_with_and_without_species_are_compared_by_their_parts() -> None:
    asked = params.SegmentationSettings(species=["long", "short"], scheme="species", pixel_size_um=0.065)
    answering = tasks.build("segmentation", asked).answering
    three = np.array([0.2, 0.6, 0.2], np.float32)[:, None, None]
    five = np.array([0.2, 0.5, 0.1, 0.1, 0.1], np.float32)[:, None, None]
    assert answering.disagreement([three, five], [0.5, 0.5]) == pytest.approx(0, abs=1e-6)
