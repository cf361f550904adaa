"""MLflow runs: start one, resume it, log to it, find it again. With the registry, the only room that knows MLflow."""

from brightfield.lineage import DatasetRef
from brightfield.runs.connection import connect, tracking_uri
from brightfield.runs.queries import history, search
from brightfield.runs.recording import Run
from brightfield.runs.starting import Role, resume, start
from brightfield.runs.syncing import log_evaluation, reconcile, write_reference

__all__ = [
    "DatasetRef",
    "Role",
    "Run",
    "connect",
    "history",
    "log_evaluation",
    "reconcile",
    "resume",
    "search",
    "start",
    "tracking_uri",
    "write_reference",
]
