"""A hybrid network's answer: a heat map, and the image of the beads alone in which symmetry finds centres."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import rings
import tiny
from brightfield import params
from brightfield.data.records import Record
from brightfield.errors import BrightfieldError
from brightfield.tasks.tracking import Tracking
from brightfield.tasks.tracking.hybrid import ALONE, CHANNELS, HEAT, centres

TASK = Tracking(params.TrackingSettings(hybrid=True))
LOSS = TASK.learning.loss_function(TASK.learning.dataset([]), params.Training(epochs=1))
TRUE = (27.3, 23.8)


def frame(position: tuple[float, float] = TRUE, seed: int = 0) -> Record:
    """One bead in noise, and where it is said to be."""
    alone = rings.light(*TRUE)
    image = rings.exposed(alone, np.random.default_rng(seed))
    fields = {"positions": np.array([position]), "transmission": (alone / rings.ELECTRONS).astype(np.float16)}
    return Record("frame", "movie", image, fields)


def perfect(record: Record) -> torch.Tensor:
    """The output of a perfect network, (1, 2, H, W)."""
    target = TASK.learning.target(record, TASK.learning.encode(record.image))
    return torch.stack([torch.logit(target[HEAT].clamp(1e-6, 1 - 1e-6)), target[ALONE] - 5.0])[None]


def test_the_target_is_the_heat_map_and_the_beads_alone() -> None:
    record = frame()
    encoded = TASK.learning.encode(record.image)
    target = TASK.learning.target(record, encoded)
    assert target.shape == (CHANNELS, *rings.SIZE)
    plain = Tracking(params.TrackingSettings()).learning.target(record, encoded)
    torch.testing.assert_close(target[HEAT], plain[0])
    np.testing.assert_array_equal(target[ALONE].numpy(), record.fields["transmission"])
    torch.testing.assert_close(TASK.answering.activate(perfect(record))[0], target, atol=1e-5, rtol=0)


def test_the_loss_is_least_for_both_and_counts_both() -> None:
    record = frame()
    target, best = TASK.learning.target(record, TASK.learning.encode(record.image))[None], perfect(record)
    least = float(LOSS(best, target))
    for channel in (HEAT, ALONE):
        other = best.clone()
        other[:, channel] += 0.1
        assert float(LOSS(other, target)) > least
    wrong = best.clone()
    wrong[:, ALONE] += 0.2  # by hand: half of the square of the error
    assert float(LOSS(wrong, target)) - least == pytest.approx(0.5 * 0.2**2, rel=1e-3)


def test_a_network_begins_by_seeing_no_beads() -> None:
    torch.manual_seed(0)
    network = TASK.learning.network(tiny.model("tracking")).eval()
    with torch.no_grad():
        heat, alone = TASK.answering.activate(network(torch.randn(2, 1, 48, 48)))[0]
    assert 0 < float(heat.median()) < TASK.settings.threshold / 2
    assert float(alone.mean()) == pytest.approx(1.0, abs=0.3)


def test_symmetry_of_the_beads_alone_mends_a_heat_map_that_is_off() -> None:
    record = frame(position=(28.2, 23.0))
    found = TASK.answering.decode(
        TASK.answering.activate(perfect(record))[0].numpy(), TASK.learning.encode(record.image)
    )
    assert np.hypot(*(found.positions[0] - TRUE)) < 0.15
    assert found.errors is None


def test_each_of_two_beads_has_its_own_centre_and_none_is_no_bead() -> None:
    patch_centres = np.array([[30.2, 40.7], [60.6, 38.1]])
    alone = (
        rings.light(*patch_centres[0], size=(80, 96))
        * rings.light(*patch_centres[1], size=(80, 96))
        / rings.ELECTRONS**2
    )
    found = centres(alone.astype(np.float32), patch_centres + 0.6)
    assert np.abs(found - patch_centres).max() < 0.4
    assert centres(alone.astype(np.float32), np.empty((0, 2))).shape == (0, 2)


def test_refined_it_is_as_good_as_the_image_allows() -> None:
    task = Tracking(params.TrackingSettings(hybrid=True, refine=True))
    record = frame(position=(28.0, 23.1))
    encoded, activated = task.learning.encode(record.image), task.answering.activate(perfect(record))[0].numpy()
    found = task.answering.decode(activated, encoded)
    assert np.hypot(*(found.positions[0] - TRUE)) < 0.05
    assert found.errors is not None
    assert 0 < found.errors.max() < 0.03
    assert task.answering.decode_fast(activated, encoded).errors is None  # while training, when nobody waits for a fit


def silent(record: Record) -> Record:
    """The frame without its transmission, as a lab's own."""
    return Record("f7", "movie", record.image, {"positions": record.fields["positions"]})


def test_a_frame_that_does_not_tell_its_beads_alone_teaches_where_they_are_and_nothing_else() -> None:
    record = frame()
    encoded = TASK.learning.encode(record.image)
    targets = torch.stack([TASK.learning.target(of, encoded) for of in (record, silent(record))])
    assert not targets[0].isnan().any()
    assert targets[1, ALONE].isnan().all()
    training = params.Training(epochs=1, init_from="starter")
    loss = TASK.learning.loss_function(TASK.learning.dataset([silent(record)]), training)
    output = torch.randn((1, CHANNELS, *record.image.shape), requires_grad=True)
    loss(output, targets[1:]).backward()
    assert output.grad is not None
    assert not output.grad[:, ALONE].any()
    assert output.grad[:, HEAT].abs().min() > 0
    assert loss(output, targets[1:]) < loss(output, targets[:1])


def test_without_a_network_to_begin_with_they_are_refused() -> None:
    record = frame()
    with pytest.raises(BrightfieldError, match=r"1 of 2 frames .*init_from: starter.*leave out settings\.hybrid"):
        TASK.learning.loss_function(TASK.learning.dataset([record, silent(record)]), params.Training(epochs=1))
    TASK.learning.loss_function(TASK.learning.dataset([record]), params.Training(epochs=1))


def test_a_transmission_of_another_size_is_refused() -> None:
    record = frame()
    fields = {**record.fields, "transmission": np.ones((5, 5), np.float16)}
    with pytest.raises(BrightfieldError, match=r"\(48, 56\) px, its transmission \(5, 5\)"):
        TASK.learning.target(Record("f", "movie", record.image, fields), TASK.learning.encode(record.image))
