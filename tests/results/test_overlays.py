"""What is drawn, where, and in which colour."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from brightfield.results import ClassMap, Label, Picture, Points, Result, class_map, picture
from brightfield.results.canvas import BAD, FOUND, GOOD, TRUE, limits_of, stretch
from brightfield.results.overlays import GAP_PX, TITLE_PX, overlay, side_by_side

SHAPE = (30, 44)


def boxes(*places: tuple[int, int, int, int], shape: tuple[int, int] = SHAPE) -> ClassMap:
    instances = np.zeros(shape, np.int32)
    for label, (top, bottom, left, right) in enumerate(places, start=1):
        instances[top:bottom, left:right] = label
    return ClassMap((instances > 0).astype(np.uint8), instances)


RESULTS: dict[str, tuple[Result, Result]] = {
    "ClassMap": (boxes((4, 14, 5, 20)), boxes((5, 15, 5, 20))),
    "Points": (Points.exact([[10.25, 7.5]]), Points.exact([[11, 8]])),
    "Label": (Label(0.93), Label(0.0)),
    "Picture": (Picture(np.ones(SHAPE, np.float32)), Picture(np.zeros(SHAPE, np.float32))),
}


def coloured(canvas: np.ndarray) -> np.ndarray:
    """How far each pixel is from grey."""
    return np.ptp(canvas.astype(int), axis=2)


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize(
    ("dtype", "channels", "top"),
    [
        ("uint8", 0, 255),
        ("uint16", 0, 4095),
        ("float32", 0, 1.0),
        ("uint8", 3, 255),
        ("uint16", 4, 65535),
        ("float64", 1, -5),
    ],
)
def test_any_image_with_any_answer(name: str, dtype: str, channels: int, top: float) -> None:
    shape = (*SHAPE, channels) if channels else SHAPE
    image = (np.random.default_rng(0).random(shape) * top).astype(dtype)
    result, truth = RESULTS[name]
    plain, compared = overlay(image, result), overlay(image, result, truth)
    for canvas in (plain, compared):
        assert canvas.dtype == np.uint8
        assert canvas.ndim == 3
        assert canvas.shape[2] == 3
        assert canvas.std() > 10  # not blank
    assert plain.shape != compared.shape or (plain != compared).any()  # the truth shows


@pytest.mark.parametrize("image", [np.zeros(SHAPE, np.uint16), np.full(SHAPE, np.nan, np.float32)])
@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.filterwarnings("error")
def test_constant_and_undefined_images_are_drawn_dark(name: str, image: np.ndarray) -> None:
    canvas = overlay(image, RESULTS[name][0])
    assert np.median(canvas) < 100


def test_stretch_takes_percentiles_of_all_channels_together() -> None:
    image = np.arange(1000, dtype=np.float32).reshape(20, 50)
    image[0, 0] = 1e6  # one hot pixel
    grey = stretch(image)
    assert (grey[..., 0] == grey[..., 1]).all()
    assert grey[10, 0, 0] == pytest.approx(127.5, abs=2)
    colour = np.stack([image * 0 + 100, image * 0 + 50, image * 0], axis=-1)
    assert stretch(colour)[5, 5].tolist() == [255, 128, 0]


def test_stretch_does_not_change_the_image() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    before = image.copy()
    overlay(image, Points.exact([[1, 1]]))
    assert (image == before).all()


@pytest.mark.parametrize(("side", "factor"), [(40, 4), (256, 4), (300, 3), (512, 2), (513, 1), (1500, 1)])
def test_small_images_are_enlarged(side: int, factor: int) -> None:
    canvas = overlay(np.zeros((20, side), np.uint8), Points.exact([]))
    assert canvas.shape == (20 * factor, side * factor, 3)
    assert overlay(np.zeros((20, side), np.uint8), Points.exact([]), scale=1).shape == (20, side, 3)


# --- positions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("x", "y"), [(20.0, 14.0), (20.25, 14.5), (21.4, 13.9)])
@pytest.mark.parametrize("scale", [1, 4])
def test_a_cross_is_centred_on_the_position_to_a_fraction_of_a_pixel(x: float, y: float, scale: int) -> None:
    canvas = overlay(np.zeros(SHAPE, np.uint8), Points.exact([[x, y]]), scale=scale).astype(float)
    weight = canvas.sum(axis=2)
    rows, cols = np.indices(weight.shape)
    # back to the pixels of the image
    found = [(np.average(i, weights=weight) + 0.5) / scale - 0.5 for i in (cols, rows)]
    assert found == pytest.approx([x, y], abs=0.02)


def test_truth_is_a_ring_of_another_colour() -> None:
    image = np.zeros((60, 60), np.uint8)
    canvas = overlay(image, Points.exact([[15, 15]]), Points.exact([[45, 40]]), scale=4)
    found = (canvas == FOUND).all(axis=2)
    true = (canvas == TRUE).all(axis=2)
    assert found[: 30 * 4, : 30 * 4].sum() == found.sum() > 20
    assert true[: 30 * 4, : 30 * 4].sum() == 0
    y, x = np.nonzero(true)
    radius = np.hypot(x - (45.5 * 4 - 0.5), y - (40.5 * 4 - 0.5))
    assert len(radius) > 20
    assert np.ptp(radius) < 2


def test_marks_beyond_the_edge_are_cut_off() -> None:
    canvas = overlay(np.zeros(SHAPE, np.uint8), Points.exact([[0, 0], [43, 29], [-500, 3], [9, 1e6]]))
    assert coloured(canvas)[:20, :20].any()
    assert coloured(canvas)[-20:, -20:].any()
    assert not coloured(canvas)[40:80, 60:110].any()


# --- class maps -----------------------------------------------------------------------------------------------------


def test_classes_are_tinted_and_the_background_is_not() -> None:
    canvas = overlay(np.full(SHAPE, 7, np.uint8), boxes((4, 14, 5, 20)), scale=1)
    tint = coloured(canvas) > 0
    assert tint[4:14, 5:20].all()
    assert tint.sum() == 150


def test_touching_instances_have_outlines_of_their_own_colour() -> None:
    canvas = overlay(np.zeros(SHAPE, np.uint8), boxes((4, 14, 5, 20), (4, 14, 20, 35)), scale=1)
    left, right = canvas[8, 19], canvas[8, 20]
    assert (canvas[4, 6:18] == left).all()
    assert (canvas[4, 22:34] == right).all()
    assert np.abs(left.astype(int) - right).max() > 100
    assert (canvas[8, 7:18] == canvas[8, 7]).all()  # inside there is only the tint
    assert (canvas[8, 7] != left).any()


def test_hundred_instances_beside_each_other_can_be_told_apart() -> None:
    colours = class_map._distinct(np.arange(1, 101, dtype=np.int32)).astype(int)
    assert (np.abs(np.diff(colours, axis=0)).sum(axis=1) > 100).all()
    assert (colours.max(axis=1) == 255).all()


def test_the_true_outline_is_dashed_and_leaves_the_answer_visible() -> None:
    place = boxes((4, 24, 5, 40))
    answer, both = (overlay(np.full(SHAPE, 9, np.uint8), place, truth, scale=1) for truth in (None, place))
    edge = class_map._outline(place.instances, 1)
    white, black = (both == 255).all(axis=2) & edge, (both == 0).all(axis=2) & edge
    same = (both == answer).all(axis=2) & edge
    assert min(white.sum(), black.sum()) > 0.15 * edge.sum()
    assert same.sum() > 0.4 * edge.sum()
    assert (both == answer)[~edge].all()


# --- labels and pictures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("probability", "colour"), [(0.93, GOOD), (0.5, GOOD), (0.49, BAD)])
def test_the_frame_tells_the_answer_and_leaves_the_crop_free(probability: float, colour: tuple[int, int, int]) -> None:
    crop = np.random.default_rng(0).integers(0, 255, (85, 85, 3)).astype(np.uint8)
    canvas = overlay(crop, Label(probability))
    border = (canvas.shape[1] - 85 * 4) // 2
    assert (canvas[:border] == colour).all()
    assert (canvas[:, :border] == colour).all()
    inside = canvas[border : border + 340, border : border + 340]
    assert (inside == stretch(crop).repeat(4, 0).repeat(4, 1)).all()
    text = canvas[border + 340 :].min(axis=2) > 200
    assert text.sum() > 30  # white letters


def test_the_text_is_the_probability() -> None:
    crop = np.zeros((85, 85), np.uint8)
    canvases = [overlay(crop, Label(p)) for p in (0.91, 0.914, 0.92)]
    assert (canvases[0] == canvases[1]).all()
    assert (canvases[0] != canvases[2]).any()


def test_a_wrong_label_shows_both_colours() -> None:
    canvas = overlay(np.zeros((85, 85), np.uint8), Label(0.9), Label(0.0))
    inner = canvas[6 : 6 + 335, 6 : 6 + 335]
    assert (inner == BAD).all(axis=2).sum() > 500
    assert (canvas[0] == GOOD).all()


def test_pictures_stand_side_by_side_in_order() -> None:
    rng = np.random.default_rng(0)
    noisy, answer, truth = (rng.random(SHAPE).astype(np.float32) for _ in range(3))
    canvas = overlay(noisy, Picture(answer), Picture(truth), scale=1)
    assert canvas.shape == (30, 3 * 44 + 2 * picture.GAP_PX, 3)
    step = 44 + picture.GAP_PX
    assert (canvas[:, :44] == stretch(noisy)).all()
    assert (canvas[:, step : step + 44] == stretch(answer, limits_of(truth))).all()
    assert (canvas[:, 2 * step :] == stretch(truth)).all()
    assert (canvas[:, 44:step] == 255).all()


def test_the_deviation_stands_last_on_a_scale_of_its_own() -> None:
    rng = np.random.default_rng(0)
    noisy, answer, truth, deviation = (rng.random(SHAPE).astype(np.float32) for _ in range(4))
    canvas = overlay(noisy, Picture(answer, 1 + deviation), Picture(truth), scale=1)
    assert canvas.shape == (30, 4 * 44 + 3 * picture.GAP_PX, 3)
    unsure = canvas[:, -44:]
    assert (unsure == stretch(1 + deviation, (0.0, limits_of(1 + deviation)[1]))).all()
    assert unsure.min() > 100  # from 0, so that what is equally sure looks so


# --- edges ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "result", "truth", "scale", "message"),
    [
        (np.zeros((5, 5, 2)), Label(0.5), None, "auto", r"1, 3 or 4 channels, got \(5, 5, 2\)"),
        (np.zeros((0, 5)), Label(0.5), None, "auto", r"got \(0, 5\)"),
        (np.zeros((9, 9)), RESULTS["ClassMap"][0], None, "auto", r"as large as its image, \(9, 9\), got \(30, 44\)"),
        (np.zeros((9, 9)), RESULTS["Picture"][0], None, "auto", "as large as its image"),
        (np.zeros((9, 9)), Label(0.5), Points.exact([]), "auto", "type of the answer, Label, got Points"),
        (np.zeros((9, 9)), Label(0.5), None, 0, "at least 1, got 0"),
    ],
)
def test_what_does_not_fit_is_refused(image: Any, result: Any, truth: Any, scale: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        overlay(image, result, truth, scale)


def test_a_large_field_is_drawn_in_seconds() -> None:
    image = np.random.default_rng(0).integers(0, 65535, (2048, 2048)).astype(np.uint16)
    instances = np.kron(np.arange(2048, dtype=np.int32).reshape(32, 64), np.ones((64, 32), np.int32))
    field = ClassMap((1 + instances % 2).astype(np.uint8), instances)
    start = time.perf_counter()
    canvas = overlay(image, field, field)
    assert time.perf_counter() - start < 10  # 0.6 s on an idle machine
    assert canvas.shape == (2048, 2048, 3)


@pytest.mark.parametrize("name", [name for name in RESULTS if name != "Picture"])
def test_answers_stand_side_by_side_as_they_are_drawn(name: str) -> None:
    image, (one, other) = np.random.default_rng(0).integers(0, 255, SHAPE, dtype=np.uint8), RESULTS[name]
    both = side_by_side(image, {"network": one, "otsu": other}, scale=2)
    width = overlay(image, one, scale=2).shape[1]
    np.testing.assert_array_equal(both[TITLE_PX:, :width], overlay(image, one, scale=2))
    np.testing.assert_array_equal(both[TITLE_PX:, width + GAP_PX :], overlay(image, other, scale=2))
    assert (both[:TITLE_PX, :width] < 128).any()  # a title


def test_pictures_share_a_grey_scale_side_by_side() -> None:
    image = np.random.default_rng(0).integers(0, 255, SHAPE, dtype=np.uint8)
    ramp = np.broadcast_to(np.linspace(0, 100, SHAPE[1], dtype=np.float32), SHAPE).copy()
    row = side_by_side(image, {"network": Picture(ramp / 2), "nlm": Picture(ramp)}, Picture(ramp), scale=1)
    assert row.shape == (SHAPE[0] + TITLE_PX, 4 * SHAPE[1] + 3 * GAP_PX, 3)
    step, place = SHAPE[1] + GAP_PX, (TITLE_PX + 3, 40)
    values = [int(row[place[0], place[1] + panel * step, 0]) for panel in range(4)]
    assert values[2] == values[3] == pytest.approx(2 * values[1], abs=3)


def test_answers_of_several_types_do_not_stand_side_by_side() -> None:
    with pytest.raises(ValueError, match="one type, got Label, Points"):
        side_by_side(np.zeros(SHAPE), {"a": RESULTS["Points"][0], "b": RESULTS["Label"][0]})
    with pytest.raises(ValueError, match="got none"):
        side_by_side(np.zeros(SHAPE), {})
