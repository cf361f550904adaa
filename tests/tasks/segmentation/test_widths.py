"""The width of cells in fields of unknown magnification."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest
import torch

import tiny
from brightfield import images, tasks, training
from brightfield.inference import activations
from brightfield.inference.device import start_device
from brightfield.tasks.answering import Look
from brightfield.tasks.segmentation import widths

TASK = tasks.build("segmentation", tiny.SETTINGS["segmentation"])
KNOWN = tiny.records("segmentation", 8, seed=1)
NEW = tiny.records("segmentation", 3, seed=7)


def known_px() -> float:
    found = TASK.learning.known_width(KNOWN)
    assert found is not None
    return found


def looking(network: torch.nn.Module) -> Look:
    def look(shown: Sequence[images.Image]) -> list[tuple[npt.NDArray[np.float32], tasks.Encoded]]:
        encoded = [TASK.learning.encode(image) for image in shown]
        return list(
            zip(activations.activations(TASK, network, encoded, start_device(tiny.COMPUTE)), encoded, strict=True)
        )

    return look


@pytest.fixture(scope="module")
def trained() -> Look:
    """A network that knows cells of one width."""
    model = tiny.model("segmentation", epochs=4, steps_per_epoch=20, learning_rate=0.03)
    start_device(tiny.COMPUTE, model.seed)
    records: list[object] = [*KNOWN]
    fitted = training.fit(TASK, model, records, tiny.records("segmentation", 4, seed=2), tiny.COMPUTE)  # type: ignore[arg-type]
    return looking(fitted.network)


def at(factor: float) -> list[images.Image]:
    return [record.image if factor == 1 else images.magnified(record.image, factor) for record in NEW]


@pytest.mark.parametrize("factor", [0.5, 1, 2])
def test_fields_at_other_magnifications_are_brought_to_what_the_model_knows(trained: Look, factor: float) -> None:
    true = TASK.learning.known_width(NEW)
    assert true is not None
    found = TASK.answering.width(at(factor), known_px(), trained)
    assert found is not None
    assert known_px() / found == pytest.approx(known_px() / (factor * true), rel=0.15)


def test_fields_without_cells_have_no_width(trained: Look) -> None:
    noise = np.random.default_rng(0).normal(3000, 60, (2, 64, 64)).astype(np.uint16)
    assert TASK.answering.width(list(noise), known_px(), trained) is None


def test_a_model_that_is_not_sure_finds_no_width() -> None:
    torch.manual_seed(0)
    network = TASK.learning.network(tiny.model("segmentation"))
    assert TASK.answering.width(at(1), known_px(), looking(network)) is None


def test_a_field_too_small_for_any_magnification_has_no_width(trained: Look) -> None:
    assert TASK.answering.width([np.zeros((6, 200), np.uint8)], known_px(), trained) is None


def test_the_second_pass_looks_where_the_first_found_the_known_width() -> None:
    """A network that sees discs of its width alone; what it says of other magnifications it says with less certainty."""
    asked: list[tuple[int, int]] = []
    field = np.zeros((96, 96), np.uint8)
    y, x = np.mgrid[:96, :96]
    for row in (16, 48, 80):
        for column in (16, 48, 80):
            field[np.hypot(y - row, x - column) < 6] = 200

    def look(shown: Sequence[images.Image]) -> list[tuple[npt.NDArray[np.float32], tasks.Encoded]]:
        asked.extend(image.shape[:2] for image in shown)
        answered = []
        for image in shown:
            cells = (np.asarray(image) > 100).astype(np.float32)
            sure = 0.55 + 0.44 * np.exp(-(np.log2(12 * len(image) / 96 / 10) ** 2))  # knows 10 px
            answered.append(
                (np.stack([1 - sure * cells, sure * cells, 0 * cells]), TASK.learning.encode(np.asarray(image)))
            )
        return answered

    found = TASK.answering.width([field], 10.0, look)
    assert found == pytest.approx(12, rel=0.12)
    assert len(asked) == len(widths.MAGNIFICATIONS) - 3 + 1  # three would leave too little of the field
    assert asked[-1][0] == pytest.approx(96 * 10 / 12, rel=0.12)


@pytest.fixture
def rods() -> Callable[[int, int], npt.NDArray[np.int32]]:
    def draw(width: int, count: int) -> npt.NDArray[np.int32]:
        labels = np.zeros((60 + 40 * count, 60), np.int32)
        for i in range(count):
            labels[20 + 40 * i : 20 + 40 * i + width, 10:50] = i + 1
        return labels

    return draw


def test_the_width_of_labels_lies_between_those_of_two_species(
    rods: Callable[[int, int], npt.NDArray[np.int32]],
) -> None:
    thin, wide = (widths.of_labels([rods(width, 4)]) for width in (6, 14))
    assert thin == pytest.approx(6, rel=0.1)
    assert wide == pytest.approx(14, rel=0.1)
    both = widths.of_labels([rods(6, 4), rods(14, 4)])
    assert thin is not None
    assert wide is not None
    assert both is not None
    assert 1.2 * thin < both < wide / 1.2


def test_labels_without_cells_have_no_width() -> None:
    assert widths.of_labels([np.zeros((20, 20), np.int32)]) is None
    assert widths.of_labels([]) is None


def test_specks_count_little(rods: Callable[[int, int], npt.NDArray[np.int32]]) -> None:
    labels = rods(12, 6)
    alone = widths.of_labels([labels])
    labels[5, 5] = 7
    labels[8, 9] = 8
    assert widths.of_labels([labels]) == pytest.approx(alone, rel=0.2)
