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
    if source is None:
        return None
    if source == layout.STARTER:
        return bundle.read_weights(starters.folder(model.task))
    folder = Path(source) if "/" in source else registry.fetch(model.task, source, layout.FETCHED)
    outputs = (layout.model(model.task, "any").parent.resolve(), layout.ensemble(model.task, "any").parent.resolve())
    if folder.resolve().parent in outputs:
        raise BrightfieldError(
            f"training.init_from {source!r} is an output of this pipeline, and DVC would not see the dependency. Give its "
            f"version in the registry (`brightfield versions {model.task}` lists them), or a copy of its folder."
        )
    return bundle.read_weights(folder)


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
