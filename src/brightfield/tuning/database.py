"""Studies in a PostgreSQL database, which workers on several machines share; the server may be started anew meanwhile.

The address holds a password. It reaches the driver alone: SQLAlchemy and Optuna, whose messages and logs would show it, are given a
function that connects.
"""

from __future__ import annotations

import functools
import os
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import unquote, urlsplit

import sqlalchemy.exc
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, RDBStorage
from pydantic import SecretStr

from brightfield.tuning.claims import Claims, StudiesError, number
from brightfield.tuning.storage import VARIABLE

if TYPE_CHECKING:
    import psycopg

POSTGRES = "postgresql://"
IDLE_S, INTERVAL_S, PROBES = 20, 5, 3  # after which a server knows that the machine of a session is gone
UNANSWERED_S = IDLE_S + INTERVAL_S * PROBES
CONNECT_S = 10
PATIENCE_S = 120.0  # with a server that was there before: long enough for it to be started anew
RETRY_S = 0.5
MOST_SAID = 400  # characters of what the driver says
GHOST_S = 2.0  # until the server has ended a session that it was asked to end
MOST_CONNECTIONS = 5  # of a process, besides the one of its claims; one is enough where there are no threads

Session = Any  # psycopg.Connection; the driver is an extra
Method = TypeVar("Method", bound=Callable[..., Any])


def address_of(text: str) -> SecretStr:
    """The address of a database of studies.

    Raises:
        StudiesError: it is none of PostgreSQL, or the driver is missing.
    """
    if not text.startswith(POSTGRES):
        kind = f"a database of kind {text.partition('://')[0]!r}" if "://" in text else "no database"
        raise StudiesError(
            f"{VARIABLE} names {kind}: expected {POSTGRES}user:password@host/name. "
            "Without the variable, studies are in the folder studies/, which workers on one machine share."
        )
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise StudiesError(
            f"{VARIABLE} names a PostgreSQL database, and its driver is missing. `uv pip install 'psycopg[binary]'`."
        ) from error
    return SecretStr(text)


class Connector:
    """Connects to one database; with patience where the server was there before.

    Args:
        address: see :func:`address_of`.
    """

    def __init__(self, address: SecretStr) -> None:
        self._address = address
        self._was_there = False

    def __call__(self, **options: Any) -> psycopg.Connection[Any]:
        """A new connection.

        Raises:
            StudiesError: there is no such server or database, or it lets nobody in by that name and password.
        """
        import psycopg

        deadline = time.monotonic() + (PATIENCE_S if self._was_there else 0)
        while True:
            try:
                session = psycopg.connect(self._address.get_secret_value(), **self._defaults(), **options)
            except psycopg.OperationalError as error:
                if time.monotonic() >= deadline:
                    raise StudiesError(self._cannot(self._said(error))) from None
                time.sleep(RETRY_S)
            except psycopg.Error as error:  # an address that cannot be read: what is said of it may hold the password
                raise StudiesError(self._cannot(type(error).__name__)) from None
            else:
                self._was_there = True
                return session

    def _defaults(self) -> dict[str, Any]:
        from psycopg.conninfo import conninfo_to_dict

        chosen = {
            "connect_timeout": CONNECT_S,
            "keepalives_idle": IDLE_S,
            "keepalives_interval": INTERVAL_S,
            "keepalives_count": PROBES,
            "tcp_user_timeout": UNANSWERED_S * 1000,
        }
        given = conninfo_to_dict(self._address.get_secret_value()).keys()
        return {key: value for key, value in chosen.items() if key not in given}

    @staticmethod
    def _cannot(why: str) -> str:
        return (
            f"The database of studies that {VARIABLE} names cannot be reached: {why} Does its server run, and do address, name and "
            "password fit? Trials that were begun are not lost: the same command goes on with them."
        )

    def _said(self, error: Exception) -> str:
        """What the driver says, without what must not be shown."""
        text = " ".join(str(error).split())[:MOST_SAID] or type(error).__name__
        parts = urlsplit(self._address.get_secret_value())
        for secret in (parts.netloc.rpartition("@")[0], parts.password, unquote(parts.password or "")):
            text = text.replace(secret, "***") if secret else text
        return text if text.endswith(".") else f"{text}."


def storage(address: SecretStr, claims: Claims) -> RDBStorage:
    """The studies of a database, whose tables are made where they are missing.

    Args:
        address: see :func:`address_of`.
        claims: in the same database: workers that make the same tables at once would die of it.

    Raises:
        StudiesError: it cannot be reached, or another version of Optuna made its tables.
    """
    engine = {
        "creator": Connector(address),
        "pool_pre_ping": True,  # a connection that a new start of the server has broken is replaced
        "pool_size": 1,
        "max_overflow": MOST_CONNECTIONS - 1,
    }
    try:
        with claims.turn("tables of studies"):
            return _Storage("postgresql+psycopg://", engine_kwargs=engine)
    except RuntimeError as error:  # Optuna says what is to be done
        raise StudiesError(f"The database of studies that {VARIABLE} names cannot be used: {error}") from None
    except (StorageInternalError, sqlalchemy.exc.SQLAlchemyError) as error:
        raise StudiesError(
            f"The database of studies that {VARIABLE} names cannot be used ({_root(error)}). May its user make tables?"
        ) from None


