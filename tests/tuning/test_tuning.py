"""A study on real (small) trainings: it goes on in the middle, is seen in MLflow, confirmed, and adopted into params.yaml."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest

from brightfield import layout, params, training
from brightfield.errors import BrightfieldError
from brightfield.experiments import runs
from brightfield.params import editing
from brightfield.tuning import adopting, confirming, mirror, racing, running, storage, studies, trainings, trial_tables
from brightfield.tuning.session import Request

MODEL = "denoise-blind"
SILENT: Callable[[str], None] = [].append  # type: ignore[assignment]
SEARCH = Request(MODEL, trials=2, confirms=False)


@pytest.fixture
def tunable(tracked_project: Path, prepared: Callable[[str], Path]) -> Path:
    """A project whose denoising data are prepared."""
    layout.prepared("denoise").parent.mkdir(parents=True)
    shutil.copytree(prepared("restoration"), layout.prepared("denoise"))
    editing.set_values({f"models.{MODEL}.training.patch_px": 32})
    return tracked_project


TUNED: dict[str, Path] = {}  # projects after a study: what the first test made, copied by the others


def after(request: Request, here: Path, tmp_path_factory: pytest.TempPathFactory, key: str) -> Path:
    if key in TUNED:
        shutil.copytree(TUNED[key], here, dirs_exist_ok=True)
        return here
    running.tune(request, SILENT)
    TUNED[key] = tmp_path_factory.mktemp(key) / "project"
    shutil.copytree(here, TUNED[key])
    return here


@pytest.fixture
def searched(tunable: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after a search of two trials."""
    return after(SEARCH, tunable, tmp_path_factory, "searched")


