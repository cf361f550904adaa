"""Everything small enough for tests: the project's own params.yaml with small numbers, and a handful of images of each kind.

``python tests/tiny.py PARAMS_IN PARAMS_OUT`` writes a params.yaml whose whole pipeline takes minutes instead of a quarter of an
hour; comments stay.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from brightfield import layout, params
from brightfield.data.records import Record
from brightfield.params import overlaying
from kinds import KINDS

REPOSITORY = Path(__file__).resolve().parent.parent

# The most that a number of this name may be, wherever it stands; smaller ones stay. A list is cut number by number.
MOST: dict[str, int] = {
    "threads": 1,
    "bootstrap": 100,
    "smears": 9,
    "crops_per_smear": 8,
    "movies": 10,
    "frames_per_movie": 3,
    "suite_groups": 2,
    "images": 10,
    "epochs": 2,
    "steps_per_epoch": 4,
    "batch_size": 4,
    "patch_px": 64,
    "filters": 4,
    "dense": 8,
    "depth": 2,
    "input_px": 32,
    "max_members": 4,
}
FULL = "full"
SIZES: dict[str, int] = {"bacteria": 128, "denoise": 64}  # size_px of the simulators whose size is free


# --- params.yaml ------------------------------------------------------------------------------------------------------


def full_params(source: Path = REPOSITORY / "params.yaml") -> params.Params:
    """A params.yaml with the models of the profile ``full``: one at least of each architecture."""
    return params.parse(full_content(source))


def full_content(source: Path = REPOSITORY / "params.yaml") -> dict[str, Any]:
    """What :func:`full_params` parses, as a mapping that may be changed."""
    return overlaying.overlaid(FULL, source)


def tiny_params(source: Path = REPOSITORY / "params.yaml") -> Any:
    """A params.yaml of the profile ``full`` with every size made small: its entries, names and comments, as ruamel's mapping.

    A network that begins with a starter is as large as that.
    """
    content = _yaml().load(source.read_text(encoding="utf-8"))
    for line in overlaying.put_on(content, params.read_yaml(layout.PROFILES / f"{FULL}.yaml")):
        raise ValueError(line)
    for section in ("compute", "evaluation", "simulations", "ensembles"):
        _shrink(content.get(section) or {})
    for model in (content.get("models") or {}).values():
        training = model.get("training") or {}
        _shrink(training if "init_from" in training else model)
    for simulation in (content.get("simulations") or {}).values():
        if simulation["simulator"] in SIZES:
            simulation["size_px"] = SIZES[simulation["simulator"]]
    for space in (content.get("spaces") or {}).values():
        if "training.batch_size" in space:
            space["training.batch_size"]["choices"][:] = [2, 4]
    return content


@cache
def tiny_text() -> str:
    """What :func:`write_params` writes of :func:`tiny_params`: hundreds of tests begin with it."""
    text = StringIO()
    _yaml().dump(tiny_params(), text)
    return text.getvalue()


def write_params(target: Path, content: Any) -> None:
    """Write what :func:`tiny_params` gave, comments included."""
    with target.open("w", encoding="utf-8") as file:
        _yaml().dump(content, file)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 4096
    return yaml


def _shrink(section: Any) -> None:
    """Bound every number named in ``MOST``, at any depth."""
    for name, value in section.items():
        if isinstance(value, dict):
            _shrink(value)
        elif name in MOST and isinstance(value, list):
            value[:] = [min(number, MOST[name]) for number in value]
        elif name in MOST and isinstance(value, int):
            section[name] = min(value, MOST[name])


# --- images of each kind, easy enough to be learnt within seconds -------------------------------------------------------


def records(kind: str, count: int, seed: int = 0, groups: int = 2, prefix: str = "image") -> list[Record]:
    """Images with exact truth, in ``groups`` groups; the same seed gives the same pixels."""
    rng = np.random.default_rng(seed)
    made = [KINDS[kind].make(rng, i) for i in range(count)]
    return [
        Record(f"{prefix}{i}", f"{prefix}-group{i % groups}", image, fields, row)
        for i, (image, fields, row) in enumerate(made)
    ]


SETTINGS: Mapping[str, params.TaskSettings] = {name: kind.settings for name, kind in KINDS.items()}
COMPUTE = params.Compute(device="cpu", threads=1, precision="float32", workers=0)


def model(kind: str, seed: int = 0, network: dict[str, Any] | None = None, **training: Any) -> params.Model:
    """A small network of a kind: two epochs of four steps unless ``training`` says otherwise."""
    settings = {"epochs": 2, "steps_per_epoch": 4, "batch_size": 4, "learning_rate": 0.01, **training}
    entry = {
        "task": kind,
        "kind": kind,
        "dataset": kind,
        "seed": seed,
        "network": {**KINDS[kind].network, **(network or {})},
    }
    return params.parse_model({**entry, "training": settings}, "test")


def baseline(kind: str) -> params.Model:
    """The classical baseline of a kind that has one."""
    network = KINDS[kind].baseline
    assert network is not None
    return params.parse_model({"task": kind, "kind": kind, "dataset": kind, "network": network}, "test")


if __name__ == "__main__":
    write_params(Path(sys.argv[2]), tiny_params(Path(sys.argv[1])))