def _root(error: BaseException) -> str:
    """The driver's own words, which hold no address."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().partition("\n")[0] or type(error).__name__


# The last where Optuna asks in another way after the first two
BROKEN_OFF = (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError, sqlalchemy.exc.PendingRollbackError)


def _again(method: Method) -> Method:
    """A method of a storage that is tried once more where the server broke off in the middle of it.

    Connecting waits for the server. What is written twice so is the same, but for a trial that is made: nobody claims the first of
    the two, so the next worker takes it.
    """

    @functools.wraps(method)
    def call(*arguments: Any, **named: Any) -> Any:
        try:
            return method(*arguments, **named)
        except StorageInternalError as error:
            if not isinstance(error.__cause__, BROKEN_OFF):
                raise
        try:
            return method(*arguments, **named)
        except UpdateFinishedTrialError:  # the first time had worked, and its answer was lost
            return True
        except StorageInternalError as error:
            raise StudiesError(
                f"The database of studies broke off twice ({_root(error)}). The same command goes on."
            ) from None

    return cast("Method", call)


class _Storage(RDBStorage):
    """Optuna's, over new starts of the server."""


for _name in {name for name in dir(BaseStorage) if not name.startswith("_")} | {"_create_new_trial", "_get_trials"}:
    if callable(_method := getattr(RDBStorage, _name, None)):
        setattr(_Storage, _name, _again(_method))


def _new_name() -> str:
    """By which the server knows the sessions of one worker."""
    return f"brightfield {uuid.uuid4()}"


class PostgresClaims(Claims):
    """Advisory locks of PostgreSQL (session level), which the server releases with the session.

    Where a session breaks, the next one takes the claims again, those that no other worker has taken meanwhile.

    Args:
        address: see :func:`address_of`. A pool that hands one session to several clients (PgBouncer's
            transaction mode) will not do.
    """

    def __init__(self, address: SecretStr) -> None:
        super().__init__()
        self._connect = Connector(address)
        self._name = _new_name()
        self._session: Session | None = None

    def take(self, name: str) -> bool:
        """See :meth:`Claims.take`."""
        if name in self._mine or not self._ask("SELECT pg_try_advisory_lock(%s)", name):
            return False
        self._mine.add(name)
        return True

    def release(self, name: str) -> None:
        """See :meth:`Claims.release`."""
        import psycopg

        if name not in self._mine:
            return
        self._mine.discard(name)
        if self._session is not None:
            try:
                self._session.execute("SELECT pg_advisory_unlock(%s)", (number(name),))
            except (
                psycopg.OperationalError
            ):  # nothing holds any more; what else is claimed is taken again when it is needed
                self._close()

    def held(self, name: str) -> bool:
        """Whether the session still is, or a new one could take the claim again."""
        if name in self._mine:
            self._ask("SELECT %s", name)
        return name in self._mine

    def _wait(self, name: str) -> None:
        try:
            self._ask("SELECT pg_advisory_lock(%s)", name)
        except BaseException:  # Ctrl+C: whether the server had given it is not known
            self._close()
            raise
        self._mine.add(name)

    def _ask(self, statement: str, name: str) -> Any:
        import psycopg

        for last in (False, True):
            try:
                if self._session is None:
                    self._session = self._begun()
                row = self._session.execute(statement, (number(name),)).fetchone()
            except psycopg.OperationalError as error:  # the server was started anew, for instance
                self._close()
                if last:
                    raise StudiesError(
                        f"The database of studies broke off twice ({type(error).__name__}). The same command goes on."
                    ) from None
            else:
                return None if row is None else row[0]
        return None

    def _begun(self) -> Session:
        """A new session, with what was claimed in the one before."""
        session = self._connect(autocommit=True, application_name=self._name)
        for key, seconds in (("idle", IDLE_S), ("interval", INTERVAL_S), ("count", PROBES)):
            # of the server's side, which would else believe for two hours in a machine without power
            session.execute(f"SET tcp_keepalives_{key} = {seconds}")
        for limit in ("statement_timeout", "lock_timeout", "idle_session_timeout"):  # it waits, and is idle, for hours
            with suppress(Exception):  # the last is not known to versions before 14
                session.execute(f"SET {limit} = 0")
        if self._mine:
            # where the network broke, the server may still believe in the session before
            session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s AND pid <> pg_backend_pid()",
                (self._name,),
            )
            deadline = time.monotonic() + GHOST_S
            for name in sorted(self._mine):
                while session.execute("SELECT pg_try_advisory_lock(%s)", (number(name),)).fetchone() != (True,):
                    if time.monotonic() > deadline:
                        self._mine.discard(name)
                        break
                    time.sleep(0.05)
        return session

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None

    def in_child(self) -> None:
        """See :meth:`Claims.in_child`."""
        super().in_child()
        if self._session is not None and not self._session.closed:
            os.close(self._session.fileno())  # else the session would live as long as the child
        self._session, self._name = None, _new_name()
