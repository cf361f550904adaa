"""Turns: of several processes, on any machine, one at a time moves the aliases of a task."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from brightfield.errors import BrightfieldError

if TYPE_CHECKING:
    from mlflow import MlflowClient

WAIT_S = 60.0  # for the turns of other processes; a promotion takes a second
DEAD_S = 40.0  # who holds a turn for so long is gone
PAUSE_S = 0.1


@contextmanager
def turn(client: MlflowClient, task: str) -> Iterator[None]:
    """Hold the turn of a task: nobody else changes its aliases until the end of the ``with`` block.

    MLflow has no lock, but creates a registered model only once: the turn is one of its own name, which is deleted at the end.

    Raises:
        BrightfieldError: another process holds it for longer than ``WAIT_S``.
    """
    name, mine = f"{task} - promotion under way", f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    begun = since = time.monotonic()
    holder: str | None = None
    while not _taken(client, name, mine):
        now, seen = time.monotonic(), _holder(client, name)
        if seen != holder:
            holder, since = seen, now
        elif holder is not None and now - since > DEAD_S:  # by this clock alone: those of two machines differ
            _delete(client, name)
        if now - begun > WAIT_S:
            raise BrightfieldError(
                f"Another process is changing the champion of {task!r}. Wait, and try again; if none is, delete the registered "
                f"model {name!r} in MLflow."
            )
        time.sleep(PAUSE_S)
    try:
        yield
    finally:
        if _holder(client, name) == mine:  # or another process took it for dead
            _delete(client, name)


def _holder(client: MlflowClient, name: str) -> str | None:
    from mlflow.exceptions import MlflowException

    try:
        return str(client.get_registered_model(name).description)
    except MlflowException:
        return None


def _taken(client: MlflowClient, name: str, mine: str) -> bool:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, description=mine)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        return False
    return True


def _delete(client: MlflowClient, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.delete_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
