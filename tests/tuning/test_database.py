"""Studies on a real PostgreSQL server: begun by many at once, the server started anew, workers killed, nothing secret shown."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import optuna
import pytest
import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import TrialState

import postgresql
import tunable
from brightfield.tuning import database, storage, studies
from brightfield.tuning.claims import StudiesError
from tunable import EPOCHS

pytestmark = pytest.mark.slow

# Waits for a line, then opens the studies of an empty database.
OPENS = """
import sys
from brightfield.tuning import database, storage
import optuna
print("ready", flush=True)
sys.stdin.readline()
study = optuna.create_study(study_name="study", storage=storage.place().storage, load_if_exists=True)
print(study.ask().number)
"""
# Takes a claim, and leaves a child behind that has all of its files open.
HOLDS = """
import os, sys
from brightfield.tuning import storage
place = storage.place()
print(place.claims.take("trial"), flush=True)
if os.fork() == 0:
    print(place.claims.held("trial"), flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def server(request: pytest.FixtureRequest) -> postgresql.Server:
    found: postgresql.Server = request.getfixturevalue("_postgresql")
    return found


@pytest.fixture
def address(server: postgresql.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of an empty database, which is where studies are."""
    found = server.empty()
    monkeypatch.setenv(storage.VARIABLE, found)
    monkeypatch.chdir(tmp_path)
    return found


@pytest.fixture
def claims(address: str) -> database.PostgresClaims:
    return database.PostgresClaims(database.address_of(address))


@pytest.fixture
def others(address: str) -> database.PostgresClaims:
    return database.PostgresClaims(database.address_of(address))


def begun() -> optuna.Study:
    return optuna.create_study(study_name="study", storage=storage.place().storage, load_if_exists=True)


# --- storage --------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("address")
def test_eight_workers_begin_at_once_on_an_empty_database() -> None:
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    workers = [subprocess.Popen([sys.executable, "-c", OPENS], text=True, **pipes) for _ in range(8)]
    try:
        for worker in workers:
            assert worker.stdout.readline() == "ready\n"  # type: ignore[union-attr]
        for worker in workers:
            worker.stdin.write("\n")  # type: ignore[union-attr]
            worker.stdin.flush()  # type: ignore[union-attr]
        said = [worker.communicate() for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [error for _, error in said if error] == []
    assert sorted(int(number) for number, _ in said) == list(range(8))


@pytest.mark.usefixtures("address")
def test_a_study_goes_on_after_a_new_start_of_the_server(server: postgresql.Server) -> None:
    study = begun()
    trial = study.ask()
    trial.report(0.5, 1)
    server.restart()
    trial.report(0.25, 2)
    server.restart()
    study.tell(trial, 0.25)
    server.restart()
    assert study.ask().number == 1
    assert study.trials[0].intermediate_values == {1: 0.5, 2: 0.25}


@pytest.mark.parametrize(
    ("method", "statement"),
    [("report", 1), ("tell", 1), ("ask", 1), ("set_user_attr", 1), ("look", 1), ("look", 2), ("look", 3)],
)
def test_a_server_that_breaks_off_in_the_middle_of_a_statement_is_asked_again(
    server: postgresql.Server, address: str, method: str, statement: int
) -> None:
    """In the middle of a look at trials Optuna asks once more in another way, on the connection that is broken."""
    study = begun()
    trial = study.ask()
    engine = storage.place().storage.engine
    broken: list[int] = []
    statements: list[Any] = []

    def break_off(connection: Any, *given: Any) -> None:
        statements.append(given)
        if len(statements) == statement:
            broken.append(connection.connection.dbapi_connection.info.backend_pid)
            server.execute(f"SELECT pg_terminate_backend({broken[0]}, 5000)", address)

    sqlalchemy.event.listen(engine, "before_cursor_execute", break_off)
    try:
        {
            "report": lambda: trial.report(1.0, 1),
            "tell": lambda: study.tell(trial, 1.0),
            "ask": study.ask,
            "set_user_attr": lambda: trial.set_user_attr("a", 1),
            "look": lambda: study.trials,
        }[method]()
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", break_off)
    assert broken
    assert [each.number for each in study.trials] == list(range(len(study.trials)))


@pytest.mark.usefixtures("address")
def test_an_answer_that_is_lost_after_a_trial_has_ended_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    study = begun()
    trial = study.ask()
    tell, told = RDBStorage.set_trial_state_values, list[int]()

    def loses_its_answer(*arguments: Any, **named: Any) -> bool:
        found = tell(*arguments, **named)
        told.append(1)
        if len(told) == 1:
            raise StorageInternalError from sqlalchemy.exc.OperationalError("COMMIT", None, Exception("closed"))
        return found

    monkeypatch.setattr(type(storage.place().storage), "set_trial_state_values", database._again(loses_its_answer))
    study.tell(trial, 1.0)
    assert [each.state for each in study.trials] == [TrialState.COMPLETE]


@pytest.mark.usefixtures("address")
def test_a_server_that_stays_away_is_said(server: postgresql.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    study = begun()
    trial = study.ask()
    monkeypatch.setattr(database, "PATIENCE_S", 0.2)
    server.stop()
    try:
        with pytest.raises(StudiesError, match=r"cannot be reached: .*refused.*the same command goes on"):
            trial.report(1.0, 1)
        with pytest.raises(StudiesError, match="cannot be reached"):
            storage.place().claims.take("trial")
    finally:
        server.start()
    trial.report(1.0, 1)


def test_tables_of_another_version_of_optuna_are_said(server: postgresql.Server, address: str) -> None:
    begun()
    server.execute("UPDATE alembic_version SET version_num = 'v0.9.0.a'", address)
    storage._OF_DATABASES.clear()
    with pytest.raises(StudiesError, match="cannot be used: .*optuna storage upgrade"):
        storage.place()


def test_a_user_that_may_make_no_tables_is_said(
    server: postgresql.Server, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"reader{os.getpid()}"
    server.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'hidden'")
    parts = urlsplit(address)
    monkeypatch.setenv(storage.VARIABLE, f"postgresql://{name}:hidden@127.0.0.1:{parts.port}{parts.path}")
    with pytest.raises(StudiesError, match=r"cannot be used \(permission denied.*May its user make tables") as raised:
        storage.place()
    assert "hidden" not in "".join(traceback.format_exception(raised.value))


def test_dashboards_that_look_again_and_again_keep_one_connection(server: postgresql.Server, address: str) -> None:
    begun()
    for _ in range(10):
        assert studies.names() == []
    open_now = server.execute(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{urlsplit(address).path[1:]}'")
    assert open_now[0][0] <= 2


# --- secrets --------------------------------------------------------------------------------------------------------------

SECRET = "p{a}%s@ :/?é"


@pytest.fixture
def odd(server: postgresql.Server, address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same database for a user whose password has all that may not stand in an address, or in a template."""
    name = f"odd{os.getpid()}_{abs(hash(address)) % 10**6}"
    server.execute(f"CREATE ROLE {name} SUPERUSER LOGIN PASSWORD '{SECRET}'")
    parts = urlsplit(address)
    found = f"postgresql://{name}:{quote(SECRET, safe='')}@127.0.0.1:{parts.port}{parts.path}"
    monkeypatch.setenv(storage.VARIABLE, found)
    return found


def hides(text: str) -> bool:
    return SECRET not in text and quote(SECRET, safe="") not in text


def test_no_log_and_no_repr_holds_the_password(
    server: postgresql.Server, odd: str, caplog: pytest.LogCaptureFixture
) -> None:
    del odd
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("sqlalchemy").setLevel(logging.DEBUG)
        place = storage.place()
        study = begun()
        trial = study.ask()
        server.restart()
        trial.report(1.0, 1)
        assert place.claims.take("trial")
    logging.getLogger("sqlalchemy").setLevel(logging.NOTSET)
    assert hides(caplog.text)
    engine = place.storage.engine
    for each in (place, place.storage, place.storage.url, engine, engine.url, place.claims, study, vars(place.claims)):
        assert hides(repr(each))
    assert hides(repr(vars(place.storage)))
    assert hides(repr(vars(place.claims._connect)))  # type: ignore[attr-defined]


@pytest.mark.parametrize("change", ["password", "database", "user", "option"])
def test_no_error_holds_the_password(odd: str, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    wrong = {
        "password": odd.replace("@127", "x@127"),
        "database": f"{odd}x",
        "user": odd.replace("//odd", "//even"),
        "option": f"{odd}?sslmod=x",
    }[change]
    monkeypatch.setenv(storage.VARIABLE, wrong)
    with pytest.raises(StudiesError, match="cannot be reached: .*do address, name and password fit") as raised:
        storage.place()
    assert hides("".join(traceback.format_exception(raised.value)))


# --- claims ---------------------------------------------------------------------------------------------------------------


def test_a_claim_is_one_worker_s(claims: database.PostgresClaims, others: database.PostgresClaims) -> None:
    assert claims.take("trial")
    assert not claims.take("trial")
    assert not others.take("trial")
    others.release("trial")  # what it does not hold
    assert claims.held("trial")
    assert not others.held("trial")
    claims.release("trial")
    assert others.take("trial")


def test_claims_are_taken_again_after_a_new_start_of_the_server(
    server: postgresql.Server, claims: database.PostgresClaims, others: database.PostgresClaims
) -> None:
    assert claims.take("trial")
    assert claims.take("another")
    server.restart()
    assert claims.held("trial")
    assert not others.take("trial")
    assert not others.take("another")  # all of them, not the one that is asked for alone


def test_what_another_worker_took_meanwhile_is_lost(
    server: postgresql.Server,
    claims: database.PostgresClaims,
    others: database.PostgresClaims,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "GHOST_S", 0.1)
    assert claims.take("trial")
    assert claims.take("another")
    server.restart()
    assert others.take("trial")
    assert not claims.held("trial")
    assert claims.held("another")
    others.release("trial")
    assert not claims.held("trial")
    assert claims.take("trial")


def test_a_session_that_only_the_server_believes_in_does_not_stand_in_the_way(
    claims: database.PostgresClaims, others: database.PostgresClaims
) -> None:
    assert claims.take("trial")
    ghost, claims._session = claims._session, None  # the network broke, and the server has not noticed
    assert claims.held("trial")
    assert not others.take("trial")
    assert ghost is not None
    ghost.close()


def test_one_waits_for_a_turn_over_a_new_start_of_the_server_and_past_a_limit(
    server: postgresql.Server, address: str, claims: database.PostgresClaims, others: database.PostgresClaims
) -> None:
    server.execute(f"ALTER DATABASE {urlsplit(address).path[1:]} SET lock_timeout = '1ms'")
    order: list[str] = []

    def wait() -> None:
        with others.turn("next"):
            order.append("others")

    with claims.turn("next"):
        waiting = threading.Thread(target=wait)
        waiting.start()
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        tunable.wait_for(lambda: server.execute(query)[0][0])
        order.append("mine")
    waiting.join(tunable.PATIENCE_S)
    assert order == ["mine", "others"]


@pytest.fixture
def holder(address: str) -> Iterator[subprocess.Popen[str]]:
    """A process that holds a claim, and has a child with all of its files open."""
    del address
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    yield process
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_a_claim_ends_with_a_process_that_is_killed_although_its_child_lives(
    holder: subprocess.Popen[str], claims: database.PostgresClaims
) -> None:
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    assert holder.stdout.readline() == "False\n"  # of the child
    assert not claims.take("trial")
    holder.kill()
    assert tunable.wait_for(lambda: claims.take("trial"))


# --- a study --------------------------------------------------------------------------------------------------------------


@tunable.needs_linux
@pytest.mark.usefixtures("tracked_project")
def test_a_study_with_a_new_start_of_the_server_and_a_worker_that_is_killed(
    server: postgresql.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psutil", reason="psutil, which DVC needs, is not installed")
    address = server.empty()
    monkeypatch.setenv(storage.VARIABLE, address)
    tunable.write_project()
    process = tunable.started(tunable.command(4, 2))
    try:
        tunable.wait_for(lambda: list(tunable.at_work()), process)
        server.restart()  # while both work
        victim = tunable.wait_for(tunable.stopped, process)
        os.kill(victim.pid, signal.SIGKILL)
        said = process.communicate(timeout=tunable.PATIENCE_S)[0]
    finally:
        tunable.kill_all(process)
    assert process.returncode == 0, said
    assert urlsplit(address).password not in said  # type: ignore[operator]
    trials = tunable.study().trials
    assert [trial.number for trial in trials] == list(range(4))
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    for trial in trials:
        attempts = trial.user_attrs[studies.ATTEMPTS]
        if trial.number == victim.trial:
            assert attempts == {"epochs": victim.epochs, "count": 1}
        # with the server each worker loses its claims once, and another may take its trial over then
        assert attempts["count"] <= 2
        assert list(trial.intermediate_values) == list(range(1, EPOCHS + 1))
    tunable.assert_mlflow_agrees()
    assert not Path("studies").exists()
