"""What needs somebody's attention, each with the next step: champions, runs, datasets and test splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd

from brightfield.experiments import runs
from queries import data, project, reports, tracking

RECENT = timedelta(days=7)  # failures before that are known
DEAD = timedelta(hours=24)  # a run that has been going on for longer has probably lost its process
LOOKED_AT = 20  # runs: one tells as much as a hundred
NAMED = 3  # runs that are named
WORN = 10  # decisions on the same test images, after which a gain there may be luck
TRAININGS: tuple[runs.Role, ...] = ("member", "baseline", "ensemble")  # that a trial fails is part of a study


@dataclass(frozen=True)
class Notice:
    """Something that somebody should know of.

    Attributes:
        what: a sentence.
        step: what to do, a sentence of Markdown.
        page: the file of the page that shows more.
        place: of that page, the part of its address after the question mark.
    """

    what: str
    step: str
    page: str
    place: Mapping[str, str]


def notices(champions: pd.DataFrame, now: datetime | None = None) -> list[Notice]:
    """What needs attention, the most urgent first.

    Args:
        champions: see :func:`queries.tracking.champions`.
        now: the time; None: this moment.
    """
    moment = now or datetime.now(UTC)
    problems, warnings = _audits("problem"), _audits("warning")
    return [*problems, *_stale(champions), *_runs(moment), *_worn(champions), *warnings]


def _audits(kind: str) -> Iterator[Notice]:
    for row in data.datasets().to_dict("records"):
        if found := row[f"{kind}s"]:
            yield Notice(
                f"The audit of {row['dataset']} found {_count(found, kind).lower()}.",
                "Look at the images: correct them, leave them out, or know why they are so.",
                "views/data.py",
                {"dataset": row["dataset"]},
            )


def _stale(champions: pd.DataFrame) -> Iterator[Notice]:
    """Champions that learnt from other images than those that are prepared now."""
    for row in champions.to_dict("records"):
        now = set(reports.on_test(row["task"])["data_hash"].dropna())
        if isinstance(row.get("data_hash"), str) and now and row["data_hash"] not in now:
            yield Notice(
                f"The champion of {row['task']}, {row['model']}, learnt from an earlier version of the dataset.",
                f"`dvc repro register@{row['task']}` lets the models of this folder challenge it on the images of today.",
                "views/registry.py",
                {"registry-task": row["task"]},
            )


def _runs(now: datetime) -> Iterator[Notice]:
    failed = tracking.listed(runs.Wanted(roles=TRAININGS, statuses=("FAILED",)), most=LOOKED_AT).table
    recent = failed[_begun(failed) > now - RECENT]
    if len(recent):
        last = recent.iloc[0]
        yield Notice(
            f"{_at_least(len(recent))} failed within the last {RECENT.days} days, {last['name']} last.",
            "The same command goes on where it stopped; the run in MLflow says why it did.",
            "views/runs.py",
            {"runs-status": "failed"},
        )
    going = tracking.listed(runs.Wanted(roles=TRAININGS, statuses=("RUNNING",), ascending=True), most=LOOKED_AT).table
    dead = going[_begun(going) < now - DEAD]
    if len(dead):
        yield Notice(
            f"{_at_least(len(dead))} began more than {DEAD // timedelta(hours=1)} hours ago and did not end: "
            f"{', '.join(dead['name'].head(NAMED))}. Perhaps the process is gone.",
            "If it is, the same command goes on where it stopped, on the same run.",
            "views/runs.py",
            {"runs-status": "running"},
        )


def _at_least(count: int) -> str:
    """So many trainings, of which no more were asked for than are worth counting."""
    return f"{_count(count, 'training')}{' or more' if count == LOOKED_AT else ''}"


def _begun(table: pd.DataFrame) -> pd.Series:
    return pd.to_datetime(table["start_time"], utc=True)


def _worn(champions: pd.DataFrame) -> Iterator[Notice]:
    for task in champions["task"]:
        looks = tracking.decisions(task).table["look"].dropna()
        if len(looks) and looks.iloc[0] > WORN:
            yield Notice(
                f"{int(looks.iloc[0])} decisions about {task} were made on the same test images: the next gain there may be luck.",
                f"Import new images, or seal a share of them for decisions: `gate: 0.15` of the dataset {_dataset(task)}.",
                "views/registry.py",
                {"registry-task": task},
            )


def _dataset(task: str) -> str:
    return project.settings().tasks[task].dataset


def _count(number: int, what: str) -> str:
    return f"{number} {what}s" if number > 1 else f"One {what}"
