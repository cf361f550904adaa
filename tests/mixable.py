"""A project of three small networks of one task that were evaluated, to be combined."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from ruamel.yaml import YAML

import tiny
from brightfield import layout, params, tasks
from brightfield.inference import bundle
from brightfield.stages import evaluate
from brightfield.system.files import atomic_folder

KIND, TASK, NAME = "restoration", "denoise", "denoise-ensemble"
MODELS = ("first", "second", "third")


def entries(**of_the_ensemble: Any) -> params.Params:
    """A project of three small networks of one task, and their ensemble."""
    content = tiny.tiny_params()
    training = {"epochs": 1, "init_from": "starter"}
    network = {"architecture": "unet", "filters": 4, "depth": 2}
    content["models"] = {
        name: {"task": TASK, "dataset": TASK, "seed": seed, "network": dict(network), "training": dict(training)}
        for seed, name in enumerate(MODELS)
    }
    content["ensembles"] = {NAME: {"task": TASK, "dataset": TASK, **of_the_ensemble}}
    content["spaces"] = {}
    YAML().dump(content, Path(params.PARAMS))
    return params.load()


def make(settings: params.Params, spread: float) -> None:
    """Networks that differ from each other by so much noise of their weights; each is evaluated."""
    torch.manual_seed(0)
    entry = settings.models[MODELS[0]]
    task = tasks.build(KIND, settings.settings_of(entry))
    first = task.learning.network(entry)
    for name in MODELS:
        network = copy.deepcopy(first)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += spread * torch.randn_like(parameter)
        with atomic_folder(layout.model(TASK, name)) as folder:
            bundle.write(folder, name, TASK, task.settings, settings.models[name], network, {})
        evaluate.run(name)
