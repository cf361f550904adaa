"""MLflow's server tells others of a new champion, as docs/sharing.md says, whose receiver runs here."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from email.message import Message
from http.server import HTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from cryptography.fernet import Fernet

import mlflow_server
from brightfield.experiments import registry, runs
from brightfield.experiments.runs.connection import VARIABLE
from docs import pages
from published import bundle, publish

SECRET = "known to both"
WAIT_S = 60


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names that the program in the documentation defines."""
    monkeypatch.setenv("CHAMPIONS_SECRET", SECRET)
    text = (pages.ROOT / "docs/sharing.md").read_text(encoding="utf-8")
    (code,) = (block.text for block in pages.blocks(text) if "class Receiver" in block.text)
    names: dict[str, Any] = {"__name__": "receiver"}
    exec(compile(code, "docs/sharing.md", "exec"), names)
    return names


@pytest.fixture
def announced(receiver: dict[str, Any]) -> Queue[tuple[str, str]]:
    """What it would write into the chat."""
    found: Queue[tuple[str, str]] = Queue()
    receiver["announce"] = lambda task, version: found.put((task, version))
    return found


@pytest.fixture
def url(receiver: dict[str, Any]) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), receiver["Receiver"]) as listening:
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}/"
        listening.shutdown()


@pytest.mark.slow
@pytest.mark.timeout(2 * mlflow_server.START_S)
def test_every_new_champion_is_announced_and_nothing_else(
    url: str, announced: Queue[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": Fernet.generate_key().decode(),
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "https,http",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    }
    with mlflow_server.server(tmp_path, variables) as port:
        monkeypatch.setenv(VARIABLE, f"http://127.0.0.1:{port}")
        runs.connect().create_webhook("champions", url, ["model_version_alias.created"], secret=SECRET)
        one, two, three = (publish("rbc", bundle(tmp_path / str(i), weights=bytes([i]))) for i in range(3))
        registry.promote("rbc", one, {"why": "there was no champion"})
        assert announced.get(timeout=WAIT_S) == ("rbc", "1")
        registry.challenge("rbc", two, {"why": ["Worse."]})
        registry.promote("rbc", three, {"why": ["Better."]})
        assert announced.get(timeout=WAIT_S) == ("rbc", "3")
        registry.roll_back("rbc")
        assert announced.get(timeout=WAIT_S) == ("rbc", "1")
        assert announced.empty()


def test_a_message_without_the_secret_or_too_old_is_refused(receiver: dict[str, Any]) -> None:
    from mlflow.webhooks.delivery import _generate_hmac_signature

    def sent(secret: str, at: int, body: bytes = b"{}") -> Message:
        headers = Message()
        headers["x-mlflow-timestamp"], headers["x-mlflow-delivery-id"] = str(at), "one"
        headers["x-mlflow-signature"] = _generate_hmac_signature(secret, "one", str(at), body.decode())
        return headers

    is_genuine, now = receiver["is_genuine"], int(time.time())
    assert is_genuine(sent(SECRET, now), b"{}", SECRET)
    assert not is_genuine(sent(SECRET, now), b'{"changed": 1}', SECRET)
    assert not is_genuine(sent("guessed", now), b"{}", SECRET)
    assert not is_genuine(sent(SECRET, now - 301), b"{}", SECRET)
    assert not is_genuine(Message(), b"{}", SECRET)
