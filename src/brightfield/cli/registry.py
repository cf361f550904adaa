"""``brightfield champions``, ``versions``, ``rollback``, ``sync``."""

from __future__ import annotations

from brightfield.cli.base import REGISTRY, TASK, app


@app.command(rich_help_panel=REGISTRY)
def champions() -> None:
    """The champion of every task, and how it became one."""
    from brightfield.evaluation import champions as table

    print(table.as_text())


@app.command(rich_help_panel=REGISTRY)
def versions(task: TASK) -> None:
    """What a training of a task can begin with (`training.init_from`), and what `predict --model` takes."""
    from brightfield.evaluation import versions as table

    print(table.as_text(task))


@app.command(rich_help_panel=REGISTRY)
def rollback(task: TASK) -> None:
    """Restore the previous champion of a task. A second rollback undoes the first."""
    from brightfield.experiments import registry

    version = registry.roll_back(task)
    print(f"{task}: champion is {version.model} (version {version.number}) again")


@app.command(rich_help_panel=REGISTRY)
def sync() -> None:
    """Upload models, reports and champions that MLflow lacks (after `dvc pull`, or if its database was lost)."""
    from brightfield import params
    from brightfield.evaluation import champions as table
    from brightfield.stages import register as stage

    for task in params.load().tasks:
        stage.run(task)
    print(table.as_text())
