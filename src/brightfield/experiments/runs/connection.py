"""Where MLflow is: a client that is known to answer, or one clear error within seconds.

MLflow is imported inside the functions: importing it takes seconds, and the command line should start without it.
"""

from __future__ import annotations

import os
import re
import socket
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from filelock import FileLock, Timeout

from brightfield.errors import BrightfieldError

if TYPE_CHECKING:
    from mlflow import MlflowClient

VARIABLE = "MLFLOW_TRACKING_URI"
DEFAULT_URI = "sqlite:///mlflow.db"  # what a bare `mlflow ui` in the same folder opens
PREFLIGHT_S = 2.5  # MLflow's own retries go on for four minutes
POSTGRESQL, POSTGRESQL_PORT = "postgres", 5432  # of the scheme: postgresql://, postgresql+psycopg://
ANSWER_S = 15.0  # the first question to its database may take longer
_ANY_QUESTION = (
    "/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default"  # answered in JSON, whether it exists or not
)
INITIALISE_S = 300.0  # how long to wait for another process that is creating the database
ROWS_TO_PLAN = 1000  # of an index, at which SQLite looks
FEWEST_TO_PLAN = 100  # runs
_FILE_SCHEMES = ("", "file")
_SETTINGS = {  # of MLflow, unless the user has set them
    "MLFLOW_DISABLE_TELEMETRY": "true",  # nothing about unpublished experiments leaves the laboratory
    "MLFLOW_LOGGING_LEVEL": "WARNING",  # what it does to its own database is no news to a user
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # a bar for every two files drowns our own
}

_opened: dict[str, tuple[int, int]] = {}  # sqlite files this process has opened: device and inode


def tracking_uri() -> str:
    """``MLFLOW_TRACKING_URI``, or the local default; the path of a sqlite file, relative to the project, is made absolute.

    Absolute, because MLflow keeps one store for each URI: after a change of folder a relative one would still mean the
    old file.

    Raises:
        BrightfieldError: the URI names a folder: MLflow no longer keeps runs in plain files.
    """
    uri = os.environ.get(VARIABLE, "").strip() or DEFAULT_URI
    if urlsplit(uri).scheme in _FILE_SCHEMES:
        raise BrightfieldError(
            f"{VARIABLE} is {uri!r}, a folder, where MLflow no longer keeps runs. "
            f"Unset it (runs then go to {DEFAULT_URI}), or give a database (sqlite:///...) or a server (http://...)."
        )
    database = sqlite_path(uri)
    if database is None:
        return uri
    _, mark, options = uri.partition("?")
    return f"sqlite:///{quote(database.as_posix(), safe='/:')}{mark}{options}"


def sqlite_path(uri: str) -> Path | None:
    """The absolute path of a ``sqlite:///`` URI's file, None for any other URI."""
    if not uri.startswith("sqlite:///"):
        return None
    return project_folder() / unquote(uri.removeprefix("sqlite:///").partition("?")[0])


def project_folder() -> Path:
    """The current folder; in the temporary copy that `dvc exp run --temp` or `--queue` makes of a project, the project itself.

    DVC deletes such a copy at the end, and what is logged must outlive it. It sets ``DVC_ROOT`` to the repository that was copied,
    below whose ``.dvc`` the copy lies.
    """
    here = Path.cwd()
    copied_from = os.environ.get("DVC_ROOT")
    copy = next((folder for folder in (here, *here.parents) if (folder / ".dvc").is_dir()), None)
    if not copied_from or copy is None or not copy.is_relative_to((Path(copied_from) / ".dvc").resolve()):
        return here
    return Path(copied_from).resolve() / here.relative_to(copy)


def connect() -> MlflowClient:
    """A client of :func:`tracking_uri` whose database exists, or whose server answers.

    Raises:
        BrightfieldError: the server does not answer within seconds, or the database cannot be used; says which it was.
    """
    uri = tracking_uri()
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    if project_folder() != Path.cwd():
        os.environ[VARIABLE] = uri  # what MLflow opens by itself would otherwise be a database in the current folder
    from mlflow import MlflowClient

    database = sqlite_path(uri)
    if database is not None:
        _open_database(uri, database)
    elif urlsplit(uri).scheme in ("http", "https"):
        _preflight(uri)
    elif urlsplit(uri).scheme.startswith(POSTGRESQL):
        _preflight_of_a_database(uri)
    try:
        return MlflowClient(tracking_uri=uri, registry_uri=uri)
    except ModuleNotFoundError as error:
        raise BrightfieldError(
            f"{shown(uri)} needs the driver {error.name!r}, which is not installed. "
            f"For PostgreSQL run `pip install 'psycopg[binary]'`, or change {VARIABLE}."
        ) from error


def _open_database(uri: str, database: Path) -> None:
    """Create the database if need be, one process at a time: several that do it together break it for good."""
    if uri in _opened:
        if not database.is_file() or _identity(database) != _opened[uri]:
            raise BrightfieldError(f"{database} was deleted or replaced while in use. Start this program again.")
        return
    if not database.parent.is_dir():
        raise BrightfieldError(
            f"MLflow's database needs the folder {database.parent}. Create it, or change {VARIABLE}."
        )
    lock = f"{database}.lock"
    try:
        with FileLock(lock, timeout=INITIALISE_S):
            _first_query(uri, database)
            _let_it_plan(database)
    except Timeout as error:
        raise BrightfieldError(
            f"Another process has held {lock} for {INITIALISE_S:.0f} s. End it, or delete that file if none is running."
        ) from error
    except OSError as error:
        raise BrightfieldError(f"MLflow cannot use {database}: {error}. Mend that, or change {VARIABLE}.") from error
    _opened[uri] = _identity(database)


