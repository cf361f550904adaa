"""What tests of prediction share."""

from __future__ import annotations

import numpy as np
import pytest

from brightfield.tasks import Encoded
from brightfield.tasks.classification.learning import ClassificationLearning


@pytest.fixture
def seen_crops(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The crops that are encoded during a test, as the model sees them."""
    seen: list[np.ndarray] = []
    encode = ClassificationLearning.encode

    def watched(self: ClassificationLearning, image: np.ndarray) -> Encoded:
        seen.append(image)
        return encode(self, image)

    monkeypatch.setattr(ClassificationLearning, "encode", watched)
    return seen
