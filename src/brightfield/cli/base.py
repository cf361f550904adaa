"""The command-line application, and the options that several commands share."""

from __future__ import annotations

from typing import Annotated, Any

import typer

app = typer.Typer(
    help="Manage experiments with deep-learning models on microscope images.",
    epilog="The stages (simulate ... register) are what `dvc repro` calls; you rarely call them by hand.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
STAGES, DATA, ANSWERS, REGISTRY, TUNING = "Stages of the pipeline", "Your own data", "Answers", "Registry", "Tuning"
TASK = Annotated[str, typer.Argument(metavar="TASK", help="A task of params.yaml.")]


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options of every command."""
    context.obj = debug


def given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}