def _first_query(uri: str, database: Path) -> None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        client.search_experiments(max_results=1)
        client.search_registered_models(max_results=1)  # the registry opens the file a second time
    except (MlflowException, SQLAlchemyError) as error:
        if "database is locked" in str(error):
            raise BrightfieldError(
                f"The database {database} is in use by another process, which has held it for some seconds. Wait until that has "
                "ended (a copy, a backup, a program that shows the file), and try again."
            ) from error
        raise BrightfieldError(
            f"MLflow cannot use the database {database}: {_first_line(error)} "
            f"If another version of MLflow made it, run `mlflow db upgrade {uri}`; otherwise move the file away."
        ) from error


def _let_it_plan(database: Path) -> None:
    """Let SQLite count what its tables hold: without that, 20,000 runs in the order of a metric take it 8 s instead of 0.1 s.

    It looks at some rows (https://www.sqlite.org/lang_analyze.html, section 4), in milliseconds; again when runs are many more.
    """
    with suppress(sqlite3.Error), closing(sqlite3.connect(database, timeout=PREFLIGHT_S)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM runs").fetchone()
        if count < max(FEWEST_TO_PLAN, 2 * _counted(connection)):
            return
        connection.execute(f"PRAGMA analysis_limit={ROWS_TO_PLAN}")
        for table in ("runs", "tags", "params", "latest_metrics", "metrics"):
            connection.execute(f"ANALYZE {table}")


def _counted(connection: sqlite3.Connection) -> int:
    """How many runs there were when SQLite counted them; 0 if it never did."""
    try:
        found = connection.execute("SELECT stat FROM sqlite_stat1 WHERE tbl = 'runs'").fetchone()
    except sqlite3.OperationalError:  # no such table
        return 0
    return int(found[0].split()[0]) if found else 0


def _identity(database: Path) -> tuple[int, int]:
    status = database.stat()
    return status.st_dev, status.st_ino


def _preflight(uri: str) -> None:
    """Ask the server whether it is there and lets us in, with the credentials and certificates MLflow will use, without retries."""
    advice = f"The variable {VARIABLE} decides which server is used; without it runs go to {DEFAULT_URI}."
    status, body = _asked(uri, "/health", PREFLIGHT_S, advice)
    if status >= 500 or (status == 403 and "host" in body.lower()):
        raise BrightfieldError(f"The MLflow server {shown(uri)} answers {status}: {body[:200]!r}. Mend it. {advice}")
    # a proxy may let /health through, or not know it: what counts is the interface itself
    status, body = _asked(uri, _ANY_QUESTION, ANSWER_S, advice)
    if status in (401, 403):
        who = f"as {user!r}" if (user := os.environ.get("MLFLOW_TRACKING_USERNAME")) else "without a login"
        raise BrightfieldError(
            f"The MLflow server {shown(uri)} refuses us ({status}), {who}. Set MLFLOW_TRACKING_USERNAME and "
            f"MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN. {advice}"
        )
    if status >= 500:
        raise BrightfieldError(f"The MLflow server {shown(uri)} answers {status}: {body[:200]!r}. Mend it. {advice}")
    if not body.lstrip().startswith("{"):
        raise BrightfieldError(
            f"There is no MLflow at {shown(uri)}: it answers {status} where MLflow's interface is expected. Check the path at the "
            f"end of the address, such as /mlflow behind a proxy. {advice}"
        )


def _preflight_of_a_database(uri: str) -> None:
    """Ask whether anybody listens at a PostgreSQL server's address, for which MLflow would wait for minutes.

    A server that has no single address (a socket, several hosts) is left to MLflow.
    """
    parts = urlsplit(uri)
    if not parts.hostname or "," in parts.netloc:
        return
    try:
        socket.create_connection((parts.hostname, parts.port or POSTGRESQL_PORT), PREFLIGHT_S).close()
    except OSError as error:
        raise BrightfieldError(
            f"The database server {shown(uri)} does not answer: {_first_line(error)} Start it. "
            f"The variable {VARIABLE} decides which is used; without it runs go to {DEFAULT_URI}."
        ) from error


def _asked(uri: str, question: str, seconds: float, advice: str) -> tuple[int, str]:
    """Status and body of an answer; raises BrightfieldError if there is none."""
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    try:
        credentials = get_default_host_creds(uri)  # type: ignore[no-untyped-call]
        answer = http_request(  # type: ignore[no-untyped-call]
            credentials, question, "GET", timeout=seconds, max_retries=0, raise_on_status=False
        )
    except Exception as error:  # requests, urllib3, MLflow and credential plug-ins each raise their own
        reason = _first_line(_root(error))
        raise BrightfieldError(
            f"The MLflow server {shown(uri)} does not answer: {reason} Start it. {advice}"
        ) from error
    return int(answer.status_code), str(answer.text).strip()


def shown(uri: str) -> str:
    """The URI without a user and a password, for messages."""
    return re.sub(r"//[^/@]*@", "//", uri)


def _root(error: BaseException) -> BaseException:
    """What the libraries have wrapped several times: "Connection refused", say."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def _first_line(error: BaseException) -> str:
    text = shown(str(error).strip().partition("\n")[0]) or type(error).__name__
    return text if text.endswith(".") else f"{text}."
