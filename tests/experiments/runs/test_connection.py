"""Where MLflow is: defaults, several processes at once, servers that are away, and errors that say what to do."""

from __future__ import annotations

import multiprocessing
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from brightfield.errors import BrightfieldError
from brightfield.experiments import runs
from brightfield.experiments.runs import connection
from brightfield.system.lineage import collect


def test_default_is_a_database_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(connection.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    assert runs.tracking_uri() == f"sqlite:///{tmp_path}/mlflow.db"
    assert connection.sqlite_path(runs.tracking_uri()) == tmp_path / "mlflow.db"


@pytest.mark.parametrize("below", ["", "microscopy/lab"])
@pytest.mark.parametrize(("variable", "name"), [(None, "mlflow.db"), ("sqlite:///our runs.db", "our runs.db")])
def test_in_a_temporary_copy_of_dvc_it_is_that_of_the_project(
    variable: str | None, name: str, below: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "project/.dvc/tmp/exps/tmp1234"
    for root in (tmp_path / "project", copy):
        (root / ".dvc").mkdir(parents=True, exist_ok=True)
        (root / below).mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "project"))
    if variable is None:
        monkeypatch.delenv(connection.VARIABLE, raising=False)
    else:
        monkeypatch.setenv(connection.VARIABLE, variable)
    for root in (tmp_path / "project", copy):
        monkeypatch.chdir(root / below)
        assert connection.sqlite_path(runs.tracking_uri()) == tmp_path / "project" / below / name
    other = tmp_path / "another"  # started from a stage, but no copy of that project
    (other / ".dvc").mkdir(parents=True)
    monkeypatch.chdir(other)
    assert connection.sqlite_path(runs.tracking_uri()) == other / name


def test_in_a_temporary_copy_mlflow_itself_finds_the_projects_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    (tmp_path / ".dvc/tmp/exps/tmp1/.dvc").mkdir(parents=True)
    monkeypatch.setenv(connection.VARIABLE, "sqlite:///mlflow.db")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path / ".dvc/tmp/exps/tmp1")
    runs.connect()
    assert mlflow.get_tracking_uri() == mlflow.get_registry_uri() == f"sqlite:///{tmp_path}/mlflow.db"
    assert (tmp_path / "mlflow.db").is_file()
    assert not Path("mlflow.db").exists()


@pytest.mark.parametrize("uri", ["http://example.org:5000", "postgresql://u:p@host/mlflow", "https://x.org/path"])
def test_the_variable_is_respected(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(connection.VARIABLE, uri)
    assert runs.tracking_uri() == uri
    assert connection.sqlite_path(uri) is None


def test_a_folder_with_spaces_and_percent_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "my lab 100%20"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv(connection.VARIABLE, "sqlite:///runs.db?timeout=30")
    assert runs.tracking_uri().endswith("/my%20lab%20100%2520/runs.db?timeout=30")
    assert connection.sqlite_path(runs.tracking_uri()) == place / "runs.db"


@pytest.mark.parametrize("uri", ["mlruns", "./mlruns", "/data/mlruns", "file:///data/mlruns"])
def test_the_plain_file_store_is_refused(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(connection.VARIABLE, uri)
    with pytest.raises(BrightfieldError, match=f"MLFLOW_TRACKING_URI is '{uri}', a folder.*sqlite:///mlflow.db"):
        runs.connect()


def test_mlflow_itself_finds_the_same_database(store: Path) -> None:
    import mlflow

    runs.connect()
    assert (store / "mlflow.db").is_file()
    assert mlflow.get_tracking_uri() == runs.tracking_uri()


def test_a_dead_port_is_reported_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        uri = f"http://user:secret@127.0.0.1:{unused.getsockname()[1]}"
    monkeypatch.setenv(connection.VARIABLE, uri)
    start = time.perf_counter()
    with pytest.raises(
        BrightfieldError, match="does not answer: .*Connection refused. Start it.*MLFLOW_TRACKING_URI decides"
    ) as caught:
        runs.connect()
    assert time.perf_counter() - start < 3
    assert uri.rpartition("@")[2] in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_database_server_that_is_away_is_reported_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}/mlflow"
    monkeypatch.setenv(connection.VARIABLE, f"postgresql://lab:secret@{address}")
    with pytest.raises(
        BrightfieldError, match=f"postgresql://{address} does not answer: .*Connection refused. Start it"
    ) as caught:
        runs.connect()
    assert "secret" not in str(caught.value)


def test_a_database_server_whose_driver_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv(connection.VARIABLE, f"postgresql+pg8000://lab:x@127.0.0.1:{silent.getsockname()[1]}/mlflow")
        with pytest.raises(BrightfieldError, match="needs the driver 'pg8000'.*pip install 'psycopg"):
            runs.connect()


def test_a_server_that_accepts_and_says_nothing_is_given_up_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv(connection.VARIABLE, f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.perf_counter()
        with pytest.raises(BrightfieldError, match="does not answer: timed out."):
            runs.connect()
        assert time.perf_counter() - start < 3.5


class _Answer(BaseHTTPRequestHandler):
    """``status`` and ``body`` at /health, ``api`` and ``json`` at MLflow's interface below ``root``, 404 elsewhere."""

    status, body = 200, b"OK"
    api, json = 200, b'{"experiment": {}}'
    root = ""

    def do_GET(self) -> None:
        if self.path.startswith(f"{self.root}/api/2.0/mlflow/"):
            self._answer(self.api, self.json)
        elif self.path.endswith("/health"):
            self._answer(self.status, self.body)
        else:
            self._answer(404, b"not found")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Answer]]:
    """A server whose answer a test chooses; MLFLOW_TRACKING_URI points to it."""
    handler = type("Handler", (_Answer,), {})
    with HTTPServer(("127.0.0.1", 0), handler) as listening:
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv(connection.VARIABLE, f"http://127.0.0.1:{listening.server_port}")
        yield handler
        listening.shutdown()


