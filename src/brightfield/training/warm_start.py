"""Initial weights of a training: of the starter, of a registered version or from a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from brightfield import layout, params
from brightfield.errors import BrightfieldError
from brightfield.experiments import registry
from brightfield.inference import bundle, starters

MOST_NEW = 0.2  # largest share of weights without an initial value: those of the last layer, where classes differ


def initial_weights(model: params.Model) -> dict[str, Tensor] | None:
    """The weights that a model's ``training.init_from`` names; None without it.

    Raises:
        BrightfieldError: the weights do not exist, or are an output of the same pipeline.
    """
    source = None if model.training is None else model.training.init_from
    return None if source is None else bundle.read_weights(folder_of(model.task, source, "init_from"))


def folder_of(task: str, source: str, key: str) -> Path:
    """The bundle that a key of section ``training`` names: the starter, a version of the registry, or a folder.

    Raises:
        BrightfieldError: it does not exist, or is an output of the same pipeline.
    """
    if source == layout.STARTER:
        return starters.folder(task)
    folder = Path(source) if "/" in source else registry.fetch(task, source, layout.FETCHED)
    outputs = (layout.model(task, "any").parents[1].resolve(), layout.ensemble(task, "any").parents[1].resolve())
    if any(folder.resolve().is_relative_to(top) for top in outputs):
        raise BrightfieldError(
            f"training.{key} {source!r} is an output of this pipeline, and DVC would not see the dependency. Give its "
            f"version in the registry (`brightfield versions {task}` lists them), or a copy of its folder."
        )
    return folder


def begin_with(network: nn.Module, initial: Mapping[str, Tensor]) -> None:
    """Load the initial weights that fit; a last layer with other classes stays at random.

    Raises:
        BrightfieldError: the weights have another architecture.
    """
    own = network.state_dict()
    fitting = {name: value for name, value in initial.items() if name in own and own[name].shape == value.shape}
    new = sum(value.numel() for value in own.values()) - sum(value.numel() for value in fitting.values())
    if new > MOST_NEW * sum(value.numel() for value in own.values()):
        raise BrightfieldError(
            f"training.init_from names a network of another architecture: {len(fitting)} of {len(own)} tensors fit. "
            "Give the model the same section 'network'."
        )
    network.load_state_dict({**own, **fitting})
