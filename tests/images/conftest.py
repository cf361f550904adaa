"""Small images of noise."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def grey() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 65536, (24, 40), dtype=np.uint16)


@pytest.fixture
def stack() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 65536, (12, 24, 40), dtype=np.uint16)
