"""``brightfield predict``: images in, files out that the field opens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from brightfield import answers, images, layout, params, progress, registry
from brightfield.bundle import DESCRIPTION
from brightfield.errors import BrightfieldError
from brightfield.predictor import Predictor
from brightfield.results import Result

FETCHED = Path(".brightfield/fetched")  # bundles downloaded from the registry


def bundle_folder(task: str, reference: str) -> Path:
    """The bundle that a reference names: a folder, a model or ensemble trained here, or a version of the registry.

    Args:
        task: its name in params.yaml.
        reference: a folder with ``bundle.json``; the name of a local model or ensemble; or what the registry knows: an alias
            such as ``champion``, a version number, a model's name.

    Raises:
        BrightfieldError: if nothing goes by that name.
    """
    places = (Path(reference), layout.model(task, reference), layout.ensemble(task, reference))
    for folder in places:
        if (folder / DESCRIPTION).is_file():
            return folder
    try:
        return registry.fetch(task, reference, FETCHED)
    except BrightfieldError as error:
        here = sorted(path.parent.name for path in Path().glob(f"*/{task}/*/{DESCRIPTION}"))
        raise BrightfieldError(f"{error} Trained here: {', '.join(here) or 'none'}.") from error


def predict(
    task: str,
    paths: Sequence[Path],
    out: Path,
    *,
    reference: str = "champion",
    overwrite: bool = False,
    pixel_size_um: float | None = None,
) -> list[Path]:
    """Answer every image below the paths and write the answers into ``out``.

    Prints a warning if images lie outside what the model was trained on; the columns ``outside`` and ``distance`` say which.

    Raises:
        BrightfieldError: for an unknown task or model, an image that cannot be read, or answers that are there already.
    """
    settings = params.load()
    params.entry(settings.tasks, task, "task")
    predictor = Predictor.load(bundle_folder(task, reference), settings.compute)
    if predictor.task_name != task:
        raise BrightfieldError(f"{reference!r} answers task {predictor.task_name!r}, not {task!r}.")
    results: dict[str, Result] = {}
    pictures: dict[str, np.ndarray] = {}
    compared: list[pd.DataFrame] = []
    for name, image in progress.track(images.frames(paths), f"predict {task}", unit="image"):
        results[name] = predictor.predict([image])[0]
        pictures[name] = image
        if (found := predictor.compare([image])) is not None:
            compared.append(found.assign(image=name))
    if not results:
        raise BrightfieldError(f"There is no image in {', '.join(map(str, paths))}.")
    table = predictor.task.combine(results)
    if compared:
        distances = pd.concat(compared, ignore_index=True)
        table = table.merge(distances[["image", "outside", "distance"]], on="image", how="left")
        if message := warning(distances):
            print(f"warning: {message}")
    return answers.write_answers(
        results,
        pictures,
        table,
        out,
        classes=predictor.task.class_names,
        pixel_size_um=pixel_size_um or predictor.task.settings.pixel_size_um,
        overwrite=overwrite,
    )


def warning(compared: pd.DataFrame) -> str | None:
    """One line about the images that lie outside, None if none does.

    Args:
        compared: columns image, outside, distance, farthest.
    """
    outside = compared[compared["outside"] == 1]
    if outside.empty:
        return None
    worst = outside.iloc[int(outside["distance"].argmax())]
    most = outside["farthest"].mode()[0]
    return (
        f"{len(outside)} of {len(compared)} images lie outside what the model was trained on, most of them in {most}; the "
        f"farthest is {worst['image']} ({worst['farthest']}, {worst['distance']:.1f} times the limit). "
        "Check their answers, or train on images like them."
    )
