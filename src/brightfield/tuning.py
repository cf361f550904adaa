"""Tune a model's numbers: the only file that knows Optuna.

One study a model, in ``studies/<model>.db``, restartable: the same command goes on where the last one stopped. In MLflow a study is
one parent run with one child run a trial.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from brightfield import editing, layout, lineage, params, predicting, progress, runs, tasks, training
from brightfield.data.store import ImageSet
from brightfield.errors import BrightfieldError

if TYPE_CHECKING:
    import optuna

STUDIES = Path("studies")
HEARTBEAT_S = 30  # a trial whose process was killed is failed and tried again after twice this
MOST_RETRIES = 2
FIRST_TRIALS = 4  # never pruned: there is nothing to compare them with yet
FIRST_EPOCHS = 1


def tune(name: str, trials: int) -> None:
    """Run the study of a model until it has this many finished trials (complete or pruned)."""
    settings = params.load()
    model = params.entry(settings.models, name, "model")
    if model.training is None:
        raise BrightfieldError(f"{name!r} is a baseline; only models with a section 'training' are tuned.")
    trial_runner = _Trials(settings, name)
    study = _open(name, trial_runner.identity(), tasks.KINDS[model.kind].objective.direction)
    left = trials - finished(study)
    print(f"{name}: {finished(study)} of {trials} trials are done; see `make dashboard`, page Tuning")
    if left > 0:
        with trial_runner.parent(study) as parent, progress.bar(left, f"tune {name}", "trial") as shown:
            trial_runner.parent_id = parent.id
            while (left := trials - finished(study)) > 0:
                study.optimize(trial_runner, n_trials=1, catch=())
                shown.update()
            parent.log_metrics({f"best_{trial_runner.objective.metric}": study.best_value}, step=finished(study))
    print(f"{name}: best {trial_runner.objective.metric} {study.best_value:.5g} with {study.best_params}")
    print(f"`brightfield tune adopt {name}` writes it into params.yaml as {name}-tuned")


class _Trials:
    """One trial after another: draws an entry, fits it, reports every epoch to Optuna and MLflow."""

    def __init__(self, settings: params.Params, name: str) -> None:
        self.settings, self.name = settings, name
        self.model, self.space = settings.models[name], settings.space(name)
        self.task = tasks.build(self.model.kind, settings.settings_of(self.model))
        self.objective = self.task.objective
        self.initial = predicting.initial_weights(self.model)
        data = layout.prepared(self.model.dataset)
        self.train, self.validation = (ImageSet.prepared(data, split) for split in ("train", "validation"))
        self.dataset = runs.DatasetRef(self.model.dataset, data.as_posix(), lineage.data_hash(data), "train")
        self.lineage = lineage.collect()
        self.parent_id: str | None = None

    def identity(self) -> dict[str, Any]:
        """What a study is about: trials of anything else cannot be compared with it."""
        space = {path: search.model_dump(mode="json") for path, search in self.space.items()}
        task = self.task.settings.model_dump(mode="json")
        return {"model": self.model.model_dump(mode="json"), "space": space, "task": task, "data": self.dataset.hash}

    def parent(self, study: optuna.Study) -> runs.Run:
        """The MLflow run of the study: the one it had, or a new one."""
        known = study.user_attrs.get("run_id")
        found = runs.resume(known) if known else None
        if found is None:
            found = self._start(f"{self.name} study", "study", {"space": self.identity()["space"]})
            study.set_user_attr("run_id", found.id)
        return found

    def __call__(self, trial: optuna.Trial) -> float:
        """Fit one drawn entry; its best validation objective."""
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
    """The model's entry with a value drawn for every dotted path of the space."""
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
    study = _existing(name)
    values = study.best_params
    params.with_values(model, values, f"the best trial of {name}")
    entry = params.read_yaml(params.PARAMS)["models"][name]
    for path, value in values.items():
        params.put(entry, path, value)
    editing.add_entry("models", f"{name}-tuned", entry)
    return f"{name}-tuned"


# --- what the dashboard asks ----------------------------------------------------------------------------------------


def studies() -> list[str]:
    """Names of the models that have a study."""
    return sorted(path.stem for path in STUDIES.glob("*.db"))


def trials(name: str) -> pd.DataFrame:
    """A row a trial: number, state (complete, pruned, running, failed, waiting), value, epochs, duration_s, then parameters."""
    rows = [
        {
            "number": trial.number,
            "state": {"fail": "failed"}.get(trial.state.name.lower(), trial.state.name.lower()),
            "value": trial.value if trial.value is not None else _last(trial),
            "epochs": len(trial.intermediate_values),
            "duration_s": trial.duration.total_seconds() if trial.duration else None,
            **trial.params,
        }
        for trial in _existing(name).trials
    ]
    return pd.DataFrame(rows)


def importances(name: str) -> dict[str, float]:
    """The share of each parameter in what the objective varies (PED-ANOVA); empty before there are enough trials."""
    import optuna

    study = _existing(name)
    if len([t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]) < FIRST_TRIALS:
        return {}
    try:
        return {key: float(value) for key, value in optuna.importance.get_param_importances(study).items()}
    except (RuntimeError, ValueError):  # all trials alike
        return {}


def best(name: str) -> dict[str, Any]:
    """Number, value, direction and parameters of the best trial; empty before one is complete."""
    study = _existing(name)
    try:
        trial = study.best_trial
    except ValueError:
        return {}
    return {"number": trial.number, "value": trial.value, "direction": study.direction.name.lower(), **trial.params}


def finished(study: optuna.Study) -> int:
    """How many trials came to an end of their own."""
    import optuna

    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return len(study.get_trials(deepcopy=False, states=ended))


def _last(trial: Any) -> float | None:
    values = trial.intermediate_values
    return values[max(values)] if values else None


# --- storage --------------------------------------------------------------------------------------------------------


def _storage(name: str) -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the heartbeat is experimental, and the only way to notice a killed trial
        retry = optuna.storages.RetryFailedTrialCallback(max_retry=MOST_RETRIES)
        return optuna.storages.RDBStorage(
            f"sqlite:///{STUDIES / f'{name}.db'}", heartbeat_interval=HEARTBEAT_S, failed_trial_callback=retry
        )


def _open(name: str, identity: Mapping[str, Any], direction: Literal["maximize", "minimize"]) -> optuna.Study:
    import optuna

    STUDIES.mkdir(exist_ok=True)
    storage = _storage(name)
    known = optuna.study.get_all_study_names(storage)
    done = len(storage.get_all_trials(storage.get_study_id_from_name(name))) if name in known else 0
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        direction=direction,
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=done),  # a study that goes on must not draw its first trials again
        pruner=optuna.pruners.MedianPruner(n_startup_trials=FIRST_TRIALS, n_warmup_steps=FIRST_EPOCHS),
    )
    plain = json.loads(json.dumps(identity))
    before = study.user_attrs.get("identity")
    if before is not None and before != plain:
        changed = ", ".join(key for key in plain if plain[key] != before.get(key))
        raise BrightfieldError(
            f"The study of {name!r} in {STUDIES / f'{name}.db'} was made with another {changed}, "
            "and its trials cannot be compared with new ones. Move or delete that file to begin anew."
        )
    study.set_user_attr("identity", plain)
    return study


def _existing(name: str) -> optuna.Study:
    import optuna

    if name not in studies():
        raise BrightfieldError(
            f"There is no study of {name!r}; known: {', '.join(studies()) or 'none'}. Run `make tune MODEL={name}`."
        )
    return optuna.load_study(study_name=name, storage=_storage(name))
