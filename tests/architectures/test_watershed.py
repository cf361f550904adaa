"""Local threshold and watershed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from brightfield import params
from brightfield.architectures import Shape
from brightfield.architectures.watershed import ThresholdWatershed
from brightfield.tasks.segmentation.cells import instances_of
from brightfield.tasks.segmentation.masks import class_map


def discs(*centres: tuple[int, int], radius: float = 9.0, size: int = 64) -> npt.NDArray[np.int32]:
    y, x = np.mgrid[:size, :size]
    labels = np.zeros((size, size), np.int32)
    for number, (cy, cx) in enumerate(centres, start=1):
        labels[(np.hypot(y - cy, x - cx) <= radius) & (labels == 0)] = number
    return labels


def baseline(polarity: float, offset: float = 0.5) -> ThresholdWatershed:
    made = ThresholdWatershed(params.Watershed(architecture="watershed", sigma_px=0.5), Shape(1, 3))
    made.polarity.fill_(polarity)
    made.offset.fill_(offset)
    return made


def image_of(labels: npt.NDArray[np.int32], contrast: float) -> npt.NDArray[np.float32]:
    image = contrast * (labels > 0) + np.random.default_rng(0).normal(0, 0.02, labels.shape)
    return np.asarray((image - image.mean()) / image.std(), dtype=np.float32)[None]


@pytest.mark.parametrize("polarity", [1.0, -1.0])
def test_two_discs_that_touch_come_apart(polarity: float) -> None:
    labels = discs((32, 20), (32, 37))
    assert (np.abs(np.diff(labels, axis=1)) == 1).any()  # they touch
    output = baseline(polarity).answer(image_of(labels, polarity))
    assert output.shape == (3, 64, 64)
    probabilities = torch.softmax(torch.from_numpy(output), dim=0).numpy()
    found = instances_of(probabilities, probabilities.argmax(axis=0).astype(np.uint8), min_area_px=30)
    assert found.max() == 2
    for cell in (1, 2):
        number = np.bincount(found[labels == cell]).argmax()
        union = ((found == number) | (labels == cell)).sum()
        assert ((found == number) & (labels == cell)).sum() / union > 0.9


def test_body_lies_inside_contour_inside_background() -> None:
    labels = discs((30, 30))
    classes = baseline(1.0).answer(image_of(labels, 1.0)).argmax(axis=0)
    expected = class_map(labels, 2.0)
    assert (classes == expected).mean() > 0.97
    assert classes[30, 30] == 1
    assert set(classes[30, 18:24]) >= {0, 2}


def test_an_empty_field_has_no_cells() -> None:
    classes = baseline(1.0).answer(np.zeros((1, 40, 40), np.float32)).argmax(axis=0)
    assert not classes.any()


@pytest.mark.parametrize("polarity", [1.0, -1.0])
def test_fitting_chooses_the_polarity_of_the_cells(polarity: float) -> None:
    fields = [discs((15, 15), (45, 40)), discs((32, 32), (12, 50))]
    images = [torch.from_numpy(image_of(labels, polarity)) for labels in fields]
    made = baseline(-polarity, offset=9.0)
    made.fit(images, [torch.from_numpy(class_map(labels, 2.0).astype(np.int64)) for labels in fields])
    assert float(made.polarity) == polarity
    found = made.answer(images[0].numpy()).argmax(axis=0) > 0
    cells = fields[0] > 0
    assert (found & cells).sum() / (found | cells).sum() > 0.9


def test_unknown_pixels_do_not_count_when_fitting() -> None:
    labels = discs((15, 15), (45, 40))
    target = torch.from_numpy(class_map(labels, 2.0).astype(np.int64))
    image = image_of(labels, 1.0)
    image[0, :, 32:] *= -1  # where the truth is unknown, everything is the other way round
    target[:, 32:] = -1
    made = baseline(-1.0)
    made.fit([torch.from_numpy(image)], [target])
    assert float(made.polarity) == 1.0
