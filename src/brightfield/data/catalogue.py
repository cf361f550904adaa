"""The lab's own images become a dataset: imported, tracked by DVC, entered in ``params.yaml``; and models are pointed to it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from brightfield import layout, params
from brightfield.data.exporting import export_dataset
from brightfield.data.importing import ImportReport, import_dataset
from brightfield.errors import BrightfieldError
from brightfield.params import editing


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
) -> ImportReport:
    """Import images as ``datasets.<name>`` of a task, all of it or nothing.

    Raises:
        BrightfieldError: for anything wrong with the images (every problem is listed), or a name that is taken.
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
    )
    try:
        _track(layout.raw(name))
        editing.add_entry("datasets", name, {"task": task})
    except BaseException:
        shutil.rmtree(layout.raw(name), ignore_errors=True)
        layout.raw(name).with_name(f"{name}.dvc").unlink(missing_ok=True)
        raise
    return report


def export(name: str, out: Path, to: str) -> int:
    """Write ``data/raw/<name>`` into a new folder, in a format of the field's tools; how many files of images.

    Raises:
        BrightfieldError: for an unknown dataset or format, and a folder that exists.
    """
    settings = params.load()
    entry = params.entry(settings.datasets, name, "dataset")
    task = settings.tasks[entry.task]
    return export_dataset(entry.kind, layout.raw(name), out, to, settings=task.settings)


def use(name: str, models: Sequence[str] = ()) -> list[str]:
    """Point models (by default all of the task), the task's ensembles and its contest for champion to a dataset.

    Returns:
        The dotted paths that were changed.
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


def _track(folder: Path) -> None:
    """``dvc add``, by the DVC beside this Python."""
    command = [sys.executable, "-m", "dvc", "add", "--quiet", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BrightfieldError(f"DVC could not track {folder}: {done.stderr.strip() or done.stdout.strip()}")
