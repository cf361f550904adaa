"""The signature of a served bundle: what its page in MLflow says of images and answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brightfield.results import Entry, form_of

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Array, ColSpec, DataType


def signature(folder: Path) -> ModelSignature:
    """The schema of the images that a bundle takes and of its answers; a length of -1 is any length.

    Images are (N, H, W), or (N, H, W, C) for a model that takes C > 1 channels. They are stated as float32, which has every
    value of uint8 and uint16.

    MLflow shows the schema and does not enforce it. Enforced, it would refuse what :class:`serving.Served` takes as well: whole
    numbers (a tensor has exactly one type) and lists of images of different sizes (a tensor is one array). MLflow leaves the check
    to the model where a signature comes from a type hint, which is what the one flag says that is set here; it writes the flag into
    ``MLmodel``. No type hint gives these shapes: MLflow derives none from arrays.

    Args:
        folder: a bundle, of a model or an ensemble.

    Raises:
        BrightfieldError: it is missing, incomplete or damaged.
    """
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, DataType, Schema, TensorSpec

    from brightfield.inference import bundle  # imports torch

    task = bundle.read_task(folder)
    channels = task.learning.shape().inputs
    images = TensorSpec(np.dtype(np.float32), (-1, -1, -1) if channels == 1 else (-1, -1, -1, channels))
    entries = form_of(task.answer_type).entries
    answers: list[ColSpec | TensorSpec] = [ColSpec(DataType.string, "kind")]
    answers += [_column(entry) for entry in entries]
    found = ModelSignature(Schema([images]), Schema(answers) if entries else None)
    found._is_signature_from_type_hint = True
    return found


def _column(entry: Entry) -> ColSpec:
    """A column of MLflow's for an entry: a row an image."""
    from mlflow.types.schema import Array, ColSpec

    of_entry: DataType | Array = _number(np.dtype(entry.dtype))
    for _ in range(entry.axes):
        of_entry = Array(of_entry)
    return ColSpec(of_entry, entry.name, required=entry.always)


def _number(dtype: np.dtype[Any]) -> DataType:
    """The type of MLflow's that has every value of a type of numpy's."""
    from mlflow.types.schema import DataType

    if dtype.kind == "f":
        return DataType.double if dtype.itemsize > 4 else DataType.float
    if dtype.kind == "b":
        return DataType.boolean
    return DataType.integer if np.can_cast(dtype, np.int32) else DataType.long
