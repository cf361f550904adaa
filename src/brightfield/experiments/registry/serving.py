"""The code with which MLflow serves a registered bundle, copied beside the bundle, so that nothing is ever unpickled.

The rest of the platform must not import this file: MLflow executes it and uses the object given to ``set_model``. It imports only
the public interface of Brightfield, so that registered versions still work when modules move.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow.pyfunc.model import PythonModel

import brightfield


class Served(PythonModel):
    """A bundle (a model or an ensemble) behind MLflow's ``predict``."""

    def load_context(self, context: Any) -> None:
        """Load the bundle that was registered."""
        self._model = brightfield.load(Path(context.artifacts["bundle"]))

    def predict(  # lists of images are accepted, too, but MLflow would enforce any other type hint
        self, context: Any, model_input: np.ndarray, params: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Predict images.

        Args:
            context: unused.
            model_input: (N, H, W) or (N, H, W, C), or a list of (H, W) and (H, W, C) arrays, which may differ in size; C is 2
                for a model that takes fluorescence; uint8, uint16 or float32. Numbers from JSON (nested lists, key ``inputs``)
                are converted to uint16 if they fit, else to float32.
            params: unused.

        Returns:
            One dict per image. ``kind`` is ``classification`` (with ``probability``), ``tracking`` (``positions``
            (N, 2) x and y in px, ``quality`` (N,)), ``segmentation`` (``classes`` (H, W) uint8, ``instances`` (H, W)
            int32; of a model with species also ``species`` and ``species_probability`` by number of instance, entry 0
            unused) or ``restoration`` (``pixels`` (H, W) float32; ``deviation`` (H, W) of a probabilistic model).
            Where the version has guarantees also ``class_set`` (numbers of classes), ``radius_px`` (N,), or
            ``count_low``, ``count_high`` and ``margin_px``.
        """
        return [answer.to_dict() for answer in self._model.predict(_images(model_input))]


def _images(model_input: Iterable[Any]) -> list[np.ndarray]:
    images = [_as_image(np.asarray(image)) for image in model_input]
    for image in images:
        if image.ndim not in (2, 3):
            raise ValueError(f"expected images (H, W) or (H, W, C), got one of shape {image.shape}")
    return images


def _as_image(image: np.ndarray) -> np.ndarray:
    if image.dtype in (np.uint8, np.uint16, np.float32):
        return image
    if np.issubdtype(image.dtype, np.integer) and image.size and image.min() >= 0 and image.max() <= 65535:
        return image.astype(np.uint16)
    return image.astype(np.float32)


mlflow.models.set_model(Served())
