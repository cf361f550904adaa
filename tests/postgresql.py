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
from collections.abc import Callable, Iterator
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
def server() -> Iterator[Callable[[], str]]:
    """A running server, as a function that returns the URI of a new database of MLflow's with nothing in it.

    Skips the test where PostgreSQL or its driver is not installed.
    """
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
        with (folder / "log").open("w") as log:
            running = subprocess.Popen(start, **where, stdout=log, stderr=subprocess.STDOUT)
        try:
            root = f"postgresql://lab:{password}@127.0.0.1:{port}"
            _wait(psycopg, f"{root}/postgres", running, folder / "log")
            yield _Databases(psycopg, root).fresh
        finally:
            running.send_signal(signal.SIGINT)  # at once, without waiting for connections to end
            running.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Databases:
    """Databases of a server: the first is made by MLflow, in seconds, and the others are copies of it."""

    def __init__(self, psycopg: Any, root: str) -> None:
        self._psycopg, self._root = psycopg, root
        self._sql("CREATE DATABASE empty")
        environment = {**os.environ, "MLFLOW_TRACKING_URI": f"{root}/empty"}
        subprocess.run([sys.executable, "-c", MADE], env=environment, check=True, capture_output=True)

    def fresh(self) -> str:
        name = f"mlflow_{secrets.token_hex(4)}"
        self._sql(f"CREATE DATABASE {name} TEMPLATE empty")
        return f"{self._root}/{name}"

    def _sql(self, statement: str) -> None:
        connection = self._psycopg.connect(f"{self._root}/postgres")
        try:
            connection.autocommit = True
            connection.cursor().execute(statement)
        finally:
            connection.close()


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
