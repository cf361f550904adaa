"""The command line: ``brightfield --help``."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from brightfield.errors import BrightfieldError

app = typer.Typer(
    help="Manage experiments with deep-learning models on microscope images.",
    epilog="The stages (simulate ... register) are what `dvc repro` calls; you rarely call them by hand.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
STAGES = "Stages of the pipeline"
NAME = Annotated[str, typer.Argument(metavar="NAME", help="An entry of params.yaml.")]


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options of every command."""
    context.obj = debug


# Rooms are imported when a command needs them: `brightfield --help` must not wait for torch.
@app.command(rich_help_panel=STAGES)
def simulate(name: NAME) -> None:
    """Simulate an entry of `simulations` into data/raw/NAME."""
    from brightfield.stages import simulate as stage

    stage.run(name)


@app.command(rich_help_panel=STAGES)
def prepare(name: NAME) -> None:
    """Audit and split an entry of `datasets` into data/prepared/NAME."""
    from brightfield.stages import prepare as stage

    stage.run(name)


@app.command(rich_help_panel=STAGES)
def train(name: NAME) -> None:
    """Train an entry of `models` into models/TASK/NAME."""
    from brightfield.stages import train as stage

    stage.run(name)


@app.command(rich_help_panel=STAGES)
def evaluate(name: NAME) -> None:
    """Score an entry of `models` into predictions/TASK/NAME and reports/NAME."""
    from brightfield.stages import evaluate as stage

    stage.run(name)


@app.command(rich_help_panel=STAGES)
def ensemble(name: NAME) -> None:
    """Build an entry of `ensembles` into ensembles/TASK/NAME and reports/NAME."""
    from brightfield.stages import ensemble as stage

    stage.run(name)


@app.command(rich_help_panel=STAGES)
def register(name: NAME) -> None:
    """Publish the models of an entry of `tasks`, and move its alias `champion` to what is better."""
    from brightfield.stages import register as stage

    stage.run(name)


def main() -> None:
    """Run a command; an error that the user can mend is one message, never a traceback (unless ``--debug``)."""
    debug = "--debug" in sys.argv
    try:
        app()
    except BrightfieldError as error:
        if debug:
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
