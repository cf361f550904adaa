"""MLflow runs: start one, resume it, log to it, find it again. With the registry, the only room that knows MLflow."""

from brightfield.experiments.runs.connection import connect, tracking_uri
from brightfield.experiments.runs.queries import Page, Wanted, by_id, find, history, page, search, states_of
from brightfield.experiments.runs.recording import Run, Status
from brightfield.experiments.runs.starting import Role, resume, start
from brightfield.experiments.runs.syncing import log_evaluation, reconcile, write_reference
from brightfield.system.lineage import DatasetRef

__all__ = [
    "DatasetRef",
    "Page",
    "Role",
    "Run",
    "Status",
    "Wanted",
    "by_id",
    "connect",
    "find",
    "history",
    "log_evaluation",
    "page",
    "reconcile",
    "resume",
    "search",
    "start",
    "states_of",
    "tracking_uri",
    "write_reference",
]
