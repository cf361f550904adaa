"""Against MLflow's own server, started as `make mlflow` does: bound to 127.0.0.1, with explicit allowed hosts."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from brightfield.experiments import registry, runs
from brightfield.experiments.runs.connection import VARIABLE
from brightfield.system.lineage import Lineage
from published import bundle

START_S = 240  # seconds on an idle machine, minutes on one that is training
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * START_S)]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server with a database and artifacts of its own."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--allowed-hosts", f"127.0.0.1:{port},localhost:{port}", "--backend-store-uri", "sqlite:///mlflow.db"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        _wait(port, server, folder / "log")
        yield port
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # it has worker processes
        server.wait(60)


def _wait(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(f"the server ended: {log.read_text()[-2000:]}")
        try:
            if _get(port, "/health")[0] == 200:
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the server did not start: {log.read_text()[-2000:]}")


def _get(port: int, path: str, host: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    return answer.status, answer.read()


@pytest.mark.parametrize("host", ["evil.com", "10.evil.com", "10.0.0.1:5000", "127.0.0.1.evil.com"])
def test_a_foreign_host_is_refused(port: int, host: str) -> None:
    path = "/ajax-api/2.0/mlflow/experiments/search?max_results=1"
    assert _get(port, path, host)[0] == 403
    assert _get(port, path)[0] == 200


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
