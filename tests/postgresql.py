"""A PostgreSQL server of this machine for tests: on 127.0.0.1 alone, with a password, gone afterwards."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

START_S = 60
MADE = (
    "from brightfield.experiments import runs; client = runs.connect(); "
    "client.search_experiments(max_results=1); client.search_registered_models(max_results=1)"
)


@contextmanager
def server() -> Iterator[Server]:
    """A running server; skips the test where PostgreSQL or its driver is not installed."""
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
    programs = _programs()
    account = "postgres" if os.getuid() == 0 else None  # root is refused; the packages of Linux make this user
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    password, port = secrets.token_hex(16), _free_port()
    try:
        (folder / "password").write_text(password)
        if account is not None:
            for path in (folder, folder / "password"):
                shutil.chown(path, account)
        where: dict[str, Any] = {"cwd": folder, "user": account}
        initialise = [
            programs / "initdb",
            "--pgdata=data",
            "--username=lab",
            "--pwfile=password",
            "--auth=scram-sha-256",
        ]
        subprocess.run([*initialise, "--no-sync", "--encoding=UTF8"], **where, check=True, capture_output=True)
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": "300",
        }
        start = [programs / "postgres", "-D", "data", "-p", str(port), *(f"--{k}={v}" for k, v in options.items())]
        running = Server(psycopg, f"postgresql://lab:{password}@127.0.0.1:{port}", start, where)
        running.start()
        try:
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Server:
    """A server, and databases of it. Called, it returns the URI of a new database of MLflow's with nothing in it."""

    def __init__(self, psycopg: Any, root: str, command: list[Any], where: dict[str, Any]) -> None:
        self._psycopg, self._root, self._command, self._where = psycopg, root, command, where
        self._log = Path(where["cwd"]) / "log"
        self._running: subprocess.Popen[bytes] | None = None
        self._has_template = False

    def start(self) -> None:
        with self._log.open("a") as log:
            self._running = subprocess.Popen(self._command, **self._where, stdout=log, stderr=subprocess.STDOUT)
        _wait(self._psycopg, f"{self._root}/postgres", self._running, self._log)

    def stop(self) -> None:
        """At once: connections are broken."""
        assert self._running is not None
        self._running.send_signal(signal.SIGINT)
        self._running.wait(30)

    def restart(self) -> None:
        self.stop()
        self.start()

    def __call__(self) -> str:
        if not self._has_template:  # the first is made by MLflow, in seconds, and the others are copies of it
            self.execute("CREATE DATABASE empty")
            environment = {**os.environ, "MLFLOW_TRACKING_URI": f"{self._root}/empty"}
            subprocess.run([sys.executable, "-c", MADE], env=environment, check=True, capture_output=True)
            self._has_template = True
        return self._new("mlflow", "TEMPLATE empty")

    def empty(self) -> str:
        """The URI of a new database without any table."""
        return self._new("new", "")

    def _new(self, prefix: str, end: str) -> str:
        name = f"{prefix}_{secrets.token_hex(4)}"
        self.execute(f"CREATE DATABASE {name} {end}")
        return f"{self._root}/{name}"

    def execute(self, statement: str, uri: str | None = None) -> list[Any]:
        """The rows that a statement gives, as the superuser."""
        with self._psycopg.connect(uri or f"{self._root}/postgres", autocommit=True) as connection:
            found = connection.execute(statement)
            return list(found) if found.description else []


def _programs() -> Path:
    """The folder of initdb and postgres; Debian has them outside of PATH."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        pytest.skip("PostgreSQL is not installed")
    return folders[-1]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait(psycopg: Any, uri: str, running: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and running.poll() is None:
        try:
            psycopg.connect(uri).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"PostgreSQL did not start: {log.read_text()[-2000:]}")
