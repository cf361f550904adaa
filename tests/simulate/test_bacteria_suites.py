"""A suite changes what its name says and nothing else; an appearance sets what it names."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, get_args

import numpy as np
import pytest

from brightfield.data.records import Record
from brightfield.params import BacteriaAppearance, BacteriaSimulation, Suite
from brightfield.simulate.bacteria import COVER, ELECTRONS, FOCUS_UM, Acquisition, draw_acquisition, simulate_group
from brightfield.simulate.bacteria.placement import MYXOCOCCUS

PARAMS = BacteriaSimulation(simulator="bacteria", images=3, size_px=96)
each = pytest.mark.parametrize("suite", get_args(Suite))


def acquisitions(suite: Suite | None, params: BacteriaSimulation = PARAMS) -> list[Acquisition]:
    return [draw_acquisition(params, np.random.default_rng(seed), seed, suite) for seed in range(40)]


def record(suite: Suite | None, seed: int, number: int = 0) -> Record:
    return next(iter(simulate_group(PARAMS, number, np.random.default_rng(seed), suite)))


@each
def test_a_suite_changes_one_thing(suite: Suite) -> None:
    changed = {
        "focus": {"focus"},
        "density": {"covers"},
        "light": {"electrons", "vignette"},
        "camera": {"camera", "response", "sensor_blur_px"},
    }[suite]
    for usual, other in zip(acquisitions(None), acquisitions(suite), strict=True):
        left, right = asdict(usual), asdict(other)
        assert {name for name in left if left[name] != right[name]} == changed
        assert usual.focus.tilt_um == other.focus.tilt_um


@each
def test_cells_stay_where_they_are_unless_there_are_more(suite: Suite) -> None:
    usual, other = record(None, seed=1), record(suite, seed=1)
    assert np.array_equal(usual.fields["labels"], other.fields["labels"]) == (suite != "density")
    assert not np.array_equal(usual.image, other.image)


def test_focus_is_graded_to_either_side_beyond_what_training_sees() -> None:
    limit = FOCUS_UM
    assert all(abs(how.focus.z_um) <= limit[how.modality] for how in acquisitions(None))
    relative = np.array([how.focus.z_um / limit[how.modality] for how in acquisitions("focus")])
    assert abs(relative).min() >= 1.0
    assert abs(relative).max() <= 2.0
    for first in range(0, len(relative), 4):  # any four fields in a row
        four = relative[first : first + 4]
        assert sorted(zip(four > 0, abs(four) > 1.5, strict=True)) == [
            (s, g) for s in (False, True) for g in (False, True)
        ]
    assert record("focus", seed=2, number=1).row["focus_um"] == pytest.approx(
        draw_acquisition(PARAMS, np.random.default_rng(2).spawn(5)[0], 1, "focus").focus.z_um
    )


def test_density_is_beyond_what_training_sees_in_the_image_too() -> None:
    assert min(how.covers[MYXOCOCCUS.code] for how in acquisitions("density")) > COVER[MYXOCOCCUS.code][1]
    usual = [float(str(record(None, seed).row["cover"])) for seed in range(4)]
    dense = [float(str(record("density", seed).row["cover"])) for seed in range(4)]
    assert np.mean(dense) > 1.4 * np.mean(usual)
    assert min(dense) > 0.5


def test_light_is_dim_and_noisy() -> None:
    assert max(how.electrons for how in acquisitions("light")) < ELECTRONS[0]
    assert min(how.vignette for how in acquisitions("light")) > max(how.vignette for how in acquisitions(None))


def test_the_other_camera_is_noisier_and_softer() -> None:
    for usual, other in zip(acquisitions(None), acquisitions("camera"), strict=True):
        assert other.camera.read_noise > 1.9 * usual.camera.read_noise
        assert other.camera.offset > usual.camera.offset
        assert other.camera.electrons_per_count > usual.camera.electrons_per_count
        assert other.sensor_blur_px > 0
        assert usual.sensor_blur_px == 0


def test_an_appearance_sets_what_it_names_and_leaves_the_rest() -> None:
    ranges: dict[str, Any] = {
        "electrons": (50.0, 60.0),
        "myxococcus": (0.0, 0.0),
        "e_coli": (0.5, 0.6),
        "focus_um": (0.1, 0.2),
        "offset": (1000.0, 1100.0),
    }
    own = PARAMS.model_copy(update={"appearance": BacteriaAppearance(**ranges)})
    for usual, how in zip(acquisitions(None), acquisitions(None, own), strict=True):
        assert 50 <= how.electrons <= 60
        assert how.covers[1] == 0
        assert 0.5 <= how.covers[2] <= 0.6
        assert 0.1 <= abs(how.focus.z_um) <= 0.2
        assert 1000 <= how.camera.offset <= 1100
        assert how.camera.read_noise == usual.camera.read_noise
        assert (how.modality, how.vignette) == (usual.modality, usual.vignette)
