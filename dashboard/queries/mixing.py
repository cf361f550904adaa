"""Ensembles that somebody builds by hand: what they score, and how they are kept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from brightfield import layout
from brightfield.errors import BrightfieldError
from queries import evaluated, project

if TYPE_CHECKING:
    from brightfield.evaluation.by_hand import Bench
    from brightfield.tasks.answering import Way

MIXTURE = "this mixture"
Weights = tuple[tuple[str, float], ...]  # of each member


def able(task: str) -> list[str]:
    """The networks of a task that can be mixed, in the order of params.yaml."""
    from brightfield.evaluation import by_hand

    return by_hand.able(project.settings(), task)


def ways(task: str, names: tuple[str, ...]) -> list[Way]:
    """In which the answers of these models can be combined; the first is the mean."""
    found = _bench(task, names, "validation", _versions(names, "validation")).ways
    return found if len(names) > 2 else found[:1]


def rows(task: str, weights: Weights, way: Way, split: str) -> pd.DataFrame:
    """What a mixture gains over each of its members.

    Args:
        task: name of the task.
        weights: of the members.
        way: how their answers become one.
        split: ``validation`` or ``test``.

    Returns:
        One row a member: name, role, value, gain, gain_low, gain_high, the mixture minus the member, paired by image; and last the
        mixture itself, of role ``method``.

    Raises:
        BrightfieldError: a model was not evaluated on these images.
    """
    names = tuple(name for name, _ in weights)
    return _rows(task, weights, way, split, _versions(names, split))


@st.cache_data(max_entries=500, show_spinner="Mixing")
def _rows(task: str, weights: Weights, way: Way, split: str, changed: tuple[tuple[int, ...], ...]) -> pd.DataFrame:
    names = tuple(name for name, _ in weights)
    bench = _bench(task, names, split, changed)
    mixture = bench.table(dict(weights), way)
    found = []
    for name in names:
        gain = bench.gain(mixture, _alone(task, names, name, split, changed))
        bounds = {"gain": gain.value, "gain_low": gain.low, "gain_high": gain.high}
        found.append({"name": name, "role": "member", "value": gain.a, **bounds})
    found.append({"name": MIXTURE, "role": "method", "value": bench.value(mixture)})
    return pd.DataFrame(found)


@st.cache_data(max_entries=500, show_spinner=False)
def _alone(
    task: str, names: tuple[str, ...], name: str, split: str, changed: tuple[tuple[int, ...], ...]
) -> pd.DataFrame:
    return _bench(task, names, split, changed).table({name: 1.0})


@st.cache_resource(max_entries=2, show_spinner="Reading answers")  # of validation and of test
def _bench(task: str, names: tuple[str, ...], split: str, changed: tuple[tuple[int, ...], ...]) -> Bench:
    from brightfield.evaluation.by_hand import Bench

    return Bench.load(project.settings(), task, list(names), split)


def _versions(names: tuple[str, ...], split: str) -> tuple[tuple[int, ...], ...]:
    return tuple(evaluated.versions(name, split) for name in names)


def entry(task: str, weights: Weights, way: Way) -> dict[str, Any]:
    """The mixture as an entry of ``ensembles`` in params.yaml.

    Raises:
        BrightfieldError: weights that differ, in a way that has none.
    """
    from brightfield.evaluation import by_hand

    return by_hand.as_entry(project.settings(), task, dict(weights), way)


def as_yaml(name: str, content: dict[str, Any]) -> str:
    """An entry as it is written."""
    from ruamel.yaml import YAML
    from ruamel.yaml.compat import StringIO

    text, yaml = StringIO(), YAML()
    yaml.dump({"ensembles": {name: content}}, text)
    return text.getvalue()


def save(name: str, content: dict[str, Any]) -> None:
    """Add the entry to params.yaml.

    Raises:
        BrightfieldError: the name is taken, or is none.
    """
    from brightfield.params import editing

    known = project.settings()
    if name in known.models or name in known.datasets:
        raise BrightfieldError(f"params.yaml has a model or a dataset {name!r} already. Choose another name.")
    editing.add_entry("ensembles", name, content)


def build(name: str, task: str) -> Iterator[str]:
    """Build and score a saved ensemble as the pipeline does, and register it; yields what is being done.

    Raises:
        BrightfieldError: a command failed, with its last words, or there is no registry.
    """
    yield "Listing what it depends on"
    _dvc("code")
    yield "Combining and scoring"
    _dvc(f"ensemble@{name}")
    yield "Registering"
    from brightfield.evaluation.candidates import Trained
    from brightfield.stages import register

    version = register.publish(project.settings(), task, Trained(name, "ensemble", layout.ensemble(task, name)))
    yield f"It is version {version.number} of {task} in the registry"


def _dvc(stage: str) -> None:
    """Run one stage, whatever those before it say: members are used as they are."""
    command = [sys.executable, "-m", "dvc", "repro", "--single-item", stage]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise BrightfieldError(f"`dvc repro --single-item {stage}` failed: {' '.join(words[-3:])}")
