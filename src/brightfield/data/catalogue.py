"""The user's own datasets: import images, track them with DVC, enter them in ``params.yaml``, and use them for models."""

from __future__ import annotations

import json
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


def _track(folder: Path) -> None:
    """Run ``dvc add`` with the DVC of this Python environment."""
    command = [sys.executable, "-m", "dvc", "add", "--quiet", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BrightfieldError(f"DVC could not track {folder}: {done.stderr.strip() or done.stdout.strip()}")
