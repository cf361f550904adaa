"""Small folders as a lab might have them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brightfield import images


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "lab"
    folder.mkdir()
    return folder


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    return tmp_path / "raw" / "mine"


@pytest.fixture
def put(source: Path) -> Callable[..., np.ndarray]:
    """``put("bad/1_2.png", seed)``: a random image in the source, returned."""

    def write(name: str, seed: int, shape: tuple[int, ...] = (20, 24), dtype: type = np.uint8) -> np.ndarray:
        image = np.random.default_rng(seed).integers(0, 200, shape).astype(dtype)
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        images.write_png(path, image) if path.suffix == ".png" else images.write_tiff(path, image)
        return image

    return write


@pytest.fixture
def lab(source: Path, put: Callable[..., np.ndarray]) -> Path:
    """An image in the source itself, without labels so far."""
    put("image.tif", 0, dtype=np.uint16)
    return source


@pytest.fixture
def real() -> Path:
    if not (folder := os.environ.get("BRIGHTFIELD_REAL_DATA")):
        pytest.skip("BRIGHTFIELD_REAL_DATA is not set: no real images here")
    return Path(folder)
