"""Where studies are kept: in a journal beside the project, or in a PostgreSQL database that several machines share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from brightfield import layout
from brightfield.tuning import claims
from brightfield.tuning.claims import Claims

VARIABLE = "BRIGHTFIELD_STUDIES"  # the address of a database, which holds a password


@dataclass(frozen=True)
class Place:
    """Studies, and who works on them.

    Attributes:
        storage: Optuna's.
        claims: of this process.
        shared: whether workers on other machines can take part.
    """

    storage: Any
    claims: Claims
    shared: bool


def place() -> Place:
    """Where studies are: the database that the environment variable ``BRIGHTFIELD_STUDIES`` names, else ``studies/``.

    Studies of earlier versions (``studies/*.db``) are left alone.

    Raises:
        StudiesError: there is no such database, its driver is not installed, or the journal cannot be read.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    text = os.environ.get(VARIABLE, "")
    if text:
        return _of_database(text)
    from brightfield.tuning import journal

    return Place(journal.storage(layout.JOURNAL), claims.of_file(layout.CLAIMS), shared=False)


_OF_DATABASES: dict[tuple[str, int], Place] = {}  # by address and process: each has sessions at the server


def _of_database(text: str) -> Place:
    from brightfield.tuning import database

    key = text, os.getpid()
    if key not in _OF_DATABASES:
        address = database.address_of(text)
        own = database.PostgresClaims(address)
        _OF_DATABASES[key] = Place(database.storage(address, own), own, shared=True)
    return _OF_DATABASES[key]


def is_there() -> bool:
    """Whether anything was ever tuned here."""
    return bool(os.environ.get(VARIABLE)) or layout.JOURNAL.is_file()
