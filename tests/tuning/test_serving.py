"""Optuna's dashboard, over HTTP: answered on this machine, for its own pages, without changing anything."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

import studied
from brightfield import layout
from brightfield.cli import app
from brightfield.errors import BrightfieldError
from brightfield.tuning import serving, studies

pytestmark = pytest.mark.usefixtures("project")


@pytest.fixture
def port() -> Iterator[int]:
    """Where the studies of the project are served."""
    studied.fill(studied.begin(studied.identity()), 6)
    with serving.server(0) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made.server_port
        made.shutdown()
        thread.join()


def ask(port: int, path: str, host: str | None = None, method: str = "GET", body: str | None = None) -> tuple[int, str]:
    """Status and text of an answer; without a host the header is that of an honest browser."""
    connection = http.client.HTTPConnection(serving.HOST, port, timeout=30)
    headers = {"Content-Type": "application/json"} | ({} if host is None else {"Host": host})
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    connection.close()
    return answer.status, text


def test_studies_are_shown(port: int) -> None:
    status, text = ask(port, "/api/studies")
    assert status == 200
    (study,) = json.loads(text)["study_summaries"]
    assert study["study_name"] == studied.identity().study
    status, text = ask(port, f"/api/studies/{study['study_id']}?after=0")
    assert status == 200
    assert len(json.loads(text)["trials"]) == 6
    status, text = ask(port, "/dashboard", host=f"localhost:{port}")
    assert status == 200
    assert "<html" in text


def test_trials_of_a_running_study_appear(port: int) -> None:
    study = studies.existing(studied.MODEL)
    number = json.loads(ask(port, "/api/studies")[1])["study_summaries"][0]["study_id"]
    assert len(json.loads(ask(port, f"/api/studies/{number}?after=0")[1])["trials"]) == 6
    study.add_trial(studied.trial(6, [0.3]))
    # Optuna's dashboard asks for what it lacks at most every two seconds
    later = json.loads(ask(port, f"/api/studies/{number}?after=6")[1])["trials"]
    assert [trial["number"] for trial in later] in ([], [6])


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "localhost", "127.0.0.1:1"]
)
def test_another_host_is_refused(port: int, host: str) -> None:
    status, text = ask(port, "/api/studies", host=host.format(port=port))
    assert (status, text) == (403, f"Open http://127.0.0.1:{port} instead.\n")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "/api/studies/0", None),
        ("POST", "/api/studies", '{"study_name": "x", "directions": ["minimize"]}'),
        ("POST", "/api/studies/0/rename", '{"study_name": "x"}'),
        ("POST", "/api/trials/0/tell", '{"state": "Complete", "values": [0]}'),
        ("PUT", "/api/studies/0/note", '{"body": "x", "version": 1}'),
    ],
)
def test_nothing_can_be_changed(port: int, method: str, path: str, body: str | None) -> None:
    before = layout.JOURNAL.read_bytes()
    status, text = ask(port, path, method=method, body=body)
    assert status == 405
    assert "only shown here" in text
    assert layout.JOURNAL.read_bytes() == before


def test_it_listens_on_this_machine_alone() -> None:
    studied.begin(studied.identity())
    with serving.server(0) as made:
        assert made.server_address[0] == "127.0.0.1"


def test_without_a_study_it_says_what_begins_one() -> None:
    with pytest.raises(BrightfieldError, match="There is no study yet. `make tune MODEL=NAME` begins one."):
        serving.server(0)
    assert not layout.STUDIES.exists()


def test_the_command_takes_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(serving, "serve", lambda port, say: asked.append(port))
    assert CliRunner().invoke(app, ["studies", "--port", "8090"]).exit_code == 0
    assert CliRunner().invoke(app, ["studies"]).exit_code == 0
    assert asked == [8090, 8080]


def test_a_port_that_is_taken_is_named() -> None:
    studied.begin(studied.identity())
    with socket.socket() as other:
        other.bind((serving.HOST, 0))
        other.listen()
        with pytest.raises(BrightfieldError, match=f"listen at 127.0.0.1:{other.getsockname()[1]} .*--port"):
            serving.server(other.getsockname()[1])
