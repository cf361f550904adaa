"""``brightfield tune run`` and ``adopt``."""

from __future__ import annotations

from typing import Annotated

import typer

from brightfield.cli.base import app

tune_app = typer.Typer(
    help="Tune the hyperparameters of a model with Optuna.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(tune_app, name="tune")


@tune_app.command("run")
def tune_run(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A network of params.yaml (no baseline).")],
    trials: Annotated[int, typer.Option(min=1, help="Total number of finished trials, earlier calls included.")] = 20,
) -> None:
    """Start or continue a study (TPE sampler, pruning after each epoch). Ctrl+C stops it; the same command continues.

    Section `spaces` of params.yaml says which values are tried. A model without an entry there is tuned around its own values:
    learning rate, and where its architecture has them dropout, filters and the learning rate of its backbone.
    """
    from brightfield.training import tuning

    tuning.tune(model, trials)


@tune_app.command("adopt")
def tune_adopt(model: Annotated[str, typer.Argument(metavar="MODEL", help="A model with a study.")]) -> None:
    """Add the best trial to params.yaml as model MODEL-tuned."""
    from brightfield.training import tuning

    name = tuning.adopt(model)
    print(f"Added models.{name} to params.yaml. `dvc repro` trains it.")
