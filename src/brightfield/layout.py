"""Where everything lies, relative to the project's top folder. dvc.yaml names the same places."""

from __future__ import annotations

from pathlib import Path

FETCHED = Path(".brightfield/fetched")  # bundles downloaded from the registry
CODE = Path("code")  # which code each stage runs: code/<stage>/...json


def raw(dataset: str) -> Path:
    """What a simulator or an import made."""
    return Path("data/raw") / dataset


def prepared(dataset: str) -> Path:
    """Audited and split."""
    return Path("data/prepared") / dataset


def model(task: str, name: str) -> Path:
    """The bundle of one trained model, with history.csv and run.json."""
    return Path("models") / task / name


def predictions(task: str, name: str) -> Path:
    """What one model answered on validation and test, before decoding: what ensembles average."""
    return Path("predictions") / task / name


def ensemble(task: str, name: str) -> Path:
    """The bundle of an ensemble, with run.json."""
    return Path("ensembles") / task / name


def report(name: str) -> Path:
    """Scores, tables and figures of a model or an ensemble."""
    return Path("reports") / name


def registration(task: str) -> Path:
    """What became champion, and why."""
    return Path("registry") / f"{task}.json"


def scores(name: str) -> Path:
    """What DVC compares of a model's or an ensemble's scores."""
    return Path("scores") / f"{name}.json"


def confusion(name: str) -> Path:
    """Its confusion matrix, as DVC draws it."""
    return Path("confusions") / f"{name}.csv"


def curve(name: str) -> Path:
    """A training as DVC draws it: a row an epoch."""
    return Path("curves") / f"{name}.csv"
