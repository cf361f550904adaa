"""Reports logged once however often, and runs that the server has lost."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from brightfield.errors import BrightfieldError
from brightfield.experiments import runs
from brightfield.system.lineage import Lineage

LINEAGE = Lineage("c0ffee", False, "main", "3.11.7", {}, "Linux", "a processor")


@pytest.fixture
def report(tmp_path: Path) -> Path:
    folder = tmp_path / "reports/convnet"
    (folder / "figures").mkdir(parents=True)
    metrics = {
        "test": {
            "auc": {"value": 0.9, "low": 0.8, "high": 0.95},
            "precision": {"value": None, "low": None, "high": None},
        },
        "suites": {"dim": {"auc": {"value": 0.7, "low": 0.6, "high": 0.8}, "accuracy": 0.5}},
        "data_hash": "abc.dir",
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "images.csv").write_text("id,group,split,probability\na,s1,test,0.75\n")
    (folder / "confusion.json").write_text('{"classes": ["bad", "good"], "counts": [[3, 1], [0, 4]]}')
    (folder / "figures/a.png").write_bytes(b"png")
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "models/convnet"
    folder.mkdir(parents=True)
    bundle = {
        "format": 1,
        "name": "convnet",
        "kind": "classification",
        "settings": {"size_px": 85},
        "model": {"seed": 3, "network": {"filters": [32, 64]}},
        "provenance": {
            "lineage": LINEAGE.as_dict(),
            "dataset": {"name": "rbc", "path": "data/prepared/rbc", "hash": "abc.dir", "split": "train"},
        },
    }
    (folder / "bundle.json").write_text(json.dumps(bundle))
    (folder / "history.csv").write_text("epoch,train_loss,validation_auc\n0,0.7,\n1,0.30000000000000004,0.8\n")
    return folder


def first_run(task: str, folder: Path) -> runs.Run:
    with runs.start(task, "convnet", kind="classification", role="member", params={}, lineage=LINEAGE) as run:
        runs.write_reference(run, folder)
    return run


def artifacts(run: runs.Run, folder: str) -> list[str]:
    return sorted(file.path for file in runs.connect().list_artifacts(run.id, folder))


def test_a_report_is_logged_whole(store: Path, report: Path, model: Path) -> None:
    run = first_run("report", model)
    runs.log_evaluation(run, report)
    assert run.metrics() == {
        "test_auc": 0.9,
        "test_auc_low": 0.8,
        "test_auc_high": 0.95,
        "dim_auc": 0.7,
        "dim_auc_low": 0.6,
        "dim_auc_high": 0.8,
        "dim_accuracy": 0.5,
    }
    files = ["confusion.json", "figures", "images.csv", "metrics.json"]
    assert artifacts(run, "evaluation") == [f"evaluation/{file}" for file in files]
    assert artifacts(run, "evaluation/figures") == ["evaluation/figures/a.png"]


def test_a_report_logged_twice_counts_once_and_a_changed_one_replaces_it(
    store: Path, report: Path, model: Path
) -> None:
    run = first_run("report", model)
    runs.log_evaluation(run, report)
    runs.log_evaluation(run, report)
    client = runs.connect()
    assert len(client.get_metric_history(run.id, "test_auc")) == 1
    ended = client.get_run(run.id).info.end_time

    content = json.loads((report / "metrics.json").read_text())
    content["test"]["auc"]["value"] = 0.91
    (report / "metrics.json").write_text(json.dumps(content))
    runs.log_evaluation(run, report)
    assert run.metrics()["test_auc"] == 0.91
    assert len(client.get_metric_history(run.id, "test_auc_low")) == 1
    assert client.get_run(run.id).info.end_time == ended


@pytest.mark.parametrize(
    ("content", "said"), [(None, "does not exist"), ("{", "not readable"), ("[]", "is a JSON list")]
)
def test_a_report_without_metrics_is_named(
    store: Path, model: Path, tmp_path: Path, content: str | None, said: str
) -> None:
    folder = tmp_path / "reports/bad"
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "metrics.json").write_text(content)
    with pytest.raises(BrightfieldError, match=f"{said}.*metrics.json|metrics.json.*{said}"):
        runs.log_evaluation(first_run("report", model), folder)


def test_a_run_that_the_server_has_is_taken(store: Path, model: Path) -> None:
    run = first_run("known", model)
    assert runs.reconcile(model, "known", "convnet", role="member").id == run.id
    assert len(runs.search("known")) == 1


def check_logged_anew(run: runs.Run) -> None:
    found = runs.connect().get_run(run.id)
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "convnet"
    assert found.data.params == {
        "settings.size_px": "85",
        "model.seed": "3",
        "model.network.filters": "[32, 64]",
    }
    assert found.data.tags["mlflow.source.git.commit"] == "c0ffee"
    assert found.data.tags["brightfield.dirty"] == "false"
    assert found.data.tags["brightfield.kind"] == "classification"
    assert found.data.tags["brightfield.role"] == "member"
    assert found.inputs.dataset_inputs[0].dataset.digest == "abc.dir"
    losses = runs.history(run.id, "train_loss").to_dict("list")
    assert losses == {"step": [0, 1], "value": [0.7, 0.30000000000000004]}
    assert runs.history(run.id, "validation_auc").to_dict("list") == {"step": [1], "value": [0.8]}


def test_a_deleted_run_is_logged_anew_once(store: Path, model: Path) -> None:
    lost = first_run("lost", model)
    runs.connect().delete_run(lost.id)
    before = (model / "run.json").read_bytes()
    anew = runs.reconcile(model, "lost", "convnet", role="member")
    assert anew.id != lost.id
    check_logged_anew(anew)
    assert runs.reconcile(model, "lost", "convnet", role="member").id == anew.id
    assert (model / "run.json").read_bytes() == before  # an output of DVC


@pytest.mark.parametrize("content", [None, "", "{}", '{"run_id": "\' or 1"}'])
def test_without_a_usable_run_json_one_is_written(store: Path, model: Path, content: str | None) -> None:
    if content is not None:
        (model / "run.json").write_text(content)
    anew = runs.reconcile(model, "without", "convnet", role="member")
    assert json.loads((model / "run.json").read_text()) == {"run_id": anew.id, "experiment": "without"}
    assert runs.reconcile(model, "without", "convnet", role="member").id == anew.id


def test_the_file_is_replaced_not_written_into(store: Path, model: Path, tmp_path: Path) -> None:
    """DVC may have linked it to its cache."""
    cached = tmp_path / "cached.json"
    cached.write_text("{}")
    (model / "run.json").hardlink_to(cached)
    runs.reconcile(model, "linked", "convnet", role="member")
    assert cached.read_text() == "{}"
    assert "run_id" in (model / "run.json").read_text()


@pytest.mark.parametrize("history", ["", "epoch\n", None])
def test_a_baseline_has_no_history(store: Path, model: Path, history: str | None) -> None:
    (model / "history.csv").unlink()
    if history is not None:
        (model / "history.csv").write_text(history)
    run = runs.reconcile(model, "baseline", "convnet", role="baseline")
    assert run.metrics() == {}


def test_a_run_that_cannot_be_logged_whole_ends_as_failed(store: Path, model: Path) -> None:
    (model / "history.csv").write_text("epoch,loss\n0,0.5\n1,none\n")
    with pytest.raises(ValueError, match="none"):
        runs.reconcile(model, "broken", "convnet", role="member")
    assert not (model / "run.json").exists()
    assert list(runs.search("broken")["status"]) == ["FAILED"]


def test_without_a_bundle(store: Path, tmp_path: Path) -> None:
    with pytest.raises(BrightfieldError, match="bundle.json does not exist. Run `dvc repro`"):
        runs.reconcile(tmp_path, "nothing", "convnet", role="member")


def test_another_database(store: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = first_run("moved", model)
    copy_database(store, tmp_path)
    monkeypatch.chdir(tmp_path)
    runs.connect().delete_experiment(runs.connect().get_experiment_by_name("moved").experiment_id)
    anew = runs.reconcile(model, "moved", "convnet", role="member")
    assert anew.id != lost.id
    check_logged_anew(anew)
    monkeypatch.chdir(store)
    assert runs.reconcile(model, "moved", "convnet", role="member").id == lost.id  # back where it is known


RECONCILE = """
from pathlib import Path
from brightfield.experiments import runs
print(runs.reconcile(Path({folder!r}), "rbc", "convnet", role="member").id)
print(runs.reconcile(Path({folder!r}), "rbc", "convnet", role="member").id)
"""


@pytest.mark.slow
def test_a_deleted_database(store: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it happens: one program logs, the database is deleted, another program makes a new one and reconciles."""
    runs.connect()
    copy_database(store, tmp_path)
    monkeypatch.chdir(tmp_path)
    lost = first_run("rbc", model)
    (tmp_path / "mlflow.db").unlink()
    answer = subprocess.run(
        [sys.executable, "-c", RECONCILE.format(folder=str(model))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = answer.stdout.split()
    assert first == second != lost.id
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        epochs = database.execute("SELECT step, value FROM metrics WHERE run_uuid = ? AND key = 'train_loss'", (first,))
        assert sorted(epochs) == [(0, 0.7), (1, 0.30000000000000004)]


def copy_database(source: Path, destination: Path) -> None:
    with sqlite3.connect(source / "mlflow.db") as opened, sqlite3.connect(destination / "mlflow.db") as copy:
        opened.backup(copy)
