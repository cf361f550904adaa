"""What models were scored: reports of this folder, and of versions of the registry, each of the very model that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from brightfield import layout, params
from brightfield.errors import BrightfieldError
from brightfield.evaluation.scoring import BUNDLE_HASH, KIND, TRAIN, VALIDATION
from brightfield.experiments import registry
from brightfield.system.files import read_json

AGAIN = "Make it again: `dvc repro`."
ALIAS_OF = "@"  # rbc@champion: a version of the registry
NAMES = ("id", "group", "split", KIND)  # columns of a report that hold text


@dataclass(frozen=True)
class Scored:
    """A model or an ensemble with its scored answers.

    Attributes:
        name: as it was asked for.
        task: name of its task.
        table: its ``images.csv``: a row an image of validation, test and suites.
        data_hash: DVC hash of the prepared dataset that it was scored on, None where DVC does not know it.
    """

    name: str
    task: str
    table: pd.DataFrame
    data_hash: str | None

    def of(self, split: str) -> pd.DataFrame:
        """The rows of one split.

        Raises:
            BrightfieldError: it has none.
        """
        rows = self.table[self.table["split"] == split].reset_index(drop=True)
        if rows.empty or split in (TRAIN, VALIDATION):  # validation chose the model
            known = ", ".join(each for each in self.table["split"].unique() if each not in (TRAIN, VALIDATION))
            raise BrightfieldError(f"{self.name} was not scored on {split!r}: expected one of {known}.")
        return rows


def read(name: str, settings: params.Params, fetched: Path = layout.FETCHED) -> Scored:
    """A model or an ensemble of ``params.yaml``, or ``TASK@champion``, ``TASK@previous`` or ``TASK@3``: a version of the registry.

    Raises:
        BrightfieldError: there is no such model, or it was not scored.
    """
    task, at, reference = name.partition(ALIAS_OF)
    if at:
        params.entry(settings.tasks, task, "task")
        return _read(name, task, *_report_of(task, reference, fetched))
    entries: dict[str, params.Model | params.Ensemble] = {**settings.models, **settings.ensembles}
    task = params.entry(entries, name, "model or ensemble").task
    return _read(name, task, layout.report(name), _here(task, name))


def _report_of(task: str, reference: str, fetched: Path) -> tuple[Path, str]:
    """The report of a version, the one in this folder if it is of the same bundle, else that of its run; and the bundle's hash."""
    version = registry.find(task, reference)
    here = layout.report(version.model)
    if (here / layout.METRICS).is_file():
        known = read_json(here / layout.METRICS, AGAIN).get(BUNDLE_HASH)
        if known == version.bundle_hash or (known is None and _here(task, version.model) == version.bundle_hash):
            return here, version.bundle_hash
    return registry.fetch_report(version, fetched), version.bundle_hash


def _here(task: str, name: str) -> str | None:
    """The hash of a model's or an ensemble's bundle in this folder; None without one."""
    for folder in (layout.model(task, name), layout.ensemble(task, name)):
        if (folder / layout.BUNDLE).is_file():
            return registry.bundle_hash(folder)
    return None


def _read(name: str, task: str, report: Path, bundle_hash: str | None) -> Scored:
    """What a report holds, which must be that of a bundle where both are known.

    Raises:
        BrightfieldError: there is no report, it is damaged, or it is of another bundle.
    """
    table, metrics = report / layout.IMAGE_SCORES, report / layout.METRICS
    if not (table.is_file() and metrics.is_file()):
        raise BrightfieldError(f"{name} was not evaluated yet: {report} has no {layout.IMAGE_SCORES}. Run `dvc repro`.")
    content = read_json(metrics, AGAIN)
    known = content.get(BUNDLE_HASH)
    if known is not None and bundle_hash is not None and known != bundle_hash:
        raise BrightfieldError(
            f"The report of {name}, {report}, is of another training than the model: it says nothing of it. Run `dvc repro`."
        )
    return Scored(name, task, image_scores(table), content.get("data_hash"))


def image_scores(path: Path) -> pd.DataFrame:
    """``images.csv`` of a report.

    Raises:
        BrightfieldError: it is damaged: no table, without the columns that every report has, or with a number that is none.
    """
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(NAMES, str))
    except (ValueError, OSError) as error:
        raise BrightfieldError(f"{path} cannot be read: {error}. {AGAIN}") from error
    if missing := [name for name in ("id", "group", "split") if name not in table]:
        raise BrightfieldError(f"{path} is damaged: it has no column {missing[0]}. {AGAIN}")
    numbers = table.drop(columns=list(NAMES), errors="ignore")
    wrong = [
        name for name in numbers if not pd.api.types.is_numeric_dtype(numbers[name]) or np.isinf(numbers[name]).any()
    ]
    if wrong or table[["id", "group", "split"]].isna().any(axis=None):
        what = f"column {wrong[0]} holds what is no number" if wrong else "a row has no id, group or split"
        raise BrightfieldError(f"{path} is damaged: {what}. {AGAIN}")
    return table
