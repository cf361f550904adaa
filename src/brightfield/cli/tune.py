"""``brightfield tune run`` and ``adopt``."""

from __future__ import annotations

from typing import Annotated

import typer

from brightfield.cli.base import app

tune_app = typer.Typer(help="Tune a model's numbers with Optuna.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(tune_app, name="tune")


@tune_app.command("run")
def tune_run(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="An entry of `models`, no baseline; `spaces` may say what to try.")
    ],
    trials: Annotated[int, typer.Option(min=1, help="Finished trials to reach, those of earlier calls included.")] = 20,
) -> None:
    """Run or go on with a study (TPE, pruned each epoch); Ctrl+C stops it, the same command goes on.

    What is tried stands in section `spaces` of params.yaml; of a model that it does not name, the learning rate and what its
    architecture has of dropout, filters and the rate of its backbone, around the entry's own values.
    """
    from brightfield.training import tuning

    tuning.tune(model, trials)


@tune_app.command("adopt")
def tune_adopt(model: Annotated[str, typer.Argument(metavar="MODEL", help="A model that was tuned.")]) -> None:
    """Write the best trial into params.yaml as MODEL-tuned."""
    from brightfield.training import tuning

    name = tuning.adopt(model)
    print(f"params.yaml has models.{name} now; `dvc repro` trains it.")
