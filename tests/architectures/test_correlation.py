"""Cross-correlation with the mean bead."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import rings
import tiny
from brightfield import architectures, params, tasks
from brightfield.architectures import Shape
from brightfield.architectures.correlation import TemplateCorrelation, correlate
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError

SETTINGS = params.Correlation(architecture="correlation", template_px=13)


def ring(side: int) -> np.ndarray:
    y, x = np.mgrid[:side, :side] - side // 2
    return np.asarray(np.cos(np.hypot(y, x)), dtype=np.float32)


@pytest.mark.parametrize("place", [(20, 33), (6, 6), (41, 53), (30, 6)])
@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (0.01, 5.0), (300.0, -40.0)])
def test_a_planted_template_is_found_at_its_very_pixel(place: tuple[int, int], gain: float, offset: float) -> None:
    template = np.random.default_rng(0).normal(size=(13, 13)).astype(np.float32)
    image = np.random.default_rng(1).normal(size=(48, 60)).astype(np.float32)
    y, x = place
    image[y - 6 : y + 7, x - 6 : x + 7] = template
    found = correlate(image * np.float32(gain) + np.float32(offset), template)
    assert found.shape == image.shape
    assert found.argmax() == np.ravel_multi_index(place, found.shape)
    assert found[place] == pytest.approx(1.0, abs=1e-3)
    assert np.abs(found).max() <= 1 + 1e-3


def test_it_agrees_with_the_definition() -> None:
    """Pearson's coefficient of template and window, one window at a time."""
    rng = np.random.default_rng(2)
    image, template = rng.normal(size=(20, 24)).astype(np.float32), rng.normal(size=(5, 5)).astype(np.float32)
    found = correlate(image, template)
    for y, x in ((2, 2), (10, 7), (17, 21)):
        window = image[y - 2 : y + 3, x - 2 : x + 3]
        assert found[y, x] == pytest.approx(np.corrcoef(window.ravel(), template.ravel())[0, 1], abs=1e-4)


def test_an_inverted_template_is_the_opposite_and_nothing_is_nothing() -> None:
    template = ring(9)
    image = np.zeros((30, 30), np.float32)
    image[10:19, 10:19] = -template
    assert correlate(image, template)[14, 14] == pytest.approx(-1.0, abs=1e-3)
    assert np.isfinite(correlate(np.zeros((30, 30), np.float32), template)).all()
    assert not correlate(image, np.ones((9, 9), np.float32)).any()


@pytest.mark.parametrize("size", [(5, 40), (3, 3), (12, 12)])
def test_an_image_smaller_than_the_template_is_answered(size: tuple[int, int]) -> None:
    found = correlate(np.random.default_rng(0).normal(size=size).astype(np.float32), ring(13))
    assert found.shape == size
    assert np.isfinite(found).all()


def test_it_learns_a_radial_template_and_finds_the_beads_with_it() -> None:
    task = tasks.build("tracking", tiny.SETTINGS["tracking"])
    samples = task.learning.dataset(tiny.records("tracking", 8))
    baseline = architectures.build(SETTINGS, Shape(1, 1))
    assert isinstance(baseline, TemplateCorrelation)
    baseline.fit([e.tensor for e in samples.encoded], samples.targets)
    template = baseline.template.numpy()
    assert template.shape == (13, 13)
    np.testing.assert_allclose(template, np.rot90(template), atol=1e-4)  # no direction is preferred
    assert template.argmin() == 6 * 13 + 6  # the beads are dark
    record = tiny.records("tracking", 2, seed=9)[1]
    encoded = task.learning.encode(record.image)
    heat = task.answering.activate(baseline(encoded.tensor[None]))[0].numpy()
    best = task.answering.decode(heat, encoded).positions
    for truth in record.fields["positions"]:
        assert np.hypot(*(best - truth).T).min() < 0.2


def test_an_even_side_becomes_the_next_odd_one() -> None:
    network = architectures.build(SETTINGS.model_copy(update={"template_px": 12}), Shape(1, 1))
    assert network.get_buffer("template").shape == (13, 13)


def test_without_a_bead_inside_there_is_nothing_to_learn() -> None:
    baseline = TemplateCorrelation(SETTINGS, Shape(1, 1))
    with pytest.raises(BrightfieldError, match="No bead of the training split lies far enough inside its frame"):
        baseline.fit([torch.zeros(1, 20, 20)], [torch.zeros(1, 20, 20)])


def test_beads_that_look_alike_give_their_own_profile() -> None:
    """Frames of one kind of bead: the fitted template is the noiseless bead, closer than the mean of few noisy ones."""
    task = tasks.build("tracking", params.TrackingSettings())
    rng, records = np.random.default_rng(0), []
    for number in range(6):
        x, y = np.array([27.5, 23.5]) + rng.uniform(-3, 3, 2)
        noisy = rings.light(x, y) + rng.normal(0, 150, rings.SIZE)
        records.append(Record(f"{number}", "movie", noisy.astype(np.float32), {"positions": np.array([[x, y]])}))
    samples = task.learning.dataset(records)
    baseline = architectures.build(params.Correlation(architecture="correlation", template_px=25), Shape(1, 1))
    assert isinstance(baseline, TemplateCorrelation)
    baseline.fit([e.tensor for e in samples.encoded], samples.targets)
    bead = rings.light(12.0, 12.0, (25, 25))
    assert np.corrcoef(baseline.template.numpy().ravel(), bead.ravel())[0, 1] > 0.99
