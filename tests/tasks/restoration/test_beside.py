"""Images denoised by non-local means."""

from __future__ import annotations

import numpy as np

from brightfield import params
from brightfield.data.records import Record
from brightfield.results import Picture
from brightfield.tasks.restoration.beside import RestorationBeside, nlm

SETTINGS = params.RestorationSettings(pixel_size_um=0.1)


def test_noise_is_removed_in_the_units_of_the_image() -> None:
    clean = 200 + 800 * (np.indices((64, 80)).sum(axis=0) // 16 % 2).astype(np.float32)
    noisy = np.random.default_rng(0).poisson(clean).astype(np.uint16)
    beside = RestorationBeside(SETTINGS)
    answer, truth = nlm(SETTINGS, [])(noisy), beside.truth(Record("a", "a", noisy, {"clean": clean}))
    before = beside.compared(Picture(noisy.astype(np.float32)), truth)["psnr_db"]
    assert beside.compared(answer, truth)["psnr_db"] > before + 5
    numbers = beside.numbers(answer, noisy)
    assert abs(numbers["residual_correlation"]) < 0.1
    assert 15 < numbers["removed"] < 35  # the square root of 200 and of 1000


def test_structure_that_was_removed_is_not_white() -> None:
    image = 100 * (np.indices((64, 80)).sum(axis=0) // 16 % 2).astype(np.float32)
    numbers = RestorationBeside(SETTINGS).numbers(Picture(np.full_like(image, 50)), image)
    assert numbers["residual_correlation"] > 0.7
