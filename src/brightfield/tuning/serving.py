"""``brightfield studies``: Optuna's dashboard over the studies of a project, on this machine alone, to look and not to change."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from brightfield.errors import BrightfieldError
from brightfield.tuning import storage, studies

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

HOST = "127.0.0.1"
READING = ("GET", "HEAD")


class _Server(ThreadingMixIn, WSGIServer):
    """Answers each request in a thread, so that a large study does not hold up the page."""

    daemon_threads = True
    allow_reuse_address = True


class _Quiet(WSGIRequestHandler):
    """The page asks every ten seconds: nobody wants to read that."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Guarded:
    """An application that answers this machine's own pages alone, and only questions.

    A page of another site can reach a server on this machine under a name that it makes point here (DNS rebinding); the header
    Host says under which name it was reached. Optuna's dashboard could also delete studies, and note what was not measured, in the
    files by which a search goes on.

    Args:
        application: what answers.
        port: where it is served.
    """

    def __init__(self, application: WSGIApplication, port: int) -> None:
        self._application = application
        self._hosts = (f"{HOST}:{port}", f"localhost:{port}")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, or refuse it."""
        if environ.get("HTTP_HOST", "").lower() not in self._hosts:
            return _refuse(start_response, HTTPStatus.FORBIDDEN, f"Open http://{self._hosts[0]} instead.")
        if environ["REQUEST_METHOD"] not in READING:
            said = "Studies are only shown here: `brightfield tune` and `brightfield adopt` change them."
            return _refuse(start_response, HTTPStatus.METHOD_NOT_ALLOWED, said)
        return self._application(environ, start_response)


def _refuse(start_response: StartResponse, status: HTTPStatus, said: str) -> list[bytes]:
    body = f"{said}\n".encode()
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append(("Allow", ", ".join(READING)))
    start_response(f"{status.value} {status.phrase}", headers)
    return [body]


def server(port: int) -> WSGIServer:
    """A server of Optuna's dashboard that listens already, on this machine alone.

    Args:
        port: where; 0: any that is free.

    Raises:
        BrightfieldError: there is no study yet, or the port is taken.
    """
    if not storage.is_there() or not studies.names():
        raise BrightfieldError("There is no study yet. `make tune MODEL=NAME` begins one.")
    import optuna_dashboard

    application = optuna_dashboard.wsgi(studies.here().storage)
    try:
        made = make_server(HOST, port, application, _Server, _Quiet)
    except OSError as error:
        raise BrightfieldError(
            f"Nothing can listen at {HOST}:{port} ({error.strerror}): is it open already? `--port` takes another."
        ) from error
    made.set_app(Guarded(application, made.server_port))
    return made


def serve(port: int, say: Callable[[str], None]) -> None:
    """Serve until Ctrl+C.

    Args:
        port: where, on this machine.
        say: shows a line to the user.
    """
    with server(port) as made:
        say(f"All studies: http://{HOST}:{made.server_port} (Ctrl+C ends it)")
        try:
            made.serve_forever()
        except KeyboardInterrupt:
            return
