"""Where nothing is, no cell is found; where something is, however dim, it stays."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage

from brightfield import images, params
from brightfield.data.records import Record
from brightfield.tasks.segmentation import Segmentation
from brightfield.tasks.visibility import shows_something, shows_structure, visibility

RNG = np.random.default_rng(0)
SHAPE = (160, 192)
NOISE = RNG.normal(2500, 40, SHAPE)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]


def noise_regions() -> npt.NDArray[np.int32]:
    """The regions that stand out most where there is only noise: a network's favourites."""
    smooth = ndimage.gaussian_filter(NOISE, 3)
    regions, _ = ndimage.label(smooth > np.quantile(smooth, 0.9))
    return regions.astype(np.int32)


def hot(image: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    spoilt = image.copy()
    spoilt.flat[RNG.choice(image.size, 30, replace=False)] = 60_000
    return spoilt


EMPTY = {
    "noise": NOISE,
    "vignette": NOISE * (1 - 0.4 * ((ROWS / SHAPE[0] - 0.5) ** 2 + (COLUMNS / SHAPE[1] - 0.5) ** 2)),
    "a gradient": NOISE + 5 * COLUMNS,
    "hot pixels": hot(NOISE),
    "few photons": RNG.poisson(6, SHAPE).astype(float),
    "constant": np.full(SHAPE, 2500.0),
}


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize("scheme", ["cells", "contours", "species"])
def test_no_cell_is_answered_where_nothing_is(name: str, scheme: str) -> None:
    task = Segmentation(params.SegmentationSettings.model_validate({"scheme": scheme, "species": ["a", "b"]}))
    regions = noise_regions()
    activated = np.zeros((len(task.class_names), *SHAPE), np.float32)
    activated[1], activated[0] = regions > 0, regions == 0
    encoded = task.learning.encode(EMPTY[name].astype(np.float32))
    answer = task.answering.decode(activated, encoded)
    assert answer.instances.max() == 0
    assert answer.classes.max() == 0
    assert len(task.rows(answer)) in (0, 1)
    drawn = np.where(regions > 0, EMPTY[name] - 400, EMPTY[name]).astype(np.float32)
    assert task.answering.decode(activated, task.learning.encode(drawn)).instances.max() > 0


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_single_dim_cell_stays(sign: int) -> None:
    """10 noise levels over an area of some hundred pixels, dark or bright."""
    labels = np.zeros(SHAPE, np.int32)
    labels[60:70, 60:110] = 1
    assert shows_something((NOISE + sign * 80 * (labels > 0))[None], labels)
    assert not shows_something(NOISE[None], labels)


def test_one_channel_with_something_is_enough() -> None:
    labels = np.zeros(SHAPE, np.int32)
    labels[60:70, 60:110] = 1
    assert shows_something(np.stack([NOISE, NOISE + 400 * (labels > 0)]), labels)


def test_noise_alone_measures_one() -> None:
    everywhere = np.ones(SHAPE, np.int32)
    assert visibility(NOISE, everywhere, np.array([1]))[0] == pytest.approx(1, rel=0.1)
    assert visibility(1e-6 * NOISE - 3, everywhere, np.array([1]))[0] == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("name", EMPTY)
def test_an_image_of_noise_shows_no_structure(name: str) -> None:
    assert not shows_structure(EMPTY[name])


@pytest.mark.parametrize(("height", "width_px"), [(400, 3), (60, 10), (25, 25)])
def test_an_image_of_a_small_or_of_a_wide_and_pale_object_does(height: float, width_px: float) -> None:
    away = np.hypot(ROWS - 70, COLUMNS - 110)
    image = NOISE + height * np.exp(-((away / width_px) ** 2))
    assert shows_structure(image)
    assert shows_structure(np.stack([image, NOISE], axis=-1))
    assert not shows_structure(np.stack([NOISE, image], axis=-1))


def test_simulated_cells_are_visible_in_every_suite(simulated_fields: list[Record]) -> None:
    for record in simulated_fields:
        assert shows_something(images.to_grey(record.image)[None].astype(np.float32), record.fields["labels"]), (
            record.id
        )


@pytest.fixture(scope="module")
def simulated_fields() -> list[Record]:
    from brightfield import simulate

    settings = params.load(Path(__file__).parents[2] / "params.yaml").simulations["bacteria"]
    few = settings.model_copy(update={"images": 4, "suite_groups": 2})
    return list(simulate.simulate(few, 1))


def test_real_cells_are_visible() -> None:
    if not (folder := os.environ.get("BRIGHTFIELD_REAL_DATA")):
        pytest.skip("BRIGHTFIELD_REAL_DATA is not set: no real images here")
    fields = list(Path(folder).glob("bacteria/labelled*/*/labels.tif"))
    assert fields
    for path in fields:
        image = images.to_grey(images.read(path.with_name("image.tif"))).astype(np.float32)
        assert shows_something(image[None], images.read_labels(path)), path
