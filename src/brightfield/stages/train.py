"""``brightfield train NAME``: fit one model, log every epoch to MLflow, write its bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from brightfield import layout, params, tasks, training
from brightfield.data import coverage
from brightfield.data.store import ImageSet
from brightfield.evaluation import comparable
from brightfield.experiments import runs
from brightfield.experiments.runs.syncing import write_reference
from brightfield.inference import bundle
from brightfield.system import lineage
from brightfield.system.files import atomic_folder
from brightfield.training.warm_start import initial_weights


def run(name: str, chosen: Mapping[str, Any] | None = None, options: Sequence[str] = ()) -> None:
    """Train one entry of ``models``; ``chosen`` replaces values of the section ``compute``, ``options`` those of the entry."""
    settings = params.with_overrides(params.load_with("models", name, options), "compute", chosen)
    model = params.entry(settings.models, name, "model")
    task = tasks.build(model.kind, settings.settings_of(model))
    data = layout.prepared(model.dataset)
    train, validation = (ImageSet.prepared(data, split) for split in ("train", "validation"))
    made_from = runs.DatasetRef(model.dataset, data.as_posix(), lineage.data_hash(data), "train")
    made_by = lineage.collect()
    role: runs.Role = "baseline" if model.is_baseline else "member"
    parameters = {"model": model.model_dump(mode="json"), "settings": task.settings.model_dump(mode="json")}
    with (
        runs.start(
            model.task, name, kind=model.kind, role=role, params=parameters, lineage=made_by, dataset=made_from
        ) as started,
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
            initial=initial_weights(model),
        )
        provenance = {
            "lineage": made_by.as_dict(),
            "dataset": made_from.as_dict(),
            "best_epoch": fitted.best_epoch,
            "trained_images": len(train),
        }
        covered = coverage.of_training(data)
        bundle.write(folder, name, model.task, fitted.settings, model, fitted.network, provenance, covered)
        fitted.history.to_csv(folder / "history.csv", index=False, lineterminator="\n")
        write_reference(started, folder)
        comparable.write_curve(name, task.objective.metric, fitted.history)
