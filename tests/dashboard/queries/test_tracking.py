"""What MLflow knows, and what is known without it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from brightfield.experiments import runs
from brightfield.experiments.runs.connection import VARIABLE
from queries import tracking


def test_a_page_of_runs(project: Path) -> None:
    found = tracking.listed(runs.Wanted())
    assert found.next is None
    assert found.problem is None
    table = found.table.set_index("name")
    assert len(table) == 6
    assert table.loc["beads-unet", "metrics.test_capped_error_px"] == 0.24
    assert table.loc["beads-unet", "params.model.training.learning_rate"] == "0.004"
    assert table.loc["denoise-unet", "status"] == "FAILED"
    assert table.loc["beads-unet", "tags.mlflow.source.git.commit"] == "c0ffee0123456789"


def test_histories(project: Path) -> None:
    ids = tracking.listed(runs.Wanted()).table.set_index("name")["run_id"]
    wanted = (ids["beads-unet"], ids["beads-correlation"])
    found = tracking.histories(wanted, ("train_loss", "validation_capped_error_px"))
    assert found.problem is None
    loss = found.table[found.table["metric"] == "train_loss"]
    assert set(loss["run_id"]) == {wanted[0]}  # the baseline has no epochs
    assert list(loss["step"]) == [0, 1, 2, 3, 4]
    assert list(loss["value"]) == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    assert tracking.histories((), ("train_loss",)).table.empty


def test_champions(project: Path) -> None:
    table = tracking.champions().table.set_index("task")
    assert list(table.index) == ["beads", "bacteria"]
    row = table.loc["beads"]
    assert (row["model"], row["version"], row["role"]) == ("beads-unet-wide", 1, "member")
    assert (row["value"], row["low"], row["high"]) == (0.22, 0.20, 0.24)
    assert row["why"] == "there was no champion"
    assert row["since"].startswith("20")


def test_a_champion_trained_anew_is_described_by_its_run(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, report = Path("models/beads/beads-unet-wide/bundle.json"), Path("reports/beads-unet-wide/metrics.json")
    kept = {path: path.read_text() for path in (bundle, report)}
    try:
        bundle.write_text(json.dumps({**json.loads(kept[bundle]), "seed": "another"}))
        report.write_text(kept[report].replace("0.22", "0.11"))
        row = tracking.champions().table.set_index("task").loc["beads"]
        assert (row["value"], row["low"], row["high"]) == (0.22, 0.20, 0.24)
    finally:
        for path, text in kept.items():
            path.write_text(text)


def test_looking_makes_no_database(empty: Path) -> None:
    assert tracking.listed(runs.Wanted()).table.empty
    assert tracking.champions().table.empty
    assert tracking.listed(runs.Wanted()).problem is None
    assert not (empty / "mlflow.db").exists()


def test_without_mlflow_files_tell(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "http://127.0.0.1:1")  # nobody listens there
    registry = project / "registry"
    registry.mkdir(exist_ok=True)
    content = {"champion": {"model": "rbc-ensemble", "version": 3}, "moved": True, "why": "there was no champion"}
    (registry / "rbc.json").write_text(json.dumps(content))
    try:
        found = tracking.champions()
    finally:
        (registry / "rbc.json").unlink()
    assert found.problem is not None
    assert "does not answer" in found.problem
    (row,) = found.table.to_dict("records")
    assert (row["task"], row["model"], row["version"], row["role"]) == ("rbc", "rbc-ensemble", 3, "ensemble")
    assert (row["value"], row["since"]) == (0.92, None)
    answer = tracking.listed(runs.Wanted())
    assert answer.problem == found.problem
    assert list(answer.table.columns[:2]) == ["run_id", "task"]
