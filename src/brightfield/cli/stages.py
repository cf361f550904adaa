"""``brightfield simulate`` to ``register``: what dvc.yaml calls."""

from __future__ import annotations

from typing import Annotated

import typer

from brightfield.cli.base import STAGES, app, given

NAME = Annotated[str, typer.Argument(metavar="NAME", help="An entry of params.yaml.")]
BOOTSTRAP = Annotated[int | None, typer.Option(help="Overrides evaluation.bootstrap.")]
CONFIDENCE = Annotated[float | None, typer.Option(help="Overrides evaluation.confidence.")]
SEED = Annotated[int | None, typer.Option(help="Overrides evaluation.seed.")]
OF_THE_ENTRY = {"allow_extra_args": True, "ignore_unknown_options": True}  # options named after keys of the entry


def entry_options(context: typer.Context) -> list[str]:
    """The options that are values of the entry."""
    if context.args and not context.args[0].startswith("--"):
        raise typer.BadParameter(
            f"Got an unexpected argument ({context.args[0]}); values are given as --training.epochs 4."
        )
    return context.args


@app.command(rich_help_panel=STAGES)
def code() -> None:
    """List the code of every stage, and the values of models and ensembles, into code/: by it DVC knows what a change reruns."""
    from brightfield.stages import code as stage

    stage.run()


@app.command(rich_help_panel=STAGES)
def simulate(name: NAME) -> None:
    """Simulate an entry of `simulations` into data/raw/NAME."""
    from brightfield.stages import simulate as stage

    stage.run(name)


@app.command(rich_help_panel=STAGES, context_settings=OF_THE_ENTRY)
def prepare(context: typer.Context, name: NAME) -> None:
    """Audit and split an entry of `datasets` into data/prepared/NAME.

    Any value of the entry may be given as well, and stands over params.yaml: --seed 3 --validation 0.1.
    """
    from brightfield.stages import prepare as stage

    stage.run(name, entry_options(context))


@app.command(rich_help_panel=STAGES, context_settings=OF_THE_ENTRY)
def train(
    context: typer.Context,
    name: NAME,
    device: Annotated[str | None, typer.Option(help="Overrides compute.device.")] = None,
    threads: Annotated[int | None, typer.Option(help="Overrides compute.threads.")] = None,
    precision: Annotated[str | None, typer.Option(help="Overrides compute.precision.")] = None,
    workers: Annotated[str | None, typer.Option(help="Overrides compute.workers.")] = None,
) -> None:
    """Train an entry of `models` into models/TASK/NAME.

    Any value of the entry can be given and overrides params.yaml: --training.epochs 4 --network.filters 32.
    """
    from brightfield.stages import train as stage

    number = int(workers) if workers and workers.isdecimal() else workers
    computing = given(device=device, threads=threads, precision=precision, workers=number)
    print(stage.run(name, computing, entry_options(context)))


@app.command(rich_help_panel=STAGES)
def evaluate(name: NAME, bootstrap: BOOTSTRAP = None, confidence: CONFIDENCE = None, seed: SEED = None) -> None:
    """Score an entry of `models` into predictions/TASK/NAME and reports/NAME."""
    from brightfield.stages import evaluate as stage

    print(stage.run(name, given(bootstrap=bootstrap, confidence=confidence, seed=seed)))


@app.command(rich_help_panel=STAGES, context_settings=OF_THE_ENTRY)
def ensemble(
    context: typer.Context,
    name: NAME,
    bootstrap: BOOTSTRAP = None,
    confidence: CONFIDENCE = None,
    seed: SEED = None,
) -> None:
    """Build an entry of `ensembles` into ensembles/TASK/NAME and reports/NAME.

    Any value of the entry may be given as well, and stands over params.yaml: --method greedy --max_members 4.
    """
    from brightfield.stages import ensemble as stage

    print(stage.run(name, given(bootstrap=bootstrap, confidence=confidence, seed=seed), entry_options(context)))


@app.command(rich_help_panel=STAGES)
def register(
    name: NAME,
    bootstrap: BOOTSTRAP = None,
    confidence: CONFIDENCE = None,
    seed: SEED = None,
) -> None:
    """Register the models of a task, and move the alias `champion` if one passes the gate."""
    from brightfield.stages import register as stage

    stage.run(name, given(bootstrap=bootstrap, confidence=confidence, seed=seed))
