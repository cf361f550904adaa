"""The champions as a table of text."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from brightfield import layout, params
from brightfield.evaluation import champions
from brightfield.experiments import registry


def test_a_line_a_task(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    champion = SimpleNamespace(model="rbc-small", number=3)
    monkeypatch.setattr(registry, "champion", lambda task: champion if task == "rbc" else None)
    layout.report("rbc-small").mkdir(parents=True)
    scores = {"test": {"auc": {"value": 0.98765, "low": 0.97, "high": None}}}
    (layout.report("rbc-small") / layout.METRICS).write_text(json.dumps(scores))
    head, *lines = champions.as_text().split("\n")
    assert head.split() == ["task", "champion", "version", "objective", "on", "test", "interval", "baseline"]
    assert len(lines) == len(params.load().tasks)
    of_task = {line.split()[0]: line for line in lines}
    assert "none yet: run `dvc repro`" in of_task["beads"]
    assert of_task["rbc"].split()[1:8] == ["rbc-small", "3", "auc", "0.9877", "0.97", "to", "?"]
    assert {line.index("rbc-small") for line in lines if "rbc-small" in line} == {head.index("champion")}
