"""What all tasks share: objectives."""

from __future__ import annotations

import pytest

from brightfield.tasks import Objective

NAN = float("nan")


@pytest.mark.parametrize(
    ("direction", "a", "b", "better"),
    [
        ("maximize", 2.0, 1.0, True),
        ("maximize", 1.0, 2.0, False),
        ("maximize", 1.0, 1.0, False),
        ("minimize", 1.0, 2.0, True),
        ("minimize", 2.0, 1.0, False),
        ("maximize", 0.0, NAN, True),
        ("minimize", 9.0, NAN, True),
        ("maximize", NAN, 0.0, False),
        ("minimize", NAN, 0.0, False),
        ("maximize", NAN, NAN, False),
    ],
)
def test_better_is_strict_and_undefined_is_worst(direction: str, a: float, b: float, better: bool) -> None:
    objective = Objective({"maximize": "auc", "minimize": "rmse_px"}[direction])
    assert objective.direction == direction
    assert objective.better(a, b) is better