@pytest.mark.parametrize(
    ("status", "body"), [(503, b"Service Unavailable"), (403, b"Invalid Host header - DNS rebinding attack detected")]
)
def test_a_server_that_refuses_is_quoted(server: type[_Answer], status: int, body: bytes) -> None:
    server.status, server.body = status, body
    with pytest.raises(BrightfieldError, match=f"answers {status}: '{body.decode()}'"):
        runs.connect()


@pytest.mark.parametrize("status", [200, 404])  # 404: behind a proxy that does not pass /health on
def test_a_server_that_answers_is_taken(server: type[_Answer], status: int) -> None:
    server.status = status
    assert runs.connect().tracking_uri.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("api", "json"), [(200, b'{"experiment": {}}'), (404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}')]
)
def test_whether_the_experiment_exists_does_not_matter(server: type[_Answer], api: int, json: bytes) -> None:
    server.api, server.json = api, json
    assert runs.connect().tracking_uri.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("user", [None, "lab"])
@pytest.mark.parametrize("health", [200, 401])
def test_a_login_that_is_refused_says_which_variables_to_set(
    server: type[_Answer], monkeypatch: pytest.MonkeyPatch, status: int, user: str | None, health: int
) -> None:
    server.status, server.api, server.json = health, status, b"<html><h1>401 Authorization Required</h1></html>"
    if user is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    who = "without a login" if user is None else "as 'lab'"
    with pytest.raises(
        BrightfieldError, match=rf"refuses us \({status}\), {who}. Set MLFLOW_TRACKING_USERNAME and"
    ) as caught:
        runs.connect()
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("api", "json"), [(404, b"not found"), (200, b"<html>Log in</html>")])
def test_a_path_without_mlflow_is_named(server: type[_Answer], api: int, json: bytes) -> None:
    server.api, server.json = api, json
    with pytest.raises(BrightfieldError, match=rf"There is no MLflow at http://.*: it answers {api} .*Check the path"):
        runs.connect()


def test_mlflow_below_a_path_is_found(server: type[_Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    server.root = "/mlflow"
    uri = connection.tracking_uri()
    monkeypatch.setenv(connection.VARIABLE, f"{uri}/mlflow")
    assert runs.connect().tracking_uri == f"{uri}/mlflow"
    monkeypatch.setenv(connection.VARIABLE, f"{uri}/other")
    with pytest.raises(BrightfieldError, match="There is no MLflow at .*/other: it answers 404"):
        runs.connect()


def test_a_database_that_another_process_holds_is_not_moved_away(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.connect()
    with sqlite3.connect(store / "mlflow.db") as good, sqlite3.connect(tmp_path / "held.db") as held:
        good.backup(held)
    monkeypatch.setenv(connection.VARIABLE, f"sqlite:///{tmp_path}/held.db")
    holder = sqlite3.connect(tmp_path / "held.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(BrightfieldError, match="held.db is in use by another process.*try again") as caught:
            runs.connect()
        assert "move" not in str(caught.value)
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    assert runs.connect().tracking_uri.endswith("held.db")


def test_a_missing_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(connection.VARIABLE, f"sqlite:///{tmp_path}/none/mlflow.db")
    with pytest.raises(BrightfieldError, match=f"needs the folder {tmp_path}/none"):
        runs.connect()


def test_a_file_that_is_no_database_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"not a database" * 100)
    monkeypatch.setenv(connection.VARIABLE, f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(BrightfieldError, match=f"MLflow cannot use the database {tmp_path}/mlflow.db"):
        runs.connect()


def test_a_database_of_another_version_says_how_to_upgrade(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.connect()
    with sqlite3.connect(store / "mlflow.db") as good, sqlite3.connect(tmp_path / "old.db") as old:
        good.backup(old)
        old.execute("UPDATE alembic_version SET version_num = '728d730b5ebd'")
    monkeypatch.setenv(connection.VARIABLE, f"sqlite:///{tmp_path}/old.db")
    with pytest.raises(BrightfieldError, match=f"run `mlflow db upgrade sqlite:///{tmp_path}/old.db`"):
        runs.connect()


def test_a_database_replaced_under_a_running_program_is_noticed(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.connect()
    with sqlite3.connect(store / "mlflow.db") as good, sqlite3.connect(tmp_path / "mlflow.db") as copy:
        good.backup(copy)
    monkeypatch.chdir(tmp_path)
    runs.connect()
    (tmp_path / "mlflow.db").unlink()
    with pytest.raises(BrightfieldError, match="deleted or replaced while in use. Start this program again"):
        runs.connect()


def _log_one(name: str) -> None:
    with runs.start("rbc", name, kind="classification", role="trial", params={"lr": 1}, lineage=collect()) as run:
        run.log_metrics({"loss": 0.5}, step=1)


def test_four_processes_on_a_fresh_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(connection.VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401  # once, not in each process

    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_log_one, args=(f"trial{i}",)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    found = runs.search("rbc")
    assert sorted(found["name"]) == ["trial0", "trial1", "trial2", "trial3"]
    assert list(found["status"]) == ["FINISHED"] * 4
    assert list(found["metrics.loss"]) == [0.5] * 4


def test_importing_the_room_does_not_import_mlflow() -> None:
    command = (
        "import sys, brightfield.experiments.runs, brightfield.experiments.registry; "
        "print({'mlflow', 'torch', 'pandas'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
