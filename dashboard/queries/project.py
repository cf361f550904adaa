"""Queries of the project's folder: params.yaml, bundles and pictures. Nothing here needs MLflow."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st
from streamlit.runtime.scriptrunner import add_script_run_ctx, get_script_run_ctx

from brightfield import layout, params
from brightfield.errors import BrightfieldError
from brightfield.system import processes

Item = TypeVar("Item")
CHANGES = "--allow-changes"
TTL_S = 10  # lifetime of cached results, because files change while a pipeline runs


def settings() -> params.Params:
    """The content of params.yaml, read again when the file has changed.

    Raises:
        BrightfieldError: the file is missing or invalid; the message names the place.
    """
    path = params.PARAMS.absolute()
    return _settings(str(path), path.stat().st_mtime_ns if path.is_file() else 0)


@st.cache_resource(max_entries=4, show_spinner=False)  # immutable, so all sessions can share it
def _settings(path: str, changed: int) -> params.Params:
    return params.load()


@st.cache_resource(show_spinner="Loading the tasks")
def objective(kind: str, scored: tuple[str, ...] = ()) -> tuple[str, str]:
    """Metric and direction (``maximize`` or ``minimize``) by which models of a kind of task are chosen.

    Args:
        kind: of the task.
        scored: the metrics that the truth of a dataset allows; none: those of exact truth.
    """
    from brightfield import tasks  # imports torch, which takes seconds

    found = tasks.KINDS[kind].objective_of(scored)
    return found.metric, found.direction


@st.cache_resource(show_spinner=False)
def _classifies(kind: str) -> bool:
    from brightfield import tasks

    return bool(tasks.KINDS[kind].classifies_images)


def classifies(task: str) -> bool:
    """Whether the images of a task have one class each."""
    return _classifies(settings().tasks[task].kind)


@st.cache_resource(show_spinner=False)
def _locates(kind: str) -> bool:
    from brightfield import tasks

    return bool(tasks.KINDS[kind].locates_objects)


def locates(task: str) -> bool:
    """Whether the answers of a task are places."""
    return _locates(settings().tasks[task].kind)


def may_change() -> bool:
    """Whether the app was started with ``--allow-changes``: who reaches it may then change champions and datasets."""
    return CHANGES in sys.argv


def models() -> pd.DataFrame:
    """All models and ensembles of params.yaml: name, task, kind, dataset and role (baseline, member, ensemble)."""
    known = settings()
    rows: list[dict[str, str]] = []
    for name, model in known.models.items():
        rows.append({"name": name, **_about(model), "role": "baseline" if model.is_baseline else "member"})
    for name, ensemble_entry in known.ensembles.items():
        rows.append({"name": name, **_about(ensemble_entry), "role": "ensemble"})
    return pd.DataFrame(rows, columns=["name", "task", "kind", "dataset", "role"])


def _about(entry: params.Model | params.Ensemble) -> dict[str, str]:
    return {"task": entry.task, "kind": entry.kind, "dataset": entry.dataset}


def folder(task: str, name: str, role: str) -> Path:
    """The folder of the bundle of a model or an ensemble."""
    return layout.ensemble(task, name) if role == "ensemble" else layout.model(task, name)


def report(name: str) -> Path:
    """The report of a model or an ensemble: that of this project, or without it one that came from the tracking server."""
    here, fetched = layout.report(name), layout.fetched_report(name)
    return fetched if not (here / layout.METRICS).is_file() and (fetched / layout.METRICS).is_file() else here


@st.cache_data(ttl=TTL_S, show_spinner=False)
def provenance(task: str, name: str, role: str) -> dict[str, Any]:
    """Commit, dirty and data_hash from a bundle; empty before the training."""
    content = read_json(folder(task, name, role) / layout.BUNDLE)
    if content is None:
        return {}
    found: Mapping[str, Any] = content.get("provenance", {})
    code, data = found.get("lineage", {}), found.get("dataset") or {}
    return {"commit": code.get("commit"), "dirty": code.get("dirty"), "data_hash": data.get("hash")}


def thumbnail(path: Path, side: int) -> bytes:
    """A picture as PNG whose longer side is at most ``side`` pixels."""
    return _thumbnail(str(path.absolute()), path.stat().st_mtime_ns, side)


@st.cache_data(max_entries=200, show_spinner=False)
def _thumbnail(path: str, changed: int, side: int) -> bytes:
    return shrink(Path(path).read_bytes(), side)


def ahead(draw: Callable[[Item], object], items: Iterable[Item]) -> None:
    """Draw some pictures on all cores, so that what draws them, which remembers, has them when a page asks."""
    context = get_script_run_ctx()

    def of_this_page(item: Item) -> None:
        add_script_run_ctx(threading.current_thread(), context)
        draw(item)

    list(processes.threaded_map(of_this_page, items))


def shrink(png: bytes, side: int) -> bytes:
    """The PNG, made smaller if a side is longer than ``side`` pixels."""
    import PIL.Image

    with PIL.Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
        if max(picture.size) <= side:
            return png
        picture.thumbnail((side, side), reducing_gap=2.0)
        target = io.BytesIO()
        picture.save(target, format="PNG", compress_level=1)
        return target.getvalue()


def small_png(pixels: npt.NDArray[np.uint8], side: int) -> bytes:
    """A picture (H, W, 3), made smaller if a side is longer than ``side`` pixels, as PNG, written quickly rather than small."""
    import PIL.Image

    picture = PIL.Image.fromarray(pixels)
    picture.thumbnail((side, side), reducing_gap=2.0)
    target = io.BytesIO()
    picture.save(target, format="PNG", compress_level=1)
    return target.getvalue()


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object from a file; None if there is no file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BrightfieldError(f"{path} cannot be read: {error}. Make it again with `dvc repro`.") from error
    if not isinstance(content, dict):
        raise BrightfieldError(f"{path} is not a JSON object. Make it again with `dvc repro`.")
    return content