@pytest.fixture
def confirmed(tunable: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after a study of three trials, whose best were trained again."""
    return after(Request(MODEL, trials=3), tunable, tmp_path_factory, "confirmed")


def with_trials(number: int) -> Request:
    return Request(MODEL, trials=number, confirms=False)


# --- the search ---------------------------------------------------------------------------------------------------------


def test_the_first_trial_is_the_entry_as_it_is(searched: Path) -> None:
    first = studies.existing(MODEL).trials[0]
    model = params.load().models[MODEL]
    assert model.training is not None
    assert first.params["training.learning_rate"] == model.training.learning_rate
    (run,) = [
        row for _, row in runs.search(task="denoise", role="trial").iterrows() if row["tags.brightfield.trial"] == "0"
    ]
    assert run["params.model.training.learning_rate"] == str(model.training.learning_rate)


def test_a_study_goes_on_where_it_stopped(searched: Path) -> None:
    assert list(trial_tables.trials(MODEL)["state"]) == ["complete", "complete"]
    running.tune(with_trials(2), SILENT)  # nothing left to do
    assert len(trial_tables.trials(MODEL)) == 2
    running.tune(with_trials(3), SILENT)
    table = trial_tables.trials(MODEL)
    assert list(table["number"]) == [0, 1, 2]
    assert table["training.learning_rate"].nunique() == 3  # it does not draw its first trials again


def test_a_study_in_two_calls_draws_what_one_call_draws(tunable: Path, tmp_path: Path) -> None:
    running.tune(with_trials(1), SILENT)
    running.tune(with_trials(3), SILENT)
    parts = trial_tables.trials(MODEL)
    layout.JOURNAL.unlink()
    running.tune(with_trials(3), SILENT)
    whole = trial_tables.trials(MODEL)
    names = [name for name in whole if "." in name]
    assert whole[names].equals(parts[names])
    assert list(whole["value"]) == list(parts["value"])


class Killed(BaseException):
    """The end of a process, as far as the training sees."""


def test_a_trial_that_was_interrupted_goes_on_in_the_middle(tunable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its first epoch; it ends with the score of a trial that nobody interrupted, on the same run of MLflow."""
    editing.set_values({f"models.{MODEL}.training.epochs": 3})
    running.tune(with_trials(2), SILENT)
    whole = trial_tables.trials(MODEL)
    layout.JOURNAL.unlink()
    for run_id in runs.search(task="denoise")["run_id"]:
        runs.connect().delete_run(run_id)
    real, epochs = training.fit, []

    def killed_in_the_second(*arguments: Any, **_: Any) -> Any:
        on_epoch = arguments[5]

        def counted(epoch: int, metrics: dict[str, float]) -> None:
            epochs.append(epoch)
            if len(epochs) == 5:  # the second epoch of the second trial
                raise Killed
            on_epoch(epoch, metrics)

        return real(*arguments[:5], counted, *arguments[6:])

    monkeypatch.setattr(trainings.training, "fit", killed_in_the_second)
    with pytest.raises(Killed):
        running.tune(with_trials(2), SILENT)
    assert list(trial_tables.trials(MODEL)["state"]) == ["complete", "running"]
    claims_end_with_the_process()
    running.tune(with_trials(2), SILENT)
    assert epochs == [0, 1, 2, 0, 1, 1, 2]
    found = trial_tables.trials(MODEL)
    assert list(found["state"]) == ["complete", "complete"]
    assert list(found["value"]) == list(whole["value"])
    of_trials = runs.search(task="denoise", role="trial")
    assert sorted(of_trials["tags.brightfield.trial"]) == ["0", "1"]
    assert set(of_trials["status"]) == {"FINISHED"}


@pytest.mark.usefixtures("tunable")
@pytest.mark.parametrize(
    ("of", "where"),
    [(runs.Run, "log_params"), (mirror.Mirror, "child"), (runs.Run, "__enter__"), (runs.Run, "log_metrics")],
)
def test_wherever_ctrl_c_comes_the_run_of_the_trial_ends(monkeypatch: pytest.MonkeyPatch, of: type, where: str) -> None:
    """While the run is made, between that and the training, and in the training."""
    real = getattr(of, where)

    def interrupted(self: Any, *arguments: Any) -> Any:
        found = real(self, *arguments)
        if runs.search(task="denoise", role="trial")["status"].eq("RUNNING").any():
            raise KeyboardInterrupt
        return found

    with monkeypatch.context() as patch:
        patch.setattr(of, where, interrupted)
        with pytest.raises(KeyboardInterrupt):
            running.tune(with_trials(1), SILENT)
    assert list(runs.search(task="denoise", role="trial")["status"]) == ["KILLED"]
    running.tune(with_trials(1), SILENT)
    assert list(runs.search(task="denoise", role="trial")["status"]) == ["FINISHED"]


def claims_end_with_the_process() -> None:
    """What the kernel does when a process ends."""
    from brightfield.tuning import claims

    for held in claims._OF_FILES.values():
        for name in list(held._mine):
            held.release(name)


def test_mlflow_has_one_parent_and_a_child_for_each_trial(searched: Path) -> None:
    running.tune(with_trials(3), SILENT)
    found = runs.search(task="denoise")
    assert sorted(found["role"]) == ["study", "trial", "trial", "trial"]
    parent = found.loc[found["role"] == "study", "run_id"].item()
    assert list(found.loc[found["role"] == "trial", "tags.mlflow.parentRunId"]) == [parent] * 3


def test_what_mlflow_was_not_told_is_told_later(searched: Path) -> None:
    """A worker that is killed between Optuna and MLflow."""
    client = runs.connect()
    for _, row in runs.search(task="denoise", role="trial").iterrows():
        if row["tags.brightfield.trial"] == "1":
            client.delete_run(row["run_id"])
        else:
            client.delete_tag(row["run_id"], "brightfield.state")
            client.update_run(row["run_id"], status="RUNNING")
    running.tune(with_trials(2), SILENT)
    found = runs.search(task="denoise", role="trial")
    assert sorted(found["tags.brightfield.trial"]) == ["0", "1"]
    assert set(found["status"]) == {"FINISHED"}


def test_a_hopeless_trial_is_given_up_and_said_so(tunable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optuna.Trial, "should_prune", lambda trial: trial.number == 1)
    running.tune(with_trials(2), SILENT)
    assert list(trial_tables.trials(MODEL)["state"]) == ["complete", "pruned"]
    found = runs.search(task="denoise", role="trial").set_index("tags.brightfield.trial")
    assert found.loc["1", "status"] == "KILLED"
    assert found.loc["1", "tags.brightfield.state"] == "PRUNED"
    assert found.loc["0", "status"] == "FINISHED"


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (RuntimeError("out of memory"), "RuntimeError: out of memory"),
        (MemoryError(), "MemoryError: MemoryError"),
        ("nan", "the loss was nan in epoch 1"),
    ],
)
def test_a_trial_that_fails_is_recorded_with_its_reason_and_the_study_goes_on(
    tunable: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception | str, reason: str
) -> None:
    real, calls = training.fit, []

    def failing(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        if len(calls) != 2:
            return real(*arguments, **named)
        if isinstance(raised, Exception):
            raise raised
        return arguments[5](0, {"train_loss": float(raised)})

    monkeypatch.setattr(trainings.training, "fit", failing)
    running.tune(with_trials(2), SILENT)
    table = trial_tables.trials(MODEL)
    assert list(table["state"]) == ["complete", "failed", "complete"]
    assert table["reason"][1] == reason
    found = runs.search(task="denoise", role="trial").set_index("tags.brightfield.trial")
    assert found.loc["1", "status"] == "FAILED"
    assert found.loc["1", "tags.brightfield.reason"] == reason


def test_a_study_of_failures_alone_ends(tunable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise RuntimeError("no such layer")

    monkeypatch.setattr(trainings.training, "fit", failing)
    with pytest.raises(BrightfieldError, match=r"No trial of 'denoise-blind' ended well.*no such layer"):
        running.tune(with_trials(40), SILENT)
    assert len(trial_tables.trials(MODEL)) == 5


def test_an_equal_training_is_not_done_again_in_another_study(searched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another space is another study, and its first trial is the entry as it is, again."""
    path = Path("params.yaml")
    path.write_text(path.read_text() + f"  {MODEL}:\n    training.learning_rate: {{low: 0.001, high: 0.02}}\n")
    monkeypatch.setattr(trainings.training, "fit", lambda *_, **__: pytest.fail("it was trained again"))
    said: list[str] = []
    running.tune(with_trials(1), said.append)
    assert "another space, so this is a new one" in said[0]
    assert "trained before" in said[1]
    first = studies.existing(MODEL).trials[0]
    assert first.user_attrs[studies.SAME_AS] == 0
    assert first.intermediate_values
    assert runs.search(task="denoise", role="trial")["status"].eq("FINISHED").all()


def test_what_is_too_large_is_not_trained(tunable: Path) -> None:
    """Two levels of 64 filters are about 400,000 weights of four bytes; half as many filters take a quarter."""
    path = Path("params.yaml")
    path.write_text(path.read_text() + f"  {MODEL}:\n    network.filters: {{choices: [4, 8, 64]}}\n")
    running.tune(Request(MODEL, trials=8, confirms=False, at_most=("1MB", "60s")), SILENT)
    table = trial_tables.trials(MODEL)
    large = table[table["network.filters"] == 64]
    assert len(large) > 0
    assert set(large["state"]) == {"pruned"}
    assert set(large["epochs"]) == {0}
    assert large["reason"].str.fullmatch(r"not trained: [\d.]+ MB for at most 1").all()
    assert studies.best(studies.existing(MODEL))[0].params["network.filters"] != 64
    assert (table["milliseconds"] > 0).all()


def test_time_as_an_aim_ends_with_a_front(tunable: Path) -> None:
    said: list[str] = []
    running.tune(Request(MODEL, trials=3, pareto=True), said.append)
    study = studies.existing(MODEL)
    front = [trial.number for trial in study.best_trials]
    assert [f"trial {number}:" in said[-1] for number in range(3)] == [number in front for number in range(3)]
    assert studies.result(MODEL) == {}
    if any(number != 0 for number in front):
        chosen = next(number for number in front if number != 0)
        assert adopting.adopt(MODEL, chosen, force=True) == f"{MODEL}-tuned"


# --- confirmation and adoption ------------------------------------------------------------------------------------------


def test_the_best_and_the_entry_are_trained_again_with_other_seeds_on_other_splits(confirmed: Path) -> None:
    result = studies.result(MODEL)
    assert result["trainings"] >= 5  # the entry on three splits, and others until they are given up
    study = studies.confirmation(storage.place(), studies.existing(MODEL))
    assert study is not None
    blocks = [value for trial in study.trials for key, value in trial.user_attrs.items() if key.startswith("block")]
    seed = params.load().models[MODEL].seed
    assert {block["seed"] for block in blocks} == {seed + 1, seed + 2, seed + 3}
    assert result["metric"] == "psnr_db"
    assert result["looks"] == 1
    if result["best"] is not None:
        gain = next(each for each in result["gains"] if each["name"] == result["best"])
        assert gain["value"] == pytest.approx(result["value"] - result["standard"])
        assert result["flattered"] == pytest.approx(result["promised"] - gain["value"])
        assert result["test"]["resamples"] > 0
    assert not list(layout.TRIALS.glob("*"))  # neither states nor weights are left


def test_what_is_known_is_said_again_without_another_look(confirmed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = studies.result(MODEL)
    monkeypatch.setattr(trainings.training, "fit", lambda *_, **__: pytest.fail("it was trained again"))
    said: list[str] = []
    running.tune(Request(MODEL, trials=3), said.append)
    assert studies.result(MODEL) == before
    assert "trained again" in said[-1]


def test_what_is_open_goes_on_with_further_splits_when_there_is_time(
    searched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without time it ends with three splits and says so; the same command goes on to the fifth, and trains nothing twice."""
    monkeypatch.setattr(confirming, "GIVEN_UP_BELOW", 1e-9)  # a race in which nobody is given up
    monkeypatch.setattr(confirming.Confirmed, "is_open", property(lambda found: found.splits < 5))
    said: list[str] = []
    running.tune(Request(MODEL, trials=2, seconds=1e-6), said.append)
    assert f"`make tune MODEL={MODEL}` trains both on further splits, up to 8" in said[-1]
    assert studies.result(MODEL)["splits"] == 3
    assert len(list(layout.TRIALS.glob("*"))) == 6  # networks are kept for the next look at the test split

    fit, trained = trainings.training.fit, []
    monkeypatch.setattr(
        trainings.training, "fit", lambda *given, **named: trained.append(given[1].seed) or fit(*given, **named)
    )
    running.tune(Request(MODEL, trials=2), said.append)
    result, seed = studies.result(MODEL), params.load().models[MODEL].seed
    assert sorted(trained) == [seed + 4] * 2 + [seed + 5] * 2
    assert (result["splits"], result["test"]["trainings"], result["trainings"], result["looks"]) == (5, 5, 10, 2)
    confirmation = studies.confirmation(storage.place(), studies.existing(MODEL))
    assert confirmation is not None
    assert list(racing.scores(confirmation).columns) == [f"split {number}" for number in range(1, 6)]
    assert [trial.user_attrs.get(racing.SPLITS, 3) for trial in confirmation.trials] == [3, 3, 4, 4, 5, 5]
    for of, trial in racing.longest(confirmation).items():
        assert [block["seed"] for block in racing.blocks(trial)] == [seed + 1 + i for i in range(5)]
        assert trial.values == [pytest.approx(racing.scores(confirmation).loc[str(of)].mean())]
    assert "trained again on 5 other splits" in said[-1]
    assert not list(layout.TRIALS.glob("*"))


def result_of(better: bool, best: str = "1") -> Mapping[str, Any]:
    gain = {"name": best, "value": 0.2, "low": 0.1 if better else -0.1, "high": 0.5, "trainings": 3}
    return {"metric": "psnr_db", "best": best, "better": better, "gains": [gain]}


def test_what_is_better_is_adopted(searched: Path) -> None:
    studies.existing(MODEL).set_user_attr(studies.RESULT, result_of(better=True))
    text = Path("params.yaml").read_text()
    drawn = studies.existing(MODEL).trials[1].params
    assert adopting.adopt(MODEL) == f"{MODEL}-tuned"
    adopted, original = (params.load().models[name] for name in (f"{MODEL}-tuned", MODEL))
    assert adopted.training is not None
    assert original.training is not None
    assert adopted.training.learning_rate == pytest.approx(drawn["training.learning_rate"])
    assert adopted.training.epochs == original.training.epochs
    lines = Path("params.yaml").read_text().splitlines()
    assert [line for line in text.splitlines() if line not in lines] == []  # comments and order stay
    with pytest.raises(BrightfieldError, match="already"):
        adopting.adopt(MODEL)


def test_what_is_not_better_is_refused_unless_forced(searched: Path) -> None:
    with pytest.raises(BrightfieldError, match="was not trained again"):
        adopting.adopt(MODEL)
    studies.existing(MODEL).set_user_attr(studies.RESULT, result_of(better=False))
    with pytest.raises(BrightfieldError, match=r"more than chance explains.*\+0.2"):
        adopting.adopt(MODEL)
    with pytest.raises(BrightfieldError, match="Trial 1 of 'denoise-blind' was not shown to be better"):
        adopting.adopt(MODEL, 1)
    with pytest.raises(BrightfieldError, match="no complete trial 7; complete are 0, 1"):
        adopting.adopt(MODEL, 7, force=True)
    with pytest.raises(BrightfieldError, match="as it is: there is nothing to adopt"):
        adopting.adopt(MODEL, 0, force=True)
    assert adopting.adopt(MODEL, force=True) == f"{MODEL}-tuned"


# --- what cannot be tuned -----------------------------------------------------------------------------------------------


def test_a_misspelt_model_is_said(project: Path) -> None:
    with pytest.raises(BrightfieldError, match="Did you mean 'denoise-unet'"):
        running.tune(Request("denoise-unit"), SILENT)


def test_without_a_study_there_is_nothing_to_adopt(project: Path) -> None:
    assert studies.names() == []
    with pytest.raises(BrightfieldError, match="There is no study of 'denoise-blind'"):
        adopting.adopt(MODEL)
