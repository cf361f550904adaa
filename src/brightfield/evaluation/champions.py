"""The champion of every task as a table of text."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from brightfield import layout, params, tasks
from brightfield.experiments import registry
from brightfield.system.tables import text_table


def as_text() -> str:
    """A line a task: champion, version, its objective on test with interval, and what the baselines reach."""
    settings = params.load()
    head = ("task", "champion", "version", "objective", "on test", "interval", "baseline")
    rows = []
    for name, entry in settings.tasks.items():
        champion = registry.champion(name)
        if champion is None:
            rows.append((name, "none yet: run `dvc repro`", "", "", "", "", ""))
            continue
        metric = tasks.KINDS[entry.kind].objective_of(scores_on_test(champion.model)).metric
        value, low, high = _objective(champion.model, metric)
        baselines = [n for n, m in settings.models.items() if m.task == name and m.is_baseline]
        beside = ", ".join(objective_of(n, metric) for n in baselines)
        rows.append((name, champion.model, str(champion.number), metric, value, f"{low} to {high}", beside))
    return text_table(head, rows)


def decisions_as_text(task: str) -> str:
    """The log of decisions about a task, newest first, each with its reasons on lines of their own."""
    log = registry.decisions(task)
    if log.empty:
        return f"{task}: nothing was decided yet"
    lines = [f"{task}: {len(log)} decision{'s' if len(log) > 1 else ''}, newest first"]
    for row in log.to_dict("records"):
        look = "" if pd.isna(row["look"]) else f", decision {int(row['look'])} on these test images"
        beside = "" if pd.isna(row["champion"]) else f" beside version {int(row['champion'])}"
        what = f"{row['decision']}: {row['model']} (version {row['version']}){beside}"
        lines.append(f"  {row['at']}  {what}, by {row['who']}{look}")
        lines += [f"      {sentence}" for sentence in row["why"]]
    return "\n".join(lines)


def objective_of(name: str, metric: str) -> str:
    """The objective of a model or an ensemble on test, as its report has it; `?` without one."""
    return _objective(name, metric)[0]


def _objective(name: str, metric: str) -> tuple[str, str, str]:
    scored = scores_on_test(name)
    if metric not in scored:
        return "?", "?", "?"
    found = scored[metric]
    value, low, high = ("?" if found[key] is None else f"{found[key]:.4g}" for key in ("value", "low", "high"))
    return value, low, high


def scores_on_test(name: str) -> dict[str, Any]:
    """The metrics of a model on the test split; empty before it was evaluated."""
    path = layout.report(name) / layout.METRICS
    scored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["test"] if path.is_file() else {}
    return scored
