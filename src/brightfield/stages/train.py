"""``brightfield train NAME``: fit one model, log every epoch to MLflow, write its bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from brightfield import images, layout, params, tasks, training
from brightfield.data import coverage
from brightfield.data.store import ImageSet
from brightfield.evaluation import comparable
from brightfield.experiments import registry, runs
from brightfield.experiments.runs.syncing import write_reference
from brightfield.inference import bundle
from brightfield.inference.device import start_device
from brightfield.metrics.declarations import declared
from brightfield.system import lineage
from brightfield.system.files import atomic_folder
from brightfield.training import Fitted, warm_start
from brightfield.training.distilling import Teacher
from brightfield.training.resuming import Resumable, fingerprint

MEASURED = 300  # most images of the training split of which the width of what they show is measured


def run(name: str, chosen: Mapping[str, Any] | None = None, options: Sequence[str] = ()) -> str:
    """Train one entry of ``models``; ``chosen`` replaces values of the section ``compute``, ``options`` those of the entry.

    A training that was interrupted goes on after its last whole epoch, on the same run of MLflow. Returns the result in a line.
    """
    settings = params.with_overrides(params.load_with("models", name, options), "compute", chosen)
    model = params.entry(settings.models, name, "model")
    task = tasks.build(model.kind, settings.settings_of(model))
    data = layout.prepared(model.dataset)
    train, validation = (ImageSet.prepared(data, split) for split in ("train", "validation"))
    made_from = runs.DatasetRef(model.dataset, data.as_posix(), lineage.data_hash(data), "train")
    parameters = {"model": model.model_dump(mode="json"), "settings": task.settings.model_dump(mode="json")}
    initial = warm_start.initial_weights(model)
    device = start_device(settings.compute)
    teaching = model.training.distil_from if model.training else None
    taught_by = None if teaching is None else warm_start.folder_of(model.task, teaching, "distil_from")
    teacher = None if taught_by is None else Teacher(task, taught_by, settings.compute)
    resumable = None
    if not model.is_baseline:
        identity = {**parameters, "data": made_from.hash or [_file_state(s.path) for s in (train, validation)]}
        if taught_by is not None:
            identity["teacher"] = registry.bundle_hash(taught_by)
        resumable = Resumable(layout.unfinished(name), fingerprint(identity, device, settings.compute.threads, initial))
    made_by = lineage.collect(device=None if model.is_baseline else device.name)  # baselines stay on the processor
    with (
        _started(model, name, parameters, made_by, made_from, resumable) as started,
        atomic_folder(layout.model(model.task, name)) as folder,
    ):
        fitted = training.fit(
            task,
            model,
            train,
            validation,
            settings.compute,
            on_epoch=lambda epoch, metrics: started.log_metrics(metrics, epoch),
            description=name,
            initial=initial,
            resumable=resumable,
            teacher=teacher,
        )
        provenance = {
            "lineage": made_by.as_dict(),
            "dataset": made_from.as_dict(),
            "best_epoch": fitted.best_epoch,
            "trained_images": len(train),
        }
        covered = coverage.read_coverage(data)
        if not model.is_baseline:  # which knows no width
            shown = images.evenly_spaced(range(len(train)), MEASURED)
            covered = replace(covered, width_px=task.learning.known_width(train[i] for i in shown))
        bundle.write(folder, name, model.task, fitted.settings, model, fitted.network, provenance, covered)
        fitted.history.to_csv(folder / layout.HISTORY, index=False, lineterminator="\n")
        write_reference(started, folder)
        comparable.write_curve(name, fitted.objective.metric, fitted.history)
    if resumable is not None:
        resumable.remove()
    return _said(name, fitted)


def _said(name: str, fitted: Fitted) -> str:
    if fitted.best_epoch is None:
        return f"{name}: fitted"
    metric = fitted.objective.metric
    value = declared(metric).said(fitted.history[f"validation_{metric}"][fitted.best_epoch])
    return f"{name}: {value} on validation, after epoch {fitted.best_epoch + 1} of {len(fitted.history)}"


def _started(
    model: params.Model,
    name: str,
    parameters: Mapping[str, Any],
    made_by: lineage.Lineage,
    made_from: runs.DatasetRef,
    resumable: Resumable | None,
) -> runs.Run:
    """The run of the interrupted training that goes on, or a new one."""
    left = None
    if resumable is not None and (run_id := resumable.about.get("run_id")) is not None:
        left = runs.resume(run_id)
        if left is not None and resumable.interrupted:
            print(f"{name}: goes on after epoch {len(resumable.rows)}, where it was interrupted")
            return left
        if left is not None:  # of other settings, code or data: nobody will go on with it
            left.end("KILLED")
    role: runs.Role = "baseline" if model.is_baseline else "member"
    started = runs.start(
        model.task, name, kind=model.kind, role=role, params=parameters, lineage=made_by, dataset=made_from
    )
    if resumable is not None:
        started.log_history((int(row["epoch"]), _without_epoch(row)) for row in resumable.rows)
        resumable.about = {"run_id": started.id}
    return started


def _without_epoch(row: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name != "epoch"}


def _file_state(path: Path) -> list[object]:
    """What changes when a file does, for data that DVC does not track."""
    found = path.stat()
    return [path.as_posix(), found.st_size, found.st_mtime_ns]
