"""An appearance stands in for the ranges of a simulator, and for nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from brightfield.data.records import Record
from brightfield.params import DenoiseSimulation, RbcSimulation
from brightfield.simulate import simulate


def denoise(**appearance: Any) -> list[Record]:
    content = {"simulator": "denoise", "images": 3, "size_px": 64, "peak_electrons": (20.0, 20.0)}
    return list(simulate(DenoiseSimulation.model_validate({**content, "appearance": appearance})))


def rbc(**appearance: Any) -> list[Record]:
    content = {"simulator": "rbc", "smears": 3, "crops_per_smear": 2, "size_px": 64}
    return list(simulate(RbcSimulation.model_validate({**content, "appearance": appearance})))


def test_an_empty_one_changes_nothing() -> None:
    for made, params in (
        (denoise(), DenoiseSimulation(simulator="denoise", images=3, size_px=64, peak_electrons=(20.0, 20.0))),
        (rbc(), RbcSimulation(simulator="rbc", smears=3, crops_per_smear=2, size_px=64)),
    ):
        for left, right in zip(made, simulate(params), strict=True):
            assert left.image.tobytes() == right.image.tobytes()


def test_the_cameras_offset_moves_every_count_by_as_much() -> None:
    low, high = (denoise(offset=(offset, offset)) for offset in (100.0, 150.0))
    for left, right in zip(low, high, strict=True):
        assert right.fields["clean"] - left.fields["clean"] == pytest.approx(50, abs=1e-3)
        assert np.abs(right.image.astype(int) - left.image - 50).max() <= 1  # rounding


def test_a_wider_blur_leaves_less_detail() -> None:
    def detail(records: list[Record]) -> float:
        return float(np.mean([np.abs(np.diff(r.fields["clean"], 2)).mean() for r in records]))

    assert detail(denoise(blur_px=(4.0, 4.0))) < 0.5 * detail(denoise(blur_px=(1.0, 1.0)))


def test_white_of_a_smear_and_its_contour() -> None:
    crops = rbc(white=[(0.5, 0.5), (0.6, 0.6), (0.7, 0.7)], stain=[(0.0, 0.0)] * 3, contour=False, texture=(0.0, 0.0))
    for crop in crops:
        assert np.median(crop.image, axis=(0, 1)) / 255 == pytest.approx([0.5, 0.6, 0.7], rel=0.1)
        assert not ((crop.image[..., 0] == 255) & (crop.image[..., 1] == 0)).any()
    assert any(((r.image[..., 0] == 255) & (r.image[..., 1] == 0)).any() for r in rbc())


@pytest.mark.parametrize(
    ("appearance", "said"),
    [
        ({"offset": (3.0, 2.0)}, "from its lower end to its upper"),
        ({"read_noise": (-1.0, 2.0)}, "greater than or equal to 0"),
        ({"cover": (0.2, 1.5)}, "less than or equal to 0.9"),
        ({"colour": (0.2, 0.5)}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_no_range_is_refused(appearance: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        denoise(**appearance)
