"""Against MLflow's own server, started as `make mlflow` does: bound to 127.0.0.1, with explicit allowed hosts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import mlflow_server
from brightfield.experiments import registry, runs
from brightfield.experiments.runs.connection import VARIABLE
from brightfield.system.lineage import Lineage
from published import bundle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * mlflow_server.START_S)]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with mlflow_server.server(tmp_path_factory.mktemp("server")) as listening:
        yield listening


@pytest.mark.parametrize("host", ["evil.com", "10.evil.com", "10.0.0.1:5000", "127.0.0.1.evil.com"])
def test_a_foreign_host_is_refused(port: int, host: str) -> None:
    path = "/ajax-api/2.0/mlflow/experiments/search?max_results=1"
    assert mlflow_server.get(port, path, host)[0] == 403
    assert mlflow_server.get(port, path)[0] == 200


def test_everything_works_over_the_server(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, f"http://127.0.0.1:{port}")
    folder = bundle(tmp_path / "model")
    lineage = Lineage.from_dict({"commit": "c0ffee"})
    with runs.start("rbc", "small", kind="classification", role="member", params={"a": 1}, lineage=lineage) as run:
        run.log_metrics({"loss": 0.5}, 3)
    assert runs.history(run.id, "loss").to_dict("list") == {"step": [3], "value": [0.5]}
    assert list(runs.search("rbc")["run_id"]) == [run.id]
    assert runs.resume("0" * 32) is None

    version = registry.publish("rbc", "small", folder, run, role="member")
    assert registry.publish("rbc", "small", folder, run, role="member") == version
    registry.promote("rbc", version, {"why": "the first"})
    fetched = registry.fetch("rbc", "champion", tmp_path / "fetched")
    assert (fetched / "weights.safetensors").read_bytes() == b"weights"
    assert not (tmp_path / "mlflow.db").exists()
    assert not (tmp_path / "mlartifacts").exists()
