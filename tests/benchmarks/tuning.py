"""Tuning: what fifteen minutes gain on each task, how much a search flatters itself, and studies on noise."""

from __future__ import annotations

import json
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import default_run
import pandas as pd
from claims import Claim

from brightfield.metrics.declarations import declared

HERE = Path(__file__).resolve().parent
MODELS = {"rbc": "rbc-convnet", "beads": "beads-hybrid", "bacteria": "bacteria-unet", "denoise": "denoise-unet"}
TIMEOUT, WORKERS, MOST_TRIALS = "15m", 2, 200  # time ends the search before there are so many
LEAST_IOU = 0.02  # on bacteria
NOISE_STUDIES, MOST_ADOPTED = 100, 5


def rows() -> Iterator[Claim]:
    """Studies in one clone: its data are prepared once."""
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top, "project")
        default_run.clone(folder)
        stages = [f"prepare@{task}" for task in MODELS]
        default_run.command(folder, "dvc", "repro", *stages)
        for task, model in MODELS.items():
            yield from _gained(folder, task, model)
    yield _on_noise()


def _tune(folder: Path, model: str, *options: str) -> dict[str, Any]:
    """The report of a study."""
    default_run.command(folder, "brightfield", "tune", model, *options)
    found: dict[str, Any] = json.loads(
        (folder / "reports" / f"{model}.study" / "study.json").read_text(encoding="utf-8")
    )
    return found


def _gained(folder: Path, task: str, model: str) -> Iterator[Claim]:
    study = _tune(folder, model, "--trials", str(MOST_TRIALS), "--timeout", TIMEOUT, "--workers", str(WORKERS))
    result = study["result"]
    metric = declared(result["metric"])
    what = f"{task}: {model}, {TIMEOUT} on 2 cores"
    states = pd.Series([trial["state"] for trial in study["trials"]]).value_counts()
    yield Claim(
        f"{what}: trials complete",
        int(states.get("complete", 0)),
        shown=", ".join(f"{count} {state}" for state, count in states.items()),
    )
    test = result["test"]
    if test is None:
        yield Claim(f"{what}: gain on the test split, nothing was confirmed", 0.0, metric.unit)
        return
    sign = 1 if result["direction"] == "maximize" else -1
    gain = next(each for each in result["gains"] if each["name"] == result["best"])
    yield Claim(
        f"{what}: gain of the best in {metric.label} on the test split over the entry as it is",
        sign * test["value"],
        metric.unit,
        aim=LEAST_IOU if task == "bacteria" else None,
        better="higher",
        against="the entry as it is",
        shown=metric.difference(test["value"], test["low"], test["high"]),
    )
    yield Claim(
        f"{what}: gain when trained again",
        sign * gain["value"],
        metric.unit,
        better="higher",
        shown=metric.difference(gain["value"], gain["low"], gain["high"])
        + (", adopted" if result["better"] else ", refused"),
    )
    yield Claim(f"{what}: promised by the search", sign * result["promised"], metric.unit, better="higher")
    yield Claim(f"{what}: by which it flattered itself", result["flattered"], metric.unit)


def _on_noise() -> Claim:
    """Studies of settings that are all equally good, by the functions of the tests."""
    import optuna

    sys.path.append(str(HERE.parent / "tuning"))
    from test_confirming import study_on_noise

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        adopted = sum(study_on_noise(seed).better for seed in range(1000, 1000 + NOISE_STUDIES))
    return Claim(f"{NOISE_STUDIES} studies of settings that are equally good: adopted", adopted, aim=MOST_ADOPTED)
