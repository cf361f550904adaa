"""The user's own datasets: import images, track them with DVC, enter them in ``params.yaml``, and use them for models."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

from brightfield import layout, params
from brightfield.data.exporting import export_dataset
from brightfield.data.importing import ImportReport, import_dataset
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.params import editing
from brightfield.system import versioning


def add(
    task: str,
    source: Path,
    name: str,
    *,
    group_pattern: str | None = None,
    groups_csv: Path | None = None,
    positions: Path | None = None,
    connected: Sequence[int] = (),
    pixel_size_um: float | None = None,
    licence: str = "",
    noisy: bool = False,
    repeats: bool = False,
) -> ImportReport:
    """Import images as ``datasets.<name>`` of a task; if anything fails, nothing is left behind.

    Raises:
        BrightfieldError: the images have problems (all are listed), or the name is taken.
    """
    settings = params.load()
    entry = params.entry(settings.tasks, task, "task")
    if name in settings.datasets or layout.raw(name).exists():
        raise BrightfieldError(f"There is a dataset {name!r} already; choose another --name.")
    report = import_dataset(
        entry.kind,
        source,
        layout.raw(name),
        settings=entry.settings,
        group_pattern=group_pattern,
        groups_csv=groups_csv,
        positions=positions,
        connected=connected,
        pixel_size_um=pixel_size_um,
        licence=licence,
        noisy=noisy,
        repeats=repeats,
    )
    try:
        versioning.track(layout.raw(name))
        editing.add_entry("datasets", name, {"task": task})
    except BaseException:
        shutil.rmtree(layout.raw(name), ignore_errors=True)
        versioning.pointer_of(layout.raw(name)).unlink(missing_ok=True)
        raise
    return report


def export(name: str, out: Path, to: str) -> int:
    """Export ``data/raw/<name>`` into a new folder, in a format of the field's tools; returns the number of image files.

    Raises:
        BrightfieldError: the dataset or the format is unknown, or the folder exists.
    """
    settings = params.load()
    entry = params.entry(settings.datasets, name, "dataset")
    about = layout.raw(name) / layout.ABOUT
    stated = json.loads(about.read_text(encoding="utf-8")).get("pixel_size_um") if about.is_file() else None
    own = {"pixel_size_um": stated} if stated else {}  # of the images themselves, where it is known
    return export_dataset(
        entry.kind, layout.raw(name), out, to, settings=settings.tasks[entry.task].settings.model_copy(update=own)
    )


def use(name: str, models: Sequence[str] = ()) -> list[str]:
    """Use a dataset for models; by default for all models and ensembles of its task and for the choice of its champion.

    Returns:
        Dotted paths of the changed settings.
    """
    settings = params.load()
    task = params.entry(settings.datasets, name, "dataset").task
    for model in models:
        if params.entry(settings.models, model, "model").task != task:
            raise BrightfieldError(f"Dataset {name!r} belongs to task {task!r}, model {model!r} to another.")
    chosen = [n for n, m in settings.models.items() if m.task == task and (not models or n in models)]
    paths = [f"models.{model}.dataset" for model in chosen]
    if not models:
        paths += [f"ensembles.{n}.dataset" for n, e in settings.ensembles.items() if e.task == task]
        paths.append(f"tasks.{task}.dataset")
    editing.set_values(dict.fromkeys(paths, name))
    return paths


def use_recipe(name: str) -> list[str]:
    """Add what is recommended for a lab's own images, and let the task's champion be chosen on them.

    It is the starter, trained on for as long as pays, which answers to all flips and quarter turns; and the classical baselines of
    the task, to be compared with. Noisy images alone teach only a network that has not learnt what it may not see: it begins with
    nothing, and hides with each pixel what was measured to have the same noise. Other models are left on their datasets.

    Returns:
        Names of the models that were added.

    Raises:
        BrightfieldError: no such dataset, its task has no starter, or there is a model of that name.
    """
    settings = params.load()
    task = params.entry(settings.datasets, name, "dataset").task
    recipe = params.read_yaml(layout.RECIPE)["models"]
    if not (layout.starter(task) / layout.BUNDLE).is_file():
        raise BrightfieldError(
            f"Task {task!r} has no starter, so there is no recipe. `brightfield use {name}` lets its models learn from {name}."
        )
    mask = _blind_mask(name)
    entry = deepcopy(recipe[f"{task}-{'real' if mask is None else 'noisy'}"])
    entry |= {"dataset": name, "test_time_augmentation": 8}
    entry["training"] |= {"init_from": layout.STARTER} if mask is None else {"blind_mask": mask}
    known = params.read_yaml(params.PARAMS)["models"]
    baselines = {m: known[m] for m, of in settings.models.items() if of.task == task and of.is_baseline}
    added = {f"{name}-own": entry}
    for model, content in baselines.items():
        added[f"{name}-{model.removeprefix(f'{task}-')}"] = {**deepcopy(content), "dataset": name}

    def change(document: Any) -> None:
        for model, content in added.items():
            if model in document["models"]:
                raise BrightfieldError(
                    f"params.yaml has models.{model} already. Remove it, or train it with `dvc repro`."
                )
            editing.insert(document, "models", model, content)
        document["tasks"][task]["dataset"] = name

    editing.edit(change, params.PARAMS)
    return list(added)


def _blind_mask(name: str) -> str | None:
    """What blind spots hide of the images of a dataset of noisy images alone; None of any other dataset."""
    if not (layout.raw(name) / layout.INDEX).is_file():
        return None
    rows = ImageSet.raw(layout.raw(name)).index
    if "blind_mask" not in rows or "labelled" not in rows or rows["labelled"].any():
        return None
    return str(rows["blind_mask"].mode()[0])
