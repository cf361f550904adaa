"""``brightfield champions``, ``promote``, ``versions``, ``rollback``, ``distil``, ``sync``."""

from __future__ import annotations

from typing import Annotated

import typer

from brightfield.cli.base import REGISTRY, TASK, app

REFUSED = 3  # exit code of a promotion that the gate refuses


@app.command(rich_help_panel=REGISTRY)
def champions(
    why: Annotated[
        bool, typer.Option("--why", help="Also every decision about each task: who, when, what was compared, and why.")
    ] = False,
) -> None:
    """The champion of every task, its score with interval, and the baselines'."""
    from brightfield import params
    from brightfield.evaluation import champions as table

    print(table.as_text())
    if why:
        for task in params.load().tasks:
            print(f"\n{table.decisions_as_text(task)}")


@app.command(rich_help_panel=REGISTRY)
def promote(
    task: TASK,
    version: Annotated[
        str,
        typer.Argument(metavar="VERSION", help="A version's number, an alias, or a model's name: its newest version."),
    ] = "challenger",
    force: Annotated[
        str | None, typer.Option("--force", metavar="WHY", help="Do not ask the gate, and log this reason.")
    ] = None,
) -> None:
    """Make a version the champion of its task, if it passes the gate (section `gates` of params.yaml).

    Without a version the challenger: the last one that `dvc repro` or this command refused. Both are scored on today's test images
    and suites; the gain in the task's objective must be more than chance explains, and what else the gate asks must hold. A version
    that is refused is the challenger, the reasons are printed, and the exit code is 3. Every decision is logged: `champions --why`.
    """
    from brightfield import params
    from brightfield.evaluation import promotion

    decided = promotion.promote(params.load(), task, version, force=force)
    champion, asked = decided.champion, f"{decided.reason['candidate']} (version {decided.reason['version']})"
    if decided.moved:
        print(f"{task}: {asked} is champion now")
    else:
        print(f"{task}: {asked} is refused, champion is {champion.model} (version {champion.number}) still")
    for check in decided.reason.get("checks", []):
        print(f"  {'yes' if check['passed'] else 'NO '}  {check['said']}")
    if not decided.moved:
        raise typer.Exit(REFUSED)


@app.command(rich_help_panel=REGISTRY)
def distil(
    task: TASK,
    student: Annotated[
        str, typer.Option("--student", metavar="MODEL", help="The network that learns: an entry of models.")
    ],
    version: Annotated[
        str,
        typer.Argument(
            metavar="VERSION", help="The teacher: a version's number, an alias, or a model's or ensemble's name."
        ),
    ] = "champion",
    name: Annotated[str | None, typer.Option(help="Name of the new entry [MODEL-distilled].")] = None,
) -> None:
    """Add a network to params.yaml that learns what a version of the registry answers: an ensemble at the cost of one member.

    The entry is that of MODEL with `training.distil_from: "VERSION"`; the next `dvc repro` trains it. In training the network sees
    each patch together with what the teacher answers to it, which counts as much as the truth (`training.distil: 0.5`).
    """
    from brightfield.training import students

    added, teacher = students.add(task, version, student, name)
    print(
        f"Added models.{added} to params.yaml: it learns from version {teacher.number} ({teacher.model}). `dvc repro` trains it."
    )


@app.command(rich_help_panel=REGISTRY)
def versions(task: TASK) -> None:
    """What a training of a task can begin with (`training.init_from`), and what `predict --model` takes."""
    from brightfield.evaluation import versions as table

    print(table.as_text(task))


@app.command(rich_help_panel=REGISTRY)
def rollback(
    task: TASK,
    version: Annotated[
        int | None, typer.Argument(metavar="VERSION", help="A former champion's number, instead of the previous one.")
    ] = None,
) -> None:
    """Restore the previous champion of a task, or any former one. A second rollback undoes the first."""
    from brightfield import params
    from brightfield.evaluation import promotion

    restored = promotion.roll_back(params.load(), task, version)
    print(f"{task}: champion is {restored.model} (version {restored.number}) again")


@app.command(rich_help_panel=REGISTRY)
def sync() -> None:
    """Upload models, reports and champions that MLflow lacks (after `dvc pull`, or if its database was lost)."""
    from brightfield import params
    from brightfield.evaluation import champions as table
    from brightfield.stages import register as stage

    for task in params.load().tasks:
        stage.run(task)
    print(table.as_text())
