"""``brightfield studies``."""

from __future__ import annotations

from typing import Annotated

import typer

from brightfield.cli.base import TUNING, app


@app.command(rich_help_panel=TUNING)
def studies(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to serve them; 0 takes any that is free.")] = 8080,
) -> None:
    """Show all studies in Optuna's dashboard, on this machine alone: figures and trials, live while a study runs.

    Studies are shown, not changed: what would delete, rename or note anything is refused.
    """
    from brightfield.tuning import serving

    serving.serve(port, typer.echo)
