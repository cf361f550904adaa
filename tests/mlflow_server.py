"""MLflow's own server, started as `make mlflow` does: bound to 127.0.0.1, with explicit allowed hosts."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

START_S = 240  # seconds on an idle machine, minutes on one that is training


@contextmanager
def server(folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[int]:
    """The port of a server with a database and artifacts of its own in ``folder``; ``variables`` are of its environment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--allowed-hosts", f"127.0.0.1:{port},localhost:{port}", "--backend-store-uri", "sqlite:///mlflow.db"]
    where = {"cwd": folder, "env": {**os.environ, **(variables or {})}}
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(command, **where, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        _wait(port, running, folder / "log")
        yield port
    finally:
        os.killpg(running.pid, signal.SIGTERM)  # it has worker processes
        running.wait(60)


def get(port: int, path: str, host: str | None = None) -> tuple[int, bytes]:
    """Status and body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    return answer.status, answer.read()


def _wait(port: int, running: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if running.poll() is not None:
            pytest.fail(f"the server ended: {log.read_text()[-2000:]}")
        try:
            if get(port, "/health")[0] == 200:
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the server did not start: {log.read_text()[-2000:]}")
