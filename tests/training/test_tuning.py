"""A study on a real (small) training: restartable, pruned, seen in MLflow, adopted into params.yaml."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from brightfield import layout, params
from brightfield.errors import BrightfieldError
from brightfield.experiments import runs
from brightfield.params import editing
from brightfield.training import studies, tuning

MODEL = "denoise-blind"


@pytest.fixture
def tunable(tracked_project: Path, prepared: Callable[[str], Path]) -> Path:
    """A project whose denoising data are prepared."""
    layout.prepared("denoise").parent.mkdir(parents=True)
    shutil.copytree(prepared("restoration"), layout.prepared("denoise"))
    editing.set_values({f"models.{MODEL}.training.patch_px": 32})
    return tracked_project


TUNED: list[Path] = []  # a project after a study: what the first test made, copied by the others


@pytest.fixture
def tuned(tunable: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after a study of two trials."""
    if TUNED:
        shutil.copytree(TUNED[0], tunable, dirs_exist_ok=True)
        return tunable
    tuning.tune(MODEL, 2)
    TUNED.append(tmp_path_factory.mktemp("tuned") / "project")
    shutil.copytree(tunable, TUNED[0])
    return tunable


def test_a_study_goes_on_where_it_stopped(tuned: Path) -> None:
    assert list(studies.trials(MODEL)["state"]) == ["complete", "complete"]
    tuning.tune(MODEL, 2)  # nothing left to do
    assert len(studies.trials(MODEL)) == 2
    tuning.tune(MODEL, 3)
    table = studies.trials(MODEL)
    assert list(table["number"]) == [0, 1, 2]
    assert table["training.learning_rate"].nunique() == 3  # it does not draw its first trials again
    assert studies.best(MODEL)["value"] == pytest.approx(table["value"].max())


def test_mlflow_has_one_parent_and_a_child_for_each_trial(tuned: Path) -> None:
    tuning.tune(MODEL, 3)
    found = runs.search(task="denoise")
    assert sorted(found["role"]) == ["study", "trial", "trial", "trial"]
    parent = found.loc[found["role"] == "study", "run_id"].item()
    children = [runs.resume(run_id) for run_id in found.loc[found["role"] == "trial", "run_id"]]
    assert all(child is not None for child in children)
    client = runs.connect()
    tags = [client.get_run(child.id).data.tags["mlflow.parentRunId"] for child in children if child]
    assert tags == [parent] * 3


def test_the_best_is_adopted(tuned: Path) -> None:
    best = studies.best(MODEL)
    assert tuning.adopt(MODEL) == f"{MODEL}-tuned"
    adopted, original = (params.load().models[name] for name in (f"{MODEL}-tuned", MODEL))
    assert adopted.training is not None
    assert adopted.training.learning_rate == pytest.approx(best["training.learning_rate"])
    assert adopted.network.filters == best["network.filters"]  # type: ignore[union-attr]
    assert adopted.training.epochs == original.training.epochs  # type: ignore[union-attr]
    with pytest.raises(BrightfieldError, match="already"):
        tuning.adopt(MODEL)


def test_a_hopeless_trial_is_pruned_and_said_so(tunable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import optuna

    monkeypatch.setattr(optuna.Trial, "should_prune", lambda trial: trial.number == 1)
    tuning.tune(MODEL, 2)
    assert list(studies.trials(MODEL)["state"]) == ["complete", "pruned"]
    found = runs.search(task="denoise", role="trial").set_index("name")["status"]
    assert found[f"{MODEL} trial 1"] == "KILLED"
    assert found[f"{MODEL} trial 0"] == "FINISHED"


def test_a_study_of_something_else_is_not_gone_on_with(tuned: Path) -> None:
    editing.set_values({f"models.{MODEL}.training.epochs": 1})
    with pytest.raises(BrightfieldError, match="made with another model"):
        tuning.tune(MODEL, 3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("denoise-nlm", "is a baseline"),
        ("denoise-unit", "Did you mean 'denoise-unet'"),
    ],
)
def test_what_cannot_be_tuned_is_said(project: Path, name: str, message: str) -> None:
    with pytest.raises(BrightfieldError, match=message):
        tuning.tune(name, 1)


def test_a_path_that_the_model_does_not_have_is_said(tunable: Path) -> None:
    path = Path("params.yaml")
    path.write_text(path.read_text() + f"  {MODEL}:\n    training.learning_rat: {{low: 0.1, high: 0.2}}\n")
    with pytest.raises(BrightfieldError, match=r"no 'training\.learning_rat'"):
        tuning.tune(MODEL, 1)


def test_without_a_study_there_is_nothing_to_adopt(project: Path) -> None:
    assert studies.studies() == []
    with pytest.raises(BrightfieldError, match="There is no study of 'denoise-blind'"):
        tuning.adopt(MODEL)
