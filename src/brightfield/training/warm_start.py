"""Weights that a training begins with: those of a registered version, or of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from brightfield import layout, params
from brightfield.errors import BrightfieldError
from brightfield.experiments import registry
from brightfield.inference import bundle

MOST_ANEW = 0.2  # of the weights: the last layer, where classes differ


def initial_weights(model: params.Model) -> dict[str, Tensor] | None:
    """The weights that a model's ``training.init_from`` names, if it names some.

    Raises:
        BrightfieldError: there are none, or they are an output of the pipeline that the model belongs to.
    """
    source = None if model.training is None else model.training.init_from
    if source is None:
        return None
    folder = Path(source) if "/" in source else registry.fetch(model.task, source, layout.FETCHED)
    outputs = (layout.model(model.task, "any").parent.resolve(), layout.ensemble(model.task, "any").parent.resolve())
    if folder.resolve().parent in outputs:
        raise BrightfieldError(
            f"training.init_from {source!r} is an output of this pipeline, and DVC would not know that it comes first. "
            "Give the version of the registry that it became (`brightfield champions`, or the MLflow UI), or a copy of its folder."
        )
    return bundle.read_weights(folder)


def begin_with(network: nn.Module, initial: Mapping[str, Tensor]) -> None:
    """Put in those weights that fit; a last layer of other classes begins anew.

    Raises:
        BrightfieldError: they are of another architecture.
    """
    own = network.state_dict()
    fitting = {name: value for name, value in initial.items() if name in own and own[name].shape == value.shape}
    of_others = sum(value.numel() for value in own.values()) - sum(value.numel() for value in fitting.values())
    if of_others > MOST_ANEW * sum(value.numel() for value in own.values()):
        raise BrightfieldError(
            f"training.init_from names a network of another architecture: {len(fitting)} of {len(own)} tensors fit. "
            "Give the model the same section 'network'."
        )
    network.load_state_dict({**own, **fitting})
