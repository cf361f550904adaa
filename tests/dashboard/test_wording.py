"""How things are written."""

from __future__ import annotations

import pytest

from wording import DASH, day, direction, in_tables, interval, number, short, unique_labels, words


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ("auc", "AUC"),
        ("mean_iou", "mean IoU"),
        ("iou_contour", "IoU contour"),
        ("capped_error_px", "capped error (px)"),
        ("validation_psnr_db", "validation PSNR (dB)"),
        ("failure_percent", "failure (%)"),
        ("train_loss", "train loss"),
        ("precision_at_recall_95", "precision at 95 % recall"),
        ("psnr_affine_db", "PSNR affine (dB)"),
        ("ap50_of_image", "AP50 of an image"),
        ("focus_um", "focus (\N{MICRO SIGN}m)"),
        ("log_loss", "log loss (nats)"),
        ("s", "s"),
    ],
)
def test_words(metric: str, text: str) -> None:
    assert words(metric) == text


@pytest.mark.parametrize(
    ("metric", "way"),
    [
        ("auc", "maximize"),
        ("psnr_db", "maximize"),
        ("validation_capped_error_px", "minimize"),
        ("train_loss", "minimize"),
        ("rmse_px", "minimize"),
        ("nrmse", "minimize"),
        ("brier", "minimize"),
        ("failure_percent", "minimize"),
        ("lost_area_percent", "minimize"),
        ("invented_percent", "minimize"),
        ("merges_percent", "minimize"),
        ("interval_error", "minimize"),
        ("psnr_affine_db", "maximize"),
        ("within_1_deviation", None),
        ("squared_z", None),
        ("learning_rate", None),
        ("loss_of_mine", None),  # what is not declared has no direction
    ],
)
def test_direction(metric: str, way: str | None) -> None:
    assert direction(metric) == way


@pytest.mark.parametrize(
    ("metric", "plain", "signed"), [("auc", "%.4f", "%+.4f"), ("test_lost_percent", "%.2f", "%+.2f")]
)
def test_in_tables(metric: str, plain: str, signed: str) -> None:
    assert (in_tables(metric), in_tables(metric, signed=True)) == (plain, signed)


def test_the_direction_of_every_objective() -> None:
    from brightfield import tasks

    for task in tasks.KINDS.values():
        assert direction(task.objective.metric) == task.objective.direction


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.12345, "0.123"), (28.456, "28.46"), (1234.56, "1234.6"), (0.0, "0.000"), (0.00012, "1.20e-04"), (None, DASH)],
)
def test_number(value: float | None, text: str) -> None:
    assert number(value) == text


def test_signs_and_intervals() -> None:
    assert number(0.1, signed=True) == "+0.100"
    assert number(-0.1, signed=True) == "-0.100"
    assert number(0.000341, signed=True) == "+0.000"
    assert number(float("nan")) == DASH
    assert interval(0.1, 0.25) == "0.100 to 0.250"
    assert interval(float("nan"), 0.2) == "no interval: too few groups"


def test_hashes_and_days() -> None:
    assert short("0123456789abcdef.dir") == "0123456"
    assert short(None) == short("") == short(float("nan")) == DASH  # type: ignore[arg-type]
    assert day("2025-03-01T14:05:00+00:00") == "1 Mar 2025"
    assert day("yesterday") == "yesterday"


def test_names_that_occur_twice_get_their_id() -> None:
    assert unique_labels(["a", "b", "a"], ["0123456789", "1111111111", "2222222222"]) == [
        "a · 012345",
        "b",
        "a · 222222",
    ]
