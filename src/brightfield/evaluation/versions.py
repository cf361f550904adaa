"""What a training of a task can begin with and a prediction can use, as a table of text."""

from __future__ import annotations

from collections.abc import Iterator

from brightfield import layout, params, tasks
from brightfield.errors import BrightfieldError
from brightfield.evaluation.champions import objective_of, scores_on_test
from brightfield.experiments import registry
from brightfield.inference import starters
from brightfield.system.tables import text_table


def as_text(task: str) -> str:
    """A line for the starter, each version in the registry (newest first) and each bundle in this folder.

    Raises:
        BrightfieldError: no such task, or nothing was trained and there is no starter.
    """
    kind = params.entry(params.load().tasks, task, "task").kind
    rows = [*_of_starter(task), *_of_registry(task, kind), *_trained_here(task, kind)]
    if not rows:
        raise BrightfieldError(f"Nothing was trained for task {task!r} yet, and it has no starter. Run `dvc repro`.")
    head = ("reference", "model", "role", "on test", "made", "begin with it")
    return text_table(head, rows)


def _of_starter(task: str) -> Iterator[tuple[str, ...]]:
    if task in starters.tasks():
        yield (layout.STARTER, "part of Brightfield", "member", "", "", f"init_from: {layout.STARTER}")


def _of_registry(task: str, kind: str) -> Iterator[tuple[str, ...]]:
    try:
        table = registry.versions(task)
    except BrightfieldError:  # no server, or nothing was registered: what lies here is listed all the same
        return
    for row in table.to_dict("records"):
        number, model, role = str(row["version"]), str(row["model"]), str(row["role"])
        aliases = f" ({row['aliases']})" if row["aliases"] else ""
        begin = f'init_from: "{number}"' if role == "member" else ""
        made = row["created"].strftime("%Y-%m-%d %H:%M")
        yield (number + aliases, model, role, _on_test(model, kind), made, begin)


def _trained_here(task: str, kind: str) -> Iterator[tuple[str, ...]]:
    settings = params.load()
    for name, model in settings.models.items():
        if model.task == task and (layout.model(task, name) / layout.BUNDLE).is_file():
            yield (name, name, "baseline" if model.is_baseline else "member", _on_test(name, kind), "", "")
    for name, ensemble in settings.ensembles.items():
        if ensemble.task == task and (layout.ensemble(task, name) / layout.BUNDLE).is_file():
            yield (name, name, "ensemble", _on_test(name, kind), "", "")


def _on_test(name: str, kind: str) -> str:
    """The objective of a model that the truth of its dataset allows, with its name; `?` before it was evaluated."""
    scored = scores_on_test(name)
    metric = tasks.KINDS[kind].objective_of(scored).metric
    return f"{metric} {objective_of(name, metric)}" if metric in scored else "?"
