"""A camera is known from its frames: simulated ones, whose camera is exact."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.errors import BrightfieldError
from brightfield.params import DenoiseSimulation
from brightfield.simulate import simulate
from brightfield.simulate.matching.camera import estimate
from brightfield.simulate.optics import Camera, smooth_field


def frames(electrons: float, camera: Camera, seed: int = 0) -> list[np.ndarray]:
    """Four frames of soft cells on a dark ground."""
    rng = np.random.default_rng(seed)
    light = [0.03 + 0.4 * np.clip(smooth_field((192, 192), 8, rng), 0, 2.5) for _ in range(4)]
    return [camera.expose(electrons * each, rng) for each in light]


@pytest.mark.parametrize(("electrons", "gain", "offset"), [(20.0, 0.35, 110.0), (60.0, 0.5, 95.0), (8.0, 0.25, 120.0)])
def test_dim_frames_tell_conversion_offset_and_read_noise(electrons: float, gain: float, offset: float) -> None:
    found = estimate(frames(electrons, Camera(gain, offset, read_noise=1.8)))
    assert found.rises
    assert found.electrons_per_count == pytest.approx(gain, rel=0.2)
    assert found.offset == pytest.approx(offset, abs=3)
    assert found.read_noise == pytest.approx(1.8, rel=0.2)


def test_cells_and_spots_are_not_taken_for_noise() -> None:
    camera = {"electrons_per_count": (0.4, 0.4), "offset": (105.0, 105.0), "read_noise": (1.6, 1.6)}
    params = DenoiseSimulation.model_validate(
        {"simulator": "denoise", "images": 6, "peak_electrons": (30.0, 30.0), "appearance": camera}
    )
    found = estimate([record.image for record in simulate(params)])
    assert found.electrons_per_count == pytest.approx(0.4, rel=0.2)
    assert found.offset == pytest.approx(105, abs=3)
    assert found.read_noise == pytest.approx(1.6, rel=0.2)


def test_the_variance_at_a_level_is_what_the_camera_has_there() -> None:
    found = estimate(frames(300.0, Camera(0.5, 100.0, read_noise=2.0)))
    truth = (200 / 0.5) + (2.0 / 0.5) ** 2  # 200 counts above the offset: variance of photons and of the read noise
    assert found.variance(300.0) == pytest.approx(truth, rel=0.1)


def test_a_known_offset_is_kept() -> None:
    found = estimate(frames(500.0, Camera(0.5, 100.0, read_noise=2.0)), offset=100.0)
    assert (found.offset, found.offset_error) == (100.0, 0.0)
    assert found.electrons_per_count == pytest.approx(0.5, rel=0.1)


def test_noise_that_does_not_rise_with_the_light_is_told() -> None:
    rng = np.random.default_rng(0)
    light = 120 + 40 * smooth_field((256, 256), 8, rng)
    found = estimate([np.clip(light + rng.normal(0, 3, light.shape), 0, 255).round().astype(np.uint8)], offset=0.0)
    assert not found.rises
    assert found.variance(120.0) == pytest.approx(9, rel=0.3)


def test_what_is_no_frame_of_a_camera_is_refused() -> None:
    y, x = np.mgrid[:128, :128]
    with pytest.raises(BrightfieldError, match="no noise at all"):
        estimate([(100 + x + y).astype(np.uint16)])
    with pytest.raises(BrightfieldError, match=r"have 4 patches of 8 x 8 px.*Give more or larger frames"):
        estimate([np.random.default_rng(0).poisson(50, (16, 16)).astype(np.uint16)])
