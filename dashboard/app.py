"""The dashboard: ``make dashboard``, or ``streamlit run dashboard/app.py`` in the project's folder.

The pages are those of ``menu.py``; beside them the server answers what the microscope asks for.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from typing import Any

import streamlit as st

from brightfield.system import environment, memory
from microscope.routes import ROUTES

# what takes seconds to load, and nearly every page needs: the server says that it is there once it has it
NEEDED = (
    "brightfield.tasks",
    "scipy.stats",
    "mlflow.tracking",
    "mlflow.store.tracking.sqlalchemy_store",
    "plotly.graph_objects",
)
# what pages with answers of models need: after the first page, which is often asked for at once, and would be slowed down
LATER, LATER_S = ("brightfield.prediction", "timm", "skimage.segmentation"), 60


@asynccontextmanager
async def prepared(server: st.App) -> AsyncIterator[dict[str, Any] | None]:
    """Load libraries before the first visitor comes, who would wait for them."""
    del server
    environment.set_defaults()  # before torch is loaded
    memory.return_large_arrays()
    _load(NEEDED)
    _ask()
    later = threading.Timer(LATER_S, _load, (LATER,))
    later.daemon = True
    later.start()
    yield None
    later.cancel()


def _load(modules: tuple[str, ...]) -> None:
    for module in modules:
        import_module(module)


def _ask() -> None:
    """The first question to MLflow, which opens its store; where there is none, the pages say so."""
    from brightfield.errors import BrightfieldError
    from brightfield.experiments import runs
    from brightfield.experiments.runs.connection import sqlite_path

    with suppress(BrightfieldError):
        database = sqlite_path(runs.tracking_uri())
        if database is None or database.is_file():
            runs.page(runs.Wanted(), 1)


app = st.App("menu.py", lifespan=prepared, routes=ROUTES)
