"""``brightfield tune`` and ``adopt``."""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal

import typer

from brightfield.cli.base import TUNING, app
from brightfield.errors import BrightfieldError

MODEL = Annotated[str, typer.Argument(metavar="MODEL", help="A network or a baseline of params.yaml.")]
RAY = "ray"
SECONDS = {"s": 1, "m": 60, "h": 3600}


@app.command(rich_help_panel=TUNING)
def tune(
    model: MODEL,
    trials: Annotated[int, typer.Option(min=1, help="Trials that end, earlier calls included.")] = 40,
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="For all of it: 90s, 15m, 2h. Half is for the search.")
    ] = None,
    workers: Annotated[
        str,
        typer.Option(
            metavar="N",
            help="Processes that try settings at the same time; `ray`: on all nodes of the cluster RAY_ADDRESS.",
        ),
    ] = "1",
    at_most: Annotated[
        list[str] | None,
        typer.Option(metavar="BOUND", help="Only settings that answer in this time or are so small: 50ms, 20MB."),
    ] = None,
    pareto: Annotated[bool, typer.Option("--pareto", help="Also look for quick answers: ends with a front.")] = False,
    pruning: Annotated[
        Literal["auto", "hyperband", "median", "none"],
        typer.Option(
            help="How trials that do badly are given up; auto: median, or Hyperband where trials are many and long."
        ),
    ] = "auto",
    stop: Annotated[bool, typer.Option(help="Stop when a further trial is expected to gain nothing.")] = True,
    confirm: Annotated[bool, typer.Option(help="Train the best again, on other splits.")] = True,
) -> None:
    """Look for better settings of a model, and prove that they are better.

    The first trial is the entry as it is. Section `spaces` of params.yaml says what is tried; for a model without an entry there it
    follows from its architecture. Then the best five and the entry as it is are trained again, with three seeds on other splits:
    `brightfield adopt` takes what is better there.

    Ctrl+C, a kill or a reboot cost one epoch at most: the same command goes on, in the middle of a trial.
    """
    from brightfield.tuning import running
    from brightfield.tuning.session import Request

    running.tune(
        Request(
            model,
            trials,
            None if timeout is None else seconds(timeout),
            1 if workers == RAY else number(workers),
            pruning,
            tuple(at_most or ()),
            pareto,
            stop,
            confirm,
            workers == RAY,
        ),
        typer.echo,
    )


def seconds(text: str) -> float:
    """A time as it is written on a command line."""
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([smh])\s*", text)
    if match is None or float(match[1]) <= 0:
        raise BrightfieldError(f"--timeout takes a time such as 90s, 15m or 2h, got {text!r}.")
    return float(match[1]) * SECONDS[match[2]]


def number(text: str) -> int:
    """A number of workers."""
    if not text.isdecimal() or int(text) < 1:
        raise BrightfieldError(f"--workers takes a number from 1, or ray, got {text!r}.")
    return int(text)


@app.command(rich_help_panel=TUNING)
def adopt(
    model: MODEL,
    trial: Annotated[int | None, typer.Option(min=0, help="Number of a trial; by default the best.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Also what was not shown to be better.")] = False,
) -> None:
    """Add what a study found to params.yaml as model MODEL-tuned; refused unless it was shown to be better."""
    from brightfield.tuning import adopting

    name = adopting.adopt(model, trial, force)
    print(f"Added models.{name} to params.yaml. `dvc repro` trains it.")


@app.command("tune-worker", hidden=True)
def tune_worker(
    phase: str,
    request: str,
    threads: Annotated[int, typer.Option()],
    deadline: Annotated[float | None, typer.Option()] = None,
    parent: Annotated[int | None, typer.Option()] = None,
) -> None:
    """What `tune --workers` starts."""
    from brightfield.tuning import running

    running.work("confirm" if phase == "confirm" else "search", json.loads(request), threads, deadline, parent)
