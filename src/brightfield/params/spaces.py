"""Section ``spaces``: what tuning tries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from brightfield.params.base import Section
from brightfield.params.models import Model
from brightfield.params.networks import ConvNet, Transfer, UNet, UNetPair


class Search(Section):
    """What a tuning study tries for one number or name: one of ``choices``, or anything from ``low`` to ``high``.

    Whole numbers are tried where both ends are whole.
    """

    choices: Annotated[list[bool | int | float | str], Field(min_length=1)] | None = None
    low: int | float | None = None
    high: int | float | None = None
    log: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        has_range = self.low is not None and self.high is not None
        if (self.choices is not None) == has_range:
            raise ValueError("takes either choices, or low and high")
        if self.low is not None and self.high is not None and (self.low >= self.high or (self.log and self.low <= 0)):
            raise ValueError(f"low must be less than high, and above 0 with log, got {self.low} and {self.high}")
        return self


Space = dict[str, Search]  # dotted path inside a model's entry -> what to try
RATES = 5.0  # as many times less and more than the entry's learning rate
MOST_DROPOUT = 0.6


def usual(model: Model) -> Space:
    """What is tried of a model for which ``params.yaml`` names nothing: what most often matters, around what its entry has."""
    if model.training is None:
        return {}
    rate = model.training.learning_rate
    space = {"training.learning_rate": Search(low=_short(rate / RATES), high=_short(rate * RATES), log=True)}
    network = model.network
    if isinstance(network, Transfer) and network.unfreeze != 0:
        space["training.backbone_rate"] = Search(low=0.03, high=1.0, log=True)
    if isinstance(network, ConvNet | Transfer):
        space["network.dropout"] = Search(low=0.0, high=MOST_DROPOUT)
    if model.training.init_from is not None:  # what is learnt has the shape that it has
        space["training.weight_decay"] = Search(low=1e-5, high=0.1, log=True)
    elif isinstance(network, UNet | UNetPair):
        space["network.filters"] = Search(low=max(1, network.filters // 2), high=max(2, network.filters * 3 // 2))
    return space


def _short(value: float) -> float:
    """Three digits, which is how people write a rate."""
    return float(f"{value:.3g}")


MISSING = object()


def at(content: Mapping[str, Any], path: str) -> Any:
    """What a dotted path such as ``training.learning_rate`` names in the content of an entry; ``MISSING`` without such a path."""
    here: Any = content
    for key in path.split("."):
        if not isinstance(here, Mapping) or key not in here:
            return MISSING
        here = here[key]
    return here


def put(content: dict[str, Any], path: str, value: Any) -> None:
    """Set what a dotted path names; sections on the way that the content leaves out are begun."""
    *sections, last = path.split(".")
    for key in sections:
        content = content.setdefault(key, {})
    content[last] = value
