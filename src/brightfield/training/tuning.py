"""Hyperparameter tuning of a model with Optuna, one training per trial.

Repeating the command continues the study. In MLflow a study is a parent run with one child run per trial.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from brightfield import layout, params, tasks, training
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError
from brightfield.experiments import runs
from brightfield.inference.device import start_device
from brightfield.params import editing
from brightfield.system import lineage, progress
from brightfield.tasks.examples import Examples
from brightfield.training import studies
from brightfield.training.warm_start import initial_weights

if TYPE_CHECKING:
    import optuna


def tune(name: str, trials: int) -> None:
    """Run the study of a model until it has ``trials`` finished trials (complete or pruned)."""
    settings = params.load()
    model = params.entry(settings.models, name, "model")
    if model.training is None:
        raise BrightfieldError(f"{name!r} is a baseline; only models with a section 'training' are tuned.")
    trial_runner = _Trials(settings, name)
    study = studies.start(name, trial_runner.identity(), trial_runner.objective.direction)
    left = trials - studies.finished(study)
    print(f"{name}: {studies.finished(study)} of {trials} trials are done; see `make dashboard`, page Tuning")
    if left > 0:
        with trial_runner.parent(study) as parent, progress.bar(left, f"tune {name}", "trial") as shown:
            trial_runner.parent_id = parent.id
            while (left := trials - studies.finished(study)) > 0:
                study.optimize(trial_runner, n_trials=1, catch=())
                shown.update()
            parent.log_metrics(
                {f"best_{trial_runner.objective.metric}": study.best_value}, step=studies.finished(study)
            )
    print(f"{name}: best {trial_runner.objective.metric} {study.best_value:.5g} with {study.best_params}")
    print(f"`brightfield tune adopt {name}` writes it into params.yaml as {name}-tuned")


class _Trials:
    """The objective of a study: draws an entry, fits it, and reports every epoch to Optuna and MLflow."""

    def __init__(self, settings: params.Params, name: str) -> None:
        self.settings, self.name = settings, name
        self.model, self.space = settings.models[name], settings.space(name)
        self.task = tasks.build(self.model.kind, settings.settings_of(self.model))
        self.initial = initial_weights(self.model)
        data = layout.prepared(self.model.dataset)
        self.train, self.validation = (ImageSet.prepared(data, split) for split in ("train", "validation"))
        self.objective = self.task.objective_on(Examples.of(self.task, self.validation).truth)
        self.dataset = runs.DatasetRef(self.model.dataset, data.as_posix(), lineage.data_hash(data), "train")
        self.lineage = lineage.collect(device=start_device(settings.compute).name)
        self.parent_id: str | None = None

    def identity(self) -> dict[str, Any]:
        """The fixed part of a study (model, space, task, data): only trials with the same are comparable."""
        space = {path: search.model_dump(mode="json") for path, search in self.space.items()}
        task = self.task.settings.model_dump(mode="json")
        return {"model": self.model.model_dump(mode="json"), "space": space, "task": task, "data": self.dataset.hash}

    def parent(self, study: optuna.Study) -> runs.Run:
        """The MLflow run of the study: the existing one, or a new one."""
        known = study.user_attrs.get("run_id")
        found = runs.resume(known) if known else None
        if found is None:
            found = self._start(f"{self.name} study", "study", {"space": self.identity()["space"]})
            study.set_user_attr("run_id", found.id)
        return found

    def __call__(self, trial: optuna.Trial) -> float:
        """Fit one drawn entry, and return its best validation objective."""
        import optuna

        drawn = draw(trial, self.model, self.space)
        run = self._start(f"{self.name} trial {trial.number}", "trial", {"model": drawn.model_dump(mode="json")})
        best: list[float] = []

        def on_epoch(epoch: int, metrics: dict[str, float]) -> None:
            run.log_metrics(metrics, epoch)
            value = metrics[f"validation_{self.objective.metric}"]
            if not best or self.objective.better(value, best[-1]):
                best.append(value)
            trial.report(value, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        try:
            training.fit(
                self.task,
                drawn,
                self.train,
                self.validation,
                self.settings.compute,
                on_epoch,
                f"trial {trial.number}",
                self.initial,
            )
        except optuna.TrialPruned:
            run.set_tags({"brightfield.pruned": "true"})
            run.end("KILLED")
            raise
        except BaseException as error:
            run.end("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
            raise
        run.log_metrics({f"best_{self.objective.metric}": best[-1]})
        run.end("FINISHED")
        return best[-1]

    def _start(self, name: str, role: runs.Role, parameters: Mapping[str, Any]) -> runs.Run:
        return runs.start(
            self.model.task,
            name,
            kind=self.model.kind,
            role=role,
            params=parameters,
            lineage=self.lineage,
            dataset=self.dataset,
            parent_run_id=self.parent_id,
        )


def draw(trial: optuna.Trial, model: params.Model, space: params.Space) -> params.Model:
    """Draw a value for every dotted path of the space, and return the model's entry with them."""
    values = {path: _suggest(trial, path, search) for path, search in space.items()}
    return params.with_values(model, values, f"spaces, trial {trial.number}")


def _suggest(trial: Any, path: str, search: params.Search) -> Any:
    if search.choices is not None:
        return trial.suggest_categorical(path, search.choices)
    assert search.low is not None
    assert search.high is not None
    if isinstance(search.low, int) and isinstance(search.high, int):
        return trial.suggest_int(path, search.low, search.high, log=search.log)
    return trial.suggest_float(path, search.low, search.high, log=search.log)


def adopt(name: str) -> str:
    """Write the best trial into params.yaml as ``<name>-tuned`` and return that name."""
    settings = params.load()
    model = params.entry(settings.models, name, "model")
    study = studies.existing(name)
    values = study.best_params
    params.with_values(model, values, f"the best trial of {name}")
    entry = params.read_yaml(params.PARAMS)["models"][name]
    for path, value in values.items():
        params.put(entry, path, value)
    editing.add_entry("models", f"{name}-tuned", entry)
    return f"{name}-tuned"
